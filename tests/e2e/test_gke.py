# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag gke`: the command as a shell and gcloud take it, what is read
from where, and firewall rules judged as Google orders them. gke/ holds what
`gcloud … --format=json` prints, one list a case."""

import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from conftest import binary_from  # noqa: E402
from lab.diag import Diag  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "gke"
WEBHOOK = "webhook-8443"
CIDR = ["--control-plane-cidr", "172.16.0.0/28"]
NODES = ["--nodes", str(HERE / "nodes.json")]
POOLS = ["--nodes", str(HERE / "nodes-two-pools.json")]
ACCOUNTS = "service accounts"

# fixture, further arguments, exit status, deciding rule (None: the implied
# one), words of the first line
CASES = [
    ("own-rules-only", [], 1, None, "no rule lets"),
    ("allowed", [], 0, WEBHOOK, "(priority 1000)"),
    ("denied-before", [], 1, "deny-all-in", "(priority 900) denies"),
    ("denied-at-same-priority", [], 1, "deny-8443", "denies"),
    ("denied-behind", [], 0, WEBHOOK, "LET IN"),
    ("disabled", [], 1, None, "implied"),
    ("egress", [], 1, None, "implied"),
    ("other-network", [], 1, None, "implied"),
    ("other-network", ["--network", "default"], 0, WEBHOOK, ""),
    ("other-project", [], 1, None, "implied"),
    ("no-targets", [], 0, WEBHOOK, ""),
    ("other-tag", [], 1, None, "implied"),
    ("other-tag", ["--target-tags", "x,gke-staging-99887766-node"], 0,
     WEBHOOK, ""),
    ("one-tag-of-many", [], 0, WEBHOOK, ""),
    ("further-tag", [], 5, WEBHOOK, "node tags"),
    ("further-tag", NODES, 1, None, "implied"),
    ("further-tag", ["--target-tags", "webhook-nodes"], 0, WEBHOOK, ""),
    ("further-tag", ["--target-tags", "others"], 1, None, "implied"),
    ("deny-further-tag", [], 5, "deny-further", "node tags"),
    ("deny-further-tag", NODES, 0, WEBHOOK, ""),
    ("service-account", [], 5, WEBHOOK, ACCOUNTS),
    ("service-account", NODES, 0, WEBHOOK, ""),
    ("service-account", POOLS, 1, None, "implied"),
    ("deny-by-service-account", [], 5, "deny-sa", ACCOUNTS),
    ("deny-by-service-account", NODES, 1, "deny-sa", "(priority 500)"),
    ("deny-by-service-account-behind", [], 0, WEBHOOK, ""),
    ("protocol-number", [], 0, WEBHOOK, ""),
    ("protocol-all", [], 0, WEBHOOK, ""),
    ("tcp-all-ports", [], 0, WEBHOOK, ""),
    ("port-range", [], 0, WEBHOOK, ""),
    ("port-range-beside", [], 1, None, "implied"),
    ("udp", [], 1, None, "implied"),
    ("half-the-range", [], 5, None, "172.16.0.0/29 is let in, "
     "172.16.0.8/29 is not"),
    ("two-halves", [], 0, "webhook-b", ""),
    ("one-address-denied", [], 5, "deny-one", "172.16.0.2/32 is not"),
    ("one-address-denied", ["--control-plane-cidr", "172.16.0.8/29"], 0,
     WEBHOOK, ""),
    ("from-anywhere", [], 0, WEBHOOK, ""),
    ("wider-range", [], 0, WEBHOOK, ""),
    ("other-range", [], 1, None, "implied"),
    ("source-tags-only", [], 1, None, "implied"),
    ("source-tags-or-range", [], 0, WEBHOOK, ""),
    ("source-accounts-only", [], 1, None, "implied"),
    ("ipv6", ["--control-plane-cidr", "fd20:0:0:1::/80"], 0, WEBHOOK, ""),
    ("ipv6", [], 1, None, "implied"),
    ("from-anywhere", ["--control-plane-cidr", "fd20::/64"], 1, None,
     "implied"),
    ("from-anywhere", ["--control-plane-cidr", "172.16.0.0/28,fd20::/64"],
     5, None, "fd20::/64 is not"),
    ("destination-range", [], 5, WEBHOOK, "destinationRanges"),
    ("psc", [], 5, "gke-prod-5a1b2c3d-all", "control plane range"),
    ("psc", ["--control-plane-cidr", "10.128.0.2/32"], 0,
     "gke-prod-5a1b2c3d-vms", ""),
    ("psc", CIDR, 1, None, "implied"),
    ("psc-anywhere", [], 0, WEBHOOK, ""),
    ("psc-subnet", CIDR, 1, None, "implied"),
    ("untagged", CIDR, 5, WEBHOOK, "node tags"),
    ("untagged", [*CIDR, *NODES], 0, WEBHOOK, ""),
    ("untagged", [*CIDR, *POOLS], 1, None, "implied"),
    ("two-clusters", ["--cluster", "staging"], 0, "webhook-staging", ""),
    ("two-clusters", ["--cluster", "prod"], 1, None, "172.16.0.0/28"),
    ("two-clusters", [], 5, "gke-prod-5a1b2c3d-vms",
     "network, control plane range, node tags"),
    ("empty", CIDR, 1, None, "implied"),
    ("empty", [], 1, None, "not known"),
]


def diag():
    return Diag(binary_from("SEKISHO_DIAG", "build/dev/sekisho-diag"))


def gke(*arguments, stdin=None, metadata="127.0.0.1:9", **env):
    """Runs the command; nobody answers at the metadata server's address
    unless metadata says where."""
    one = diag()
    done = subprocess.run(
        [one.binary, "gke", *arguments], input=stdin, text=True,
        capture_output=True, timeout=90, check=False,
        env=one.environment({"GCE_METADATA_HOST": metadata, **env}))
    assert "Sanitizer" not in done.stderr and "runtime error" not in \
        done.stderr, done.stderr
    return done


def test_there_are_enough_fixtures():
    """And each is used."""
    files = {p.stem for p in HERE.glob("*.json")
             if not p.stem.startswith("nodes")}
    assert files == {case[0] for case in CASES} and len(files) >= 20


@pytest.mark.parametrize(
    "fixture, arguments, status, rule, said", CASES,
    ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_rules_are_judged(fixture, arguments, status, rule, said):
    done = gke("--rules", str(HERE / f"{fixture}.json"), *arguments)
    first = done.stdout.splitlines()[0]
    assert done.returncode == status, done.stdout + done.stderr
    assert said in first
    if rule:
        assert f"rule {rule} (priority" in first, first
    else:
        assert not re.search(r"rule \S+ \(priority", first), first
    assert first.startswith({0: "LET IN:", 1: "NOT LET IN:",
                             5: "CANNOT TELL:"}[status])
    assert ("A gateway cannot cure this" in done.stdout) == (status != 0)


@pytest.mark.parametrize("fixture, arguments, status, rule, said", CASES[:2])
def test_order_of_the_list_does_not_matter(fixture, arguments, status, rule,
                                           said):
    rules = json.loads((HERE / f"{fixture}.json").read_text("utf-8"))
    done = gke("--rules", "-", *arguments, stdin=json.dumps(rules[::-1]))
    assert done.returncode == status


def test_the_node_that_is_kept_out_is_named():
    done = gke("--rules", str(HERE / "untagged.json"), *CIDR, *POOLS)
    assert "gke-prod-gpu-pool-99aabbcc-0001" in done.stdout.splitlines()[1]


GOOD = json.loads((HERE / "allowed.json").read_text("utf-8"))


def broken(**changes):
    """A list whose second rule is not as it should be."""
    rules = json.loads(json.dumps(GOOD))
    for key, value in changes.items():
        if value is None:
            del rules[1][key]
        else:
            rules[1][key] = value
    return json.dumps(rules)


@pytest.mark.parametrize("text, said", [
    ("", "line 1, column 0"), ("[", "line 1"), ("{}", "no list in JSON"),
    ("[1]", "rule number 1"),
    (broken(name=None), 'rule number 2: "name" is missing'),
    (broken(network=7), '"network" is no text'),
    (broken(direction="SIDEWAYS"), '"direction" is neither'),
    (broken(priority="high"), '"priority" is no number'),
    (broken(priority=65536), '"priority" is no number'),
    (broken(sourceRanges=["10.0.0.0/33"]), "10.0.0.0/33 is no range"),
    (broken(sourceRanges="10.0.0.0/8"), '"sourceRanges" is no list'),
    (broken(allowed=None), "neither"), (broken(targetTags=[1]), "targetTags")])
def test_what_is_no_list_of_rules_is_told(text, said):
    done = gke("--rules", "-", stdin=text)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and said in done.stderr
    assert "--rules -" in done.stderr


@pytest.mark.parametrize("argv, said", [
    (["--control-plane-cidr", "172.16.0.0"
      "/99"], "--control-plane-cidr"), (["--rules", "/nowhere"], "/nowhere"),
    (["--control-plane-cidr", "10.0.0.0/8,"], "--control-plane-cidr"),
    (["--rules", "-", "--nodes", "-"], "read once"), (["x"], "x"),
    (["--cluster", ""], "--cluster"), (["--cluster", "a\nb"], "--cluster")])
def test_usage_errors_are_one_line(argv, said):
    done = gke(*argv, stdin="[]")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and said in done.stderr


# The commands


def commands(text, begin):
    """The command of this beginning, with the lines that belong to it."""
    found, lines = [], text.splitlines()
    for i, line in enumerate(lines):
        if line.startswith(begin):
            while lines[i].endswith("\\"):
                found.append(lines[i])
                i += 1
            found.append(lines[i])
            return "\n".join(found)
    raise AssertionError(f"no {begin} in {text}")


def parsed(script, **variables):
    """What gcloud would get from bash, call by call."""
    shell = ('gcloud() { printf "%s\\0" CALL "$@" >&2; echo "of-gcloud"; }\n'
             "kubectl() { :; }\n")
    shell += "".join(f"{k}={v}\n" for k, v in variables.items())
    done = subprocess.run(["bash", "-eu", "-c", shell + script],
                          capture_output=True, check=True, timeout=60)
    calls = done.stderr.decode().split("CALL\0")[1:]
    return [call.split("\0")[:-1] for call in calls]


FULL = ["--cluster", "prod", "--location", "europe-west3", "--project",
        "acme-prod", "--network", "prod-vpc", "--control-plane-cidr",
        "172.16.0.0/28", "--target-tags", "gke-prod-5a1b2c3d-node"]
CREATE = "gcloud compute firewall-rules create"


def test_full_command_is_what_a_shell_takes():
    done = gke(*FULL)
    assert done.returncode == 0
    assert "First, what is not known" not in done.stdout
    assert parsed(commands(done.stdout, CREATE)) == [[
        "compute", "firewall-rules", "create",
        "allow-apiserver-to-admission-webhook-8443", "--project",
        "acme-prod", "--network", "prod-vpc", "--direction", "INGRESS",
        "--action", "ALLOW", "--source-ranges", "172.16.0.0/28", "--rules",
        "tcp:8443", "--target-tags", "gke-prod-5a1b2c3d-node",
        "--description",
        "Allow apiserver access to admission webhook pod on port 8443"]]


def test_what_is_not_known_is_found_by_commands_before_it():
    """The block that finds, then the rule: one script."""
    done = gke()
    find = done.stdout.split("First, what is not known yet:\n")[1]
    find = find.split("\n\n")[0]
    calls = parsed(find + "\n" + commands(done.stdout, CREATE))
    create = calls[-1]
    assert create[:3] == ["compute", "firewall-rules", "create"]
    for flag in ("--network", "--source-ranges", "--target-tags"):
        assert create[create.index(flag) + 1] == "of-gcloud"
    describe = [c for c in calls if c[:3] == ["container", "clusters",
                                              "describe"]]
    assert [c[-1] for c in describe] == [
        "value(privateClusterConfig.masterIpv4CidrBlock)", "value(network)"]
    assert all(c[3] == "NAME" for c in describe)
    tags = [c for c in calls if "value(targetTags.list())" in c]
    assert "name~^gke-NAME-[0-9a-z]*-(master|vms)$" in tags[0]


def test_every_printed_command_is_what_a_shell_takes():
    done = gke(*FULL)
    script = "\n".join(
        line for line in done.stdout.splitlines()
        if line.startswith(("gcloud ", "  --")))
    script = script.replace("| sekisho-diag", "| cat #")
    calls = parsed(script)
    assert [c[:3] for c in calls] == [
        ["compute", "firewall-rules", "create"],
        ["compute", "firewall-rules", "list"],
        ["compute", "firewall-rules", "list"],
        ["compute", "networks", "get-effective-firewalls"],
        ["network-management", "connectivity-tests", "create"],
        ["network-management", "connectivity-tests", "delete"]]
    assert "name~^gke-prod-[0-9a-z]*-master$" in calls[1]


def test_values_cannot_leave_their_word():
    """A value with a quote is still one word."""
    done = gke(*FULL[:-1], "it's; rm -rf $HOME `x`")
    create = parsed(commands(done.stdout, CREATE))[0]
    assert create[create.index("--target-tags") + 1] == \
        "it's; rm -rf $HOME `x`"


def test_no_value_becomes_a_command(tmp_path):
    """Whatever the cluster is called, every printed command stays one."""
    odd = f"x'; touch {tmp_path}/made; echo '"
    done = gke("--cluster", odd, "--location", odd, "--project", odd)
    script = done.stdout.replace("| sekisho-diag", "| cat #")
    calls = parsed(commands(script, "CONTROL_PLANE_RANGE=") + "\n"
                   + commands(script, "TARGET=") + "\n"
                   + commands(script, "gcloud compute firewall-rules list")
                   + "\n" + commands(script, "gcloud network-management"))
    assert len(calls) == 4 and not (tmp_path / "made").exists()
    assert f"name~^gke-{odd}-[0-9a-z]*-(master|vms)$" in calls[1]
    assert f"name~^gke-{odd}-[0-9a-z]*-master$" in calls[2]
    assert f"projects/{odd}/locations/{odd}/clusters/{odd}" in calls[3]


def test_shared_vpc_makes_the_rule_in_the_project_of_the_network():
    done = gke("--rules", str(HERE / "own-rules-only.json"), "--project",
               "acme-service")
    create = parsed(commands(done.stdout, CREATE))[0]
    assert create[create.index("--project") + 1] == "acme-prod"


def test_gcloud_itself_takes_the_command():
    """Its own parser reads the flags before it wants credentials."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip("gcloud is not installed here: its parser was not asked")
    done = gke(*FULL)
    script = commands(done.stdout, CREATE).replace(
        "gcloud ", "gcloud --account none@example.com ", 1)
    told = subprocess.run(["bash", "-c", script], capture_output=True,
                          text=True, timeout=120, check=False)
    assert told.returncode != 0 and "ERROR" in told.stderr
    for complaint in ("unrecognized arguments", "Invalid choice",
                      "must be specified", "invalid"):
        assert complaint not in told.stderr, told.stderr


