"""The words that docs/glossary.md replaces, as far as a program can see that they are meant.

`test_words.py` looks for them in pages, the template and the notices; `tests/blackbox/test_help.py` in what `--help` prints.
"""

import re

#: What people wrote before, and the word of the glossary.
INSTEAD = {
    r"t(?:ell|ells|elling|old) apart": "distinguish, attribute to",
    r"goes on since|go on since": "since; still open",
    r"watch(?:man|men)": "watcher",
    r"ma(?:de|ke|kes|king) (?:it |them )?again": "run again, retry, recreate",
    r"tak(?:e|es|en|ing) (?:its|their|his|the) word back": "no longer counts",
    r"proved over|taken as over": "recovery confirmed; quiet, not confirmed",
    r"an advice(?! notice)|advices": "advice, an advice notice",
    r"rungs?": "probe step",
    r"(?:cannot|could not|can) be had": "unavailable, cannot be reached",
    r"lest": "so that not",
    r"whoever|whosoever": "anyone who, the one that",
    r"li(?:ve|ves|ved|ving) through": "simulate, replay, run",
    r"running cop(?:y|ies)": "execution environment",
    r"sandbox(?:es)?": "execution environment",
    r"told": "notified, reported, said",
    r"what speaks (?:for|against) it": "evidence, reason",
    r"believed?(?! *\*)": "trust, trusted",
    r"what is enough": "threshold",
    r"who is hit|callers? (?:that (?:is|are) )?hit|hit callers?": "affected",
}
FORBIDDEN = re.compile(r"(?<![\w-])(?:" + "|".join(f"({pattern})" for pattern in INSTEAD) + r")(?![\w-])", re.IGNORECASE)


def found(text):
    """The words of the text that the glossary replaces, each with what to say."""
    return [f"{hit[0]!r}: say {list(INSTEAD.values())[hit.lastindex - 1]}" for hit in FORBIDDEN.finditer(" ".join(text.split()))]
