"""Real clients against the fake service in every trouble: what a program would log. See README.md."""

import pathlib

HERE = pathlib.Path(__file__).parent
#: What is installed and built. Not committed.
WORK = HERE / ".work"
CORPUS = HERE / "corpus"
