"""The time of a run: all processes share it, each may be off by a little, and it advances on demand.

    clock = Clock(folder)
    Function({**clock.environment(slot=3), ...}, clock=lambda: clock.now(3))
    clock.advance(60)          # a minute passes everywhere
    clock.step(3, -2.5)        # the third one's clock is set back

An hour passes in seconds, with the program's own numbers: nothing is shortened.
"""

import functools
import hashlib
import mmap
import os
import pathlib
import struct
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = pathlib.Path(__file__).with_name("clock.rs")
BUILT = ROOT / "target" / "soak"
#: As `clock.rs` has it.
FILE_BYTES = 4096
SLOTS = FILE_BYTES // 8
NANOS = 1_000_000_000
#: Where rustc looks for the jobserver of a `make` above it, which hands it to its own recipes alone.
MAKE_FLAGS = {"MAKEFLAGS", "CARGO_MAKEFLAGS", "MFLAGS"}


@functools.cache
def library():
    """The clock to be loaded before the C library. Compiled once: what `cargo` needs is enough for it."""
    source = SOURCE.read_bytes()
    built = BUILT / f"clock-{hashlib.sha256(source).hexdigest()[:12]}.so"
    if not built.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        # Several may do so at once, each in a folder of its own: rustc names its object files after the stem of its
        # output, so that two in one folder take each other's.
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            compiled = pathlib.Path(folder) / "clock.so"
            subprocess.run(["rustc", "--edition", "2024", "--crate-name", "clock", "--crate-type", "cdylib",
                            "-C", "opt-level=2", "-C", "panic=abort", "-o", str(compiled), str(SOURCE)], check=True,
                           env={name: value for name, value in os.environ.items() if name not in MAKE_FLAGS})
            compiled.replace(built)
    return str(built)


class Clock:
    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "clock"
        self.path.write_bytes(bytes(FILE_BYTES))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), FILE_BYTES)
        self.lock = threading.Lock()

    def environment(self, slot, slower=1):
        """The environment of a process with that clock, and with time-outs this many times as long."""
        return {"LD_PRELOAD": library(), "SOAK_CLOCK_FILE": str(self.path), "SOAK_CLOCK_SLOT": str(slot),
                "SOAK_CLOCK_SLOWER": str(slower)}

    def _at(self, slot):
        return struct.unpack_from("<q", self.map, 8 * slot)[0]

    def _add(self, slot, seconds):
        with self.lock:
            struct.pack_into("<q", self.map, 8 * slot, self._at(slot) + int(seconds * NANOS))

    @property
    def passed(self):
        """The run's time ahead of the real one, in seconds."""
        return self._at(0) / NANOS

    def advance(self, seconds):
        self._add(0, seconds)

    def step(self, slot, seconds):
        assert 0 < slot < SLOTS
        self._add(slot, seconds)

    def off(self, slot):
        """The offset of that process's clock, in seconds."""
        return self._at(slot) / NANOS

    def now(self, slot=None):
        """In seconds since 1970, by the clock of that process."""
        return time.time() + self.passed + (self.off(slot) if slot else 0.0)

    def age(self, seconds=0.0):
        """An age by this clock, as an age by the real one."""
        return seconds - self.passed

    def close(self):
        self.map.close()
