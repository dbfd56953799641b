"""Whether the promises were kept: a function of the facts of a run (`story.Facts`) that returns the violations.

At least once; at most one more for each publish whose outcome was lost; in order; one incident at a time; ledger and
outbox agree with each other and with SNS.
"""

import collections
import dataclasses
import itertools
import json

from .plan import LAST
from .witness import overlaps

#: As deployed, in seconds: a sandbox alone repeats the same notice at most once in this time. It counts from the invocation's
#: begin, and waits up to five seconds before it publishes.
UNSHARED_QUIET = 900 - 5
UNSHARED = "-unshared"
#: Of a mark, the bytes that say who failed in which call.
MARKED_BY = 10
#: A sandbox may lack data if the table failed it this many invocations ago: it may not know yet what it could not
#: read.
LATELY = 1


@dataclasses.dataclass(frozen=True)
class Entry:
    """An outbox entry, as the table has it."""
    region: str
    position: int
    channel: str
    incident: str | None
    sequence: int
    kind: str
    diagnosis: str
    sent_at: object
    message_id: str | None
    is_held: bool
    key: tuple


@dataclasses.dataclass
class Published:
    """A publish that SNS took."""
    request: object
    channel: str
    incident: str | None
    sequence: int
    kind: str
    text: str
    #: Whether the table knows it: then there is no reason to send it again.
    is_settled: bool = False
    #: Why the table does not know, or the sandbox does not.
    excuse: str | None = None

    @property
    def is_alone(self):
        return (self.incident or "").endswith(UNSHARED)

    @property
    def what(self):
        return f"{self.incident} {self.sequence} on the {self.channel}"


def check(facts):
    """The violations, a sentence each; and the numbers for the table of results."""
    books = Books(facts)
    wrong = [sentence for rule in RULES for sentence in rule(books)]
    return wrong, books.numbers()


class Books:
    def __init__(self, facts):
        self.facts, self.plan = facts, facts.plan
        self.entries = sorted((entry_of(item) for item in facts.items if item["sk"].startswith("outbox#")),
                              key=lambda entry: (entry.region, entry.position))
        self.ledgers = {item["pk"].removeprefix("region#"): item for item in facts.items if item["sk"] == "incident#current"}
        self.by_key = {entry.key: entry for entry in self.entries}
        self.of_invocation = collections.defaultdict(list)
        for request in facts.requests:
            self.of_invocation[request.invocation].append(request)
        self.published = [self.publication(request) for request in
                          sorted((one for one in facts.requests if one.taken is not None), key=lambda one: one.taken)]

    def publication(self, request):
        attributes = self.facts.published[request.message_id].attributes
        made = Published(request, "topic" if request.label == "publish" else "pager", attributes.get("incident"),
                         int(attributes["sequence"]), attributes["kind"], self.facts.published[request.message_id].message)
        of_it = self.of_invocation[request.invocation]
        later = [one for one in of_it if one.number > request.number]
        settled = [one for one in later if one.label == "settle as sent" and one.done
                   and one.body["ExpressionAttributeValues"].get(":message_id", {}).get("S") == request.message_id]
        sent = {(self.by_key[key].incident, self.by_key[key].sequence)
                for one in settled for key in one.keys if key in self.by_key}
        made.is_settled = (made.incident, made.sequence) in sent or made.incident is None and bool(settled)
        if not made.is_settled:
            made.excuse = request.fault or next((one.fault for one in later if one.fault), None)
            if self.facts.invocations[request.invocation].killed:
                made.excuse = "killed"
        return made

    def has_trouble(self, request_or_invocation, of):
        """Whether the table (or SNS) failed the sandbox in that invocation, or in one just before, or could not be reached
        in time from a machine that was late."""
        number = getattr(request_or_invocation, "invocation", None)
        one = self.facts.invocations[request_or_invocation.number if number is None else number]
        own = [other for other in self.facts.invocations
               if (other.sandbox, other.incarnation) == (one.sandbox, one.incarnation) and other.number <= one.number]
        return any(overlaps(self.facts.late, other.began, other.ended)
                   or any(request.fault and (request.label in ("publish", "page")) == (of == "sns")
                          for request in self.of_invocation[other.number])
                   for other in own[-1 - LATELY:])

    def may_not_know(self, request):
        """Whether the sandbox may not know that SNS took it."""
        one = self.facts.invocations[request.invocation]
        return request.fault is not None or overlaps(self.facts.late, one.began, one.ended)

    def repeats(self):
        """(the earlier one, the repeat) of each notice that was accepted again."""
        last = {}
        for one in self.published:
            if one.incident is None or one.is_alone:
                continue
            what = (one.channel, one.incident, one.sequence)
            if what in last:
                yield last[what], one
            last[what] = one

    def numbers(self):
        repeats = list(self.repeats())
        return {
            "invocations": len(self.facts.invocations), "requests": len(self.facts.requests), "kills": len(self.facts.killed),
            "notices": len({(one.channel, one.incident, one.sequence, one.kind) for one in self.published if not one.is_alone}),
            "alone": sum(one.is_alone for one in self.published), "repeats": len(repeats),
            "times the machine was late": len(self.facts.late),
            "ambiguous": sum(not one.is_settled for one in self.published if not one.is_alone),
            "redelivered": sum(one.killed or one.error is not None for one in self.facts.invocations),
            "waited for a clock": self.facts.minutes >= LAST, "queued": self.facts.queued,
            "incidents": len({one.incident for one in self.entries if one.incident}),
        }


