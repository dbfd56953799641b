"""Numbers and names in the pages, against the code, the template and generated pages.

A number in prose without a test goes stale unnoticed: write `3 callers (`outage_callers`)`, or leave it out.
"""

import re
from pathlib import Path

import pytest
import yaml

from tests.clients import troubles
from tools import costs

from . import markdown
from .test_text import PROJECT

PAGES = {str(path): text for path, text in markdown.pages().items()}
README = PAGES["README.md"]
#: What fits on a screen or two, and is read to its end.
README_BYTES = 9 * 1024


class _Template(yaml.SafeLoader):
    """Functions of CloudFormation are their arguments."""


def _function(loader, _, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return kinds[type(node)](node) if type(node) in kinds else loader.construct_mapping(node)


_Template.add_multi_constructor("!", _function)
TEMPLATE = yaml.load((PROJECT / "template.yaml").read_text(), _Template)


def section(page, heading):
    return PAGES[page].split(f"\n## {heading}\n")[1].split("\n## ")[0]


def fenced(text):
    return [found[0].strip("\n") for found in re.finditer(r"(?<=```sh\n).*?(?=^```$)", text, re.MULTILINE | re.DOTALL)]


# The README


def test_the_readme_is_short():
    assert len(README.encode()) <= README_BYTES


@pytest.mark.parametrize("command", ["cargo run -- replay events/logs__cloudtrail_outage.json", "make test"])
def test_the_readme_has_the_two_commands_each_by_itself(command):
    assert fenced(README).count(command) == 1


# The policy


def policy():
    """Default and bounds of each key."""
    rows = re.findall(r"^\| `(\w+)` \| ([0-9.]+)(?: seconds)? \| ([0-9.]+) \| ([0-9.]+) \|", PAGES["docs/policy.md"], re.MULTILINE)
    return {key: tuple(map(float, numbers)) for key, *numbers in rows}


#: A number, words behind it, and the key in parentheses.
CLAIM = re.compile(r"(?<![\w.])(\d[\d,.]*)([^()`|]{0,40}?) ?\(`(\w+)`(?: is (\d+))?\)")
UNITS = {"s": 1, "second": 1, "seconds": 1, "minute": 60, "minutes": 60, "hour": 3600, "hours": 3600, "day": 86400, "days": 86400}


def claims(text):
    """A page's statements about policy keys: the key, and the number in its unit."""
    text = re.sub(r"\s*\n\s*", " ", text)
    for number, words, key, instead in CLAIM.findall(text):
        unit = next(iter(words.split()), "")
        yield key, float(instead or number.replace(",", "")) * (1 if instead or not key.endswith("_s") else UNITS[unit])


def test_thresholds_in_prose_are_the_defaults():
    known = policy()
    found = [(page, key, value) for page, text in PAGES.items() if page.startswith("docs/") and page != "docs/notices.md"
             for key, value in claims(text)]
    assert len(found) > 25
    assert [(page, key, value) for page, key, value in found if key not in known or known[key][0] != value] == []


@pytest.mark.parametrize(("text", "seen"), [
    ("3 callers (`outage_callers`)", [("outage_callers", 3)]), ("over 2\n minutes (`throttled_span_s`)", [("throttled_span_s", 120)]),
    ("12 hours (`quiet_end_s`)", [("quiet_end_s", 43200)]), ("each hour 1 (`reminder_s` is 3600)", [("reminder_s", 3600)]),
    ("than 0.001 (`shared_chance`)", [("shared_chance", 0.001)]), ("5 of them (no key)", [])])
def test_a_claim_is_read_as_it_is_meant(text, seen):
    assert list(claims(text)) == seen


def test_settings_that_a_page_proposes_are_possible():
    known, proposed = policy(), 0
    for page in ("docs/tune.md", "docs/faq.md", "README.md"):
        for key, value in re.findall(r"`(\w+) = ([0-9.]+)`", PAGES[page]):
            assert known[key][1] <= float(value) <= known[key][2] and float(value) != known[key][0], f"{page}: {key} = {value}"
            proposed += 1
    assert proposed >= 4


# The template


def test_defaults_of_parameters_are_those_of_the_template():
    text = section("docs/deploy.md", "Parameters") + section("docs/deploy.md", "What a company may require")
    said = 0
    for names, meaning in re.findall(r"^\| (`[^|]*`) \| (.*) \|$", text, re.MULTILINE):
        default = re.search(r"[Dd]efault `([^`]+)`|`([^`]+)` \(default|[Dd]efault (\d+) days each", meaning)
        for name in re.findall(r"`(\w+)`", names) if default else ():
            assert str(TEMPLATE["Parameters"][name]["Default"]) == next(filter(None, default.groups())), name
            said += 1
    assert said >= 9


def test_so_many_application_log_groups_can_be_read():
    read = [name for name in TEMPLATE["Conditions"] if name.startswith("HasApplicationLogGroup")]
    assert len(read) == 5 and "`ApplicationLogGroups` | Log groups to read, at most five," in PAGES["docs/deploy.md"]


def test_alarms_go_off_when_the_page_says():
    said = dict(re.findall(r"^\| `(\w+Alarm)` \| ([^|]*) \|", PAGES["docs/operate.md"], re.MULTILINE))
    alarms = {name: body["Properties"] for name, body in TEMPLATE["Resources"].items() if body["Type"] == "AWS::CloudWatch::Alarm"}
    assert said.keys() == alarms.keys()
    for name, meaning in said.items():
        alarm = alarms[name]
        of = (alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]), alarm["EvaluationPeriods"], alarm["Period"])
        assert ("hree of five" in meaning) == (of == (3, 5, 60)), name
        if "five minutes" in meaning and "of five" not in meaning:
            assert of[1] * of[2] == 300, name
        if found := re.search(r"more than ten minutes", meaning):
            assert found and alarm["Threshold"] == 600, name


