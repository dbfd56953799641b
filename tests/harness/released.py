"""The files of a release: those in OIDC_TRIAGE_DIST (`make release-check`), else made of what the tests have built anyway."""

import os
import pathlib
import platform

#: A folder with all files of a release.
DIST = pathlib.Path(os.environ["OIDC_TRIAGE_DIST"]) if os.environ.get("OIDC_TRIAGE_DIST") else None

#: This machine's processor, as a wheel and Rust name it, and as Lambda does.
PROCESSOR = platform.machine()
ARCHITECTURE = {"aarch64": "arm64"}.get(PROCESSOR, PROCESSOR)


def released(pattern: str) -> pathlib.Path:
    """The one file of the release with such a name."""
    [found] = DIST.glob(pattern)
    return found
