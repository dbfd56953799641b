"""What was found, and what it means for a deployment. In: calls and their records. Out: rows, sentences, an `Exit`.

Sentences are of our own words. Of a record only the redacted form is shown.
"""

import time
from dataclasses import dataclass, field

from . import experiments as of
from .history import OPERATIONS, SOURCES
from .match import BY_MARKS
from .notebook import NO_ANSWER, UNKNOWN
from .settings import Exit
from .text import span, table

#: A first look within this time of a call says something of CloudTrail.
LOOKED_S = 900
LIMITS = "docs/limits.md, section 'Does CloudTrail record failed calls?'"


@dataclass
class Facts:
    """Of the reading, beside the records."""

    is_up_to_date: bool
    incomplete: list[str] = field(default_factory=list)
    broken: int = 0
    unclear: int = 0
    others: int = 0
    throttled: int = 0
    owns_instance: bool | None = None


@dataclass
class Row:
    """One call, and one of its records."""

    call: object
    record: dict | None
    by: str | None = None

    @property
    def is_recorded(self):
        return self.record is not None

    def is_matched_by_the_rule(self):
        """As the stack's rule and the decoder read it."""
        source = str(self.record.get("eventSource")).removesuffix(".cn")
        return source in SOURCES and self.record.get("eventName") in OPERATIONS and self.record.get("readOnly") is not True


def rows_of(calls, records):
    for call, own in zip(calls, records):
        for record, by in own or [(None, None)]:
            yield Row(call, record, by)


def has_error(record):
    return bool(record.get("errorCode") or record.get("errorMessage"))


def how_late(call):
    """At most. None where nobody looked before: after an hour, say, that is how late we are."""
    if call.seen_at is None or (call.missed_at is None and call.seen_at - call.at > LOOKED_S):
        return None
    return max(0.0, call.seen_at - call.at)


def title(book):
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) for at in (book.first, book.last))
    return f"Run {book.run} in {book.region}, calls from {first} to {last} UTC."


def table_of(rows):
    heading = ["call", "answered with", "recorded by", "errorCode", "errorMessage", "userIdentity", "requestID", "seen within"]
    cells = [heading]
    for row in rows:
        first = [row.call.experiment, row.call.answer + (f" ({row.call.status})" if row.call.status else "")]
        if not row.is_recorded:
            cells.append([*first, "-", "-", "-", "-", "-", "-"])
            continue
        record = row.record
        identity = record.get("userIdentity")
        kind = identity.get("type") if isinstance(identity, dict) else None
        late = how_late(row.call)
        name = record.get("eventName")
        source = f"{record.get('eventSource')}" + (f" as {name}" if name != row.call.operation else "")
        code = record.get("errorCode") or "none"
        cells.append([*first, source, "the same" if code == row.call.answer else code,
                      "yes" if record.get("errorMessage") else "no", str(kind or "none"),
                      "the same" if row.by != BY_MARKS else "another" if record.get("requestID") else "none", span(late) if late is not None else "-"])
    return table(cells)


def verdict(rows, facts):
    """`all`, `some` or `none` of the failed calls; `unproven` where the history does not say; `nothing` where none failed."""
    failed = {id(row.call): row.call for row in rows if row.call.has_failed}
    recorded = {id(row.call) for row in rows if row.call.has_failed and row.is_recorded}
    if not failed:
        return "nothing"
    if len(recorded) == len(failed):
        return "all"
    if not facts.is_up_to_date or facts.incomplete:
        return "unproven"
    return "some" if recorded else "none"


EXITS = {"all": Exit.ANSWERED, "some": Exit.ANSWERED, "none": Exit.ANSWERED, "unproven": Exit.UNPROVEN, "nothing": Exit.NOTHING_FAILED}


def meaning(rows, facts, skipped, again):
    """Sentences, the answer first."""
    answer = verdict(rows, facts)
    calls = list({id(row.call): row.call for row in rows}.values())
    failed = [call for call in calls if call.has_failed]
    with_record = {id(row.call) for row in rows if row.is_recorded}
    missing = [call for call in failed if id(call) not in with_record]
    count = f"{len(failed) - len(missing)} of {len(failed)} failed calls"
    yield from {
        "all": [f"CloudTrail recorded every failed call of this run ({len(failed)}). It is a source of failures for oidc-triage here."],
        "some": [f"CloudTrail recorded {count}. Not recorded: {names(missing)}.", f"Recorded: {names(call for call in failed if call not in missing)}.",
                 "What is not recorded is seen in application logs and by the probe only: set ApplicationLogGroups and StartUrl."],
        "none": [f"CloudTrail recorded none of {len(failed)} failed calls, though the event history is up to date.",
                 "So CloudTrail shows no failures of this kind to oidc-triage here: an outage may show in it only as missing successes. "
                 "Set ApplicationLogGroups and StartUrl, and let programs hand over their failed calls (docs/call-api.md)."],
        "unproven": [f"Unproven. {count} are in the event history so far.", *unproven(facts), f"Read it again later: {again}"],
        "nothing": ["No call failed, so there is nothing to look for. Look at the answers above: can this machine reach the service?"],
    }[answer]
    if missing and answer in ("some", "none"):
        yield from by_owner(failed, with_record)
        if of.SIGNED_IN.name in skipped:
            yield "Failures of a person whom the service knows are the likeliest to be recorded: try --sign-in."
    if facts.owns_instance is False and missing:
        yield ("This account owns no instance of Identity Center in this region. Records go to the account that does: read them with "
               f"its credentials: {again}")
    elif facts.owns_instance is None and missing:
        yield "Whether this account owns the instance could not be seen (sso:ListInstances). Records go to the account that does."
    if refused := [call for call in calls if call.experiment == "start" and not call.is_served]:
        yield (f"The service refused your start URL ({refused[0].answer}): is it that of this region's instance? The calls that show most, those of a "
               "device sign-in, were not made.")
    served = [call for call in calls if call.is_served]
    if served:
        yield f"Of {len(served)} served calls, {sum(id(call) in with_record for call in served)} are recorded."
    pending = [call for call in calls if call.is_pending]
    if pending:
        yield (f"Of {len(pending)} polls of a device that waits for its user, {sum(id(call) in with_record for call in pending)} are recorded. They are "
               "normal traffic, and no failures.")
    yield from forms([row for row in rows if row.is_recorded])
    yield from server_errors(failed, with_record)
    if lost := [call for call in calls if call.answer in (UNKNOWN, NO_ANSWER) and id(call) not in with_record]:
        yield f"Without an answer, so that only its marks could show a record: {names(lost)}."
    surprising = [call for call in calls if call.answer not in (*of.ALL[call.experiment].expect, UNKNOWN, NO_ANSWER)]
    if surprising:
        yield ("Answered in another way than was expected: "
               + "; ".join(f"{call.experiment} with {call.answer}" for call in surprising) + ". Please open an issue.")
    for why in dict.fromkeys(skipped.values()):
        yield f"Left out ({why}): {', '.join(name for name, given in skipped.items() if given == why)}."
    yield from oddities(facts)


