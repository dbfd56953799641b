"""Monitoring of the function: alarms, the dashboard and the saved queries of the template."""

import functools
import itertools
import json
import re

import pytest

from tests.template.test_template import FUNCTIONS, ROOT, resolved, resources, template

METRICS = ROOT / "src" / "telemetry" / "metrics.rs"

# Name: metric, source, statistic, threshold, and the meaning of no data.
ALARMS = {
    "FailureQueueAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "<DeadLetterQueue.QueueName>"},
                          "Maximum", (60, 1, 1), "GreaterThanThreshold", 0, "notBreaching"),
    "TriageErrorsAlarm": ("AWS/Lambda", "Errors", {"FunctionName": "<TriageFunction>"},
                          "Sum", (300, 1, 1), "GreaterThanThreshold", 0, "notBreaching"),
    "WatcherErrorsAlarm": ("AWS/Lambda", "Errors", {"FunctionName": "<WatcherFunction>"},
                           "Sum", (60, 3, 5), "GreaterThanThreshold", 0, "notBreaching"),
    "StoreAlarm": ("oidc-triage", "StoreErrors", {"Region": "<AWS::Region>"},
                   "Sum", (60, 3, 5), "GreaterThanThreshold", 0, "notBreaching"),
    "NoticesPendingAlarm": ("oidc-triage", "NoticeAge", {"Region": "<AWS::Region>"},
                            "Maximum", (60, 1, 1), "GreaterThanThreshold", 600, "notBreaching"),
    **{f"{which}ThrottlesAlarm": ("AWS/Lambda", "Throttles", {"FunctionName": f"<{which}Function>"},
                                  "Sum", (60, 3, 5), "GreaterThanThreshold", 0, "notBreaching")
       for which in ("Triage", "Watcher")},
    "LostEventsAlarm": ("AWS/Lambda", "DestinationDeliveryFailures", {"FunctionName": "<TriageFunction>"},
                        "Sum", (60, 1, 1), "GreaterThanThreshold", 0, "notBreaching"),
    "UndeliveredEventsAlarm": ("AWS/Events", "InvocationsFailedToBeSentToDlq", {"RuleName": "<CloudTrailRule>"},
                               "Sum", (60, 1, 1), "GreaterThanThreshold", 0, "notBreaching"),
    # Lambda's own count: neither another stack nor anybody who may put metrics keeps it green.
    "NoTickAlarm": ("AWS/Lambda", "Invocations", {"FunctionName": "<WatcherFunction>"},
                    "Sum", (60, 5, 5), "LessThanThreshold", 1, "breaching"),
}


def alarms():
    return resources("AWS::CloudWatch::Alarm")


