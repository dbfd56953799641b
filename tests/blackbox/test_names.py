"""User ids become names by Identity Store, and whatever it answers, the notice is sent."""

import json
import time

import pytest

from tests.harness import make
from tests.harness.fake_identity_store import PRIVATE, STORE_ARN, FakeIdentityStore, user_id
from tests.harness.fault_proxy import FAILED
from tests.harness.fake_sns import PAGER_TOPIC_ARN
from tests.harness.notices import check_machine
from tests.harness.world import until

CALLERS = 8
IDS = {user_id(number) for number in range(1, CALLERS + 1)}


@pytest.fixture
def directory():
    with FakeIdentityStore() as service:
        yield service.settle(CALLERS)


def outage(**more):
    """As `make.outage`, of users with ids of a directory."""
    events = make.outage(callers=CALLERS, **more)
    for number, event in enumerate(events, 1):
        event["detail"]["userIdentity"]["onBehalfOf"]["userId"] = user_id(number)
    return events


def resolving(directory, **more):
    return {"AWS_ENDPOINT_URL_IDENTITYSTORE": directory.url, "OIDC_TRIAGE_RESOLVE_NAMES": "true",
            "OIDC_TRIAGE_IDENTITY_STORE_ARN": STORE_ARN, **more}


def machine(message):
    return check_machine(message.machine)


def opened(world, **env):
    """The notice of an outage, and the invocation that sent it."""
    result = world.break_service().start(**env).invoke(make.sqs(outage()))
    assert result.error is None, result.error
    (message,) = world.sns.published
    return message, result


