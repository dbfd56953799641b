"""CloudWatch Logs' matching, for the kind of pattern in the template: `?"term" ?"term"`, any of these.

The emulator does not honour such patterns, so their meaning is tested here. Terms are exact and case matters.
"""

import re

TERM = re.compile(r'\?"((?:[^"\\]|\\.)+)"\s*')


def terms(pattern):
    found, position = [], 0
    while position < len(pattern):
        match = TERM.match(pattern, position)
        if not match:
            raise ValueError(f"not a term at {position}: {pattern[position:position + 30]!r}")
        found.append(re.sub(r"\\(.)", r"\1", match.group(1)))
        position = match.end()
    return found


def lets_through(pattern, line):
    """AWS does not say whether a term may be a part of a word. The stricter reading: whole words only."""
    return any(re.search(r"(?<![A-Za-z0-9_])" + re.escape(term) + _end(term), line) for term in terms(pattern))


def _end(term):
    return r"(?![A-Za-z0-9_])" if re.match(r"\w", term[-1]) else ""
