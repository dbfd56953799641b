"""No value of a record that is somebody's gets into a file of `tools/lab.py`, wherever in the record it stands."""

import json
import random
import re

import pytest

from tools.trail_lab.redact import HIDDEN, Redactor

SEEDS = 300
RUN = "0badcafe"
HEX = "0123456789abcdef"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: Where AWS puts such values, and where it might.
MEMBERS = ["accountId", "recipientAccountId", "userId", "principalId", "arn", "accessKeyId", "userName", "sourceIPAddress", "requestID", "eventID",
           "clientId", "clientName", "deviceCode", "userCode", "startUrl", "identityStoreArn", "credentialId", "identitystore:UserId", "redirectUri",
           "vpcEndpointId", "eventSource", "eventName", "errorCode", "awsRegion", "type", "eventType", "reason", "eventVersion", "eventTime",
           "grantType", "tokenType", "scopes", "clientProvidedHostHeader", "tlsVersion", "invokedBy", "somethingNew", "userAgent", "errorMessage"]


def some(dice, letters, count):
    return "".join(dice.choice(letters) for _ in range(count))


def planted(dice):
    """One value of each kind, none of them like another run's."""
    def digits(count):
        return some(dice, "123456789", count)

    account, session = digits(12), f"{some(dice, LETTERS, 5)}.{some(dice, LETTERS, 7)}@{some(dice, LETTERS, 6)}.example.net"
    uuid = f"{some(dice, HEX, 8)}-{some(dice, HEX, 4)}-4{some(dice, HEX, 3)}-9{some(dice, HEX, 3)}-{some(dice, HEX, 12)}"
    return {
        "account": account, "session": session, "uuid": uuid, "long user id": f"{some(dice, HEX, 10)}-{uuid}",
        "address": f"{dice.randint(11, 99)}.{dice.randint(100, 199)}.{dice.randint(100, 199)}.{dice.randint(100, 199)}",
        "address 6": f"2a02:{some(dice, '123456789', 4)}:{some(dice, '123456789', 3)}::{digits(2)}",
        "key": f"ASIA{some(dice, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}", "role id": f"AROA{some(dice, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 17)}",
        "role": f"Role-{digits(4)}-{some(dice, LETTERS, 6)}",
        "arn": f"arn:aws:sts::{account}:assumed-role/AWSReservedSSO_Admin_{some(dice, HEX, 16)}/{session}",
        "key arn": f"arn:aws:kms:eu-west-1:{account}:key/{uuid}",
        "application": f"arn:aws:sso::{account}:application/ssoins-{some(dice, HEX, 16)}/apl-{some(dice, HEX, 16)}",
        "store": f"d-{some(dice, HEX, 10)}", "client": some(dice, LETTERS + LETTERS.upper() + "0123456789", 22) + "dXMtZWFzdC0x",
        "device code": some(dice, LETTERS + LETTERS.upper() + "0123456789_-", 43), "user code": f"{some(dice, 'BCDFGHJKLMNP', 4)}-{digits(4)}",
        "token": "aoa" + some(dice, LETTERS + LETTERS.upper() + "0123456789+/", 90) + "=", "url": f"https://d-{some(dice, HEX, 10)}.awsapps.com/start/#/?q=1",
        "portal": f"{some(dice, LETTERS, 7)}{digits(3)}.awsapps.com", "endpoint": f"vpce-{some(dice, HEX, 17)}",
    }


#: In front of and behind a value in a text.
AROUND = [(" ", " "), ("(", ")"), ("'", "'"), ('"', '"'), ("=", ";"), (": ", "."), ("[", "]"), ("user=", ","), ("<", ">"), ("\n", "\t"), ("\u202e", "!")]


def sentence(dice, values):
    words = ["User", "is not authorized to perform", "sso-oauth:CreateTokenWithIAM", "on resource", "Invalid", "grant provided", "InternalServerException"]
    parts = []
    for value in values:
        before, behind = dice.choice(AROUND)
        parts += [dice.choice(words), before + value + behind]
    return " ".join(parts)


def record(dice, values, depth=0):
    made = {"eventVersion": "1.11", "eventName": "CreateToken", "eventSource": "sso.amazonaws.com", "eventTime": "2026-11-03T09:15:02Z"} if depth == 0 else {}
    for member in dice.sample(MEMBERS, 12):
        value = dice.choice(values)
        made[member] = dice.choice([
            value, [value, dice.choice(values)], {"inner": value}, f"{value} {dice.choice(values)}", f"{dice.choice(values)}:{value}", json.dumps({"a": value}),
            sentence(dice, dice.sample(values, 3)), None, True, 5, HIDDEN])
    made["errorMessage"] = sentence(dice, dice.sample(values, 4))
    made["userAgent"] = f"Boto3/1.43.108 md/{dice.choice(values)} app/oidc-triage-lab-{RUN} [{dice.choice(values)}]"
    made[dice.choice(values)] = dice.choice(values)
    if depth < 3:
        made[dice.choice(["userIdentity", "requestParameters", "additionalEventData", "serviceEventDetails", "onBehalfOf"])] = record(dice, values, depth + 1)
    return made


