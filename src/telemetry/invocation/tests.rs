use serde_json::{Value, json};
use triage_decide::testing::verdicts::{at, verdict};
use triage_decide::verdict::Evaluation;
use triage_engine::answer::IncidentState;

use super::*;
use crate::telemetry::testing::{facts, incident, nothing, probe, region};

fn logged(handled: &Handled) -> Value {
    let region = region("eu-central-1");
    serde_json::to_value(invocation_line(&facts(&region), handled, at(1)).unwrap()).unwrap()
}

#[test]
fn the_worst_verdict_is_the_first_and_quiet_regions_are_left_out() {
    let mut handled = nothing();
    handled.evaluations.extend([
        (region("ap-south-1"), verdict(Diagnosis::Quiet).into()),
        (region("eu-central-1"), verdict(Diagnosis::Degraded).into()),
        (region("eu-west-1"), verdict(Diagnosis::Outage).into()),
        (region("sa-east-1"), verdict(Diagnosis::Outage).hitting(9).into()),
    ]);
    let line = logged(&handled);
    let shown: Vec<_> = line["verdicts"].as_array().unwrap().iter().map(|verdict| &verdict["region"]).collect();
    assert_eq!(shown, ["sa-east-1", "eu-west-1", "eu-central-1"]);
}

#[test]
fn a_verdict_says_which_callers_are_affected_by_what_and_names_its_incident() {
    let mut handled = nothing();
    handled.evaluations.insert(region("eu-central-1"), verdict(Diagnosis::Outage).into());
    handled.answer.incidents.push(incident(&region("eu-central-1"), IncidentState::Open));
    let wanted = json!([{
        "region": "eu-central-1", "diagnosis": "outage",
        "scope": {"operations": null, "tool": null, "network": null, "application": null, "account": null},
        "callers": 3,
        "names": "ana@example.com, ben@example.com, eva@example.com",
        "tools": "aws-cli/2.31.0 (2), Boto3/1.40 (1)", "operations": "CreateToken (3)",
        "reasons": ["the reason for outage"], "incident": "made-up-incident",
    }]);
    assert_eq!(logged(&handled)["verdicts"], wanted);
}

#[test]
fn of_several_incidents_of_a_region_each_verdict_names_its_own() {
    let mut handled = nothing();
    let (eu, tool) = (region("eu-central-1"), verdict(Diagnosis::OneTool));
    let scope = NamedScope::from(&tool.scope);
    let evaluation = Evaluation { region: verdict(Diagnosis::Degraded), apart: vec![tool] };
    handled.evaluations.insert(eu.clone(), evaluation);
    let of_tool = IncidentReport { id: "of-the-tool".into(), scope, ..incident(&eu, IncidentState::Open) };
    handled.answer.incidents.extend([incident(&eu, IncidentState::Open), of_tool]);
    let lines = logged(&handled)["verdicts"].clone();
    assert_eq!((&lines[0]["diagnosis"], &lines[0]["incident"]), (&json!("degraded"), &json!("made-up-incident")));
    assert_eq!((&lines[1]["diagnosis"], &lines[1]["incident"]), (&json!("one_tool"), &json!("of-the-tool")));
    assert_eq!(lines[1]["scope"]["tool"], "acme-login/3.0");
}

#[test]
fn a_region_that_is_quiet_is_listed_while_it_has_an_incident() {
    let mut handled = nothing();
    handled.evaluations.insert(region("eu-central-1"), verdict(Diagnosis::Quiet).into());
    assert_eq!(logged(&handled)["verdicts"], json!([]));
    handled.answer.incidents.push(incident(&region("eu-central-1"), IncidentState::Resolved));
    assert_eq!(logged(&handled)["verdicts"][0]["incident"], "made-up-incident");
}

#[test]
fn ten_names_are_listed_each_on_one_line_and_no_longer_than_is_shown() {
    let mut handled = nothing();
    let names = (0..40).map(|n| format!("{n}\nforged {}", "x".repeat(500))).collect();
    let verdict = Verdict { names, ..verdict(Diagnosis::Outage) };
    handled.evaluations.insert(region("eu-central-1"), verdict.into());
    let line = logged(&handled);
    let names = line["verdicts"][0]["names"].as_str().unwrap();
    assert_eq!((names.split(", ").count(), names.contains('\n')), (10, false));
    assert!(names.len() < 10 * (SHOWN_NAME_MAX + 2), "{names}");
}

#[test]
fn the_worst_probe_is_the_first() {
    let mut handled = nothing();
    for (name, answer) in [("ap-south-1", StepState::Healthy), ("eu-west-1", StepState::Down)] {
        handled.probes.insert(region(name), probe(&region(name), at(0), answer, 30));
    }
    let line = logged(&handled);
    assert_eq!((&line["probes"][0]["region"], &line["probes"][0]["answer"]), (&json!("eu-west-1"), &json!("down")));
    assert_eq!(line["probes"][1]["region"], "ap-south-1");
}

#[test]
fn what_queries_ask_for_is_among_the_first_fields() {
    let region = region("eu-central-1");
    let text = serde_json::to_string(&invocation_line(&facts(&region), &nothing(), at(1)).unwrap()).unwrap();
    let place = |key: &str| text.find(&format!("\"{key}\":")).unwrap();
    assert!(place("verdicts") < place("notices") && place("notices") < place("problems"), "{text}");
    assert!(place("problems") < place("probes"), "{text}");
}