# The metadata server

VALUES = {"instance/attributes/cluster-name": "prod",
          "instance/attributes/cluster-location": "europe-west3",
          "project/project-id": "acme-prod",
          "instance/network-interfaces/0/network":
              "projects/123456789/networks/prod-vpc"}


class Metadata(http.server.ThreadingHTTPServer):
    """Answers as Google's does: 403 without its header."""

    daemon_threads = True

    def __init__(self, values, flavor=True):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.values, self.flavor, self.asked = values, flavor, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.server.asked.append(self.path)
            value = self.server.values.get(
                self.path.removeprefix("/computeMetadata/v1/"))
            fine = self.headers.get("Metadata-Flavor") == "Google"
            self.send_response(403 if not fine else 404 if value is None
                               else 200)
            if self.server.flavor:
                self.send_header("Metadata-Flavor", "Google")
            body = (value or "").encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    @property
    def address(self):
        return "%s:%d" % self.server_address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def test_metadata_fill_in_the_command():
    """Whatever proxy is set."""
    with Metadata(VALUES) as server:
        done = gke(metadata=server.address, HTTP_PROXY="http://127.0.0.1:1",
                   http_proxy="http://127.0.0.1:1", NO_PROXY="",
                   ALL_PROXY="http://127.0.0.1:1")
    create = parsed(commands(done.stdout, CREATE), CONTROL_PLANE_RANGE="r",
                    TARGET="t")[0]
    assert create[create.index("--network") + 1] == "prod-vpc"
    assert create[create.index("--project") + 1] == "acme-prod"
    assert "cluster: prod (from the metadata server)" in done.stdout
    assert "describe prod --location europe-west3 --project acme-prod" in \
        done.stdout