def entry_of(item):
    return Entry(region=item["pk"].removeprefix("region#"), position=int(item["sk"].removeprefix("outbox#")),
                 channel=item["channel"], incident=item.get("incident"), sequence=int(item["sequence"]), kind=item["kind"],
                 diagnosis=item["diagnosis"], sent_at=item.get("sent_at"), message_id=item.get("message_id"),
                 is_held="claimed_by" in item or "not_before" in item, key=(item["pk"], item["sk"]))


# The rules. Each yields its violations.

def everything_is_sent(books):
    taken = {one.request.message_id: one for one in books.published}
    for entry in books.entries:
        name = f"{entry.kind} {entry.incident} {entry.sequence} on the {entry.channel}"
        if entry.sent_at is None:
            yield f"{name} was never sent"
            continue
        if entry.message_id is None and entry.channel == "pager":
            # An alarm that ended before its notice has none.
            continue
        sent = taken.get(entry.message_id)
        if sent is None:
            yield f"{name} is sent by the table, and SNS never took it"
        elif entry.incident and (sent.channel, sent.incident) != (entry.channel, entry.incident):
            yield f"{name} is sent as {sent.what}"
        elif entry.incident and sent.sequence < entry.sequence:
            yield f"{name} is sent as the earlier {sent.what}"


def people_are_notified_of_the_outage(books):
    for region in books.facts.callers:
        if not any(one.channel == "topic" and one.incident and one.incident.startswith(region) for one in books.published):
            yield f"nobody was notified of the outage in {region}"
        if not any(entry.region == region and entry.kind == "opened" for entry in books.entries):
            yield f"no incident was opened in {region}"


def it_ends(books):
    if not books.facts.ended:
        yield f"not everything is sent and resolved after {books.facts.minutes} minutes"


def nothing_is_repeated_without_a_reason(books):
    if books.plan.is_wild:
        return
    for before, repeat in books.repeats():
        if before.is_settled:
            yield f"{repeat.what} was taken again, though the table knew that it had been"


def nothing_is_left_unsettled_without_a_reason(books):
    if books.plan.is_wild:
        return
    for one in books.published:
        if not one.is_settled and not one.is_alone and not one.excuse:
            yield f"{one.what} was accepted, and the table does not know, though nothing was in the way"


