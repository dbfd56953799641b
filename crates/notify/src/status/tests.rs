use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use triage_decide::calls::{Calls, Window, Windows};
use triage_decide::concern::Concern;
use triage_decide::incident::Recoveries;
use triage_decide::ledger::{Incident, Ledger};
use triage_decide::objective::{Objective, Target};
use triage_decide::policy::Policy;
use triage_decide::scope::Shared;
use triage_decide::testing::verdicts::{NOTIFIED, at, incident, region, verdict};
use triage_decide::verdict::{Diagnosis, Evaluation, FailedRequest, Recovery, Verdict};

use super::data::{Doubt, Outward, Phase, State, Status};
use super::files::{File, fresh, news};
use super::kept::{KEPT_MAX, Kept};
use super::outward;
use super::page::{POLICY, STYLE};
use crate::place::Company;

const DAY: i64 = 86_400;

fn ended(mut incident: Incident, proved: bool, second: i64) -> Incident {
    (incident.resolved_at, incident.proved, incident.notified_at) = (Some(at(second)), proved, at(second + 1));
    incident
}

fn ledger(incident: Incident) -> Ledger {
    match incident.key() {
        None => Ledger { incident: Some(incident), ..Ledger::default() },
        Some(_) => Ledger { apart: vec![incident], ..Ledger::default() },
    }
}

/// As everybody knows them at that second.
fn shown(ledger: &Ledger, verdict: &Verdict, recovery: Recovery, second: i64) -> Vec<Outward> {
    let evaluation = Evaluation::from(verdict.clone());
    let recoveries = Recoveries::from([(verdict.apart, recovery)]);
    outward::incidents(ledger, Some(&evaluation), &recoveries, None, at(second))
}

fn one(ledger: &Ledger, verdict: &Verdict, recovery: Recovery, second: i64) -> Outward {
    let [shown] = <[_; 1]>::try_from(shown(ledger, verdict, recovery, second)).unwrap();
    shown
}

fn company() -> Company {
    Company {
        contact: Some("#identity-on-call".to_owned()),
        status_page: Some("https://status.example.com/sign-in?a=1&b=2".to_owned()),
        runbook: Some("https://wiki.example.com/secret-runbook".to_owned()),
        time_zone: Some(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()),
    }
}

fn target() -> Target {
    Target::of(&Policy::default())
}

fn files(incidents: &[Outward], doubt: Option<Doubt>, second: i64) -> [File; 3] {
    let company = company();
    let status = Status { at: at(second), incidents, doubt, target: target(), objective: None, company: &company };
    let [json, html] = fresh(&status);
    [json, html, news(&status)]
}

#[test]
fn an_open_incident_says_what_its_notices_say() {
    let verdict = verdict(Diagnosis::Outage);
    let ledger = ledger(incident(&verdict));
    let open = one(&ledger, &verdict, Recovery::default(), 300);
    assert_eq!((open.phase, open.state), (Phase::Open, State::Outage));
    assert_eq!(open.title, "AWS sign-in OUTAGE eu-central-1 - 3 of 4 people");
    assert_eq!(open.lines, ["AWS sign-in OUTAGE in eu-central-1: 3 of 4 people cannot sign in."]);
    assert!(open.users.unwrap().starts_with("Signing in to AWS (aws sso login and tools that use it) is failing"));
    assert_eq!((open.id.as_str(), open.began, open.latest), ("eu-central-1-20270115T080100Z", at(0), Some(at(2))));

    let recovering = Recovery { recovering_since: Some(at(200)), ..Recovery::default() };
    let open = one(&ledger, &verdict, recovering, 300);
    assert_eq!((open.phase, open.state), (Phase::Recovering, State::Outage), "it is still open");
    assert!(open.lines[1].starts_with("Recovering: calls succeed again"), "{:?}", open.lines);
    assert!(open.users.unwrap().contains("is starting to work again"));

    let mut silent = ledger.clone();
    silent.incident.as_mut().unwrap().silent_since = Some(at(250));
    let open = one(&silent, &verdict, Recovery::default(), 300);
    assert_eq!((open.phase, open.users), (Phase::NoCalls, None));
    assert!(open.lines[1].starts_with("Nobody has called since 08:04 UTC"), "{:?}", open.lines);
}

