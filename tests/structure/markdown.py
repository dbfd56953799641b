"""The part of Markdown that the tests need: files, links, anchors, and prose."""

import re
from pathlib import Path
from urllib.parse import unquote

from .test_text import PROJECT, files

#: Fenced code: the text between two lines of three backquotes or more.
FENCED = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^ *\2`* *$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`[^`\n]+`")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
#: Of a link or a picture; a target has no space, and at most one pair of parentheses.
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^()\s<>]*(?:\([^()\s]*\))?[^()\s<>]*)>?(?:\s+\"[^\"]*\")?\)")
SOURCE = re.compile(r"<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]*)\"")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def pages():
    """Every page of ours, by its path in the project."""
    return {path.relative_to(PROJECT): path.read_text() for path in sorted(files())
            if path.suffix == ".md" and "node_modules" not in path.parts}


def without_code(text):
    """The text in which code is blank, at the same places."""
    blank = lambda found: re.sub(r"[^\n]", " ", found[0])  # noqa: E731
    return INLINE.sub(blank, FENCED.sub(blank, COMMENT.sub(blank, text)))


def links(text):
    """A page's targets: of links, pictures and HTML."""
    text = without_code(text)
    return [found[1] for pattern in (LINK, SOURCE) for found in pattern.finditer(text)]


def slug(heading):
    """A heading's anchor, as GitHub makes it."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text):
    """The anchors of a page: those of headings that are alike are numbered."""
    seen = {}
    found = set()
    for heading in HEADING.findall(FENCED.sub("", text)):
        name = slug(heading)
        number = seen.get(name, 0)
        seen[name] = number + 1
        found.add(f"{name}-{number}" if number else name)
    return found


def target(page, link):
    """The file and the anchor that a relative link leads to."""
    path, _, anchor = unquote(link).partition("#")
    return (PROJECT / page.parent / path).resolve() if path else PROJECT / page, anchor


def is_inside(path):
    return Path(path).resolve().is_relative_to(PROJECT)
