"""The command line. In: arguments. Out: `Settings`, or a clear refusal before anything is called."""

import argparse
import enum
import re
import urllib.parse
from dataclasses import dataclass, replace
from pathlib import Path


class Exit(enum.IntEnum):
    """`--help` prints these."""

    ANSWERED = 0
    FAILED = 1
    REFUSED = 2
    UNPROVEN = 3
    UNREADABLE = 4
    NOTHING_FAILED = 5
    INTERRUPTED = 130


MEANING = {
    Exit.ANSWERED: "the table and its meaning hold: the calls were made, and the event history was read up to date "
                   "(--only-calls: the calls were made)",
    Exit.FAILED: "a file could not be written, or something unexpected happened",
    Exit.REFUSED: "a setting or the credentials are wrong: nothing was called",
    Exit.UNPROVEN: "unproven: the event history is not up to date yet, or was not read whole. Read it again later",
    Exit.UNREADABLE: "the calls were made, and this account's event history cannot be read",
    Exit.NOTHING_FAILED: "the service could not be reached, or no call failed: there is nothing to look for",
    Exit.INTERRUPTED: "interrupted; the last lines say how to continue",
}

ABOUT = """\
Makes the failing SSO OIDC calls that an ordinary caller can make, each marked (client name and user agent
`oidc-triage-lab-RUN`), waits for CloudTrail, reads the account's event history, and prints which call was recorded in which
form, and what that means for a deployment of oidc-triage. It changes nothing in the account: it registers clients, which
expire after 90 days, and starts a device sign-in that nobody completes.

Run it in the account that owns the Identity Center instance, in its region, once. It takes as long as CloudTrail does: up
to 15 minutes."""

FILES = """\
files, in the folder:
  calls.json        the calls with their request ids, without secrets; written before and after each call, so that
                    --only-read can continue from it
  records/*.json    the records of these calls, redacted, in the form of events/: for `oidc-triage explain --event FILE`.
                    Read them before you pass them on: a program cannot know every secret
  lookup__lab.json  the same records as `aws cloudtrail lookup-events` prints them: for `oidc-triage replay`
  report.txt        what was printed
  findings.json     the same for programs

rights: cloudtrail:LookupEvents to read, and none for the calls: without sso-oauth:CreateTokenWithIAM, IAM refuses that one,
which is a failed call as well. Optional: sso:ListInstances, which shows whether this account owns the instance.
"""

DEFAULT_WAIT = "15m"
UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST = 24 * 3600
APPLICATION = re.compile(r"arn:(?P<partition>aws[a-z-]*):sso::\d{12}:application/ssoins-[0-9a-f]{16}/apl-[0-9a-f]{16}")


@dataclass(frozen=True)
class Settings:
    #: None: do without.
    start_url: str | None
    region: str | None
    profile: str | None
    application: str | None
    folder: Path | None
    only_read: Path | None
    only_calls: bool
    sign_in: bool
    expired: bool
    wait: float
    every: float
    pause: float
    pace: float


def duration(text):
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", text)
    seconds = float(found[1]) * UNITS[found[2]] if found else None
    if seconds is None or seconds > LONGEST:
        raise argparse.ArgumentTypeError("not a duration such as 90s, 15m or 1h, of at most 24h")
    return seconds


def start_url(text):
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
    except ValueError:
        parts = port = None
    if not parts or parts.scheme != "https" or "." not in (parts.hostname or "") or parts.username or port or len(text) > 2048 \
            or not re.fullmatch(r"[!-~]+", text):
        raise argparse.ArgumentTypeError("not the URL of an access portal, such as https://d-1234567890.awsapps.com/start")
    return text


def region(text):
    if not re.fullmatch(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2}", text):
        raise argparse.ArgumentTypeError("not a region such as us-east-1")
    return text


def application(text):
    if not APPLICATION.fullmatch(text):
        raise argparse.ArgumentTypeError("not the ARN of an application: arn:aws:sso::ACCOUNT:application/ssoins-.../apl-...")
    return text


def parser():
    codes = "exit codes:\n" + "".join(f"  {code:<4} {meaning}\n" for code, meaning in MEANING.items())
    made = argparse.ArgumentParser(prog="lab.py", description=ABOUT, epilog=f"{FILES}\n{codes}", allow_abbrev=False,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    what = made.add_argument_group("what is called")
    what.add_argument("--start-url", type=start_url, metavar="URL", help="your access portal's URL (Identity Center, settings)")
    what.add_argument("--no-start-url", action="store_true",
                      help="do without it. The service then cannot know whose the calls are, so that fewer may be recorded")
    what.add_argument("--application-arn", type=application, metavar="ARN", dest="application",
                      help="an application to which you are not assigned, for CreateTokenWithIAM. Default: one that does not exist")
    what.add_argument("--sign-in", action="store_true",
                      help="also sign in: open the printed URL in a browser. Shows a served call, and failures of a known person. "
                      "The tokens are forgotten at the end; the session ends as your sessions do")
    what.add_argument("--expired", action="store_true", help="also poll with an expired device code: ten minutes longer")
    what.add_argument("--pause", type=duration, default="2s", metavar="TIME", help="between two calls (default %(default)s)")
    where = made.add_argument_group("where")
    where.add_argument("--region", type=region, help="Identity Center's region. Default: AWS_REGION, or the profile's")
    where.add_argument("--profile", help="of your AWS settings")
    where.add_argument("--folder", type=Path, metavar="DIR", help="where the files are put. Default: lab-RUN, in this folder")
    how = made.add_argument_group("waiting and reading")
    how.add_argument("--wait", type=duration, default=DEFAULT_WAIT, metavar="TIME",
                     help="how long to wait for CloudTrail after the last call (default %(default)s); it ends earlier when every "
                     "call is in the event history")
    how.add_argument("--every", type=duration, default="60s", metavar="TIME", help="between two looks (default %(default)s)")
    how.add_argument("--pace", type=duration, default="0.6s", metavar="TIME",
                     help="between two requests to CloudTrail, which allows two a second (default %(default)s)")
    parts = made.add_mutually_exclusive_group()
    parts.add_argument("--only-read", type=Path, metavar="FILE",
                       help="make no calls: read the event history for those of this calls.json. Continues after an interruption; "
                       "works for 90 days, and with the credentials of another account")
    parts.add_argument("--only-calls", action="store_true",
                       help="make the calls and do not read. Works without credentials, except for CreateTokenWithIAM")
    return made


def read(arguments):
    made = parser()
    given = made.parse_args(arguments)
    if given.only_read is None and (given.start_url is None) != given.no_start_url:
        made.error("give either --start-url URL (your access portal's: https://....awsapps.com/start) or --no-start-url")
    if given.only_read is not None:
        for name in ("start_url", "no_start_url", "application", "sign_in", "expired", "folder"):
            if getattr(given, name):
                made.error(f"--only-read makes no calls and writes beside its file: leave out --{name.replace('_', '-')}")
    if given.sign_in and given.no_start_url:
        made.error("--sign-in needs --start-url")
    if given.expired and given.no_start_url:
        made.error("--expired needs --start-url")
    return Settings(**{name: value for name, value in vars(given).items() if name != "no_start_url"})


def in_region(given, name):
    return replace(given, region=name)


def is_region(name):
    try:
        return bool(region(name))
    except argparse.ArgumentTypeError:
        return False