#[test]
fn an_ended_incident_has_dates_in_its_words_and_says_whether_the_end_is_confirmed() {
    let verdict = verdict(Diagnosis::Degraded).seen(0, 1500);
    for (proved, phase, begin) in [(true, Phase::Resolved, "RESOLVED"), (false, Phase::Quiet, "QUIET, NOT CONFIRMED")] {
        let past = one(&ledger(ended(incident(&verdict), proved, 1800)), &verdict, Recovery::default(), 1900);
        assert_eq!((past.phase, past.over_at, past.closed_at), (phase, Some(at(1800)), Some(at(1801))));
        let said =
            format!("{begin}: AWS sign-in DEGRADED in eu-central-1 from 2027-01-15 08:00 UTC to 2027-01-15 08:25 UTC");
        assert!(past.lines[0].starts_with(&said), "{:?}", past.lines);
    }
}

#[test]
fn what_limits_it_is_named_only_where_it_is_a_tool() {
    let of = |diagnosis| {
        let verdict = verdict(diagnosis);
        one(&ledger(incident(&verdict)), &verdict, Recovery::default(), 300)
    };
    let tool = of(Diagnosis::OneTool);
    assert_eq!(tool.tool.as_deref(), Some("acme-login/3.0"));
    assert!(tool.lines[0].contains("TOOL FAILS (tool acme-login 3.0)"), "{:?}", tool.lines);
    let network = of(Diagnosis::OneNetwork);
    assert_eq!(
        network.lines,
        ["AWS sign-in NETWORK FAILS (one network) in eu-central-1: 3 of 4 people cannot sign in."]
    );
    assert!(network.users.unwrap().starts_with("Signing in from one network is failing."));
    assert_eq!(
        (network.title.as_str(), network.tool),
        ("AWS sign-in NETWORK FAILS eu-central-1 - 3 of 4 people", None)
    );
    assert!(of(Diagnosis::OneApplication).users.unwrap().starts_with("Signing in to one application is failing."));
    assert_eq!(of(Diagnosis::Misconfigured).state, State::Outage, "a key serves everyone or no one");
    let suspected = of(Diagnosis::Suspected);
    assert!(suspected.lines[0].ends_with("3 of 4 people are refused."), "{:?}", suspected.lines);
}

#[test]
fn a_tool_that_may_name_somebody_is_not_named() {
    let named = |name: &str| {
        let mut verdict = verdict(Diagnosis::OneTool);
        verdict.scope.shared.as_mut().unwrap().name = name.to_owned();
        one(&ledger(incident(&verdict)), &verdict, Recovery::default(), 300).tool
    };
    for name in ["aws-cli/2.31.0", "Boto3/1.40", "acme.login_x/3.0-rc1+7"] {
        assert_eq!(named(name).as_deref(), Some(name));
    }
    let long = "x".repeat(65);
    let others = [
        "ana@example.com",
        "192.0.2.7",
        "acme/192.0.2.7",
        "acme/111122223333",
        "arn:aws:x",
        "a b",
        "0badcafe",
        &long,
        "\u{202e}x",
    ];
    for name in others {
        assert_eq!(named(name), None, "{name}");
    }
}

#[test]
fn the_state_is_the_worst_of_what_is_open_and_unknown_only_where_nothing_is() {
    let company = Company::default();
    let open = |diagnosis| {
        let verdict = verdict(diagnosis);
        one(&ledger(incident(&verdict)), &verdict, Recovery::default(), 300)
    };
    let state = |incidents: &[Outward], doubt| {
        Status { at: at(300), incidents, doubt, target: target(), objective: None, company: &company }.state()
    };
    let past = Outward { phase: Phase::Resolved, ..open(Diagnosis::Outage) };
    assert_eq!(state(std::slice::from_ref(&past), None), State::Ok);
    assert_eq!(state(&[past], Some(Doubt::Unread)), State::Unknown);
    assert_eq!(state(&[open(Diagnosis::OneTool)], Some(Doubt::Blind)), State::Degraded);
    assert_eq!(state(&[open(Diagnosis::OneTool), open(Diagnosis::Outage)], None), State::Outage);
}

#[test]
fn an_incident_is_listed_once_however_often_it_is_taken_in() {
    let verdict = verdict(Diagnosis::Outage);
    let open = ledger(incident(&verdict));
    let over = ledger(ended(incident(&verdict).clone(), true, 900));
    let mut kept = Kept::default();
    let mut take_in = |ledger: &Ledger| {
        kept.take_in(&region(), shown(ledger, &verdict, Recovery::default(), 1000), outward::replaced(ledger, None));
        kept.forget(at(1000));
        let phases: Vec<Phase> = kept.incidents.iter().map(|incident| incident.phase).collect();
        (phases, kept.clone())
    };
    assert_eq!(take_in(&open).0, [Phase::Open]);
    assert_eq!(take_in(&open).0, [Phase::Open]);
    let (phases, known) = take_in(&over);
    assert_eq!(phases, [Phase::Resolved]);
    // Another one took its place: its outline takes nothing from what is known.
    let mut next = incident(&verdict);
    (next.id, next.opened_at, next.first_failure) = ("another".to_owned(), at(5000), Some(at(4990)));
    let replaced = Ledger { replaced: vec![over.incident.unwrap().in_outline()], ..ledger(next) };
    let (phases, now) = take_in(&replaced);
    assert_eq!(phases, [Phase::Open, Phase::Resolved]);
    assert_eq!(now.incidents[1], known.incidents[0]);
}

