"""The page of replay, in a real browser: it works, and it can be read on a phone, in the dark, by keyboard and without its
script. Every test fails if anything is written to the console."""

import subprocess
import xml.etree.ElementTree

import pytest

from tests.page.conftest import ROOT

# Of the month.
INCIDENTS = 14


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
    assert browser.run("return document.title").startswith("AWS sign-in")
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.run("return document.scripts.length") == 1


@pytest.mark.parametrize("name", ["month", "hostile", "empty", "flood"])
def test_a_page_is_xml_as_well(pages, name):
    root = xml.etree.ElementTree.parse(pages / f"{name}.html").getroot()
    assert [child.tag for child in root] == ["head", "body"]


def test_the_style_and_the_script_are_let_through_by_the_policy(browser, page):
    browser.open(page.as_uri())
    assert browser.run("return getComputedStyle(document.body).marginTop") == "0px"
    assert browser.run("return document.querySelectorAll('.incidents th button').length") == 9


def test_foreign_content_is_refused_by_the_policy(browser, page):
    browser.open(page.as_uri())
    browser.run("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);")
    assert browser.run("return window.ran") is None
    assert any("Content Security Policy" in entry["message"] for entry in browser.console())


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_answer_is_on_the_first_screen(browser, page, width):
    browser.resize(width)
    browser.open(page.as_uri())
    for number, selector in enumerate([".verdict", "#the-answer"]):
        bottom = browser.run("return document.querySelector(arguments[0]).getBoundingClientRect().bottom", selector)
        assert bottom <= (400, 900)[number], selector


@pytest.mark.parametrize("place", [0, 4, 11])
def test_a_click_on_a_row_leads_to_the_incident(browser, page, place):
    browser.open(page.as_uri())
    browser.click(f".incidents tbody tr:nth-child({place + 1}) td:nth-child(2)")
    anchor = incident(browser, place)
    assert browser.run("return location.hash") == f"#{anchor}"
    assert focused(browser) == anchor
    assert in_view(browser, anchor)


@pytest.mark.parametrize("place", [0, 1, 8, 9, 10])
def test_a_click_on_a_number_above_the_chart_leads_to_the_incident(browser, page, place):
    # 9 and 10 are at the same time.
    browser.open(page.as_uri())
    anchor = incident(browser, place)
    browser.click(f"a.band[href='#{anchor}'] .pill")
    assert focused(browser) == anchor
    assert in_view(browser, anchor)


def test_the_keyboard_reaches_every_incident_and_sorts(browser, page):
    browser.open(page.as_uri())
    anchors = [f"#{incident(browser, place)}" for place in range(INCIDENTS)]
    links, buttons = [], []
    for _ in range(40):
        browser.press("Tab")
        links.append(browser.run("return document.activeElement.getAttribute('href') || ''"))
        buttons.append(browser.run("return `${document.activeElement.tagName} ${document.activeElement.textContent}`"))
    assert [link for link in links if link in anchors] == anchors
    assert links[0] == "#the-incidents" and "BUTTON Lasted" in buttons
    names = browser.run("return Array.from(document.querySelectorAll('a.band')).map((a) => a.getAttribute('aria-label'))")
    assert len(names) == INCIDENTS
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
    column = "return Array.from(document.querySelectorAll('.incidents tbody td:nth-child(6)')).map((e) => +e.dataset.sort)"
    before = browser.run(column)
    assert len(set(before)) > 5
    browser.click(".incidents th:nth-child(6) button")
    assert browser.run(column) == sorted(before)
    browser.click(".incidents th:nth-child(6) button")
    assert browser.run(column) == sorted(before, reverse=True)
    assert browser.run("return document.querySelector('.incidents th:nth-child(6)').ariaSort") == "descending"


