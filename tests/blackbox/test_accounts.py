"""Which AWS account failed calls are of: a scope of its own, but only among calls that are seen in the same way."""

import json

from tests.blackbox.test_cli import replay
from tests.blackbox.test_replay import event

OWNER, MEMBER = "111122223333", "444455556666"


def of_account(account, second, user, code):
    return event(second, user, code, recipientAccountId=account)


def history(failing):
    """An hour in which people of both accounts sign in; then, for ten minutes, those of `failing` fail."""
    events = []
    for account, first in ((OWNER, 0), (MEMBER, 100)):
        for second in range(0, 3600, 60):
            events.append(of_account(account, second, f"person-{first + second // 60 % 20}", None))
        for nth, second in enumerate(range(3600, 4200, 20)):
            code = "InternalServerException" if account in failing else None
            events.append(of_account(account, second, f"person-{first + nth % 20}", code))
    return events


def incidents(tmp_path, events):
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in events))
    return [line for line in replay(path) if line["type"] == "incident"]


def test_calls_of_one_account_that_fail_while_others_are_served_are_one_account(tmp_path):
    [incident] = incidents(tmp_path, history({MEMBER}))
    assert (incident["diagnosis"], incident["scope"]["account"]) == ("one_account", MEMBER), incident


def test_calls_of_all_accounts_that_fail_are_an_incident_of_the_service(tmp_path):
    [incident] = incidents(tmp_path, history({OWNER, MEMBER}))
    assert incident["diagnosis"] in ("outage", "degraded") and incident["scope"]["account"] is None, incident
