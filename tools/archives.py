"""Archives that show neither when nor where they were made: the same files give the same bytes."""

import gzip
import io
import os
import tarfile
import time
import zipfile

#: A file's content and its mode.
File = tuple[bytes, int]

PROGRAM, TEXT = 0o755, 0o644

#: A zip knows no time before 1980.
EARLIEST = 315_532_800


def epoch() -> int:
    """The time that all files get. Where the sources have no commit, it is the beginning of time."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or "0")


def zipped(files: dict[str, File], level: int = 9) -> bytes:
    """In the order given: the list of a wheel's files comes last."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, time.gmtime(max(epoch(), EARLIEST))[:6])
            entry.create_system, entry.external_attr, entry.compress_type = 3, (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=level)
    return made.getvalue()


def tarred(folder: str, files: dict[str, File], level: int = 9) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", mtime=epoch(), filename="", compresslevel=level) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, (content, mode) in sorted(files.items()):
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), mode, epoch()
                archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()