def by_owner(failed, with_record):
    """Records go to an account, and many refused calls name none."""
    parts = []
    for is_named, whose in ((True, "that name your portal, a device code of it or your account"), (False, "that name none of these")):
        own = [call for call in failed if of.ALL[call.experiment].names_owner is is_named]
        parts.append(f"of {len(own)} failed calls {whose}, {sum(id(call) in with_record for call in own)} are recorded")
    yield f"{'; '.join(parts).capitalize()}: of the latter the service may not know in whose account to record them."


def names(calls):
    return ", ".join(dict.fromkeys(f"{call.experiment} ({call.answer})" for call in calls))


def unproven(facts):
    if facts.incomplete:
        yield f"Not read to the end, because of CloudTrail's limits: {', '.join(facts.incomplete)}."
    if not facts.is_up_to_date:
        yield "The event history does not even show our own LookupEvents calls yet, so a record that is missing proves nothing."


def forms(rows):
    """Which form the records have, as far as it matters to the rule and the decoder."""
    if not rows:
        return
    sources = sorted({f"{row.record.get('eventSource')} {row.record.get('eventName')}" for row in rows})
    yield f"The records have the form: {'; '.join(sources)}."
    unmatched = [row for row in rows if not row.is_matched_by_the_rule()]
    if unmatched:
        of_rule = sorted({f"{row.record.get('eventSource')} {row.record.get('eventName')}, readOnly {row.record.get('readOnly')}"
                          for row in unmatched})
        yield (f"The stack's rule (CloudTrailRule) does NOT match: {'; '.join(of_rule)}. Please open an issue with the files in records. "
               "A rule sees records with readOnly true only in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS.")
    else:
        yield "The stack's rule (CloudTrailRule) matches all of them as it is, if a trail records management events in this region."
    silent = [row.call for row in rows if row.call.has_failed and not has_error(row.record)]
    if silent:
        yield (f"Recorded without errorCode and errorMessage: {names(silent)}. Try `oidc-triage explain --event FILE` on them: they may "
               "count as served. Please open an issue with the files in records.")
    other = [row.call for row in rows if row.call.has_failed and row.record.get("errorCode") not in (None, row.call.answer)]
    if other:
        yield f"Recorded under another errorCode than the caller got: {names(other)}."
    without = [row.call for row in rows if row.by == BY_MARKS]
    if without:
        yield (f"Without the caller's request id: {names(without)}. Such a failure counts twice if an application logs it as well; its "
               "caller counts once for each source.")
    many = [call for call in {id(row.call): row.call for row in rows}.values() if sum(row.call is call for row in rows) > 1]
    if many:
        yield f"Recorded more than once: {names(many)}. Records with one request id count as one failure."
    unknown = [row for row in rows if kind(row.record) in (None, "Unknown")]
    if unknown:
        yield (f"{len(unknown)} of {len(rows)} records name no user. oidc-triage takes client id and address for the caller of such a record.")
    late = [seconds for row in rows if (seconds := how_late(row.call)) is not None]
    if late:
        yield (f"The fastest record was in the event history within {span(min(late))} of its call, the slowest within {span(max(late))}. Events reach "
               "a rule by another way, which may be faster or slower.")


def kind(record):
    identity = record.get("userIdentity")
    return identity.get("type") if isinstance(identity, dict) else None


def server_errors(failed, with_record):
    of_service = [call for call in failed if (call.status or 0) >= 500]
    if of_service:
        shown = sum(id(call) in with_record for call in of_service)
        yield f"Of the calls answered with a 5xx ({len(of_service)}), {shown} are recorded: the nearest thing to an outage here."
    elif failed:
        yield ("No call was answered with a 5xx: these are refusals. Whether CloudTrail records the failures of an outage remains "
               f"unknown ({LIMITS}).")


def oddities(facts):
    if facts.unclear:
        yield f"{facts.unclear} records have this run's marks and fit none of its calls."
    if facts.broken:
        yield f"{facts.broken} events have no record that can be read."
    if facts.others:
        yield f"{facts.others} other records of the four operations are of other callers in that time. They are not written."
    if facts.throttled:
        yield f"CloudTrail throttled the reading {facts.throttled} times."
