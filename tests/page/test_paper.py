"""The page of replay on paper: an incident fits two pages and is not cut in its middle."""

import pytest

# Which of the elements can be seen.
SHOWN = "return Array.from(document.querySelectorAll(arguments[0])).map((element) => element.checkVisibility())"

# Leaves one incident and nothing else, below a space that is so high, and before another.
ALONE = """
const incident = document.querySelectorAll('section.incident')[arguments[0]];
const space = (share) => {
  const space = document.createElement('div');
  space.setAttribute('class', 'space');
  space.style.height = `${share * 273}mm`;
  return space;
};
const definitions = document.querySelector('svg.definitions');
document.body.replaceChildren(...[space(arguments[1]), incident, space(arguments[2]), definitions].filter(
  (part) => part.style.height !== '0mm'));
return getComputedStyle(incident).breakInside;
"""

# The longest has five notices and is of a merged one; one has a scope; one is still open.
INCIDENTS = range(14)


@pytest.mark.parametrize("place", INCIDENTS)
def test_an_incident_fits_two_pages(browser, page, place):
    browser.open(page.as_uri())
    browser.run(ALONE, place, 0, 0)
    assert browser.paper() <= 2


def test_an_incident_with_many_notices_fits_two_pages(browser, pages):
    browser.open((pages / "flood.html").as_uri())
    # The 20th has fifty reminders with long reasons.
    browser.run(ALONE, 20, 0, 0)
    notices = "document.querySelectorAll('section.incident .timeline > li')"
    assert browser.run(f"return {notices}.length") >= 40
    assert browser.paper() <= 2


def test_an_incident_is_not_cut_in_its_middle(browser, page):
    whole = []
    for place in INCIDENTS:
        browser.open(page.as_uri())
        browser.run(ALONE, place, 0, 0)
        if browser.paper() == 1:
            whole.append(place)
    assert whole, "none fits a page"
    for place in whole[:3]:
        browser.open(page.as_uri())
        browser.run(ALONE, place, 0.7, 0)
        # What has no room below the space begins on the next page. Were it cut, the last space would fit beside its end.
        assert browser.paper() == 2
        browser.open(page.as_uri())
        browser.run(ALONE, place, 0.7, 0.6)
        assert browser.paper() == 3


def test_what_is_folded_away_is_not_printed_and_what_is_unfolded_is(browser, page):
    browser.open(page.as_uri())
    browser.emulate(media="print", prefers_color_scheme="dark")
    assert not any(browser.run(SHOWN, "details, .reader, nav, .cursor"))
    assert all(browser.run(SHOWN, ".incident, .drawing, .answer, .sent"))
    browser.run("document.querySelector('.incident details').open = true")
    assert browser.run(SHOWN, "details").count(True) == 1
    # Paper is light, whatever the screen is.
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_month_of_the_real_command_is_a_few_pages(browser, replayed):
    browser.open(replayed.as_uri())
    count = browser.run("return document.querySelectorAll('section.incident').length")
    assert browser.paper() <= 2 * count + 4