def they_come_in_order(books):
    if books.plan.is_wild:
        return
    latest = {}
    for one in books.published:
        if one.incident is None or one.is_alone:
            continue
        what = (one.channel, one.incident)
        if one.sequence < latest.get(what, 0):
            yield f"{one.what} was taken after notice {latest[what]}"
        latest[what] = max(one.sequence, latest.get(what, 0))


def sequences_have_no_gaps(books):
    sequences = collections.defaultdict(list)
    for entry in books.entries:
        if entry.incident and entry.channel == "topic":
            sequences[entry.incident].append(entry.sequence)
    for incident, found in sequences.items():
        if found != list(range(1, len(found) + 1)):
            yield f"{incident} has the notices {found}"


def one_incident_at_a_time(books):
    for region, entries in itertools.groupby(books.entries, key=lambda entry: entry.region):
        open_one, known = None, set()
        for entry in entries:
            if entry.channel != "topic" or not entry.incident or entry.diagnosis.startswith("one_"):
                continue
            if entry.kind == "opened" and entry.incident in known:
                yield f"{entry.incident} was opened twice"
            known.add(entry.incident)
            if entry.kind in ("opened", "reopened"):
                if open_one not in (None, entry.incident):
                    yield f"{entry.incident} was opened while {open_one} was open"
                open_one = entry.incident
            elif entry.kind == "resolved" and entry.incident == open_one:
                open_one = None
            elif entry.incident != open_one:
                yield f"{entry.kind} of {entry.incident} while {open_one} was open in {region}"


def the_ledger_agrees_with_the_outbox(books):
    for region, item in books.ledgers.items():
        ledger = json.loads(item["ledger"])
        positions = [entry.position for entry in books.entries if entry.region == region]
        if positions != list(range(len(positions))):
            yield f"the outbox of {region} has the positions {positions}"
        if not int(item["next"]) == ledger["next_position"] == len(positions):
            yield f"the ledger of {region} says {item['next']} and {ledger['next_position']}, and there are {len(positions)}"
        unsent = [entry.position for entry in books.entries if entry.region == region and entry.sent_at is None]
        if unsent and int(item.get("sent_below", 0)) > unsent[0]:
            yield f"in {region} all below {item['sent_below']} counts as sent, and {unsent[0]} is not"
        for incident in [ledger["incident"], *ledger["apart"]]:
            if incident is None:
                continue
            of_it = [entry for entry in books.entries if entry.incident == incident["id"]]
            if incident["sequence"] != max((entry.sequence for entry in of_it), default=0):
                yield f"{incident['id']} is at {incident['sequence']}, and its notices are not"
            last = of_it[-1].kind if of_it else None
            if (incident["resolved_at"] is not None) != (last == "resolved"):
                yield f"{incident['id']} was resolved at {incident['resolved_at']}, and its last notice is {last}"


def no_step_is_lost(books):
    """Each version of a ledger was written once, from the one before."""
    steps = collections.defaultdict(dict)
    for request in books.facts.requests:
        if request.label != "commit" or not request.done:
            continue
        update = next(part["Update"] for part in request.body["TransactItems"] if "Update" in part)
        values = update["ExpressionAttributeValues"]
        region = update["Key"]["pk"]["S"].removeprefix("region#")
        version, token = int(values[":version"]["N"]), values[":token"]["S"]
        if steps[region].setdefault(version, token) != token:
            yield f"version {version} of the ledger of {region} was made twice"
    for region, item in books.ledgers.items():
        if sorted(steps[region]) != list(range(1, int(item["version"]) + 1)):
            yield f"the ledger of {region} is at {item['version']}, made by the steps {sorted(steps[region])}"
        elif steps[region][int(item["version"])] != item["token"]:
            yield f"the latest step in {region} is another's"


def nothing_is_held_for_ever(books):
    for entry in books.entries:
        if entry.is_held:
            yield f"{entry.kind} {entry.incident} {entry.sequence} is still claimed, or waits"


