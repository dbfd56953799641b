"""Secrets and persons are planted in every string of every input, and must not appear in any output.

The real binaries: the function behind the Runtime API with the table on the emulator and the fake topics, and the
command line. Searched are the answers, the errors (which Lambda puts into the failure queue next to the payload),
standard output and standard error, all messages to the topic, to pagers and to the event bus, and every item of the
table.
"""

import json

import pytest

from tests.harness import planting
from tests.harness.awslogs import EVENTS
from tests.harness.fake_sns import PAGER_TOPIC_ARN, TOPIC_ARN

from .test_cli import run
from .test_events import REGIONS

NAMES = sorted(path.name for path in EVENTS.glob("*.json"))
#: An answer lists a hundred failures of a payload; replay lists all.
EVENTS_AT_ONCE = 150
#: The longest kept name: planted text must not be cut off.
TOGETHER_MAX = 200
#: The shortest part of a secret that counts.
PART = 12

BASE64 = "x7Gk9QpZ2mN4vR8tYw1sDf6hJk3lCb5nUa0eXi7oQ+2zTy"
#: Each shape: the planted text, and the parts that must appear nowhere.
SHAPES = {
    "a JSON web token": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.pLanTed7c2lnbmF0dXJlLW9mLWl0",
                         ["eyJzdWIiOiJwbGFudGVkIn0", "pLanTed7c2lnbmF0dXJl"]),
    "an access token": ("aoaAAAAAGVk3sQ8Tz1xPLnt:MGUCMQDq9Zw7Lk2b5f8s1/hV+3xY0uTnQpRrWc4mKd6aJgE", ["Vk3sQ8Tz1xPLnt", "q9Zw7Lk2b5f8s1"]),
    "a refresh token": ("aorAAAAAGWm5tR9Uz2yPLnt:MGQCMFq8Yv6Kj1a4e7r0/gU+2wX9tSmPoQqVb3lJc5ZIfD", ["Wm5tR9Uz2yPLnt", "q8Yv6Kj1a4e7r0"]),
    "base64": (BASE64, [BASE64]),
    "hexadecimal": ("4fe1d2c3b4a5968778695a4b3c2d1e0f", ["4fe1d2c3b4a5968778695a4b3c2d1e0f"]),
    "keys and values": ("refresh-token=Planted-7a1 clientSecret: 'Planted-7b2' device_code=Planted-7c3&code=Planted-7d4"
                        " password=>\"Planted-7e5\" code_verifier%3DPlanted-7f6",
                        [f"Planted-7{part}" for part in ("a1", "b2", "c3", "d4", "e5", "f6")]),
    "the password of a URL": ("http://svc:Planted-p@ss/w0rd@proxy.corp.example.com:3128/",
                              ["Planted-p", "ss/w0rd", "svc:"]),
    "headers": ("Authorization: Bearer planted8bearer Cookie: sid=planted8cookie", ["planted8bearer", "planted8cookie"]),
    "a key pair": ("ASIAQ3EGTS6PXV2NLKWB wJ4lrXUtnF3MI/K7MD3NG/bPxRf1CYzK8qLw2Vn4", ["ASIAQ3EGTS6PXV2NLKWB", "wJ4lrXUtnF3MI", "bPxRf1CYzK8qLw2Vn4"]),
    "JSON escaped twice": ('{\\\\\\"refreshToken\\\\\\":\\\\\\"Planted-9a1\\\\\\"} {\\"accessToken\\":\\"Planted-9b2\\"}',
                           ["Planted-9a1", "Planted-9b2"]),
    "a signed query": ("?X-Amz-Credential=Planted-0a1&X-Amz-Signature=Planted-0b2 x-amz-security-token: Planted-0c3",
                       ["Planted-0a1", "Planted-0b2", "Planted-0c3"]),
}
PERSONS = {
    "a mail address": ("grace.planted@corp.example.com", ["grace.planted", "corp.example.com"]),
    "an address": ("198.51.100.77", ["198.51.100.77"]),
    "an address with a port": ("2001:db8:77::9", ["2001:db8:77::9"]),
    "a sentence": ("user 'gplanted77' from 198.51.100.78 not found", ["gplanted77", "198.51.100.78"]),
}
#: Members with the caller's name. Only there a bare name is one.
NAMING = {"userName", "userId", "principalId", "arn", "credentialId", "caller", "sourceIPAddress", "onBehalfOf", "sub", "email"}


def together(shapes):
    """Several shapes in one string, within the length that is read: each planting costs a decision."""
    made, text, needles = {}, "", []
    for shape, (secret, parts) in shapes.items():
        if text and len(text) + len(secret) > TOGETHER_MAX:
            made[f"{len(made)}"] = (text, needles)
            text, needles = "", []
        text, needles = f"{text} {secret}".strip(), needles + parts
    made[f"{len(made)}"] = (text, needles)
    return made


def parts(text):
    return {text[at:at + PART] for at in range(0, max(1, len(text) - PART + 1), PART)}


def plants(shapes, forms):
    """(file, position, shape, the event of now)."""
    for name in NAMES:
        document = planting.unpacked(json.loads((EVENTS / name).read_text()))
        for number, position in enumerate(planting.positions(document)):
            # A failure that lasts a minute is a page at once.
            age = 90 if number < 3 else 5
            for shape, (text, _) in shapes.items():
                for form in forms:
                    made = planting.planted(document, position,
                                            lambda old: text if form == "alone" else f"{old} {text}", age)
                    yield name, position, shape, planting.packed(made)


