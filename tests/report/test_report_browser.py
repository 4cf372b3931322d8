"""The report in a real browser: layout at both widths, pictures, and nothing to complain of."""

import base64
import re
import shutil

import pytest
from helpers import flag
from webpage import CHROMIUM, Browser

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (Debian: apt-get install chromium)"),
    pytest.mark.slow,
]

_WIDTHS = (360, 390, 768, 1280)

# Elements that reach beyond the window, those that scroll in a box of their own left out.
_TOO_WIDE = """
[...document.body.querySelectorAll('*')]
    .filter(e => !e.closest('.scroll') || e.matches('.scroll'))
    .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < 0)
    .map(e => e.tagName + '.' + e.className).slice(0, 5).join()
"""
_MISSING = "[...document.images].filter(i => !(i.complete && i.naturalWidth > 0)).length"
_HIDDEN = """
[...document.querySelectorAll('main img')].filter(i => i.getBoundingClientRect().width < 20).length
"""
# An overlay has to lie on its picture, pixel by pixel.
_OFF = """
[...document.querySelectorAll('img.over')].filter(o => {
    const a = o.getBoundingClientRect(), b = o.previousElementSibling.getBoundingClientRect();
    return Math.abs(a.left - b.left) + Math.abs(a.top - b.top) + Math.abs(a.right - b.right)
        + Math.abs(a.bottom - b.bottom) > 1 || o.naturalHeight * b.width < 0.9 * o.naturalWidth * b.height;
}).length
"""
_CLIPPED = """
[...document.querySelectorAll('h1, h2, h3, p, li, figcaption, dd, .toggle')]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
    .map(e => e.tagName + ': ' + e.textContent.slice(0, 40)).join()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all tests."""
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="module")
def page(simulated_pair, tmp_path_factory):
    """The report of two exposures of two chips, warnings among it."""
    work = tmp_path_factory.mktemp("page")
    files = [shutil.copy(path, work) for path in sorted(simulated_pair.glob("*_flc.fits"))]
    flag(*files, report=True, model="ACS-WFC-F435W", consensus="no")
    return work / "acs_deepcr_report.html"


@pytest.mark.parametrize("width", _WIDTHS)
def test_page_fits_the_window_and_nothing_is_cut_off(browser, page, width):
    browser.show(page, width)
    assert browser.ask("innerWidth") == width
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(_TOO_WIDE) == ""
    assert browser.ask(_CLIPPED) == ""


@pytest.mark.parametrize("width", [390, 1280])
def test_all_pictures_are_there_and_flags_lie_on_their_chips(browser, page, width):
    browser.show(page, width)
    assert browser.ask("document.images.length") > 30
    assert browser.ask(_MISSING) == 0 and browser.ask(_HIDDEN) == 0
    assert browser.ask("document.querySelectorAll('img.over').length") == 4 and browser.ask(_OFF) == 0


def test_browser_has_nothing_to_complain_of_and_asks_nobody_else(browser, page):
    browser.complaints.clear()
    browser.show(page, 1280)
    assert browser.ask("document.title").startswith("Cosmic rays: ")
    assert browser.complaints == []


def test_table_scrolls_in_its_own_box_on_a_narrow_screen(browser, page):
    browser.show(page, 390)
    box = "document.querySelector('.scroll')"
    assert browser.ask(f"{box}.scrollWidth > {box}.clientWidth && {box}.clientWidth < 390")


def test_flags_are_put_aside_with_a_tick_and_no_script(browser, page):
    browser.show(page, 1280)
    assert browser.ask("document.scripts.length") == 0
    shown = "getComputedStyle(document.querySelector('img.over')).visibility"
    assert browser.ask(shown) == "visible"
    browser.ask("document.querySelector('.toggle input').click()")
    assert browser.ask(shown) == "hidden"


def test_links_of_the_table_lead_to_the_exposures(browser, page):
    browser.show(page, 1280)
    dead = "[...document.links].filter(a => !document.getElementById(a.hash.slice(1))).length"
    assert browser.ask("document.links.length") == 4 and browser.ask(dead) == 0


def test_page_prints_on_a_few_sheets(browser, page):
    """It took eight sheets an exposure of two chips."""
    browser.show(page, 1280)
    content = base64.b64decode(browser.ask_print())
    assert content.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", content)) <= 6


def test_everything_can_be_read_in_the_dark(browser, page):
    browser.prefer("dark")
    browser.show(page, 1280)
    bright = """
    [...document.querySelectorAll('body, h1, h2, h3, p, li, td, th, dd, figcaption, .warning')]
        .map(e => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).map(Number))
        .filter(c => Math.max(...c) < 120).length
    """
    assert browser.ask(bright) == 0
    back = "getComputedStyle(document.body).backgroundColor"
    assert max(map(int, re.findall(r"\d+", browser.ask(back)))) < 60
    browser.prefer("light")
    browser.show(page, 1280)
    assert browser.ask(back) == "rgb(255, 255, 255)"


def test_complaints_and_overflow_are_seen_where_there_are_some(browser, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><title>bad</title><img src='data:image/png;base64,AAAA'>"
        "<p style='width: 3000px'>wide</p><script>nonsense()</script>"
    )
    browser.complaints.clear()
    browser.show(bad, 390)
    assert browser.ask(_MISSING) == 1 and "P" in browser.ask(_TOO_WIDE)
    assert "Runtime.exceptionThrown" in browser.complaints
