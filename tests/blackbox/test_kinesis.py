"""Logs of many accounts, by a Kinesis stream: what counts, what comes again, and what never does."""

import base64
import gzip
import json
import uuid

import pytest

from tests.harness import awslogs, make
from tests.harness.fake_oidc import NULL_500
from tests.harness.servers import refused_url
from tests.harness.world import SHORT

POLICY = "\n".join(f"{key} = {number}" for key, number in SHORT.items())


def line(user):
    return (f"POST https://oidc.us-east-1.amazonaws.com/token: 500 InternalServerException user={user}@example.com "
            f"request id {uuid.uuid4()}")


def sequences(batch):
    return [record["kinesis"]["sequenceNumber"] for record in batch["Records"]]


def again(result):
    return [failed["itemIdentifier"] for failed in result.answer["batchItemFailures"]]


def packed(value):
    return base64.b64encode(gzip.compress(value if isinstance(value, bytes) else json.dumps(value).encode(), mtime=0)).decode()


CONTROL = packed(json.loads((awslogs.DECODED / "kinesis__two_accounts.json").read_text())[0])
BAD = {"not gzip": base64.b64encode(b"not gzip").decode(), "not base64": "%%%", "an object": packed({"a": 1}), "a list": packed([1]),
       "not UTF-8": packed(b"\xff"), "nothing": ""}


def test_a_batch_of_several_accounts_opens_an_incident(start, oidc, sns):
    oidc.script_all(NULL_500)
    function = start(OIDC_TRIAGE_POLICY=POLICY)
    result = function.invoke(make.kinesis([CONTROL, *([line(f"user-{number}")] for number in range(8))]), alias="events")
    assert (result.error, again(result), result.problems()) == (None, [], {})
    assert len(result.answer["failures"]) == 8
    assert [notice["kind"] for notice in result.answer["notices"] if notice["incident"]] == ["opened"]


@pytest.mark.parametrize("bad", BAD)
def test_a_record_that_is_no_subscription_data_is_said_and_never_comes_again(function, bad):
    result = function.invoke(make.kinesis([[line("ana")], BAD[bad], [line("ben")]]), alias="events")
    assert (result.error, again(result)) == (None, [])
    assert len(result.answer["failures"]) == 2 and sum(result.problems().values()) == 1


def test_what_could_not_be_notified_of_comes_again_from_that_record_on(start, oidc, sns):
    """Neither table nor topic: nothing else would remember it."""
    oidc.script_all(NULL_500)
    function = start(OIDC_TRIAGE_POLICY=POLICY, OIDC_TRIAGE_TABLE="made-up", AWS_ENDPOINT_URL_DYNAMODB=refused_url(),
                     AWS_ENDPOINT_URL_SNS=refused_url())
    batch = make.kinesis([[], BAD["not gzip"], ["all is well"], *([line(f"user-{number}")] for number in range(8))])
    result = function.invoke(batch, alias="events")
    assert result.error is None, "an error would bring the whole batch again, in halves"
    assert again(result) == sequences(batch)[3:4]


def test_a_batch_that_comes_again_counts_once_and_its_notice_is_sent(start, oidc, sns):
    oidc.script_all(NULL_500)
    function = start(OIDC_TRIAGE_POLICY=POLICY)
    batch = make.kinesis([[line(f"user-{number}")] for number in range(8)])
    first = function.invoke(batch, alias="events")
    assert first.answer["counts"]["service"] == 8
    second = function.invoke(batch, alias="events")
    assert (second.answer["counts"]["service"], second.answer["counts"]["duplicate"]) == (0, 8)
    assert again(second) == []
    opened = [notice for result in (first, second) for notice in result.answer["notices"] if notice["incident"]]
    assert [notice["kind"] for notice in opened] == ["opened"]


def test_an_unlisted_stream_is_trusted_like_a_log(start):
    """Another stream is anybody's: its documents may name any owner and any log group."""
    served = [json.dumps(make.served(callers=1)[0]["detail"])]
    trail = {"log_group": "aws-cloudtrail-logs-1", "owner": "111122223333"}
    trusted = start().invoke(make.kinesis([served], **trail), alias="events")
    assert (trusted.answer["counts"]["success"], trusted.problems()) == (1, {})
    function = start(OIDC_TRIAGE_TRUSTED_STREAMS="")
    result = function.invoke(make.kinesis([served], **trail), alias="events")
    assert (result.answer["counts"]["success"], result.problems()) == (0, {"source_not_believed": 1})
    # A member's log group of that name is not this account's trail.
    result = start().invoke(make.kinesis([served], **{**trail, "owner": "444455556666"}), alias="events")
    assert (result.answer["counts"]["success"], result.problems()) == (0, {"source_not_believed": 1})


def test_records_for_which_the_time_does_not_suffice_come_again(start):
    """All of them where there is none: none was lost, and none is said to be done."""
    batch = make.kinesis([[line("ana")], [line("ben")]])
    result = start().invoke(batch, alias="events", remaining=1.5)
    assert (result.error, again(result)) == (None, sequences(batch)[:1])
    assert result.problems() == {"deadline": 1} and result.answer["failures"] == []


def test_log_groups_of_one_name_in_several_accounts_are_several_callers_and_are_named(start, oidc, sns):
    """Lines that name nobody: by the group's name alone all of them would be one caller, and no outage."""
    oidc.script_all(NULL_500)
    function = start(OIDC_TRIAGE_POLICY=POLICY)
    owners = [f"44445555666{number}" for number in range(8)]
    anonymous = "POST https://oidc.us-east-1.amazonaws.com/token: 500 InternalServerException"
    records = [record for number, owner in enumerate(owners)
               for record in make.kinesis([[anonymous]], first=number, owner=owner)["Records"]]
    result = function.invoke({"Records": records}, alias="events")
    assert [failure["account"] for failure in result.answer["failures"]] == owners
    assert len({failure["caller"] for failure in result.answer["failures"]}) == 8
    assert [notice["kind"] for notice in result.answer["notices"] if notice["incident"]] == ["opened"]
    assert any(f"{owner}:/made-up/application" in sns.published[0].message for owner in owners), sns.published[0].message


def test_the_account_of_a_record_of_cloudtrail_is_its_recipient(function):
    event = make.cloudtrail()
    event["detail"]["recipientAccountId"] = "777788889999"
    (failure,) = function.invoke(event).answer["failures"]
    assert failure["account"] == "777788889999"