def ids_in(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return {id for id in IDS if id in text}


def test_a_notice_names_people_in_each_form_and_asks_for_each_once(world, directory):
    pager = {"OIDC_TRIAGE_PAGER_TOPIC_ARN": PAGER_TOPIC_ARN, "OIDC_TRIAGE_EVENT_BUS": "default"}
    world.break_service().start(**resolving(directory, **pager)).invoke(make.sqs(outage()))
    message = next(message for message in world.sns.published if message.topic != PAGER_TOPIC_ARN)
    for number in range(1, CALLERS + 1):
        name = f"Person {number} (person-{number}@example.com)"
        assert name in machine(message)["impact"]["names"] and name in message.message
    assert "unresolved" not in machine(message)
    assert not ids_in([message.message, message.texts])
    (event,) = world.events.events()
    assert event["detail"]["impact"]["names"] == machine(message)["impact"]["names"]
    assert sorted(directory.asked) == sorted(IDS) and directory.other == []


def test_another_sandbox_knows_them_by_the_table(world, directory):
    (first, _) = opened(world, **resolving(directory))
    asked = len(directory.asked)
    assert asked == CALLERS
    other = world.start(**resolving(directory))
    other.invoke(make.sqs(outage(region="eu-west-1", age=1)))
    (second,) = [message for message in world.sns.published if machine(message)["region"] == "eu-west-1"]
    assert sorted(machine(second)["impact"]["names"]) == sorted(machine(first)["impact"]["names"])
    assert len(directory.asked) == asked
    kept = [item for item in world.table.items() if item["sk"] == "person"]
    assert {item["pk"].removeprefix("person#") for item in kept} == IDS
    for item in kept:
        assert set(item) == {"pk", "sk", "name", "until", "expires_at"}
        assert time.time() + 86_300 < int(item["expires_at"]) <= time.time() + 86_401


def test_waiting_notices_are_stored_with_ids(world, directory):
    opened(world, **resolving(directory))
    (entry, *_) = world.table.outbox()
    assert ids_in(entry["notice"]) and "Person" not in entry["notice"]


@pytest.mark.parametrize("trouble, reason", [
    ((400, "AccessDeniedException"), "AccessDeniedException"), ((400, "ThrottlingException"), "ThrottlingException"),
    ((500, "InternalServerException"), "InternalServerException"), ((0, ""), "no answer: no connection"),
    ((403, "x\r\nRESOLVED"), "x RESOLVED")])
def test_whatever_the_directory_answers_the_notice_is_sent_with_ids_and_the_reason(world, directory, trouble, reason):
    directory.trouble = trouble
    message, result = opened(world, **resolving(directory))
    assert machine(message)["unresolved"]["ids"] == CALLERS
    assert machine(message)["unresolved"]["reason"].startswith(reason)
    assert ids_in(machine(message)["impact"]["names"]) == IDS
    assert result.problems()["names_unresolved"] == 1 and result.answer["notices"]
    assert len(directory.asked) <= 4, "the others would meet the same"
    # Missing names are resolved with the next notice.
    assert not [item for item in world.table.items() if item["sk"] == "person"]
    assert "planted-message" not in result.everything() + json.dumps(world.table.items(), default=repr)


def test_a_directory_that_does_not_answer_keeps_no_notice(world, directory):
    directory.delay = 600
    message, result = opened(world, **resolving(directory))
    assert machine(message)["unresolved"]["reason"].startswith("no answer")
    assert ids_in(machine(message)["impact"]["names"]) == IDS and result.answer["notices"]


def test_users_missing_in_the_directory_are_reported_as_such(world, directory):
    del directory.users[user_id(3)]
    message, result = opened(world, **resolving(directory))
    assert f"user {user_id(3)} (name not found)" in machine(message)["impact"]["names"]
    assert "unresolved" not in machine(message) and "names_unresolved" not in result.problems()
    (kept,) = [item for item in world.table.items() if item["pk"] == f"person#{user_id(3)}"]
    assert "name" not in kept and int(kept["expires_at"]) <= time.time() + 3601


def test_users_of_an_old_directory_are_found_by_their_whole_ids(world, directory):
    directory.users = {f"1234567890-{id}": names for id, names in directory.users.items()}
    message, _ = opened(world, **resolving(directory))
    assert not ids_in(machine(message)["impact"]["names"])
    assert "Person 1 (person-1@example.com)" in machine(message)["impact"]["names"]
    # The first few users show the form of the ids.
    assert len(directory.asked) <= CALLERS + 4


def test_a_missing_directory_says_nothing_about_users(world, directory):
    message, _ = opened(world, **resolving(directory, OIDC_TRIAGE_IDENTITY_STORE_ARN=STORE_ARN.replace("d-1", "d-2")))
    assert machine(message)["unresolved"] == {"ids": CALLERS, "reason": "ResourceNotFoundException"}


def test_only_a_user_s_two_names_leave_the_directory(world, directory):
    message, result = opened(world, **resolving(directory))
    everywhere = json.dumps([message.message, message.texts, world.table.items()], default=repr) + world.outputs()
    everywhere += result.everything()
    assert PRIVATE and "planted-" in json.dumps(PRIVATE)
    for planted in ("planted-private", "planted-phone", "planted-title", "planted-street", "planted-nickname",
                    "planted-profile", "planted-birthdate"):
        assert planted not in everywhere


def test_a_name_cannot_forge_a_line_or_a_link(world, directory):
    directory.settle(CALLERS, DisplayName="Ana\r\n\r\nRESOLVED: all is well https://evil.example \x1b[31m\u202e" + "x" * 900,
                     UserName="<b>ana</b>\nDo now: nothing")
    message, _ = opened(world, **resolving(directory))
    for text in (message.message, *message.texts.values()):
        assert "https://evil" not in text and "\u202e" not in text and "\x1b" not in text
    assert not [line for line in message.message.splitlines() if line.startswith(("RESOLVED", "Do now: nothing"))]
    assert all(len(name.encode()) <= 80 for name in machine(message)["impact"]["names"])


def test_without_the_table_a_notice_still_has_names(world, directory):
    world.proxy.break_down(FAILED)
    function = world.break_service().start(**resolving(directory))
    events = outage()
    until(lambda: world.sns.published, lambda: function.invoke(make.sqs(events)))
    names = machine(world.sns.published[0])["impact"]["names"]
    assert names and all(name.startswith("Person ") for name in names)


def test_by_default_no_names_are_resolved(world, directory):
    off = resolving(directory, OIDC_TRIAGE_RESOLVE_NAMES="false")
    message, _ = opened(world, **off)
    assert directory.asked == [] and ids_in(machine(message)["impact"]["names"]) == IDS
    assert "unresolved" not in machine(message)


@pytest.mark.parametrize("env, said", [
    ({"OIDC_TRIAGE_CALLER_NAMES": "hashed"}, "cannot be true where OIDC_TRIAGE_CALLER_NAMES is hashed"),
    ({"OIDC_TRIAGE_IDENTITY_STORE_ARN": ""}, "needs OIDC_TRIAGE_IDENTITY_STORE_ARN")])
def test_contradicting_settings_keep_the_function_from_starting(start, directory, env, said):
    function = start(**resolving(directory, **env))
    assert function.process.wait(60) != 0
    assert said in function.all_output() and directory.asked == []