def batches(made):
    batch = []
    for name, position, shape, event in made:
        batch.append(event)
        if len(batch) == EVENTS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


class Searched:
    """The output, searched as it arrives."""

    def __init__(self, shapes):
        self.needles = {part: shape for shape, (_, needles) in shapes.items() for needle in needles for part in parts(needle)}

    def search(self, where, text):
        # In an answer and in an item a text may be escaped.
        for seen in (text, text.replace("\\", "")):
            for needle, shape in self.needles.items():
                at = seen.find(needle)
                assert at < 0, f"{shape} in {where}: ...{seen[max(0, at - 200):at + 80]}"


def give_to_the_function(world, searched, made, tmp_path, **env):
    # A probe that fails too makes it a page.
    world.break_service()
    function = world.start(OIDC_TRIAGE_PAGER_TOPIC_ARN=PAGER_TOPIC_ARN, OIDC_TRIAGE_EVENT_BUS="made-up",
                           OIDC_TRIAGE_REGIONS=",".join(REGIONS), **env)
    everything = tmp_path / "events.jsonl"
    with everything.open("w") as file:
        for batch in batches(made):
            result = function.invoke(batch)
            searched.search("the answer, the error, the log or standard error", result.everything())
            file.writelines(json.dumps(event) + "\n" for event in batch)
    searched.search("the output", function.all_output())
    with world.sns.lock:
        published = [f"{message.subject} {message.message} {message.attributes}" for message in world.sns.published]
    assert published and world.events.events(), "a channel got nothing: there was nothing to search"
    for text in [*published, *map(str, world.events.events())]:
        searched.search("what was published", text)
    items = world.table.items()
    assert len(items) > 3
    for item in items:
        searched.search(f"the item {item['pk']} {item['sk']}", repr(item))
    return everything


def give_to_the_command_line(searched, everything, forms=("text", "json"), **env):
    for form in forms:
        done = run("replay", "--format", form, everything, **env)
        assert done.returncode in (0, 1)
        searched.search(f"replay as {form}", (done.stdout + done.stderr).decode())
    lines = everything.read_text().splitlines()
    for at in range(0, len(lines), 400):
        done = run("explain", "-", stdin=("[" + ",".join(lines[at:at + 400]) + "]").encode(), **env)
        searched.search("explain", (done.stdout + done.stderr).decode())


@pytest.mark.long
def test_no_secret_in_any_string_of_an_input_comes_out(world, tmp_path):
    searched = Searched(SHAPES)
    everything = give_to_the_function(world, searched, plants(together(SHAPES), ["behind"]), tmp_path)
    assert world.alarms(), "no pager got anything"
    give_to_the_command_line(searched, everything)


@pytest.mark.long
def test_no_secret_that_stands_alone_in_a_string_comes_out(world, tmp_path):
    shapes = {shape: SHAPES[shape] for shape in SHAPES if shape not in ("headers", "a signed query")}
    searched = Searched(shapes)
    everything = give_to_the_function(world, searched, plants(shapes, ["alone"]), tmp_path)
    assert world.alarms(), "no pager got anything"
    give_to_the_command_line(searched, everything, forms=["json"])


@pytest.mark.long
def test_no_person_comes_out_where_names_are_hashed(world, tmp_path):
    searched = Searched(PERSONS)
    env = {"OIDC_TRIAGE_CALLER_NAMES": "hashed"}
    everything = give_to_the_function(world, searched, plants(PERSONS, ["alone", "behind"]), tmp_path, **env)
    assert world.alarms(), "no pager got anything"
    give_to_the_command_line(searched, everything, **env)


def test_a_name_that_a_record_gives_its_caller_comes_out_nowhere_where_names_are_hashed(world, tmp_path):
    shapes = {"a name": ("gplanted.hopper77", ["gplanted.hop"])}
    made = (plant for plant in plants(shapes, ["alone"]) if plant[1][-1:] and plant[1][-1] in NAMING)
    searched = Searched(shapes)
    env = {"OIDC_TRIAGE_CALLER_NAMES": "hashed"}
    everything = give_to_the_function(world, searched, made, tmp_path, **env)
    give_to_the_command_line(searched, everything, **env)


def test_a_call_handed_over_returns_no_secret_except_its_response(world):
    """Secrets in `request` are accepted in a direct invocation, and its `response` contains tokens: by design, and only
    there."""
    searched = Searched(SHAPES)
    function = world.start()
    for name in (name for name in NAMES if name.startswith("call__")):
        document = json.loads((EVENTS / name).read_text())
        for position in planting.positions(document):
            text = " ".join(text for text, _ in SHAPES.values())
            result = function.invoke(planting.planted(document, position, lambda _: text))
            for failure in (result.answer or {}).get("failures", []):
                failure.pop("response", None)
            searched.search(f"{name} {position}", result.everything())
    for item in world.table.items():
        searched.search("the table", repr(item))


def test_an_error_in_the_failure_queue_contains_no_secret(start, sns):
    """Without a table and a topic nobody can be notified: the invocation fails."""
    searched = Searched(SHAPES)
    sns.unreachable.add(TOPIC_ARN)
    function = start()
    ended = 0
    for text, _ in SHAPES.values():
        document = json.loads((EVENTS / "cloudtrail__create_token_internal_server_error.json").read_text())
        events = []
        for position in planting.positions(document):
            age = 90 if len(events) < 2 else 5
            events.append(planting.planted(document, position, lambda old: f"{old} {text}", age))
        result = function.invoke(events)
        ended += result.error is not None
        searched.search("the error", result.everything())
    assert ended, "none ended in an error: there was nothing to search"
