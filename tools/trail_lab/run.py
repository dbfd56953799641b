"""The order of the work, and what is printed. Everything that can go wrong ends here, in a sentence and an exit code."""

import signal
import sys
import time
import traceback
from pathlib import Path

from . import calls, history, notebook, records, report, settings
from .aws import Aws, CannotStart
from .match import match
from .redact import Redactor
from .settings import Exit
from .text import one_line, span, table

#: Clocks differ by this much, and a look includes that much after the last call.
MARGIN_S = 120


def say(text):
    """A sign of life, beside what is printed."""
    print(f"{time.strftime('%H:%M:%S', time.gmtime())}  {one_line(text, 500)}", file=sys.stderr, flush=True)


def main(arguments=None):
    given = settings.read(arguments)
    # Ended from outside, it says how to continue as well.
    signal.signal(signal.SIGTERM, interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    lab = Lab(given)
    try:
        return lab.run()
    except CannotStart as why:
        return refuse(why)
    except notebook.Unusable as why:
        return refuse(f"--only-read cannot be used: {why}")
    except OSError as why:
        print(f"error: cannot read or write {one_line(why.filename or 'a file')}: {one_line(why.strerror or why)}", file=sys.stderr)
        return Exit.FAILED if lab.book else Exit.REFUSED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        if lab.book and lab.book.calls:
            print(f"{len(lab.book.calls)} calls were made. To read what became of them: {lab.again()}", file=sys.stderr)
        return Exit.INTERRUPTED
    except Exception as fault:
        # Its text may hold what no one is to see.
        frame = traceback.extract_tb(fault.__traceback__)[-1]
        print(f"error: unexpected: {type(fault).__name__} in {Path(frame.filename).name}, line {frame.lineno}. Please open an issue."
              + (f" To read what became of the calls: {lab.again()}" if lab.book and lab.book.calls else ""), file=sys.stderr)
        return Exit.FAILED


def interrupt(*_):
    raise KeyboardInterrupt


def refuse(why):
    print(f"error: {why}", file=sys.stderr)
    return Exit.REFUSED


class Lab:
    def __init__(self, given):
        self.given, self.book = given, None

    def again(self):
        return f"python3 tools/lab.py --only-read {self.book.file}"

    def run(self):
        given, book = self.given, None
        if given.only_read is not None:
            book = notebook.load(given.only_read)
            if given.region not in (None, book.region):
                raise CannotStart(f"these calls were made in {book.region}: leave out --region")
            given = self.given = settings.in_region(given, book.region)
        run = book.run if book else notebook.new_run()
        aws = Aws(given, run)
        caller = aws.caller()
        if caller is None and not given.only_calls:
            raise CannotStart("no credentials: sign in as you do for the AWS CLI, give --profile, or use --only-calls, which needs none")
        redactor = Redactor(run, known(given, caller))
        trail = None if given.only_calls else history.History(aws, given.pace, say)
        refused = self._refusal(trail, redactor)
        owns = aws.owns_instance(caller) if caller else None
        if book:
            self.book = book
        else:
            self.book = notebook.new(given.folder, run, aws.region)
            say(f"run {run}: makes the calls in {aws.region}, and notes them in {self.book.file}")
            maker = calls.Maker(given, aws, caller, self.book, say)
            maker.all()
            for kind, value in maker.secrets():
                redactor.hide(kind, value)
        if given.only_read is None and not any(call.status for call in self.book.calls):
            return self._unread("No call was answered: can this machine reach the service? Look at the network and the region.", Exit.NOTHING_FAILED)
        if given.only_calls:
            return self._unread("Not read, as you asked for.", Exit.ANSWERED)
        if refused:
            return self._unread(refused)
        return self._read(trail, redactor, owns)

    def _refusal(self, trail, redactor):
        """Why the event history cannot be read; None where it can."""
        try:
            if trail and not trail.may_read():
                say("the event history does not answer yet")
        except history.Unreadable as no:
            why = (f"This account's event history cannot be read ({no}{': ' if no.answer.message else ''}{redactor.text(no.answer.message)})."
                   + (" The right cloudtrail:LookupEvents is needed." if str(no).startswith("AccessDenied") else ""))
            say(why)
            return why
        return None

    def _unread(self, why, code=Exit.UNREADABLE):
        print(table([["call", "answered with", "at (UTC)", "request id"],
                     *([call.experiment, call.answer + (f" ({call.status})" if call.status else ""),
                        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(call.at)), call.request_id or "none"] for call in self.book.calls)]))
        for name, reason in self.book.skipped.items():
            print(f"left out: {name} ({reason})")
        print(f"\n{why}\nTo see what CloudTrail recorded of these calls, within 90 days and by one who may: {self.again()}")
        return code

    def _read(self, trail, redactor, owns):
        try:
            found, matched, is_up_to_date = self._wait(trail)
        except history.Unreadable as no:
            return self._unread(f"The event history can no longer be read ({no}): credentials end, say. Nothing is concluded.")
        rows = list(report.rows_of(self.book.calls, matched.records))
        facts = report.Facts(is_up_to_date, found.incomplete, found.broken, len(matched.unclear), matched.others, trail.throttled, owns)
        # First, because what they hold is then known in every text.
        made = records.redacted(rows, redactor)
        text = "\n".join([report.title(self.book), "", report.table_of(rows), "", "What it means:",
                          *(f"- {sentence}" for sentence in report.meaning(rows, facts, self.book.skipped, self.again()))]) + "\n"
        refused = records.write(self.book, made, redactor)
        records.write_findings(self.book, rows, facts, text)
        print(f"\n{text}\nFiles: {self.book.folder}: {len(made) - refused} records. {records.NEXT if made else ''}".rstrip())
        if refused:
            print(f"error: {refused} records were not written, because something of theirs could not be hidden", file=sys.stderr)
            return Exit.FAILED
        return report.EXITS[report.verdict(rows, facts)]

    def _wait(self, trail):
        """Looks until every call is there, or the time is over: what was found, and whether the history is up to date."""
        given, book = self.given, self.book
        trail.own.clear()
        begun, begin, end = time.time(), book.first - MARGIN_S, book.last + MARGIN_S
        until = begun + given.wait
        is_up_to_date, whole = False, False
        while True:
            looked_at = time.time() + book.skew
            patience = max(until, time.time() + given.every)
            found = trail.read(patience, begin, end, whole=whole)
            matched = match(book, found.records.values())
            for call, own in zip(book.calls, matched.records):
                if own and call.seen_at is None:
                    call.seen_at = time.time() + book.skew
                elif not own:
                    call.missed_at = looked_at
            book.save()
            missing = sum(not own for own in matched.records)
            # Lookups of this reading: they are later than the calls, and of this account.
            is_up_to_date = is_up_to_date or (missing > 0 and trail.shows(trail.own, patience, begun + book.skew - MARGIN_S))
            is_old = time.time() + book.skew > book.last + given.wait
            is_over = missing == 0 or time.time() >= until or (is_up_to_date and is_old)
            if is_over and (whole or missing == 0):
                return found, matched, is_up_to_date
            whole = is_over
            if not is_over:
                left = min(given.every, until - time.time())
                say(f"{len(book.calls) - missing} of {len(book.calls)} calls are in the event history; {'' if is_up_to_date else 'it is not up to date; '}"
                    f"waits up to {span(until - time.time())} more")
                time.sleep(max(0.0, left))


def known(given, caller):
    """What must not get out, whatever text it stands in."""
    if given.start_url:
        yield "url", given.start_url
        yield "host", given.start_url.split("/")[2]
    if given.application:
        yield "arn", given.application
    if caller:
        yield "account", caller.account
        yield "arn", caller.arn
        yield "principal", caller.user_id