#[test]
fn what_opened_and_ended_between_two_ticks_is_not_lost() {
    let verdict = verdict(Diagnosis::Outage);
    let gone = ended(incident(&verdict), false, 900).in_outline();
    let ledger = Ledger { replaced: vec![gone], ..Ledger::default() };
    let mut kept = Kept::default();
    kept.take_in(&region(), Vec::new(), outward::replaced(&ledger, None));
    let [past] = kept.incidents.as_slice() else { panic!() };
    assert_eq!((past.phase, past.callers, past.over_at), (Phase::Quiet, 3, Some(at(900))));
}

#[test]
fn an_open_incident_that_no_ledger_knows_any_more_has_ended() {
    let verdict = verdict(Diagnosis::Outage);
    let mut kept = Kept::default();
    kept.take_in(&region(), shown(&ledger(incident(&verdict)), &verdict, Recovery::default(), 300), Vec::new());
    let elsewhere = triage_model::region::KnownRegions::default().find("us-east-1").unwrap();
    kept.take_in(&elsewhere, Vec::new(), Vec::new());
    assert!(kept.incidents[0].phase.is_open(), "another region's ledger says nothing of it");
    kept.take_in(&region(), Vec::new(), Vec::new());
    let past = &kept.incidents[0];
    assert_eq!((past.phase, past.over_at), (Phase::Quiet, Some(at(2))));
    assert_eq!(past.lines.last().map(String::as_str), Some("Its end was not seen."));
}

#[test]
fn the_list_is_bounded_by_time_and_number_and_its_ids_differ() {
    let verdict = verdict(Diagnosis::OneNetwork);
    let mut kept = Kept::default();
    for number in 0..2 * KEPT_MAX as i64 {
        let mut incident = ended(incident(&verdict), true, number);
        incident.id = format!("of-{number}");
        kept.take_in(&region(), shown(&ledger(incident), &verdict, Recovery::default(), 1000), Vec::new());
    }
    let ids: BTreeSet<&String> = kept.incidents.iter().map(|incident| &incident.id).collect();
    assert_eq!(ids.len(), 2 * KEPT_MAX, "all were opened in one second");
    kept.forget(at(1000));
    assert_eq!(kept.incidents.len(), KEPT_MAX);
    kept.forget(at(91 * DAY));
    assert_eq!(kept.incidents.len(), 0);
}

#[test]
fn the_page_allows_its_own_style_and_nothing_else() {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
    assert_eq!(POLICY, policy, "write this into POLICY");
    assert!(
        !STYLE.contains("http") && !STYLE.contains("@import") && !STYLE.contains("url(") && !STYLE.contains(['<', '&'])
    );
}

#[test]
fn the_page_says_as_of_when_and_what_it_means_where_that_is_long_ago() {
    let [_, html, _] = files(&[], None, 6060);
    for said in [
        "<h1><span class=\"sign\" aria-hidden=\"true\">✓</span><span>AWS sign-in works</span></h1>",
        "<time datetime=\"2027-01-15T09:41:00Z\">09:41 UTC (10:41 CET)</time> on 15 January 2027.",
        "if that is more than 5 minutes ago, the monitoring does not run",
        "<meta http-equiv=\"refresh\" content=\"60\" />",
        "None known within 90 days.",
        "Contact: <bdi>#identity-on-call</bdi>",
    ] {
        assert!(html.body.contains(said), "{said}\n{}", html.body);
    }
    assert!(!html.body.contains("secret-runbook") && !html.body.contains("<script"));
}