def test_saved_queries_have_their_names_on_the_page():
    names = {body["Properties"]["Name"].split("/")[-1] for body in TEMPLATE["Resources"].values()
             if body["Type"] == "AWS::Logs::QueryDefinition"}
    assert names == set(re.findall(r"^- \*\*([^*]+)\*\*", section("docs/operate.md", "Saved queries"), re.MULTILINE))


# The code


def sources(*places):
    return "".join(path.read_text() for place in places for path in
                   ([PROJECT / place] if (PROJECT / place).is_file() else sorted((PROJECT / place).rglob("*.rs"))))


def test_every_environment_variable_is_on_the_page():
    read = set(re.findall(r"\"(OIDC_TRIAGE_[A-Z_]+)\"", sources("src/config.rs", "src/config", "crates/engine/src/settings.rs")))
    # For lists of variables in one text.
    assert len(read) > 10
    assert read == set(re.findall(r"`(OIDC_TRIAGE_[A-Z_]+)`", section("docs/deploy.md", "Environment variables")))


def test_every_diagnosis_is_explained():
    schema = yaml.safe_load((PROJECT / "docs" / "notice.schema.json").read_text())
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", section("docs/how-it-decides.md", "The diagnoses"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == set(schema["properties"]["diagnosis"]["enum"])


def test_options_in_examples_exist():
    # clap makes an option of a field's name.
    code = sources("crates/cli/src").replace("_", "-")
    used = {option for text in PAGES.values() for line in "\n".join(fenced(text)).splitlines()
            if re.search(r"(oidc-triage|cargo run.* --) (replay|suggest|explain|completions|man)\b", line)
            for option in re.findall(r"(?<= )--([a-z-]{2,})", re.split(r"(?:oidc-triage|--) (?=replay|suggest|explain)", line)[-1])}
    assert {"format", "event", "policy", "compare"} <= used
    assert [option for option in used if not re.search(rf"\b{option}\b", code)] == []


