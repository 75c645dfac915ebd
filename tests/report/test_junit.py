# SPDX-License-Identifier: Apache-2.0
"""The JUnit report: well-formed whatever peers send, one case an endpoint."""
import re
import xml.etree.ElementTree as tree

from conftest import report

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def parsed(name, lang="en"):
    raw = report(name, "junit", lang, text=False)
    assert not FORBIDDEN.search(raw.decode("utf-8"))
    return tree.fromstring(raw)


def test_numbers_agree(sample, lang):
    root = parsed(sample, lang)
    for element, suites in [(root, root), *((s, [s]) for s in root)]:
        cases = [c for s in suites for c in s.iter("testcase")]
        assert int(element.get("tests")) == len(cases)
        for kind, tag in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            found = [c for c in cases if c.find(tag) is not None]
            assert int(element.get(kind)) == len(found)


def test_one_case_an_endpoint():
    cases = list(parsed("healthy").iter("testcase"))
    assert len(cases) == 9
    assert cases[0].get("classname") == "us-1.container"
    assert cases[0].get("name") == "container.us-1.cloudone.trendmicro.com:443"
    assert {c.get("classname").split(".")[0] for c in cases} == {
        "us-1",
        "global",
    }
    assert len({(c.get("classname"), c.get("name")) for c in cases}) == 9


def test_failures_carry_the_finding():
    failures = list(parsed("drop").iter("failure"))
    assert len(failures) == 9
    assert {f.get("type") for f in failures} == {"TCP-DROP"}
    assert "Proof: sekisho-diag check --region us-1" in failures[0].text


def test_unknown_is_an_error_and_no_failure():
    root = parsed("cannot-tell")
    assert not list(root.iter("failure"))
    assert len(list(root.iter("error"))) == 5


def test_way_for_comparison_is_skipped():
    root = parsed("compare")
    assert int(root.get("skipped")) == 9
    assert int(root.get("failures")) == 0


def test_hostile_text_stays_text():
    root = parsed("hostile")
    tags = {element.tag for element in root.iter()}
    assert tags <= {
        "testsuites", "testsuite", "testcase", "failure", "error",
        "system-out", "skipped",
    }  # fmt: skip
    assert "<script>alert(1)</script>" in "".join(root.itertext())