#[test]
fn shares_are_shown_where_they_are_known_and_never_made_up() {
    let window = |served, failed| Window { from: at(0), until: at(3600), calls: Calls { served, failed } };
    let windows = Windows { hour: window(0, 0), day: window(9_999, 1), month: window(99_999_999, 1) };
    let objective = Some(Objective { target: target(), windows });
    let company = Company::default();
    let shown = |objective| {
        let status = Status { at: at(60), incidents: &[], doubt: None, target: target(), objective, company: &company };
        let [json, html] = fresh(&status);
        (serde_json::from_str::<Value>(&json.body).unwrap()["objective"].clone(), html.body)
    };
    let (json, html) = shown(objective);
    assert!(
        html.contains("<th scope=\"row\">hour</th><td class=\"number\">not known</td><td>not known</td>"),
        "{html}"
    );
    assert!(html.contains("<th scope=\"row\">day</th><td class=\"number\">99.99 %</td>"), "{html}");
    assert!(html.contains("<th scope=\"row\">30 days</th><td class=\"number\">99.99 %</td>"), "not all is not 100 %");
    assert_eq!((&json["hour"]["percent"], json["day"]["percent"].as_f64()), (&Value::Null, Some(99.99)));
    let (json, html) = shown(None);
    assert!(html.contains("Not known: only failures were seen so far") && !html.contains("<table"), "{html}");
    assert_eq!((json["targetPercent"].as_f64(), &json["month"]["burnRate"]), (Some(target().percent()), &Value::Null));
}

#[test]
fn the_feed_has_an_item_for_each_beginning_and_end_and_does_not_change_with_counts() {
    let verdict = verdict(Diagnosis::Outage);
    let feed = |shown: Vec<Outward>, second| files(&shown, None, second)[2].body.clone();
    let open = feed(shown(&ledger(incident(&verdict)), &verdict, Recovery::default(), 300), 300);
    let more = verdict.clone().hitting(20);
    let worse = feed(shown(&ledger(incident(&more)), &more, Recovery::default(), 360), 360);
    assert_eq!(open, worse, "neither the time nor a count is in it");
    assert!(open.contains("<link>https://status.example.com/sign-in?a=1&amp;b=2</link>"), "{open}");
    assert!(open.contains("<pubDate>Fri, 15 Jan 2027 08:01:00 GMT</pubDate>"), "{open}");
    let guids = |feed: &str| -> Vec<String> {
        feed.split("<guid isPermaLink=\"false\">")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(guids(&open), ["eu-central-1-20270115T080100Z-opened-0-outage"]);
    let over = feed(shown(&ledger(ended(incident(&verdict), true, 900)), &verdict, Recovery::default(), 960), 960);
    assert_eq!(
        guids(&over),
        ["eu-central-1-20270115T080100Z-resolved-0", "eu-central-1-20270115T080100Z-opened-0-outage"]
    );
    assert!(over.contains("Resolved: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people"), "{over}");
}

/// What no file may have: names, addresses, hashes, ids, ARNs, codes.
const PLANTED: [&str; 12] = [
    "ana@example.com",
    "9067642ac7-3a5b1c2d",
    "0badcafe",
    "111122223333",
    "arn:aws",
    "d-1234567890",
    "hIoy3ZTvMMmYvqDPxTQ2Rm",
    "1f0c6a3e-5d2b-4e8a",
    "192.0.2.7",
    "2001:db8::7",
    "/planted/log-group",
    "<script>",
];

/// A code that no table knows.
const CODE: &str = "PlantedException";

fn planted() -> impl Strategy<Value = String> {
    let piece = select(&PLANTED[..]);
    let around = select(&["", " ", "/", "\n", "\u{202e}", "&\"'>", "acme-login/3.0 ", "]]>"][..]);
    (around.clone(), piece, around).prop_map(|(before, piece, after)| format!("{before}{piece}{after}"))
}

/// Elements are closed in order, and nothing but ours is markup.
fn is_well_formed(xml: &str) -> Result<(), TestCaseError> {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').ok_or_else(|| TestCaseError::fail("a tag without an end"))?;
        prop_assert!(!text.contains('"') || tag == "style", "{text}");
        match (tag.strip_prefix('/'), tag.ends_with('/') || tag.starts_with(['!', '?'])) {
            (Some(name), _) => prop_assert_eq!(open.pop(), Some(name)),
            (None, true) => {}
            (None, false) => open.push(tag.split(' ').next().unwrap_or_default()),
        }
    }
    prop_assert!(open.is_empty(), "{open:?}");
    let harmful = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    prop_assert!(!xml.contains(harmful));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_file_has_anything_that_names_somebody(
        diagnosis in select(&NOTIFIED[..]),
        texts in proptest::collection::vec(planted(), 6),
        key in any::<bool>(),
        phase in select(&Phase::ALL[..]),
        is_outline in any::<bool>(),
    ) {
        let code = CODE.to_owned();
        let [name, user, shared, id, arn, reason] = <[String; 6]>::try_from(texts).unwrap();
        let mut verdict = verdict(diagnosis);
        match &mut verdict.concern {
            Concern::Service => {}
            Concern::Admin { name, key: is_key, .. } => (*name, *is_key) = (code.clone(), key),
            Concern::Request { name, .. } => *name = code.clone(),
        }
        if let Some(Shared { name, .. }) = &mut verdict.scope.shared {
            *name = shared;
        }
        let request = FailedRequest { at: at(1), id: Some(id), operation: None, code: code.clone() };
        verdict.names = vec![name, user];
        (verdict.codes, verdict.tools) = (vec![(code.clone(), 3)], vec![(reason.clone(), 3)]);
        (verdict.requests, verdict.kms_key) = (vec![request], Some(arn));
        (verdict.reasons, verdict.opening) = (vec![reason.clone()], Some(reason));
        let mut incident = incident(&verdict);
        incident.id = format!("{}-0badcafe", incident.id);
        let mut recovery = Recovery::default();
        match phase {
            Phase::Open => {}
            Phase::Recovering => recovery.recovering_since = Some(at(10)),
            Phase::NoCalls => incident.silent_since = Some(at(10)),
            Phase::Resolved | Phase::Quiet => incident = ended(incident, phase == Phase::Resolved, 900),
        }
        let mut kept = Kept::default();
        let replaced = if is_outline { vec![incident.in_outline()] } else { Vec::new() };
        let ledger = Ledger { replaced, ..ledger(incident) };
        kept.take_in(&region(), shown(&ledger, &verdict, recovery, 1000), outward::replaced(&ledger, None));
        prop_assert_eq!(kept.incidents.len(), 1);
        prop_assert!(is_outline || kept.incidents[0].phase == phase);
        for File { name, body, .. } in files(&kept.incidents, None, 1000) {
            for planted in PLANTED.into_iter().chain([CODE]) {
                prop_assert!(!body.contains(planted), "{planted} in {name}: {body}");
            }
            match name {
                "status.json" => {
                    let json: Value = serde_json::from_str(&body).unwrap();
                    prop_assert!(json["at"].as_str().is_some_and(|at| at.parse::<Timestamp>().is_ok()));
                }
                _ => is_well_formed(&body)?,
            }
        }
    }
}