def test_flags_win_over_metadata():
    with Metadata(VALUES) as server:
        done = gke("--network", "mine", metadata=server.address)
        other = gke("--cluster", "other", metadata=server.address)
    assert "network: mine (given)" in done.stdout
    assert "cluster: prod" in done.stdout
    assert "of another cluster" in other.stdout
    assert "acme-prod" not in other.stdout


@pytest.mark.parametrize("values, flavor, said", [
    ({}, True, "no GKE node"), (VALUES, False, "not Google's")])
def test_metadata_of_others_are_not_believed(values, flavor, said):
    with Metadata(values, flavor) as server:
        done = gke(metadata=server.address)
        assert len(server.asked) == 1
    assert done.returncode == 0 and said in done.stdout
    assert "prod" not in done.stdout.split("First, what")[0]


def test_metadata_cannot_steer_the_terminal():
    values = {**VALUES, "project/project-id": "a\x1b[31m\nb"}
    with Metadata(values) as server:
        done = gke(metadata=server.address)
    assert "\x1b" not in done.stdout and "project: not known" in done.stdout


def test_absent_metadata_mean_no_gke():
    done = gke()
    assert done.returncode == 0 and "this is not GKE" in done.stdout


def test_japanese():
    done = gke("--rules", str(HERE / "own-rules-only.json"), "--lang", "ja")
    assert done.returncode == 1
    assert done.stdout.startswith("不許可: ")
    assert "ゲートウェイでは直りません" in done.stdout
