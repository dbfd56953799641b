"""The clock that stands before the C library's: it must be there for each worker, whoever compiles it first."""

import subprocess
import sys

from tests.soak import clock

COMPILE = """
import pathlib, sys
from tests.soak import clock
clock.BUILT = pathlib.Path(sys.argv[1])
print(clock.library())
"""


def test_workers_that_compile_it_at_once_do_not_take_each_others_files(tmp_path):
    workers = [subprocess.Popen([sys.executable, "-c", COMPILE, str(tmp_path)], cwd=clock.ROOT, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    answers = [(worker.communicate(timeout=120), worker.returncode) for worker in workers]
    assert [(error, code) for (_, error), code in answers] == [("", 0)] * 4
    assert len({output for (output, _), _ in answers}) == 1
    assert [path.name for path in tmp_path.iterdir()] == [answers[0][0][0].strip().rsplit("/", 1)[1]]