/// For tests in a browser (`make page`), where `OIDC_TRIAGE_PAGES` names a folder.
#[test]
#[expect(clippy::disallowed_methods, reason = "pages for a browser are files, where somebody asks for them")]
fn the_status_pages_are_left_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os("OIDC_TRIAGE_PAGES").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let past = |diagnosis, proved, begins: i64| {
        let verdict = verdict(diagnosis).hitting(20).seen(begins, begins + 1500);
        let mut incident = incident(&verdict);
        let begun = begins + 60;
        (incident.id, incident.opened_at) = (format!("of-{begins}"), at(begun));
        one(&ledger(ended(incident, proved, begins + 1900)), &verdict, Recovery::default(), begins + 2000)
    };
    let open = |diagnosis, recovery: Recovery| {
        let verdict = verdict(diagnosis).hitting(12);
        one(&ledger(incident(&verdict)), &verdict, recovery, 300)
    };
    let recovering = Recovery { recovering_since: Some(at(200)), ..Recovery::default() };
    let gone = [
        past(Diagnosis::Outage, true, -40_000),
        past(Diagnosis::OneTool, false, -5 * DAY),
        past(Diagnosis::OneNetwork, true, -9 * DAY),
        past(Diagnosis::Misconfigured, true, -30 * DAY),
    ];
    let several = [open(Diagnosis::Outage, recovering), open(Diagnosis::OneTool, Recovery::default())];
    let pages: [(&str, Vec<Outward>, Option<Doubt>); 4] = [
        ("status-none", Vec::new(), None),
        ("status-unknown", gone[..1].to_vec(), Some(Doubt::Unread)),
        ("status-one", [vec![open(Diagnosis::Degraded, Recovery::default())], gone[..2].to_vec()].concat(), None),
        ("status-several", [several.to_vec(), gone.to_vec()].concat(), None),
    ];
    for (name, incidents, doubt) in pages {
        let window = |served, failed| Window { from: at(0), until: at(3600), calls: Calls { served, failed } };
        let windows = Windows { hour: window(40, 12), day: window(9_990, 12), month: window(300_000, 31) };
        let objective = Some(Objective { target: target(), windows }).filter(|_| doubt.is_none());
        let company = company();
        let status =
            Status { at: at(300), incidents: &incidents, doubt, target: target(), objective, company: &company };
        let [_, html] = fresh(&status);
        std::fs::write(folder.join(format!("{name}.html")), html.body).unwrap();
    }
}
