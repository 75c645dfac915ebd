# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag helm`: overrides that load and are clean, and the lint, which
finds exactly what the comments of helm/*.yaml expect and nothing else."""
import re

import pytest
import yaml
from conftest import HERE, ROOT, diag, said

PROXY = "http://egress-gw.egress.svc.cluster.local:3128"
FIXTURES = sorted((HERE / "helm").glob("*.yaml"))
FOUND = re.compile(r"^(\S+):(\d+):(\d+): (HELM-[A-Z-]+)$", re.M)
SECRETS = re.compile(r"VERY.?SECRET|0123456|Letters")


def lint(path, *more, **kw):
    done = diag("helm", "--lint", path, *more, **kw)
    assert not SECRETS.search(done.out + done.err)
    return done


def traps(done):
    return [(name, int(line), int(column))
            for _, line, column, name in FOUND.findall(done.out)]


def comments(path):
    text = path.read_text(encoding="utf-8")
    arguments = re.search(r"^# args: (.*)$", text, re.M)
    wanted = re.findall(r"^# expect: (\S+) (\d+):(\d+)$", text, re.M)
    return (arguments[1].split() if arguments else [],
            [(n, int(li), int(c)) for n, li, c in wanted])


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_fixture(path, lang):
    arguments, wanted = comments(path)
    assert bool(wanted) != path.stem.startswith("clean-")
    done = lint(path, *arguments, "--lang", lang)
    assert traps(done) == wanted and not done.err, done
    assert done.status == (1 if wanted else 0)
    assert "?" not in done.out  # every fact that a text names was set
    mend = "対処: " if lang == "ja" else "Mend: "
    assert done.out.count(mend) == len(wanted)


def test_each_trap_has_a_fixture():
    table = (ROOT / "diag" / "helm_traps.def").read_text(encoding="utf-8")
    known = re.findall(r'^TRAP\(\w+, "([A-Z-]+)"', table, re.M)
    shown = {name for path in FIXTURES for name, _, _ in comments(path)[1]}
    assert len(known) == len(set(known)) and set(known) == shown


def overrides(*more, proxy=PROXY, region="jp-1"):
    return said("helm", "--region", region, "--proxy", proxy, *more)


def test_cloudone_overrides():
    values = yaml.safe_load(overrides("--proxy-user", "tcs"))
    assert values == {
        "cloudOne": {
            "endpoint": "https://container.jp-1.cloudone.trendmicro.com"},
        "proxy": {"httpProxy": PROXY, "httpsProxy": PROXY,
                  "noProxy": ".svc,10.96.0.0/12", "username": "tcs",
                  "excludeKubernetesServiceHost": True}}
    assert isinstance(values["proxy"]["noProxy"], str)


def test_visionone_overrides():
    values = yaml.safe_load(overrides(
        "--chart", "visionone", "--service-cidr", "172.20.0.0/16",
        proxy="socks5://gw:1080"))
    assert values["visionOne"]["endpoint"] == \
        "https://api.xdr.trendmicro.co.jp/external/v2/direct/vcs/external/vcs"
    assert values["proxy"]["httpsProxy"] == "socks5://gw:1080"
    assert values["proxy"]["noProxy"] == ".svc,172.20.0.0/16"
    assert "cloudOne" not in values and "username" not in values["proxy"]


@pytest.mark.parametrize("chart, regions", [
    ("cloudone", "us-1 in-1 gb-1 jp-1 de-1 au-1 ca-1 sg-1"),
    ("visionone", "us-1 in-1 jp-1 au-1 sg-1")])
def test_overrides_are_clean(tmp_path, chart, regions):
    for region in regions.split():
        path = tmp_path / f"{region}.yaml"
        path.write_text(overrides("--chart", chart, "--proxy-user", "tcs",
                                  region=region))
        done = lint(path, "--region", region, "--proxy", PROXY)
        assert done.status == 0, done


def test_the_password_is_never_printed():
    text = overrides(proxy="http://tcs:VERYSECRET@gw:3128")
    assert "SECRET" not in text
    values = yaml.safe_load(text)
    assert values["proxy"]["username"] == "tcs"
    assert values["proxy"]["httpsProxy"] == "http://gw:3128"
    assert "password" not in values["proxy"]
    assert "--set-file proxy.password=FILE" in text
    assert "allProxy" in text


@pytest.mark.parametrize("argv, words", [
    ([], "--region"), (["--region", "jp-1"], "--proxy"),
    (["--region", "x-9", "--proxy", PROXY], "x-9"),
    (["--region", "jp-1,us-1", "--proxy", PROXY], "--region"),
    (["--region", "gb-1", "--proxy", PROXY, "--chart", "visionone"],
     "visionOne.endpoint"),
    (["--region", "jp-1", "--proxy", "https://gw", "--proxy-user", "u"],
     "socks5://"),
    (["--region", "jp-1", "--proxy", "http://a%20b:x@gw:1"], "--proxy"),
    (["--region", "jp-1", "--proxy", PROXY, "--proxy-user", "a\"b"],
     "--proxy-user"),
    (["--region", "jp-1", "--proxy", PROXY, "--chart", "other"], "visionone"),
    (["--region", "jp-1", "--proxy", PROXY, "--service-cidr", "10"],
     "--service-cidr"),
    (["--lint", "f", "--chart-version", "two"], "2.6.11")])
def test_usage(argv, words):
    done = diag("helm", *argv)
    assert done.status == 2 and not done.out and words in done.err, done
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("text, place", [
    ("a: [1, 2\n", ":2:1: not YAML"),
    ("a:\n\tb: 1\n", ":2:1: not YAML"),
    ("a: 'x\n", ":2:1: not YAML"),
    ("a: *nowhere\n", ":1:4: not YAML"),
    ("\x01", ": not YAML: "),
    ("a: b: c\n", ":1:5: not YAML")])
def test_no_yaml(tmp_path, text, place):
    path = tmp_path / "values.yaml"
    path.write_text(text)
    done = lint(path)
    assert done.status == 2 and not done.out, done
    assert f"{path}{place}" in done.err and done.err.count("\n") == 1


def bomb(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]"
              for i in range(1, levels)]
    return "\n".join(lines) + "\n"


HOSTILE = {
    "circle": "a: &a [*a]\n",
    "circle of maps": "a: &a\n  b: *a\n",
    "merge of itself": "proxy: &a\n  <<: *a\n",
    "deep": "a: " + "[" * 900 + "]" * 900 + "\n",
    "deeper": "[" * 100000,
    "deepest": "[" * 1000000,
    "deep second document": "a: 1\n---\n" + "{a: " * 250000,
    "anchors": "".join(f"- &a{i} x\n" for i in range(70000)),
    "aliases": bomb(9),
    "long": "a: x\n" * 400000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path, name):
    path = tmp_path / "values.yaml"
    path.write_text(HOSTILE[name])
    done = lint(path)
    assert done.status == 2 and not done.out, done
    assert str(path) in done.err and done.err.count("\n") == 1


def test_many_traps_are_bounded(tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text("proxy:\n" + "".join(
        f"  key{i}: {i}\n" for i in range(5000)))
    done = lint(path)
    assert done.status == 1 and 50 < len(traps(done)) <= 100


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n", "just text\n",
                                  "[a, b]\n", "---\n"])
def test_empty_or_odd(tmp_path, text):
    path = tmp_path / "values.yaml"
    path.write_text(text)
    done = lint(path)
    assert done.status == 1
    assert [t[0] for t in traps(done)] == ["HELM-ENDPOINT-UNSET"], done


def test_unreadable(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        done = lint(path)
        assert done.status == 2 and str(path) in done.err, done


def test_terminal_tricks_stay_out(tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text('proxy:\n  "k\\e[31mey\\n": 1\n  noProxy: ["\\e]0;x\\a"]\n'
                    '  httpsProxy: http://gw:1\n')
    done = lint(path)
    assert done.status == 1
    assert "\x1b" not in done.out and "\x07" not in done.out
