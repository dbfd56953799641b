"""The page of replay, in a real browser: it works, and it can be read on a phone, in the dark, on paper, by keyboard and
without scripts. Every test fails if anything is written to the console."""

import subprocess
import xml.etree.ElementTree

import pytest

from tests.page.conftest import ROOT

# The luminance and contrast of WCAG 2, for the colours that a browser computed.
CONTRAST = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = luminance(getComputedStyle(document.body).backgroundColor);
return arguments[0].map((selector) => {
  const ink = luminance(getComputedStyle(document.querySelector(selector)).color);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
});
"""

# Which of the elements can be seen.
SHOWN = "return Array.from(document.querySelectorAll(arguments[0])).map((element) => element.checkVisibility())"

# Of the month, and those of them that list failed requests.
INCIDENTS, REQUESTS = 14, 13

TEXTS = ["body", ".verdict", ".quiet", "figcaption", "main a", ".incidents td", ".badge.warning", ".reasons li", ".told time"]


def incident(browser, place):
    return browser.run("return document.querySelectorAll('section.incident')[arguments[0]].id", place)


def focused(browser):
    return browser.run("return document.activeElement.id")


def in_view(browser, anchor):
    top = browser.run("return document.getElementById(arguments[0]).getBoundingClientRect().top", anchor)
    return -5 <= top < browser.run("return innerHeight")


@pytest.mark.parametrize("name", ["month", "hostile", "empty", "flood"])
def test_a_page_opens_without_a_word_on_the_console_and_loads_nothing(browser, pages, name):
    browser.open((pages / f"{name}.html").as_uri())
    assert browser.run("return document.title").startswith("Replay of ")
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.run("return document.scripts.length") == 1


@pytest.mark.parametrize("name", ["month", "hostile", "empty", "flood"])
def test_a_page_is_xml_as_well(pages, name):
    root = xml.etree.ElementTree.parse(pages / f"{name}.html").getroot()
    assert [child.tag for child in root] == ["head", "body"]


def test_the_style_and_the_script_are_let_through_by_the_policy(browser, page):
    browser.open(page.as_uri())
    assert browser.run("return getComputedStyle(document.body).marginTop") == "0px"
    assert browser.run("return document.querySelectorAll('.incidents th button').length") == 10


def test_foreign_content_is_refused_by_the_policy(browser, page):
    browser.open(page.as_uri())
    browser.run("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);")
    assert browser.run("return window.ran") is None
    assert any("Content Security Policy" in entry["message"] for entry in browser.console())


@pytest.mark.parametrize("place", [0, 4, 11])
def test_a_click_on_a_row_leads_to_the_incident(browser, page, place):
    browser.open(page.as_uri())
    browser.click(f".incidents tbody tr:nth-child({place + 1}) td:nth-child(2)")
    anchor = incident(browser, place)
    assert browser.run("return location.hash") == f"#{anchor}"
    assert focused(browser) == anchor
    assert in_view(browser, anchor)


@pytest.mark.parametrize("place", [0, 1, 8])
def test_a_click_on_a_band_leads_to_the_incident(browser, page, place):
    browser.open(page.as_uri())
    anchor = incident(browser, place)
    browser.click(f"a.band[href='#{anchor}'] .target")
    assert focused(browser) == anchor
    assert in_view(browser, anchor)


@pytest.mark.parametrize("place", [9, 10])
def test_of_two_incidents_at_once_each_is_reached_by_its_number(browser, page, place):
    browser.open(page.as_uri())
    anchor = incident(browser, place)
    browser.click(f"a.band[href='#{anchor}'] .pill")
    assert focused(browser) == anchor


def test_the_keyboard_reaches_every_incident_and_sorts(browser, page):
    browser.open(page.as_uri())
    links, buttons = [], []
    for _ in range(70):
        browser.press("Tab")
        element = "document.activeElement"
        links.append(browser.run(f"return {element}.getAttribute('href') || ''"))
        buttons.append(browser.run(f"return {element}.tagName + ' ' + {element}.textContent"))
    anchors = [f"#{incident(browser, place)}" for place in range(INCIDENTS)]
    # Each twice: its band, and its row.
    assert [link for link in links if link in anchors] == anchors * 2
    assert links[0] == "#the-chart" and "BUTTON Lasted" in buttons
    names = browser.run("return Array.from(document.querySelectorAll('a.band')).map((a) => a.getAttribute('aria-label'))")
    assert all(name.startswith(f"Incident {number}: ") for number, name in enumerate(names, 1))


def test_enter_on_a_link_leads_on_from_its_incident(browser, page):
    browser.open(page.as_uri())
    browser.run("document.querySelector('.incidents tbody tr:nth-child(3) a').focus()")
    browser.press("Enter")
    assert focused(browser) == incident(browser, 2)
    browser.press("Tab")
    assert browser.run("return document.activeElement.closest('section').id") == incident(browser, 2)


def test_rows_are_sorted_by_a_heading(browser, page):
    browser.open(page.as_uri())
    column = "return Array.from(document.querySelectorAll('.incidents tbody td:nth-child(8)')).map((e) => +e.dataset.sort)"
    before = browser.run(column)
    browser.click(".incidents th:nth-child(8) button")
    assert browser.run(column) == sorted(before)
    browser.click(".incidents th:nth-child(8) button")
    assert browser.run(column) == sorted(before, reverse=True)
    assert browser.run("return document.querySelector('.incidents th:nth-child(8)').ariaSort") == "descending"


@pytest.mark.parametrize("width", [320, 360, 700, 720, 800, 1000])
@pytest.mark.parametrize("name", ["month", "hostile", "empty"])
def test_nothing_is_wider_than_the_screen(browser, pages, name, width):
    browser.resize(width)
    browser.open((pages / f"{name}.html").as_uri())
    # All unfolded: long names hide there.
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert browser.run("return document.scrollingElement.scrollWidth") <= width


def test_the_dark_scheme_is_dark_and_every_text_can_be_read_in_both(browser, page):
    browser.open(page.as_uri())
    papers = []
    for scheme in ("light", "dark"):
        browser.emulate(prefers_color_scheme=scheme)
        papers.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
        contrasts = dict(zip(TEXTS, browser.run(CONTRAST, TEXTS)))
        assert min(contrasts.values()) >= 4.5, contrasts
    light, dark = ([int(part) for part in paper[4:-1].split(",")] for paper in papers)
    assert min(light) > 240 and max(dark) < 40


def test_on_paper_everything_is_unfolded_but_the_charts_numbers(browser, page):
    browser.open(page.as_uri())
    assert not all(browser.run(SHOWN, "details .steps"))
    browser.emulate(media="print", prefers_color_scheme="dark")
    steps, requests = browser.run(SHOWN, "details .steps"), browser.run(SHOWN, "details:not(.optional) .scroll")
    # One of the twelve ended before its notice, which names no request.
    assert len(steps) > 20 and all(steps) and len(requests) == REQUESTS and all(requests)
    assert browser.run(SHOWN, "#the-numbers") == [False]
    # Paper is light, whatever the screen is.
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_scripts_all_of_it_is_there(browser, page):
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page.as_uri())
    nodes = browser.devtools("DOM.getDocument", depth=-1)["root"]["nodeId"]
    count = lambda selector: len(browser.devtools("DOM.querySelectorAll", nodeId=nodes, selector=selector)["nodeIds"])
    assert count("section.incident") == count(".incidents tbody tr") == count("a.band") == INCIDENTS
    assert count(".plot svg rect") > 300
    # And no button that would do nothing.
    assert count("button") == 0


def test_a_screen_reader_gets_what_the_chart_shows(browser, page):
    browser.open(page.as_uri())
    tree = browser.devtools("Accessibility.getFullAXTree")["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    pictures = [name for role, name in named if role in ("img", "image")]
    assert any("failed calls: " in name and f"{INCIDENTS} incidents" in name for name in pictures), pictures
    assert ("heading", "Course of time") in named
    links = [name for role, name in named if role == "link"]
    assert sum(name.startswith("Incident ") for name in links) == INCIDENTS
    assert all(name for name in links)


def test_pictures_are_left_to_be_looked_at(browser, page, shots):
    browser.open(page.as_uri())
    browser.screenshot(shots / "light.png", 2000)
    browser.emulate(prefers_color_scheme="dark")
    browser.screenshot(shots / "dark.png", 2000)
    browser.emulate(media="print")
    browser.resize(794)
    browser.screenshot(shots / "print.png", 2200)
    browser.emulate()
    browser.resize(360, 760)
    browser.screenshot(shots / "phone.png", 3000)


def test_the_page_of_the_real_command_leads_to_its_incident(browser, tmp_path, shots):
    # As the black-box tests have built it.
    command = ["cargo", "build", "--quiet", "--locked", "--profile", "test", "--workspace", "--bins", "--tests"]
    subprocess.run(command, cwd=ROOT, check=True)
    page = tmp_path / "replay.html"
    with page.open("wb") as out:
        subprocess.run([ROOT / "target" / "debug" / "oidc-triage", "replay", "--format", "html",
                        ROOT / "events" / "logs__cloudtrail_outage.json"], stdout=out, check=True)
    browser.open(page.as_uri())
    browser.screenshot(shots / "command.png", 2200)
    browser.click(".incidents td a")
    assert focused(browser) == incident(browser, 0)
    text = browser.run("return document.getElementById(arguments[0]).textContent", focused(browser))
    assert "5 callers" in text and "eu-west-1" in text