def test_the_alarms_are_those_of_the_table():
    assert set(alarms()) == set(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_goes_off_when_it_should(name):
    alarm = resolved(alarms()[name])
    periods = alarm["EvaluationPeriods"]
    assert ALARMS[name] == (
        alarm["Namespace"], alarm["MetricName"],
        {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}, alarm["Statistic"],
        (alarm["Period"], alarm.get("DatapointsToAlarm", periods), periods), alarm["ComparisonOperator"],
        alarm["Threshold"], alarm["TreatMissingData"])


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_notifies_the_topic_with_what_to_do_and_of_its_end(name):
    alarm = alarms()[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Topic"}]
    assert "InsufficientDataActions" not in alarm and alarm.get("ActionsEnabled", True)
    # CloudWatch's limit; and the first sentence alone would not say what to do.
    assert 100 < len(alarm["AlarmDescription"]) <= 1024
    assert "ook " in alarm["AlarmDescription"]


def test_the_page_says_what_each_alarm_means():
    rows = re.findall(r"^\| `(\w+Alarm)` \|", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(ALARMS)


def test_no_alarm_has_a_name_that_a_second_stack_would_want_as_well():
    assert not any("AlarmName" in alarm for alarm in alarms().values())


def test_each_function_has_an_alarm_for_its_errors():
    watched = [alarm["Dimensions"][0]["Value"] for alarm in alarms().values() if alarm["MetricName"] == "Errors"]
    assert watched == [{"Ref": name} for name in FUNCTIONS]


def test_only_the_alarm_on_ticks_fires_without_data_and_it_is_created_after_the_rule():
    silent = [name for name, alarm in alarms().items() if alarm["TreatMissingData"] != "notBreaching"]
    assert silent == ["NoTickAlarm"]
    assert set(template()["Resources"]["NoTickAlarm"]["DependsOn"]) == {"TickRule", "TickPermission"}


def test_our_own_metrics_are_looked_for_under_the_region_of_identity_center():
    for alarm in alarms().values():
        if alarm["Namespace"] == "oidc-triage":
            assert resolved(alarm["Dimensions"], IdentityCenterRegion="eu-central-1") == [
                {"Name": "Region", "Value": "eu-central-1"}]
    assert {dimensions for namespace, _, dimensions, _ in shown(IdentityCenterRegion="eu-central-1")
            if namespace == "oidc-triage"} == {("Region", "eu-central-1")}
    assert {dimensions for namespace, _, dimensions, _ in shown() if namespace == "oidc-triage"} == {
        ("Region", "<AWS::Region>")}


def dashboard(**given):
    (board,) = resources("AWS::CloudWatch::Dashboard").values()
    text = resolved(board["DashboardBody"], **given)
    assert "${" not in text, "something was not put in its place"
    return json.loads(text)


def widgets(kind, **given):
    return [widget for widget in dashboard(**given)["widgets"] if widget["type"] == kind]


def shown(**given):
    """Namespace, name, dimensions and statistic of each metric on the dashboard."""
    for widget in widgets("metric", **given):
        properties = widget["properties"]
        for namespace, name, *dimensions, options in properties["metrics"]:
            yield namespace, name, tuple(dimensions), options.get("stat", properties.get("stat"))


def test_the_dashboard_is_named_by_its_stack_and_its_region_because_dashboards_have_none():
    (board,) = resources("AWS::CloudWatch::Dashboard").values()
    assert resolved(board["DashboardName"]) == "<AWS::StackName>-<AWS::Region>"


def test_the_dashboard_fits_its_grid_without_overlaps():
    taken = {}
    for number, widget in enumerate(dashboard()["widgets"]):
        assert widget["x"] >= 0 and widget["width"] >= 1 and widget["x"] + widget["width"] <= 24
        assert widget["y"] >= 0 and 1 <= widget["height"] <= 1000
        for cell in itertools.product(range(widget["x"], widget["x"] + widget["width"]),
                                      range(widget["y"], widget["y"] + widget["height"])):
            assert taken.setdefault(cell, number) == number
    assert len(taken) == 24 * (1 + max(y for _, y in taken)), "there is a hole"


def test_each_graph_has_a_title_a_region_and_one_statistic_for_each_line():
    for widget in widgets("metric"):
        properties = widget["properties"]
        assert properties["title"] and properties["region"] == "<AWS::Region>"
        assert (properties["view"], properties["period"]) == ("timeSeries", 60)
        assert all(options["label"] for *_, options in properties["metrics"])
    assert all(statistic in ("Sum", "Maximum", "Average") for *_, statistic in shown())


# Every running copy reports a state, and the sum of these means nothing.
STATES = {"CallersHit", "IncidentsOpen", "NoticesPending", "NoticeAge", "ObservationAge", "DecisionTime", "Duration",
          "ApproximateNumberOfMessagesVisible"}


SHARES = {"CallsWorkedHour", "CallsWorkedDay", "CallsWorkedMonth"}


def test_the_target_is_drawn_where_it_is_known():
    (widget,) = [widget for widget in widgets("metric") if SHARES & {name for _, name, *_ in widget["properties"]["metrics"]}]
    assert widget["properties"]["annotations"] == {"horizontal": [{"label": "target", "value": 99.9}]}
    assert re.search(r'slo_target \("slo_target"\): f64 = 99\.9 ', (ROOT / "crates/decide/src/policy/numbers.rs").read_text())
    own = [widget["properties"].get("annotations") for widget in widgets("metric", Policy="slo_target = 99.5")]
    assert {"horizontal": []} in own, "a policy may have another one"


def test_states_are_shown_by_their_highest_value_and_counts_by_their_sum():
    for namespace, name, _, statistic in shown():
        if name == "ProbeLatency":
            assert statistic in ("Maximum", "Average")
        elif name in SHARES:
            assert statistic == "Average"
        else:
            assert statistic == ("Maximum" if name in STATES else "Sum"), f"{namespace} {name}"


def test_the_dashboard_begins_with_what_to_look_at_and_shows_every_alarm():
    first = dashboard()["widgets"][0]
    assert (first["type"], first["x"], first["y"]) == ("text", 0, 0)
    markdown = first["properties"]["markdown"]
    assert "oidc-triage/<AWS::StackName>/what happened in incident X" in markdown
    assert [line.strip()[:2] for line in markdown.split("\n")] == ["##", "1.", "2.", "3.", "4."]
    (alarm_states,) = widgets("alarm")
    assert sorted(alarm_states["properties"]["alarms"]) == sorted(f"<{name}.Arn>" for name in ALARMS)


def test_the_dashboard_shows_both_functions_and_the_failure_queue():
    of_aws = {(name, *dimensions) for namespace, name, dimensions, _ in shown() if namespace != "oidc-triage"}
    assert of_aws == {(name, "FunctionName", f"<{function}>") for function in FUNCTIONS
                      for name in ("Errors", "Throttles", "Duration")} | {
        ("ApproximateNumberOfMessagesVisible", "QueueName", "<DeadLetterQueue.QueueName>")}


UNITS = {"Count", "Seconds", "Milliseconds", "Percent"}


@functools.cache
def emitted():
    """The names of the function's metrics: in its own table, the text before a unit."""
    if not METRICS.exists():
        pytest.skip(f"{METRICS.relative_to(ROOT)} does not exist yet")
    row = rf'\b((?:[A-Z][a-z]+)+)"?\s*,?\s*(?:unit:\s*)?(?:Unit::)?(?:{"|".join(UNITS)})\b'
    names = set(re.findall(row, METRICS.read_text())) - UNITS
    assert len(names) > 10, "the table of metrics is not written as this test reads it"
    return names


def ours():
    on_the_dashboard = {name for namespace, name, *_ in shown() if namespace == "oidc-triage"}
    return on_the_dashboard, {alarm["MetricName"] for alarm in alarms().values() if alarm["Namespace"] == "oidc-triage"}


def test_metrics_of_the_dashboard_and_the_alarms_are_put_by_the_function():
    on_the_dashboard, in_alarms = ours()
    assert on_the_dashboard | in_alarms <= emitted()


def test_every_metric_that_the_function_puts_is_on_the_dashboard():
    assert emitted() == ours()[0]


def test_the_dashboard_stays_within_what_is_free():
    # The first three dashboards are, of at most 50 metrics each.
    assert len({(namespace, name, dimensions) for namespace, name, dimensions, _ in shown()}) <= 50


def queries():
    return resources("AWS::Logs::QueryDefinition")


def test_the_saved_queries_are_found_under_the_stack_s_name_and_ask_its_own_log_alone():
    assert sorted(resolved(query["Name"]) for query in queries().values()) == [
        f"oidc-triage/<AWS::StackName>/{name}"
        for name in ("affected callers", "failing callers", "failing tools", "what happened in incident X")]
    for query in queries().values():
        assert query["LogGroupNames"] == [{"Ref": "LogGroup"}]
        assert len(query["QueryString"]) <= 10_000


def commands(query):
    """The commands of a query, without comments and line breaks."""
    lines = [line.strip() for line in query.splitlines() if not line.startswith("#")]
    return [command.strip() for command in " ".join(lines).split("|")]


def test_what_happened_in_an_incident_is_listed_from_its_beginning():
    query = queries()["WhatHappenedQuery"]["QueryString"]
    fields, *rest = commands(query)
    assert rest == ['filter @message like "INCIDENT-ID"', "sort @timestamp asc", "limit 1000"]
    assert query.splitlines()[0].startswith("#") and "INCIDENT-ID" in query.splitlines()[0]
    assert "@timestamp" in fields


def test_affected_callers_are_listed_newest_first():
    fields, *rest = commands(queries()["WhoIsHitQuery"]["QueryString"])
    assert rest == ["filter verdicts.0.callers > 0", "sort @timestamp desc", "limit 200"]
    # Names, tools and operations have one text each in the line.
    verdict = ("region", "diagnosis", "callers", "names", "tools", "operations", "incident")
    assert [field.strip() for field in fields.removeprefix("fields").split(",")] == [
        "@timestamp", *(f"verdicts.0.{field}" for field in verdict)]


def test_failing_tools_and_callers_are_listed_by_how_much_they_fail():
    """A tool is the text before its count, as the line has it: `aws-cli/2.31.0 (12), ...`."""
    tools = commands(queries()["FailingToolsQuery"]["QueryString"])
    assert 'parse tools "* (*" as tool, more' in tools and "sort callers desc" in tools
    callers = commands(queries()["FailingCallersQuery"]["QueryString"])
    assert "sort times desc" in callers and all("filter verdicts.0.callers > 0" in query for query in (tools, callers))


@pytest.mark.parametrize("name", ["WhatHappenedQuery", "WhoIsHitQuery", "FailingToolsQuery", "FailingCallersQuery"])
def test_the_fields_of_a_query_are_those_of_the_log_line(name):
    known = {"verdicts": {"region", "diagnosis", "scope", "callers", "names", "tools", "operations", "reasons",
                          "incident"},
             "incidents": {"id", "region", "state", "diagnosis", "severity", "scope", "reasons"},
             "notices": {"id", "sequence", "kind", "diagnosis", "severity", "incident", "region", "scope",
                         "messageId"}}
    used = re.findall(r"\b(verdicts|incidents|notices)\.\d+\.(\w+)", queries()[name]["QueryString"])
    assert used and all(field in known[array] for array, field in used)