@pytest.mark.parametrize("first", range(0, SEEDS, 100))
def test_nothing_planted_is_left(first):
    for seed in range(first, first + 100):
        dice = random.Random(seed)
        values = planted(dice)
        plain = [record(dice, list(values.values())) for _ in range(3)]
        redactor = Redactor(RUN)
        for one in plain:
            redactor.record(one)
        made = json.dumps([redactor.record(one) for one in plain])
        parts = {**values, **{f"part of {name}": part for name, value in values.items() if name in ("arn", "application", "session")
                              for part in value.replace("@", "/").split("/")[1:] if len(part) > 12}}
        left = {f"{name} (seed {seed})": value for name, value in parts.items() if value in made}
        assert left == {}
        assert redactor.leaks(made) == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_same_value_becomes_the_same_in_each_record_and_different_ones_stay_different(seed):
    dice = random.Random(seed)
    one, other = planted(dice), planted(dice)
    redactor = Redactor(RUN)
    members = {"accountId": "account", "userId": "uuid", "sourceIPAddress": "address", "clientId": "client", "arn": "arn", "accessKeyId": "key"}
    made = [redactor.record({name: values[kind] for name, kind in members.items()}) for values in (one, other, one)]
    assert made[0] == made[2]
    assert all(made[0][name] != made[1][name] for name in members)


def test_what_a_test_needs_stays():
    kept = {
        "eventVersion": "1.11", "eventTime": "2026-11-03T09:15:02Z", "eventSource": "sso-oauth.amazonaws.com", "eventName": "CreateTokenWithIAM",
        "awsRegion": "us-east-1", "errorCode": "Client.InvalidGrantException", "eventType": "AwsServiceEvent", "readOnly": False, "managementEvent": True,
        "eventCategory": "Management", "userIdentity": {"type": "IdentityCenterUser"}, "serviceEventDetails": {"CredentialVerification": "Failure"},
        "requestParameters": {"grantType": "refresh_token", "clientSecret": HIDDEN, "scopes": ["sso:account:access"], "clientType": "public"},
        "responseElements": {"tokenType": "Bearer", "expiresIn": 3600}, "additionalEventData": {"success": "false"},
        "errorMessage": "User is not authorized to perform: sso-oauth:CreateTokenWithIAM because no identity-based policy allows it",
    }
    assert Redactor(RUN).record(kept) == kept


def test_known_values_are_hidden_also_where_they_look_like_words():
    redactor = Redactor(RUN, [("session", "erika"), ("value", "musterfrau")])
    assert redactor.text("refused for erika at musterfrau, as always") == "refused for made-up-session-1 at made-up-value-1, as always"


def test_a_member_s_name_stays_even_if_a_value_is_the_same():
    redactor = Redactor(RUN)
    made = redactor.record({"userIdentity": {"userName": "eventName"}, "eventName": "CreateToken"})
    assert made["eventName"] == "CreateToken" and made["userIdentity"]["userName"] != "eventName"


def test_a_number_that_was_a_text_before_is_hidden_as_well():
    made = Redactor(RUN).record({"userName": "7776000", "expires": 7776000, "accountId": "987654321098", "account": 987654321098, "rate": 7776000.5})
    assert not re.search("7776000|987654321098", json.dumps(made)) and isinstance(made["expires"], int) and made["account"] == int(made["accountId"])


def test_a_leak_is_found():
    redactor = Redactor(RUN)
    redactor.record({"accountId": "987654321098"})
    assert redactor.leaks("... 987654321098 ...") == 1 and redactor.leaks("... 111122223333 ...") == 0


@pytest.mark.parametrize("value", [{}, {"a": [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}, {"userIdentity": 5, "userAgent": None, "requestParameters": []},
                                   {"errorMessage": "x" * 1_000_000, "userName": "y" * 1_000_000}, {"n": 10 ** 400, "f": 1e300, "i": float("inf")},
                                   {str(number): number for number in range(5000)}], ids=lambda value: str(value)[:20])
def test_hostile_forms_are_bounded(value):
    assert len(json.dumps(Redactor(RUN).record(value))) < 20_000