def test_the_targets_of_make_are_those_that_pages_name():
    made = set(re.findall(r"^([a-z0-9-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/deploy.md", "docs/replay.md", "SECURITY.md"):
        named = set(re.findall(r"(?:`|^|=\S* )make ([a-z][a-z-]*)", PAGES[page], re.MULTILINE))
        assert named <= made, page


def test_the_map_names_existing_files():
    places = re.findall(r"^\| `([\w./]+)` \|", section("CONTRIBUTING.md", "The map of the code"), re.MULTILINE)
    assert len(places) > 10 and all((PROJECT / place).exists() for place in places)
    crates = {f"crates/{path.name}" for path in (PROJECT / "crates").iterdir() if path.is_dir()}
    assert crates <= set(places)


def test_the_corpus_is_as_large_as_its_page_says():
    forms = (PROJECT / "crates" / "decode" / "tests" / "collected" / "mod.rs").read_text().split("pub const FORMS")[1].split("\n];")[0]
    text = " ".join(PAGES["docs/clients.md"].split())
    assert f"fails in {len(troubles.TROUBLES)} ways" in text
    assert f"read in {len(re.findall(r'^    [(]', forms, re.MULTILINE))} forms" in text


def test_the_number_of_histories_is_right():
    table = re.search(r"^\| history \|.*?(?=\n\n)", PAGES["docs/scenarios.md"], re.MULTILINE | re.DOTALL)[0]
    kinds = len(table.splitlines()) - 2
    assert f"histories of {kinds} kinds, 20 of each" in " ".join(PAGES["docs/how-it-decides.md"].split())
    assert "20 of each family" in PAGES["docs/scenarios.md"]


# The costs


def test_the_page_of_costs_equals_the_arithmetic():
    assert PAGES["docs/costs.md"] == costs.page()


def test_costs_follow_the_template():
    stack = costs.Stack.read()
    assert stack.metrics > 20 and stack.alarms == 10 and stack.gather_s == 10
    larger = costs.Stack(stack.memory_gb * 2, stack.alarms, stack.metrics, stack.gather_s)
    assert costs.page(larger) != costs.page(stack)


# Names in ARCHITECTURE and the threat model


def test_files_of_the_crates_are_where_the_architecture_says():
    crate, named = None, 0
    for first, files in re.findall(r"^\| (`\w+`|) \| (`[^|]*) \|", section("ARCHITECTURE.md", "Crates"), re.MULTILINE):
        crate = first.strip("`") or crate
        folder = PROJECT / {"src": "src", "fuzz": "fuzz/src"}.get(crate, f"crates/{crate}/src")
        for name in re.findall(r"`([a-z_/]+)`", files):
            places = [folder / f"{name.rstrip('/')}.rs", folder / name, folder.parent / name, PROJECT / name]
            # In a list, a stage after `pipeline/sort` is one of the pipeline.
            places += [folder / "pipeline" / f"{name}.rs"]
            assert any(place.exists() for place in places), f"{crate}: {name}"
            named += 1
    assert named > 50


def test_files_of_replay_are_where_the_architecture_says():
    rows = re.findall(r"^\| (`replay/[^|]*) \|", section("ARCHITECTURE.md", "Replay"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([\w/]+\.rs)`", row)]
    folder = PROJECT / "crates" / "cli" / "src"
    assert len(names) > 12
    assert [name for name in names if not (folder / name).exists() and not (folder / "replay" / name).exists()] == []


def test_the_tests_that_show_what_stops_a_threat_exist():
    code = "".join(path.read_text() for place in ("crates", "src", "tests", "fuzz") for path in sorted((PROJECT / place).rglob("*"))
                   if path.suffix in (".rs", ".py"))
    rows = re.findall(r"^\|(?:[^|]*\|){3} ([^|]*) \|$", section("docs/security.md", "Threats"), re.MULTILINE)
    shown = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(shown) > 20
    for name in shown:
        if name.startswith("make "):
            continue
        if name.endswith(".py") or "/" in name:
            assert [*(PROJECT / "tests").rglob(Path(name).name)], name
        elif name.endswith("::tests"):
            assert [*(PROJECT / "crates").rglob(f"{name.split('::')[0]}.rs")], name
        else:
            assert re.search(rf"\b(fn|def) {name}\b", code), name


# Bounds that are constants of the code

#: A page, what it says, and the constant that it says it of.
BOUNDS = [
    ("docs/subscribe.md", "at most 140 characters", "crates/notify/src/sms.rs", "SMS_MAX", "140"),
    ("docs/security.md", "ask for at most 40", "crates/engine/src/pipeline/people.rs", "ASKED_MAX", "40"),
    ("docs/security.md", "wait at most a second for names", "crates/engine/src/pipeline/names.rs", "NAMES_WITHIN", "Duration::from_secs(1)"),
    ("docs/security.md", "can name 50 callers an hour", "crates/engine/src/call_callers.rs", "CALLERS_MAX", "50"),
    ("docs/security.md", "at most once in five minutes", "crates/decide/src/probe_record.rs", "REGISTERED_APART", "SignedDuration::from_mins(5)"),
    ("docs/how-it-decides.md", "at most once in five minutes", "crates/decide/src/probe_record.rs", "REGISTERED_APART",
     "SignedDuration::from_mins(5)"),
    ("docs/security.md", "at most ten of a region", "crates/notify/src/notice.rs", "LISTED_MAX", "10"),
    ("ARCHITECTURE.md", "50,000 that wait", "crates/cli/src/replay/order.rs", "WAITING_MAX", "50_000"),
    ("ARCHITECTURE.md", "25,000 calls are kept", "crates/decode/src/batch.rs", "OBSERVATIONS_MAX", "25_000"),
    ("ARCHITECTURE.md", "64 MiB are inflated", "crates/decode/src/inflate.rs", "INFLATED_MAX", "64 * 1024 * 1024"),
    ("ARCHITECTURE.md", "exactly up to 256 callers", "crates/decide/src/distinct.rs", "KEPT_MAX", "256"),
    ("ARCHITECTURE.md", "16 of a kind", "crates/decide/src/evidence/mark.rs", "NAMES_MAX", "16"),
    ("ARCHITECTURE.md", "more than 60 s ahead", "crates/model/src/time.rs", "AHEAD_MAX", "Duration::from_secs(60)"),
    ("ARCHITECTURE.md", "two seconds before it", "crates/engine/src/handled.rs", "DEADLINE_MARGIN", "Duration::from_secs(2)"),
]


@pytest.mark.parametrize(("page", "said", "file", "constant", "value"), BOUNDS, ids=lambda part: str(part)[:30])
def test_a_bound_is_the_constant_of_the_code(page, said, file, constant, value):
    assert said in " ".join(PAGES[page].split())
    found = re.search(rf"\bconst {constant}: [\w:]+ = ([^;]+);", (PROJECT / file).read_text())
    assert found and found[1] == value
