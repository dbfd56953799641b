"""The status page in a real browser: it loads nothing, it fits a phone, and its states are words."""

import os
import subprocess
import xml.etree.ElementTree

import pytest

from tests.harness.runtime_api import WHOLE
from tests.page.conftest import PAGES, ROOT

NAMES = ["status-none", "status-unknown", "status-one", "status-several"]
STATES = {"status-none": "AWS sign-in works", "status-unknown": "It is not known whether AWS sign-in works",
          "status-one": "AWS sign-in is degraded", "status-several": "AWS sign-in has an outage"}


@pytest.fixture(scope="session")
def status_pages():
    """A folder with the status pages of the unit tests."""
    test = "status::tests::the_status_pages_are_left_where_they_are_asked_for"
    command = ["cargo", "test", "--quiet", "--locked", *WHOLE, "--lib", "--", "--exact", test]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, env={**os.environ, "OIDC_TRIAGE_PAGES": str(PAGES)})
    assert b"1 passed" in done.stdout, "no such test"
    return PAGES


@pytest.mark.parametrize("name", NAMES)
def test_the_state_is_said_in_words_and_nothing_is_loaded(browser, status_pages, name):
    page = status_pages / f"{name}.html"
    assert [child.tag for child in xml.etree.ElementTree.parse(page).getroot()] == ["head", "body"]
    browser.open(page.as_uri())
    assert browser.run("return document.querySelector('h1').innerText").split("\n")[-1].strip() == STATES[name]
    assert browser.run("return document.title") == STATES[name]
    assert browser.run("return performance.getEntriesByType('resource').length + document.scripts.length") == 0
    assert browser.run("return getComputedStyle(document.querySelector('.banner')).borderLeftWidth") == "6px", "the style is let through"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_out_of_the_page(browser, status_pages, shots, name, width, scheme):
    browser.emulate(**{"prefers_color_scheme": scheme})
    browser.resize(width)
    browser.open((status_pages / f"{name}.html").as_uri())
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.screenshot(shots / f"{name}-{width}-{scheme}.png", browser.run("return document.documentElement.scrollHeight"))
