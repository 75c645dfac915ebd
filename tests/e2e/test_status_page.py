# SPDX-License-Identifier: Apache-2.0
"""The status page in a real browser: what an operator sees of a gateway that
works, that refuses, that cannot reach an endpoint, and that is gone."""

import contextlib
import os
import pathlib
import re
import signal

import pytest
from lab import dns, facts, see, wire
from lab.lab import wait_for
from report import browser

URL = f"http://{see.ADDRESS}:{see.PORT}/"
RAW = facts.RAW_HOST
CONTAINER = facts.host("us-1", "container")
UPLOAD = facts.host("us-1", "asaas-upload")
SHAPES = [(width, scheme) for width in (360, 1280)
          for scheme in ("light", "dark")]
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
PICTURE_MAX = 200_000
SETTINGS = {**see.SETTINGS, "dns.negative_ttl": "0"}
pytestmark = pytest.mark.gateway(SETTINGS)


@pytest.fixture
def chromium(lab):
    with browser.running(lab.client.popen, lab.client.connect) as running:
        yield running


def screenshots():
    folder = pathlib.Path(os.environ.get("SCREENSHOTS", "build/screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def until(chromium, script, what):
    """Waits until the page says so."""
    return wait_for(lambda: chromium.ask("return " + script), what)


def open_page(chromium, width=1280, scheme="light"):
    chromium.look(URL, width, scheme)
    until(chromium, "document.querySelectorAll('tbody tr').length > 9",
          "the endpoints")


def refresh(chromium):
    """What the page does every few seconds, now."""
    before = chromium.ask("return document.getElementById('pause')"
                          ".getAttribute('aria-pressed')")
    assert before == "false"
    chromium.ask("const b = document.getElementById('pause');"
                 "b.click(); b.click();")


ROW = """
return [...document.querySelectorAll(arguments[0] + ' tbody tr:not(.group)')]
  .filter(r => r.cells[0].innerText.split('\\n')[0] === arguments[1])
  .map(r => r.innerText.replace(/\\s+/g, ' '))[0] || '';
"""


def row(chromium, table, name):
    return chromium.ask(ROW, "table." + table, name)


def row_says(chromium, table, name, *parts):
    """Waits for a row that has these words; refreshes the page on the way."""
    def look():
        refresh(chromium)
        text = row(chromium, table, name)
        return text if all(part in text for part in parts) else None
    return wait_for(look, f"{parts} in the row of {name}")


def ask(gateway, host, port=443):
    with gateway.connect() as sock:
        return wire.http_connect(sock, host, port).status


def judge_quiet(chromium):
    """Nothing in the console, and nothing asked of anybody else."""
    assert chromium.console() == []
    urls = chromium.requests()
    assert urls, "the browser has asked for nothing at all"
    strangers = [u for u in urls if not u.startswith((URL, "data:"))]
    assert strangers == []


def test_tunnel_is_seen(gateway, chromium, open_tunnel):
    tunnel = open_tunnel(gateway)
    open_page(chromium)
    assert "✓" not in row(chromium, "endpoints", RAW)  # words, not marks
    text = row_says(chromium, "endpoints", RAW, "Working")
    assert re.search(r"Working .* ago .* 1 1 ", text), text
    assert "Ready" in chromium.ask(
        "return document.getElementById('state').innerText")
    tunnel.finish()
    gateway.log_line(event="tunnel")
    row_says(chromium, "endpoints", RAW, "Working", " 0 1 ")
    assert "Never requested" in row(chromium, "endpoints", CONTAINER)
    judge_quiet(chromium)


def test_what_others_wrote_is_only_text(start_gateway, chromium):
    """Names of clients, and an operator's section with markup in it."""
    gateway = start_gateway(SETTINGS)
    path = os.path.join(gateway.folder, "markup.ini")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"[{MARKUP}]\nhost = markup.lab.example\n")
    gateway.reload({"gateway.extra": path})
    for host in ("script-alert-1.onerror.example", MARKUP, "[fe80::1%25x]"):
        ask(gateway, host)
    open_page(chromium)
    text = row_says(chromium, "denied", "script-alert-1.onerror.example:443",
                    "Host not on allowlist")
    assert "host = script-alert-1.onerror.example" in text
    assert MARKUP in row(chromium, "endpoints", "markup.lab.example")
    assert chromium.ask("return document.scripts.length") == 1
    assert chromium.ask("return document.images.length") == 0
    judge_quiet(chromium)


def test_endpoint_turns_bad_and_good_again(gateway, chromium, lab):
    lab.dns.script(RAW, dns.nxdomain())
    assert ask(gateway, RAW) == 502
    open_page(chromium)
    text = row_says(chromium, "endpoints", RAW, "Failing", "dns_nxdomain")
    assert "name does not exist" in text and "never" in text
    assert "1 of 5 failing" in chromium.ask(
        "return document.querySelector('table.endpoints').innerText")
    lab.dns.script(RAW, dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        wait_for(lambda: ask(gateway, RAW) == 200, "the name")
    text = row_says(chromium, "endpoints", RAW, "Working")
    assert "dns_nxdomain" not in text
    judge_quiet(chromium)


def test_traps_are_named(gateway, chromium):
    ask(gateway, CONTAINER)
    ask(gateway, facts.REGISTRY_CDN)
    open_page(chromium)
    text = chromium.ask("return document.getElementById('notes').innerText")
    assert facts.host("us-1", "iot") + " never was" in text
    assert "gateway.sets = registry-cdn" in text
    text = row(chromium, "denied", facts.REGISTRY_CDN + ":443")
    assert "Image layers of public.ecr.aws" in text and "opt-in set" in text


LOST = "document.getElementById('lost').hidden"


def test_lost_gateway_is_said_and_found_again(gateway, chromium):
    open_page(chromium)
    with gateway.frozen():
        until(chromium, "!" + LOST, "the page to miss it")
        until(chromium, "/has not answered for [1-9]/.test(document"
              ".getElementById('lost').innerText)", "the time to go on")
        text = chromium.ask("return document.getElementById('lost').innerText")
        assert re.search(r"Lost the gateway at \d\d:\d\d:\d\d UTC", text)
        assert re.search(r"as it was at \d\d:\d\d:\d\d UTC", text)
        assert chromium.ask("return document.title").startswith("Lost")
        assert chromium.ask(
            "return document.getElementById('state').innerText") == "Lost"
        judge_by_axe(chromium)
    until(chromium, LOST, "the page to find it again")
    assert "Ready" in chromium.ask(
        "return document.getElementById('state').innerText")
    gateway.stop()
    until(chromium, "!" + LOST, "the page to miss it for good")


def test_draining_is_said(start_gateway, chromium, open_tunnel):
    gateway = start_gateway({**SETTINGS, "shutdown.drain": "60s"})
    tunnel = open_tunnel(gateway)
    open_page(chromium)
    gateway.signal(signal.SIGTERM)
    until(chromium, "document.getElementById('state').innerText === "
          "'Draining'", "the drain")
    tunnel.finish()


def test_report_mode_is_said(start_gateway, chromium, lab):
    gateway = start_gateway({**SETTINGS, "gateway.mode": "report"})
    lab.dns.script("through.example", dns.addresses(facts.RAW_ADDRESS))
    with lab.internet.listen(facts.RAW_ADDRESS, 443):
        assert ask(gateway, "through.example") == 200
    open_page(chromium)
    assert "not enforced" in chromium.ask(
        "return document.getElementById('state').innerText")
    assert "gateway.mode = enforce" in chromium.ask(
        "return document.getElementById('notes').innerText")
    row_says(chromium, "denied", "through.example:443", "1 let through",
             "host = through.example")
    judge_quiet(chromium)


def press(chromium, key, code=0, **more):
    for kind in ("keyDown", "keyUp"):
        chromium.devtools("Input.dispatchKeyEvent", type=kind, key=key,
                          windowsVirtualKeyCode=code, code=key, **more)


def focus_on(chromium, script):
    """Goes there by the Tab key alone."""
    for _ in range(60):
        press(chromium, "Tab", 9)
        if chromium.ask("const e = document.activeElement; return " + script):
            return
    raise AssertionError(f"the Tab key does not lead to {script}")


def test_line_is_copied_by_the_keyboard(gateway, chromium):
    ask(gateway, "copy.example", 8443)
    open_page(chromium)
    focus_on(chromium, "e.id === 'pause'")
    focus_on(chromium, "e.id === 'filter'")
    focus_on(chromium, "e.tagName === 'SUMMARY'")
    focus_on(chromium, "(e.getAttribute('aria-label') || '').includes("
             "'Copy the line for copy.example:8443')")
    press(chromium, "Enter", 13, text="\r")
    until(chromium, "document.getElementById('said').innerText",
          "word of the copy")
    assert chromium.ask("return document.getElementById('said').innerText") \
        == "Copied: host = copy.example:8443"
    # The very line is in the clipboard.
    chromium.ask("document.getElementById('filter').focus()")
    press(chromium, "v", 86, commands=["paste"])
    assert chromium.ask("return document.getElementById('filter').value") \
        == "host = copy.example:8443"


def test_focus_and_open_details_stay(gateway, chromium):
    ask(gateway, "stay.example")
    open_page(chromium)
    chromium.ask("const d = document.querySelector('.denied details');"
                 "d.open = true; d.firstChild.focus();")
    ask(gateway, "later.example")
    row_says(chromium, "denied", "later.example:443", "allowlist")
    assert chromium.ask(
        "const e = document.activeElement;"
        "return e.tagName === 'SUMMARY' && e.parentNode.open &&"
        " e.closest('tr').innerText.includes('stay.example')")


def test_filter_and_defaults(gateway, chromium):
    for name in ("one.example", "two.example"):
        ask(gateway, name)
    open_page(chromium)
    chromium.ask("const f = document.getElementById('filter');"
                 "f.value = 'TWO'; f.dispatchEvent(new Event('input'))")
    assert row(chromium, "denied", "one.example:443") == ""
    assert row(chromium, "denied", "two.example:443") != ""
    assert row(chromium, "config", "tunnel.sni") == ""
    chromium.ask("document.getElementById('every').click()")
    assert "verify default" in row(chromium, "config", "tunnel.sni")


def test_policy_stops_scripts_from_elsewhere(gateway, chromium):
    open_page(chromium)
    chromium.ask("const s = document.createElement('script');"
                 "s.textContent = 'window.evil = 1'; document.head.append(s)")
    assert chromium.ask("return window.evil || 0") == 0
    assert any("Content Security Policy" in entry["message"]
               for entry in chromium.console())


def test_empty_states(gateway, chromium):
    open_page(chromium)
    assert "Nothing was denied" in chromium.ask(
        "return document.getElementById('denied-empty').innerText")
    assert chromium.ask("return document.getElementById('notes').hidden")
    judge_quiet(chromium)


# --- accessibility and pictures ---------------------------------------------


def judge_by_axe(chromium):
    chromium.ask(pathlib.Path(os.environ["AXE"]).read_text("utf-8"))
    found = chromium.ask("""
        return axe.run(document, {resultTypes: ['violations']}).then(r =>
          r.violations.map(v => v.impact + ' ' + v.id + ': ' +
            v.nodes.map(n => n.target + ' ' + n.failureSummary).join('; ')))
    """)
    assert [v for v in found if v.startswith(("serious", "critical"))] == []
    return found


@contextlib.contextmanager
def busy(gateway, lab, open_tunnel):
    """A gateway with a bit of everything."""
    for e in facts.of_region("us-1"):
        if e.category not in ("iot", "sensor"):
            assert ask(gateway, e.host) == 200
    lab.dns.script(UPLOAD, dns.servfail())
    gateway.reload()  # nobody remembers the good answer
    wait_for(lambda: ask(gateway, UPLOAD) != 200 or None, "the bad answer")
    for host in ("example.com", facts.REGISTRY_CDN, "kubernetes.default.svc",
                 facts.host("jp-1", "container"), "192.0.2.1"):
        ask(gateway, host)
    tunnel = open_tunnel(gateway)
    tunnel.send_down(b"d" * 100000)
    yield
    tunnel.finish()


def test_pictures_and_axe(start_gateway, chromium, lab, open_tunnel):
    gateway = start_gateway({**SETTINGS, "dns.serve_stale": "0",
                             "dns.max_ttl": "1s", "dns.min_ttl": "0"})
    with busy(gateway, lab, open_tunnel):
        for width, scheme in SHAPES:
            open_page(chromium, width, scheme)
            row_says(chromium, "endpoints", UPLOAD, "Failing")
            shown, wide = chromium.ask(
                "return [document.documentElement.scrollWidth, innerWidth]")
            assert wide == width and shown <= wide, "it scrolls sideways"
            judge_by_axe(chromium)
            chromium.screenshot(screenshots() / f"status-{width}-{scheme}.png")
        judge_quiet(chromium)
        open_page(chromium)
        picture = screenshots() / "status_page.png"
        chromium.screenshot(picture, height=980)
        assert picture.stat().st_size < PICTURE_MAX


def test_picture_of_the_readme_is_small():
    picture = pathlib.Path(__file__).parents[2] / "proxy" / "status_page.png"
    raw = picture.read_bytes()
    assert raw.startswith(b"\x89PNG") and len(raw) < PICTURE_MAX
