"""The witness sees a machine that is late, and nothing else."""

import time

from tests.harness.servers import Handler, Server
from tests.harness.world import until

from .witness import LATE, Witness, overlaps


class _Slow(Handler):
    def do_GET(self):
        time.sleep(self.server.pause)
        self.server.pause = 0
        self.server.asked += 1
        self.answer(200)


class _Server(Server):
    pause, asked = 0, 0


def test_an_answer_that_is_late_is_seen():
    with _Server(_Slow) as server, Witness(server.url) as witness:
        until(lambda: server.asked > 2)
        began, seen = time.monotonic(), len(witness.late)
        server.pause = 4 * LATE
        until(lambda: len(witness.late) > seen)
        assert overlaps(witness.late[seen:], began, time.monotonic())


def test_a_time_is_late_if_any_moment_of_it_was():
    late = [(10.0, 11.0), (20.0, 21.0)]
    assert overlaps(late, 10.5, 10.6) and overlaps(late, 9.0, 12.0) and overlaps(late, 20.9, 30.0)
    assert not overlaps(late, 11.0, 20.0) and not overlaps([], 0.0, 99.0)
