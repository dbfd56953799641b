"""Real clients against the fake service with every fault: their logs. See README.md."""

import pathlib

HERE = pathlib.Path(__file__).parent
#: What is installed and built. Not committed.
WORK = HERE / ".work"
CORPUS = HERE / "corpus"
