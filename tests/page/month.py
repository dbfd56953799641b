"""A made-up month of sign-ins as a trail has it: quiet days, an outage, a storm of throttling, a disabled KMS key, one broken
tool, and a day on which some fail.

`python -m tests.page.month FOLDER [PEOPLE]` writes it, to be replayed by hand."""

import json
import pathlib
import random
import sys
import uuid

from datetime import datetime, timedelta, timezone

BEGIN = datetime(2026, 10, 1, tzinfo=timezone.utc)
DAYS = 31
REGION = "eu-central-1"
CLI = "aws-cli/2.31.0 md/awscrt#0.28.0 ua/2.1 os/linux#6.12 lang/python#3.13.7 md/command#sso.login"
IDE = "AWS-Toolkit-For-VSCode/3.30.0 Visual-Studio-Code/1.95.0"
BROKEN = "acme-login/3.0 aws-sdk-go-v2/1.36.3 os/linux"
KMS = ("AccessDeniedException", "KMS_DisabledException: the key that encrypts Identity Center is disabled")
FAILS = ("InternalServerException", "made-up failure")
SLOW = ("ThrottlingException", "Rate exceeded")

#: Day, hour and minute at which each begins, how many minutes it lasts, which share fails, and how.
OUTAGE = (4, 8, 2, 23, 0.9, FAILS)
KEY = (13, 9, 31, 64, 1.0, KMS)
SOME = (19, 13, 10, 35, 0.25, FAILS)
TROUBLES = (OUTAGE, KEY, SOME)
#: Of the broken tool's users, all fail for this long; everybody else is served.
TOOL = (26, 7, 40, 190)
#: One job asks far too often.
STORM = (9, 2, 0, 55)


def begin(day, hour, minute, *_):
    return BEGIN + timedelta(days=day, hours=hour, minutes=minute)


class Month:
    def __init__(self, people=800, seed=14):
        self.dice = random.Random(seed)
        ids = [str(uuid.UUID(int=self.dice.getrandbits(128), version=4)) for _ in range(people)]
        agents = self.dice.choices([CLI, IDE, BROKEN], [66, 20, 14], k=people)
        self.people = list(zip(ids, agents))
        self.records = []

    def record(self, at, who, failure=None):
        user, agent = who
        detail = {
            "eventVersion": "1.11",
            "userIdentity": {"type": "IdentityCenterUser", "accountId": "111122223333", "credentialId": "made-up",
                             "onBehalfOf": {"userId": user, "identityStoreArn":
                                            "arn:aws:identitystore::111122223333:identitystore/d-1234567890"}},
            "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": "sso.amazonaws.com",
            "eventName": "CreateToken", "awsRegion": REGION,
            "sourceIPAddress": f"203.0.113.{len(user + agent) % 9 + 1}", "userAgent": agent,
            "requestParameters": {"grantType": "refresh_token"},
            "requestID": str(uuid.UUID(int=self.dice.getrandbits(128))),
            "eventID": str(uuid.UUID(int=self.dice.getrandbits(128))),
            "eventType": "AwsApiCall", "eventCategory": "Management", "recipientAccountId": "111122223333",
        }
        if failure:
            detail["errorCode"], detail["errorMessage"] = failure
        self.records.append(detail)

    def failure(self, at, agent):
        for day, hour, minute, lasts, share, failure in TROUBLES:
            began = begin(day, hour, minute)
            if began <= at < began + timedelta(minutes=lasts) and self.dice.random() < share:
                return failure
        began = begin(*TOOL)
        if agent is BROKEN and began <= at < began + timedelta(minutes=TOOL[3]):
            return ("InvalidRequestException", "made-up refusal")
        if self.dice.random() < 0.004:
            return ("InvalidGrantException", "made-up: expired")
        return FAILS if self.dice.random() < 0.0002 else None

    def call(self, at, who, tries=3):
        failure = self.failure(at, who[1])
        self.record(at, who, failure)
        # A tool tries again; a person gives up.
        if failure in (FAILS, KMS) and tries > 1:
            self.call(at + timedelta(seconds=self.dice.uniform(2, 40)), who, tries - 1)

    def make(self):
        for day in range(DAYS):
            is_weekend = (BEGIN + timedelta(days=day)).weekday() >= 5
            for who in self.people:
                if self.dice.random() < (0.06 if is_weekend else 0.8):
                    for _ in range(self.dice.randint(1, 4)):
                        hour = min(23.9, max(0.1, self.dice.gauss(10.5, 2.8)))
                        self.call(BEGIN + timedelta(days=day, hours=hour), who)
        job = ("0c000000-0000-4000-8000-00000000000b", "acme-batch/1.2 Boto3/1.40")
        for number in range(STORM[3] * 60):
            at = begin(*STORM) + timedelta(seconds=number)
            self.record(at, job, SLOW if number % 8 else None)
            self.record(at, job, SLOW)
        return sorted(self.records, key=lambda detail: detail["eventTime"])


def write(folder, people=800):
    """One file, a record on each line. Returns its path."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "month.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in Month(people).make()))
    return path


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 800)