def no_more_is_counted_than_happened(books):
    failures, served, known = collections.Counter(), collections.Counter(), collections.defaultdict(set)
    for item in books.facts.items:
        if not item["pk"].startswith("slot#"):
            continue
        region = item["pk"].split("#")[1]
        marks = [mark.value for name, value in item.items() if name[0] == "m" and len(name) == 2 for mark in value]
        if books.plan.is_wild:
            # A time far ahead of a clock that was set back counts as now; caller and failure identify it.
            marks = {mark[:MARKED_BY] for mark in marks} - known[region]
            known[region] |= marks
        failures[region] += len(marks)
        served[region] += sum(int(value) for name, value in item.items() if name[0] == "c" and name[-1] == "s")
    for region, count in failures.items():
        if count > books.facts.failures.get(region, 0):
            yield f"{count} failures are marked in {region}, and there were {books.facts.failures.get(region, 0)}"
    # A write with a lost answer is retried, and its calls count again if another write came in between.
    most = books.facts.served + sum(served_in(request.body) for request in books.facts.requests
                                    if request.label == "record" and request.done and (request.fault or not request.answered))
    if sum(served.values()) > most:
        yield f"{sum(served.values())} served calls are counted, and at most {most} can be"
    for region, item in books.ledgers.items():
        incident = json.loads(item["ledger"])["incident"]
        if incident and incident["callers"] > books.facts.callers.get(region, 0):
            yield f"{incident['id']} has {incident['callers']} callers, and {books.facts.callers.get(region, 0)} were hit"


def served_in(update):
    """The number of served calls added by an update of a slot."""
    return sum(int(value["N"]) for name, value in update["ExpressionAttributeValues"].items()
               if name.startswith(":c") and name.endswith("s") and "N" in value)


def a_sandbox_that_sends_alone_says_so_and_has_a_reason(books):
    sent = {}
    for one in books.published:
        if not one.is_alone:
            continue
        if "table is unavailable" not in " ".join(one.text.split()) and one.channel == "topic":
            yield f"{one.what} does not say that the table is unavailable"
        if not books.has_trouble(one.request, "store"):
            yield f"{one.what} was sent alone, though the table answered"
        who = (one.channel, one.request.sandbox, one.request.incarnation, one.incident.partition("-20")[0])
        if who in sent and one.request.clock - sent[who].request.clock < UNSHARED_QUIET \
                and not books.may_not_know(sent[who].request) and not books.plan.is_wild:
            yield f"{one.what} was sent alone twice by one sandbox"
        sent[who] = one


def every_event_is_answered(books):
    for one in books.facts.invocations:
        if one.killed:
            continue
        if one.error is not None:
            if not (books.has_trouble(one, "store") and books.has_trouble(one, "sns")):
                yield f"invocation {one.number} failed, though the table or SNS worked: {one.error}"
        elif one.failures is not None and len(one.answer["failures"]) + one.answer["omitted"] != one.failures:
            yield f"invocation {one.number} had {one.failures} failures, and answered {len(one.answer['failures'])}"
    for line in books.facts.panics:
        yield f"a panic: {line[:300]}"


def a_calm_run_is_calm(books):
    """Nothing was broken, so nothing is repeated, sent alone, or delivered again: else the checker could not be
    trusted."""
    if not books.plan.is_calm:
        return
    numbers = books.numbers()
    for what in ("repeats", "alone", "ambiguous", "redelivered", "queued"):
        if numbers[what]:
            yield f"nothing was broken, and there are {numbers[what]} {what}"


RULES = (everything_is_sent, people_are_notified_of_the_outage, it_ends, nothing_is_repeated_without_a_reason,
         nothing_is_left_unsettled_without_a_reason, they_come_in_order, sequences_have_no_gaps, one_incident_at_a_time,
         the_ledger_agrees_with_the_outbox, no_step_is_lost, nothing_is_held_for_ever, no_more_is_counted_than_happened,
         a_sandbox_that_sends_alone_says_so_and_has_a_reason, every_event_is_answered, a_calm_run_is_calm)
