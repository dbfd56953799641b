"""Poison: named, counted, never an error (Lambda would retry it twice), and the next invocation is served."""

import base64
import gzip
import io
import json
import time

import pytest

from tests.blackbox.shape import check_answer
from tests.harness import awslogs, make
from tests.harness.runtime_api import LOG_GROUP

MIB = 1 << 20


def gzip_event(raw):
    return {"awslogs": {"data": base64.b64encode(raw).decode()}}


def whole():
    return gzip.compress(json.dumps(awslogs.data_message(["all is well"] * 50, timestamp=1)).encode(), mtime=0)


def zeros(size):
    """A bomb: `size` bytes of a log message that inflate from a thousandth of it, without ever holding them."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as bomb:
        bomb.write(b'{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/made-up","logStream":"s",'
                   b'"subscriptionFilters":[],"logEvents":[{"id":"1","timestamp":1,"message":"')
        for _ in range(size // MIB):
            bomb.write(b"0" * MIB)
        bomb.write(b'"}]}')
    return packed.getvalue()


def raw_logs(message):
    """A logs event whose only message is these bytes, put in between quotes as they are."""
    return json.dumps(awslogs.encode(
        b'{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/made-up","logStream":"s","subscriptionFilters":[],'
        b'"logEvents":[{"id":"1","timestamp":1793700000000,"message":"' + message + b'"}]}')).encode()


def with_field(**fields):
    envelope = make.cloudtrail()
    envelope["detail"].update(fields)
    return envelope


#: The input (or a function that makes it, if that takes long), and its problem (None: it is read anyway, or is not
#: ours).
BAD = {
    "nothing": (b"", "json_invalid"),
    "not_json": (b"this is not JSON", "json_invalid"),
    "half_a_json": (b'{"version":"0","detail', "json_invalid"),
    "invalid_utf8": (b'{"source":"\xff\xfe"}', "utf8_invalid"),
    "a_number": (b"42", "event_unknown"),
    "a_list": (b"[]", "batch_empty"),
    "null": (b"null", "event_unknown"),
    "empty_object": (b"{}", "event_unknown"),
    "keys_of_nothing": (b'{"foo":1,"bar":2}', "event_unknown"),
    "nesting_of_100000": (b"[" * 100_000 + b"]" * 100_000, "nested_too_deeply"),
    "nesting_of_100000_objects": (b'{"detail":' * 100_000 + b"1" + b"}" * 100_000, "event_unknown"),
    "nesting_inside_a_record": (json.dumps(make.cloudtrail()).encode().replace(
        b'"requestParameters": {', b'"requestParameters": {"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b', ', 1), None),
    "base64_truncated": ({"awslogs": {"data": base64.b64encode(whole()).decode()[:-7]}}, "base64_invalid"),
    "base64_of_other_letters": ({"awslogs": {"data": "?" * 64}}, "base64_invalid"),
    "base64_of_nothing": ({"awslogs": {"data": ""}}, "field_wrong_type"),
    "gzip_truncated": (gzip_event(whole()[:-20]), "gzip_truncated"),
    "gzip_of_something_else": (gzip_event(b"not gzip at all, but as long as need be"), "gzip_invalid"),
    "gzip_bomb": (lambda: gzip_event(zeros(700 * MIB)), "gzip_too_large"),
    "logs_not_json": (awslogs.encode(b"not JSON"), "json_invalid"),
    "logs_of_the_wrong_shape": (awslogs.encode({"logEvents": 5, "messageType": "DATA_MESSAGE"}), "field_wrong_type"),
    "awslogs_is_a_list": ({"awslogs": []}, "field_wrong_type"),
    "own_log_group": (make.logs(["An error occurred (InternalServerException) when calling the CreateToken operation: "],
                                log_group=LOG_GROUP), "own_log_group"),
    "line_of_one_megabyte": (make.logs(["InternalServerException CreateToken SSO OIDC " + "x" * MIB]), "log_line_too_long"),
    "broken_unicode_in_a_line": (raw_logs(rb"\ud800 An error occurred (InternalServerException) when calling the "
                                          rb"CreateToken operation: "), None),
    "invalid_utf8_in_a_line": (raw_logs(b"\xff\xfe InternalServerException"), "utf8_invalid"),
    "empty_batch": ({"Records": []}, "batch_empty"),
    "batch_is_a_number": ({"Records": 7}, "field_wrong_type"),
    "batch_of_nulls": ({"Records": [None, 3, {}]}, "field_wrong_type"),
    "misspelt_region": (make.cloudtrail(region="us-esat-1"), "region_unknown"),
    "numbers_as_strings": ({**make.call(), "error": {"code": "InternalServerException", "status": "500"}}, None),
    "status_is_a_word": ({**make.call(), "error": {"status": "many"}}, "call_invalid"),
    "call_of_another_operation": ({"operation": "ListAccounts", "error": {"code": "X"}}, "call_invalid"),
    "detail_is_text": ({**make.cloudtrail(), "detail": "text"}, "field_wrong_type"),
    "detail_is_null": ({**make.cloudtrail(), "detail": None}, "field_wrong_type"),
    "error_code_is_a_number": (with_field(errorCode=500), None),
    "event_time_is_nonsense": (with_field(eventTime="yesterday"), "time_invalid"),
    "event_time_is_far_ahead": (with_field(eventTime="2999-01-01T00:00:00Z"), None),
    "user_identity_is_text": (with_field(userIdentity="root"), "field_wrong_type"),
    "on_behalf_of_is_a_number": (with_field(userIdentity={"onBehalfOf": 5}), "field_wrong_type"),
    "tick_without_time": ({"source": "aws.scheduler", "detail-type": "Scheduled Event"}, "time_invalid"),
    "health_without_anything": ({"source": "aws.health", "detail-type": "AWS Health Event", "detail": {}}, None),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_the_function_continues(function, case):
    payload, problem = BAD[case]
    result = function.invoke(payload() if callable(payload) else payload)
    assert result.error is None, "an error makes Lambda send the poison again"
    check_answer(result.answer, batch="batchItemFailures" in result.answer)
    if problem:
        assert problem in result.problems(), result.answer["problems"]
    after = function.invoke(make.cloudtrail("InvalidGrantException"))
    assert [failure["cause"] for failure in after.answer["failures"]] == ["request"]


@pytest.mark.parametrize("case", ["not_json", "detail_is_text", "misspelt_region"])
def test_the_rest_of_a_batch_with_poison_in_it_is_handled(function, case):
    poison = BAD[case][0]
    bodies = [make.cloudtrail("InvalidGrantException"), poison.decode() if isinstance(poison, bytes) else poison,
              make.cloudtrail("InvalidClientException")]
    result = function.invoke(make.sqs(bodies))
    causes = [failure["cause"] for failure in result.answer["failures"]]
    assert causes.count("request") == 2
    assert BAD[case][1] in result.problems()
    assert result.answer["batchItemFailures"] == [], "poison is not to be sent again"


def test_a_line_that_is_too_long_does_not_hide_the_next_one(function):
    result = function.invoke(make.logs([
        "x" * MIB,
        "An error occurred (InternalServerException) when calling the CreateToken operation: user=user1@example.com"]))
    assert [failure["code"] for failure in result.answer["failures"]] == ["InternalServerException"]


def test_a_bomb_does_not_grow_the_memory(start):
    function = start()
    function.invoke(make.cloudtrail("InvalidGrantException"))
    before = function.peak_memory()
    assert function.invoke(gzip_event(zeros(900 * MIB))).answer is not None
    # Nothing is held but a window and the longest line.
    assert function.peak_memory() - before < 16 * MIB


#: Log lines that are expensive to read: the slowest of each kind, as often as 64 MB hold them.
WORST_LINES = {
    "failures of few letters": r'{\"eventSource\":\"sso.amazonaws.com\",\"eventName\":\"CreateToken\",\"errorCode\":\"x\"}',
    "their quotes hidden": r'{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","errorCode":"x"}'.replace('"', r"\u0022"),
    "failures with long names": r'{\"eventSource\":\"sso.amazonaws.com\",\"eventName\":\"CreateToken\",\"errorCode\":\"x\",'
                                r'\"errorMessage\":\"' + "m" * 2000 + r'\",\"userAgent\":\"' + "u" * 300 + r'\"}',
    "nothing": "",
    "errors in text": "An error occurred (InternalServerException) when calling the CreateToken operation: ",
    "errors of a client without an SDK": "POST https://oidc.us-east-1.amazonaws.com/token failed: 500 Internal Server Error",
    "objects without an end": "CreateToken " + r'{\"a\":' * 200,
    "records of a collector": r'{\"log\":\"An error occurred (InternalServerException) when calling the CreateToken operation: \",'
                              r'\"stream\":\"stderr\"}',
    "traces": r"CreateToken failed: Traceback (most recent call last)\n" + r"  File \"/app/a.py\", line 1, in oidc\n" * 40,
}


def repeated(line, spaced=False, size=64_000_000):
    """The log events of this line, which inflate to almost 64 MB from a few hundred KB, without ever being held."""
    packed = io.BytesIO()
    event = b'{"id":"1","timestamp":%d,"message":"%s"}' % (time.time() * 1000, line.encode()) + (b", " if spaced else b",")
    thousand = event * 1000
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as bomb:
        bomb.write(b'{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/made-up","logStream":"s",'
                   b'"subscriptionFilters":[],"logEvents":[')
        for _ in range(size // len(thousand)):
            bomb.write(thousand)
        bomb.write(event.rstrip(b", ") + b"]}")
    return packed.getvalue()


@pytest.mark.parametrize("spaced", [False, True], ids=["as CloudWatch writes", "with spaces"])
@pytest.mark.parametrize("kind", WORST_LINES)
def test_a_bomb_of_the_worst_lines_is_cut_at_a_limit_and_reported(start, kind, spaced):
    function = start()
    # An unoptimized program is itself some thirty megabytes: what the input costs is what counts.
    function.invoke(gzip_event(whole()))
    before = function.peak_memory()
    result = function.invoke(gzip_event(repeated(WORST_LINES[kind], spaced)))
    assert result.error is None
    assert result.problems()["payload_cut"] == 1, result.answer["problems"]
    assert function.peak_memory() - before <= 40 * MIB


def test_numbers_as_strings_are_numbers(function):
    result = function.invoke({**make.call(request={}), "error": {"code": "InternalServerException", "status": "500"}})
    assert result.answer["failures"][0]["status"] in (500, None)
