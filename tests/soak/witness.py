"""Sees when the machine itself is late: a sandbox that times out then was failed by nobody in the plan.

A busy machine starts a process late, or takes its connection late, and the gate never hears of it. The witness asks the
gate as a sandbox would, all the time.
"""

import contextlib
import threading
import time
import urllib.request

#: In seconds, between its questions.
PAUSE = 0.05
#: In seconds from the moment at which it should have asked to the answer. The function gives up a request to the table after
#: one second, and has more to do in it than the witness.
LATE = 0.25


class Witness:
    def __init__(self, url):
        self.url = url
        #: (from, to) of each time in which an answer was late, by `time.monotonic`.
        self.late: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _ask(self):
        due = time.monotonic()
        while not self._over.wait(PAUSE):
            due += PAUSE
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url) as answer:
                answer.read()
            now = time.monotonic()
            if now - due > LATE:
                self.late.append((due, now))
            due = now


def overlaps(late, began, ended):
    """Whether one of those times has a moment between the two."""
    return any(start < ended and end > began for start, end in late)
