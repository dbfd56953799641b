import os
import pathlib
import subprocess

import pytest

from tests.harness.browser import MISSING, Browser, Driver
from tests.harness.runtime_api import WHOLE

from . import month

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "target" / "page"


@pytest.fixture(scope="session")
def pages():
    """A folder with the pages of the unit tests' made-up reviews: month, hostile, empty, flood."""
    test = "replay::html::tests::the_pages_are_left_where_they_are_asked_for"
    # For the whole workspace, as built by `make unit`.
    command = ["cargo", "test", "--quiet", "--locked", *WHOLE, "--lib", "--", "--exact", test]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE,
                          env={**os.environ, "OIDC_TRIAGE_PAGES": str(PAGES)})
    assert b"1 passed" in done.stdout, "no such test"
    return PAGES


@pytest.fixture(scope="session")
def page(pages):
    """The page under test: of a month with a dozen incidents."""
    return pages / "month.html"


@pytest.fixture(scope="session")
def driver():
    if MISSING:
        pytest.skip(MISSING)
    with Driver() as driver:
        yield driver


@pytest.fixture(scope="session")
def window(driver):
    with Browser(driver) as browser:
        yield browser


@pytest.fixture
def browser(window):
    """One window for all tests: each finds it as if it were new."""
    window.devtools("Emulation.setScriptExecutionDisabled", value=False)
    window.emulate()
    window.resize(1200)
    window.open("about:blank")
    window.console()
    yield window
    # Refused styles and scripts are reported there too.
    assert window.console() == []


@pytest.fixture(scope="session")
def command():
    """The real command, as the black-box tests have built it."""
    build = ["cargo", "build", "--quiet", "--locked", "--profile", "test", *WHOLE, "--bins", "--tests"]
    subprocess.run(build, cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "oidc-triage"


@pytest.fixture(scope="session")
def replayed(command, tmp_path_factory):
    """The page that the real command makes of a made-up month."""
    folder = tmp_path_factory.mktemp("month")
    month.write(folder / "history")
    page = folder / "month.html"
    with page.open("wb") as out:
        subprocess.run([command, "replay", "--format", "html", folder / "history"], stdout=out, check=True)
    return page


@pytest.fixture
def shots():
    """The folder for pictures of the pages."""
    folder = PAGES / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
