# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a real browser: what a reader sees, in both schemes, on a
telephone and on a desk; nothing is asked for, and the console stays silent."""
import html.parser
import pathlib
import re

import pytest

import browser
from conftest import report

WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as running:
        yield running


@pytest.fixture
def look(chromium, tmp_path):
    def go(name, lang="en", width=1280, scheme="light"):
        page = tmp_path / f"{name}-{lang}.html"
        page.write_bytes(report(name, "html", lang, text=False))
        chromium.console()
        chromium.requests()
        chromium.look(page.as_uri(), width, scheme)
        return chromium, page.as_uri()

    return go


def text_of(chromium, selector):
    return chromium.ask(
        "return document.querySelector(arguments[0]).innerText", selector
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["healthy", "two", "hostile", "compare"])
def test_page_is_whole(look, name, width, scheme):
    chromium, uri = look(name, width=width, scheme=scheme)
    # Policy violations are console messages too.
    assert chromium.console() == []
    assert chromium.requests() == [uri]
    shown, wide = chromium.ask(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert wide == width
    assert shown <= wide, "the page scrolls sideways"
    too_small = chromium.ask(
        """return [...document.querySelectorAll('body *')].filter(e =>
            e.childNodes.length && [...e.childNodes].some(n =>
                n.nodeType === 3 && n.textContent.trim()) &&
            parseFloat(getComputedStyle(e).fontSize) < 11)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert too_small == []


def test_schemes_differ_and_can_be_read(look):
    seen = set()
    for scheme in SCHEMES:
        chromium, _ = look("two", scheme=scheme)
        faint = chromium.ask(CONTRAST)
        assert faint == []
        seen.add(
            chromium.ask(
                "return getComputedStyle(document.body).backgroundColor"
            )
        )
    assert len(seen) == 2


# WCAG 2.1, 1.4.3: 4.5 to 1 for every text against what is behind it.
CONTRAST = """
const parse = c => c.match(/[0-9.]+/g).map(Number);
const light = c => { const [r, g, b] = parse(c).slice(0, 3).map(v => {
  v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = e => { for (; e; e = e.parentElement) {
  const c = getComputedStyle(e).backgroundColor;
  if (parse(c)[3] !== 0) return c; } return 'rgb(255,255,255)'; };
return [...document.querySelectorAll('body *')].filter(e =>
  !e.closest('svg') && [...e.childNodes].some(n =>
    n.nodeType === 3 && n.textContent.trim())).map(e => {
  const a = light(getComputedStyle(e).color), b = light(behind(e));
  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    e.outerHTML.slice(0, 100)]; }).filter(r => r[0] < 4.5);
"""


def test_verdict_is_read_from_the_page(look):
    chromium, _ = look("drop")
    assert "NOT READY" in text_of(chromium, "#verdict")
    headline = text_of(chromium, "#headline")
    assert "1 cause, 9 of 9 hosts" in headline
    assert "network team" in headline
    chromium, _ = look("healthy")
    assert text_of(chromium, "#verdict").strip().endswith("READY")
    chromium, _ = look("drop", lang="ja")
    assert "未準備" in text_of(chromium, "#verdict")


WATERFALL = """
return [...document.querySelectorAll('#waterfall .row')].map(row => {
  const svg = row.querySelector('svg');
  return { host: row.querySelector('.host').textContent,
    title: svg.querySelector('title').textContent,
    role: svg.getAttribute('role'),
    width: svg.getBoundingClientRect().width,
    bars: [...svg.querySelectorAll('rect.bar')].map(b => {
      const r = b.getBoundingClientRect();
      return { phase: b.dataset.phase, cut: b.classList.contains('cut'),
        left: r.left - svg.getBoundingClientRect().left, width: r.width,
        fill: getComputedStyle(b).fill }; }) }; });
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_waterfall_shows_the_phases_in_order(look, width):
    chromium, _ = look("healthy", width=width)
    rows = chromium.ask(WATERFALL)
    assert len(rows) == 9
    for row in rows:
        assert row["role"] == "img"
        assert row["title"].startswith(row["host"] + ": DNS ")
        phases = [bar["phase"] for bar in row["bars"]]
        assert phases in (
            ["dns", "tcp", "tls", "http"],
            ["dns", "tcp", "tls"],
        )
        for bar, after in zip(row["bars"], row["bars"][1:]):
            assert bar["width"] > 0
            # Strokes overlap by a pixel.
            assert bar["left"] + bar["width"] <= after["left"] + 2
        last = row["bars"][-1]
        assert last["left"] + last["width"] <= row["width"] + 1
    assert len({bar["fill"] for bar in rows[0]["bars"]}) == 4


def test_waterfall_hatches_the_phase_that_failed(look):
    chromium, _ = look("drop")
    for row in chromium.ask(WATERFALL):
        assert [(b["phase"], b["cut"]) for b in row["bars"]] == [
            ("dns", False),
            ("tcp", True),
        ]
        assert "hatch" in row["bars"][1]["fill"]
        assert "TCP ✗ FAIL 5.0 s" in row["title"]


def test_matrix_names_the_cause_and_leads_to_it(look):
    chromium, _ = look("two")
    rows = chromium.ask(
        """return [...document.querySelectorAll('#matrix tbody tr')].map(r =>
        [...r.querySelectorAll('td')].map(c => c.className))"""
    )
    assert len(rows) == 9
    assert rows[0] == ["ok", "ok", "bad", "skipped", "cause"]
    dead = chromium.ask(
        """return [...document.querySelectorAll('a')].filter(a =>
        !document.querySelector(a.getAttribute('href'))).length"""
    )
    assert dead == 0


def test_hostile_text_is_only_text(look):
    chromium, _ = look("hostile")
    assert "NOT READY" in text_of(chromium, "#verdict")
    assert chromium.ask("return document.scripts.length") == 0
    assert chromium.ask("return document.images.length") == 0
    assert "<script>alert(1)</script>" in text_of(chromium, "main")


class Outline(html.parser.HTMLParser):
    """Attributes and tags; and whether each that is opened is closed."""

    VOID = {"meta", "link", "br", "wbr"}

    def __init__(self):
        super().__init__()
        self.open, self.attrs, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs += [(tag, *attr) for attr in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs += [(tag, *attr) for attr in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_source_asks_for_nothing(sample, lang):
    source = report(sample, "html", lang)
    outline = Outline()
    outline.feed(source)
    assert outline.open == []
    assert not outline.tags & {"script", "img", "iframe", "object", "form"}
    for _, name, value in outline.attrs:
        assert name not in ("src", "style", "srcset", "action")
        assert not name.startswith("on")
        if name == "href":
            assert value.startswith(("#f", "data:,"))
    ids = [value for _, name, value in outline.attrs if name == "id"]
    assert len(ids) == len(set(ids))
    assert not re.search(r"{{\w+}}", source)
    style = pathlib.Path(__file__).parents[2] / "diag" / "report.html"
    assert "url(" not in style.read_text().replace("url(#hatch)", "")
