"""Does CloudTrail record failed SSO OIDC calls in your account, and in which form? Makes them, waits, and looks.

    python3 tools/lab.py --start-url https://d-1234567890.awsapps.com/start
    python3 tools/lab.py --help

The parts are in `tools/trail_lab`, in the order of the work: settings, aws, experiments, calls, notebook, history, match,
redact, report; `run` puts them together.
"""

import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("error: this needs Python 3.11 or later; this is %d.%d" % sys.version_info[:2])

# So that it runs by its path, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.trail_lab.run import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
