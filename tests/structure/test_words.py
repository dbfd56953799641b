"""One word for one thing (docs/glossary.md), in what people read."""

import re

import pytest

from . import markdown, words
from .test_text import PROJECT

#: The glossary names the words; what is in the changelog was released in its own words.
PAGES = {str(path): text for path, text in markdown.pages().items()
         if str(path) not in ("docs/glossary.md", "CHANGELOG.md", "tests/clients/README.md")}


def prose(text):
    """What a reader takes for words: without code, and without names that are contracts."""
    return re.sub(r"`[^`\n]*`", "` `", markdown.FENCED.sub("", text))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_uses_the_words_of_the_glossary(page):
    assert words.found(prose(PAGES[page])) == []


@pytest.mark.parametrize("notice", sorted((PROJECT / "tests" / "notices").glob("*.*")), ids=lambda path: path.name)
def test_a_notice_uses_the_words_of_the_glossary(notice):
    # Of JSON the texts, and not the names of its members.
    text = notice.read_text()
    assert words.found(re.sub(r'"\w+":', "", text) if notice.suffix == ".json" else text) == []


def test_the_template_uses_the_words_of_the_glossary():
    said = re.findall(r"^ +(?:Alarm)?Description: (?:>-\n((?:(?: {6,}[^\n]*)?\n)+?)(?= {0,6}\S)|([^\n]*))",
                      (PROJECT / "template.yaml").read_text(), re.MULTILINE)
    assert len(said) > 40
    assert words.found(" ".join(map(" ".join, said))) == []


def test_what_make_prints_uses_the_words_of_the_glossary():
    assert words.found(" ".join(re.findall(r"## (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE))) == []


@pytest.mark.parametrize("text", [
    "the code does not tell them and cannot be told apart", "the watchman", "a call made again", "An advice says", "the lowest rung",
    "the table could not be had", "whoever reads", "twelve policies are lived through", "each running\ncopy", "3 callers hit"])
def test_a_word_is_found(text):
    assert len(words.found(text)) == 1


@pytest.mark.parametrize("text", ["an advice notice", "advice", "the largest", "a strung bow", "made of it again", "unbelievable"])
def test_a_word_that_is_none_of_them_is_left(text):
    assert words.found(text) == []