@pytest.mark.parametrize("width", [320, 390, 700, 768, 1000, 1280])
@pytest.mark.parametrize("name", ["month", "hostile", "empty"])
def test_nothing_is_wider_than_the_screen(browser, pages, name, width):
    browser.resize(width)
    browser.open((pages / f"{name}.html").as_uri())
    # All unfolded: long names hide there.
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert browser.run("return document.scrollingElement.scrollWidth") <= width


def test_without_scripts_all_of_it_is_there(browser, page):
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page.as_uri())
    nodes = browser.devtools("DOM.getDocument", depth=-1)["root"]["nodeId"]
    count = lambda selector: len(browser.devtools("DOM.querySelectorAll", nodeId=nodes, selector=selector)["nodeIds"])
    assert count("section.incident") == count(".incidents tbody tr") == count("a.band") == INCIDENTS
    # A drawing and a table of its numbers for each, and for the whole time.
    assert count(".drawing") == count("table.numbers") == INCIDENTS + 1
    # And nothing to press that would do nothing.
    assert count("button") == count("input") == 0


def test_a_screen_reader_is_told_what_the_charts_show(browser, page):
    browser.open(page.as_uri())
    tree = browser.devtools("Accessibility.getFullAXTree")["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    pictures = [name for role, name in named if role in ("img", "image")]
    assert len(pictures) == INCIDENTS + 1
    assert any("service failures" in name and f"{INCIDENTS} incidents" in name for name in pictures), pictures
    assert sum(" worked, " in name for name in pictures) == INCIDENTS
    assert ("heading", "The whole time") in named
    links = [name for role, name in named if role == "link"]
    assert sum(name.startswith("Incident ") for name in links) == INCIDENTS
    assert all(name for name in links)


def test_pictures_are_left_to_be_looked_at(browser, replayed, shots):
    for width in (390, 768, 1280):
        for scheme in ("light", "dark"):
            browser.emulate(prefers_color_scheme=scheme)
            browser.resize(width)
            browser.open(replayed.as_uri())
            browser.screenshot(shots / f"{width}-{scheme}.png", 3000)
    browser.emulate()
    browser.paper(shots / "month.pdf")


def test_the_page_of_the_real_command_answers_first(browser, command, tmp_path, shots):
    page = tmp_path / "replay.html"
    with page.open("wb") as out:
        subprocess.run([command, "replay", "--format", "html", ROOT / "events" / "logs__cloudtrail_outage.json"],
                       stdout=out, check=True)
    browser.open(page.as_uri())
    browser.screenshot(shots / "command.png", 2200)
    text = browser.run("return document.querySelector('.verdict').textContent")
    assert text == ("AWS sign-in was down for 40 seconds in eu-west-1 on 4 November 2026, from 08:02:05 to 08:02:45 UTC. "
                    "5 people could not sign in.")
    card = browser.run("return document.getElementById(arguments[0]).textContent", incident(browser, 0))
    assert "eu-west-1" in card and "CreateToken" in card


def test_a_month_of_the_real_command_is_answered(browser, replayed):
    browser.open(replayed.as_uri())
    titles = browser.run("return Array.from(document.querySelectorAll('section.incident h3')).map((e) => e.textContent)")
    assert any("Outage in eu-central-1" in title for title in titles), titles
    assert any("Misconfigured in eu-central-1" in title for title in titles), titles
    assert any("One tool fails in eu-central-1" in title for title in titles), titles
    answer = browser.run("return document.getElementById('the-answer').innerText")
    assert "your own KMS key" in answer and "robably AWS" in answer, answer
    # The storm of throttling has a panel of its own, and what is beside it is as high as without it.
    panels = browser.run("""return Object.fromEntries(Array.from(document.querySelectorAll('.period [data-values]')).map((g) =>
        [g.dataset.name, [Math.max(...g.dataset.values.split(' ').map(Number)), g.querySelector('path').getBBox().height]]))""")
    assert panels["throttled"][0] > 20 * panels["service failures"][0]
    assert panels["service failures"][1] > 15, panels
