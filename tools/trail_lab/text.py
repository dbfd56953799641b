"""Text for a terminal: what others wrote stays on one line, and a table has straight columns."""

import unicodedata

#: Enough for any error's name or message worth reading.
SHOWN_MAX = 200


def one_line(text, longest=SHOWN_MAX):
    """Without what controls a terminal, reorders or hides text; cut where it is too long."""
    harmless = "".join(c if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029" else " " for c in str(text)[:longest * 4])
    line = " ".join(harmless.split())
    return line if len(line) <= longest else line[:longest - 1] + "…"


def table(rows):
    """Rows of cells, the first one the heading."""
    rows = [[one_line(cell, 80) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def span(seconds):
    """How long, in words: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = max(0, round(seconds))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 else "")
    return f"{seconds // 3600} h" + (f" {seconds % 3600 // 60} min" if seconds % 3600 // 60 else "")
