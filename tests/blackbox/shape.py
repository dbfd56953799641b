"""The answer's shape, as other programs depend on it: exactly these keys, of these types, null if unknown."""

import re

NULL = type(None)
TEXT, NUMBER, MAYBE, MAYBE_NUMBER = (str,), (int,), (str, NULL), (int, NULL)
CAUSES = ("expected", "request", "admin", "throttled", "service", "unreachable", "unrecognised")
OPERATIONS = ("RegisterClient", "StartDeviceAuthorization", "CreateToken", "CreateTokenWithIAM", None)

ANSWER = {"failures": (list,), "omitted": NUMBER, "counts": (dict,), "problems": (list,), "incidents": (list,),
          "notices": (list,)}
FAILURE = {"id": TEXT, "eventId": MAYBE, "requestId": MAYBE, "origin": TEXT, "region": MAYBE, "operation": MAYBE,
           "code": MAYBE, "status": MAYBE_NUMBER, "cause": TEXT, "action": TEXT, "outcome": MAYBE,
           "attempts": MAYBE_NUMBER, "caller": MAYBE, "account": MAYBE, "advice": MAYBE}
COUNTS = {name: NUMBER for name in (*CAUSES, "duplicate", "success", "own")}
PROBLEM = {"name": TEXT, "count": NUMBER, "detail": TEXT}
INCIDENT = {"id": TEXT, "region": MAYBE, "state": TEXT, "diagnosis": TEXT, "severity": TEXT, "scope": (dict,),
            "reasons": (list,)}
NOTICE = {"id": TEXT, "sequence": NUMBER, "kind": TEXT, "diagnosis": TEXT, "severity": TEXT, "incident": MAYBE,
          "region": MAYBE, "scope": (dict, NULL), "messageId": MAYBE}
SCOPE = {"operations": (list, NULL), "tool": MAYBE, "network": MAYBE, "application": MAYBE, "account": MAYBE}


def _check(value, shape, what, optional=()):
    assert isinstance(value, dict), what
    assert set(value) - set(optional) == set(shape), f"the keys of {what}"
    for key, types in shape.items():
        assert isinstance(value[key], types) and not isinstance(value[key], bool), f"{what}.{key} is {value[key]!r}"


def check_answer(answer, batch=False):
    _check(answer, {**ANSWER, "batchItemFailures": (list,)} if batch else ANSWER, "the answer")
    assert len(answer["failures"]) <= 100
    for failure in answer["failures"]:
        _check(failure, FAILURE, "a failure", optional=("response",))
        assert failure["origin"] in ("cloudtrail", "logs", "call")
        assert failure["operation"] in OPERATIONS
        assert failure["cause"] in CAUSES
        assert failure["action"] in ("ignored", "advised", "recorded", "probed", "retried", "duplicate")
        assert failure["outcome"] in ("recovered", "still_failing", "unknown", None)
    _check(answer["counts"], COUNTS, "the counts")
    for problem in answer["problems"]:
        _check(problem, PROBLEM, "a problem")
        assert problem["count"] >= 1 and re.fullmatch(r"[a-z0-9_]+", problem["name"])
    for incident in answer["incidents"]:
        _check(incident, INCIDENT, "an incident")
        assert incident["state"] in ("open", "resolved")
        assert incident["severity"] in ("page", "warning", "info")
        _check(incident["scope"], SCOPE, "a scope")
    for notice in answer["notices"]:
        _check(notice, NOTICE, "a notice")
        if notice["scope"] is not None:
            _check(notice["scope"], SCOPE, "a scope")
    return answer
