"""Every link of every page leads somewhere. No network: of an external one only its form is looked at."""

import re
from urllib.parse import urlsplit

import pytest

from . import markdown

PAGES = markdown.pages()


def broken(page, text):
    for link in markdown.links(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            parts = urlsplit(link)
            if parts.scheme != "https" or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.hostname or "") or parts.username:
                yield f"{link}: not a well-formed https address"
            continue
        path, anchor = markdown.target(page, link)
        if not markdown.is_inside(path) or not path.exists():
            yield f"{link}: no such file"
        elif anchor and (path.suffix != ".md" or anchor not in markdown.anchors(path.read_text())):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    assert list(broken(page, PAGES[page])) == []


def test_pages_and_links_are_found():
    assert {"README.md", "CONTRIBUTING.md", "docs/faq.md", "events/README.md"} <= set(map(str, PAGES))
    assert sum(len(markdown.links(text)) for text in PAGES.values()) > 100


@pytest.mark.parametrize("link", [
    "docs/none.md", "docs/faq.md#no-such-question", "#nowhere", "http://example.com", "https://", "https://user@example.com/",
    "../outside.md", "LICENSE#anchor", "mailto:a@example.com"])
def test_a_broken_link_is_seen(link):
    readme = next(page for page in PAGES if str(page) == "README.md")
    assert list(broken(readme, f"# A heading\n[text]({link})\n"))


def test_code_is_not_a_link_and_equal_headings_are_numbered():
    text = "# One `two`, three?\n## Same\n## Same\n`[a](b.md)`\n```\n[c](d.md)\n```\n[e](f.md \"title\")"
    assert markdown.links(text) == ["f.md"]
    assert markdown.anchors(text) == {"one-two-three", "same", "same-1"}


def test_every_page_of_docs_is_in_its_contents():
    contents = next(page for page in PAGES if str(page) == "docs/README.md")
    listed = {markdown.target(contents, link)[0] for link in markdown.links(PAGES[contents])}
    of_docs = {path for path in (markdown.PROJECT / "docs").iterdir() if path.suffix in (".md", ".json") and path.name != "README.md"}
    assert of_docs <= listed
