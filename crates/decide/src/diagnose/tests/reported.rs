//! Precedence, and the reasons of a verdict.

use super::*;

#[test]
fn the_first_of_the_precedence_is_the_diagnosis_and_what_else_holds_is_a_further_reason() {
    // Everything at once; then the first is taken away, one after the other.
    fn world(without: usize) -> World {
        let mut world = World::new();
        let parts: [fn(&mut World); 6] = [
            |world| {
                world.fail_all(&["ana", "ben", "eva"], 0);
            },
            |world| {
                for who in ["kai", "lea", "tom"] {
                    world.fail(denied(who, 30, "AccessDenied"));
                }
            },
            |world| {
                for n in 0..20 {
                    world.fail(refused(&format!("user-{n}"), 31, "InvalidGrant"));
                }
            },
            |world| {
                for n in 0..13 {
                    let code = "SlowDownException";
                    world.fail(Fails { cause: Cause::Throttled, code, ..fails("bot", 10 * n) });
                }
            },
            |world| {
                for n in 0..5 {
                    world.fail(fails("laptop", 20 * n));
                }
                world.serve("other", 100);
            },
            |world| {
                world.health(issue("SSO", 90));
            },
        ];
        parts.into_iter().skip(without).for_each(|part| part(&mut world));
        world
    }
    let diagnoses: Vec<Diagnosis> = (0..=6).map(|without| world(without).diagnosis(120)).collect();
    assert_eq!(
        diagnoses,
        [
            Diagnosis::Outage,
            Diagnosis::Misconfigured,
            Diagnosis::Suspected,
            Diagnosis::Throttling,
            Diagnosis::OneCaller,
            Diagnosis::AwsHealth,
            Diagnosis::Quiet,
        ]
    );
    assert!(diagnoses.is_sorted());
    let verdict = world(0).verdict(120);
    for part in ["also misconfigured: 3 distinct", "also suspected: 20 distinct", "also throttling: 13 calls"] {
        assert!(says(&verdict, part), "{part} {verdict:#?}");
    }
    assert!(verdict.advised.is_empty(), "beside an incident it is a reason, and no word of its own");
    let verdict = world(3).verdict(120);
    assert!(
        says(&verdict, "also one_caller: laptop alone") && says(&verdict, "also isolated: 1 distinct"),
        "{verdict:#?}"
    );
}

#[test]
fn each_of_the_three_causes_is_weighed_in_words_and_numbers() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva", "eva"], 0);
    world.fail(Fails { cause: Cause::Throttled, code: "SlowDownException", ..fails("kai", 9) });
    world.fail(refused("kai", 10, "InvalidGrantException")).probe(StepState::Down, 20);
    let [outage, throttling, input] = world.verdict(30).weighed;
    assert_eq!(
        outage.speaks_for,
        ["3 distinct callers were affected by 4 failures", "a probe at 08:00:20 UTC found CreateToken down"]
    );
    assert_eq!(outage.speaks_against, ["no AWS Health event about sign-in has arrived (they are often late)"]);
    assert_eq!(throttling.speaks_for, ["1 call was refused as throttled", "4 of 4 failures come from aws-cli/2.31.0"]);
    assert_eq!(input.speaks_for, ["1 call was refused as invalid (InvalidGrantException)"]);
    assert_eq!(input.speaks_against, ["no caller stands out: the most frequent one has 2 of 4 failures"]);
}

#[test]
fn what_is_missing_speaks_against() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben"], 0).serve_others(2, 1);
    let [outage, throttling, input] = world.verdict(30).weighed;
    assert!(outage.speaks_for.is_empty(), "{outage:#?}");
    assert_eq!(
        outage.speaks_against,
        [
            "2 distinct callers were affected by 2 failures",
            "the service was not probed, so nothing confirms it",
            "no AWS Health event about sign-in has arrived (they are often late)",
            "2 distinct callers were served in the 5 minutes up to 08:00:01 UTC",
        ]
    );
    assert_eq!(throttling.speaks_against, ["no call was refused as throttled"]);
    assert_eq!(input.speaks_against.last().unwrap(), "no call was refused as invalid");
}

#[test]
fn a_verdict_names_callers_codes_and_requests() {
    let mut world = World::new();
    world.fail_all(&["eva", "ana", "ben"], 0);
    world.fail(Fails { cause: Cause::Unreachable, code: "TimeoutError", ..fails("ana", 7) });
    let unnamed =
        Mark { label: 0, traits: Traits::default(), id: 1, ..*world.view.evidence.failures().first().unwrap() };
    let unnamed = Mark { caller: caller("nameless"), at: at(0), cause: Cause::Unreachable, ..unnamed };
    world.view.evidence.add_failure(unnamed);
    let verdict = world.verdict(10);
    assert_eq!((verdict.failures, verdict.unanswered, verdict.latest), (5, 2, Some(at(7))));
    let names = ["eva", "ana", "ben", &caller("nameless").to_string()];
    assert_eq!(verdict.names, names, "in the order in which they were hit, those without a name last");
    assert_eq!(verdict.codes[0], ("InternalServerException".to_owned(), 3));
    assert!(verdict.codes.contains(&("no answer".to_owned(), 1)), "{:?}", verdict.codes);
    assert_eq!(verdict.tools, [("aws-cli/2.31.0".to_owned(), 4)]);
    assert_eq!(verdict.operations, BTreeMap::from([(Operation::CreateToken, 5)]));
    let ids: Vec<Option<&str>> = verdict.requests.iter().map(|request| request.id.as_deref()).collect();
    assert_eq!(ids.iter().filter(|id| id.is_none()).count(), 1);
    assert!(ids.contains(&Some("ana-7-TimeoutError")), "{ids:?}");
    assert_eq!((verdict.active, verdict.served), (4, 0));
}

#[test]
fn requests_whose_ids_are_known_come_before_others() {
    let mut world = World::new();
    for n in 0..30 {
        world.fail(fails(&format!("user-{n}"), n));
    }
    let names = &mut world.view.evidence.slot_mut(at(0)).names.requests;
    names.retain(|_, id| id.starts_with("user-2"));
    let verdict = world.verdict(60);
    let known: Vec<&str> = verdict.requests.iter().filter_map(|request| request.id.as_deref()).collect();
    assert_eq!((verdict.requests.len(), known.len()), (10, 10), "user-2 and user-20 to user-29");
    assert!(verdict.requests.is_sorted_by_key(|request| request.at));
}

#[test]
fn failures_that_no_mark_is_kept_of_are_counted() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 0);
    let beyond = &mut world.view.evidence.slot_mut(at(0)).beyond;
    beyond.insert((Cause::Service, Origin::CloudTrail), 4000);
    beyond.insert((Cause::Request, Origin::CloudTrail), 100);
    assert_eq!(world.verdict(10).failures, 4003);
}

#[test]
fn all_affected_callers_are_reported_whether_served_later_or_not() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva", "kai"], 0).serve("ana", 20);
    for name in ["log group a", "log group b"] {
        world.fail(Fails { origin: Origin::Logs, ..fails(name, 5) });
    }
    let verdict = world.verdict(30);
    let victims = |origin| verdict.victims[&origin].clone();
    assert_eq!(victims(Origin::CloudTrail), ["ana", "ben", "eva", "kai"].map(caller).into());
    assert_eq!(victims(Origin::Logs), ["log group a", "log group b"].map(caller).into());
    assert_eq!((verdict.callers, verdict.served_again, verdict.victims_about), (3, 1, 0));
}

#[test]
fn callers_that_no_mark_is_kept_of_are_estimated() {
    let mut world = World::new();
    world.fail(fails("ana", 1));
    let ana = *world.view.evidence.failures().first().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let slot = world.view.evidence.slot_mut(at(1));
    for id in 1..1000 {
        slot.add_failure(Mark { caller: CallerHash::from_bits(random.u64(..)), id, ..ana });
    }
    let beyond = 1000 - slot.failures().count() as u32;
    slot.beyond = BTreeMap::from([((Cause::Service, Origin::CloudTrail), beyond)]);
    let about = world.verdict(10).victims_about;
    assert!((850..=1150).contains(&about), "{about}");
}

#[test]
fn it_is_said_when_we_saw_it_and_when_aws_confirmed() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 130).health(issue("SSO", 2460));
    world.incident(Diagnosis::Outage, Concern::Service, 130, None);
    let verdict = world.verdict(2500);
    assert!(says(&verdict, "we saw it at 08:02:10 UTC, AWS confirmed at 08:41:00 UTC"), "{verdict:#?}");
    let about = "AWS Health has an open sign-in issue: AWS_SSO_OPERATIONAL_ISSUE";
    assert!(says(&verdict, about), "{verdict:#?}");

    world.health(HealthIssue { started_at: Some(at(0)), ..issue("SSOOIDC", 60) }).health(issue("DYNAMODB", 0));
    let verdict = world.verdict(2500);
    assert!(says(&verdict, "AWS reported it at 08:01:00 UTC (started at 08:00:00 UTC), we saw it at 08:02:10 UTC"));
    let of_another = "AWS Health has an open issue of another service here: AWS_DYNAMODB_OPERATIONAL_ISSUE";
    assert!(says(&verdict, of_another), "{verdict:#?}");
}

#[test]
fn text_of_others_neither_fills_a_verdict_nor_breaks_its_lines() {
    let mut world = World::new();
    let long = |n: usize| format!("{n:02}\nWhat to do now\n1. \u{202e}{}", "x".repeat(500));
    let names: Vec<String> = (0..300).map(long).collect();
    for (n, name) in names.iter().enumerate() {
        for (offset, cause) in [Cause::Service, Cause::Request, Cause::Admin, Cause::Throttled].into_iter().enumerate()
        {
            world.fail(Fails { cause, code: name, ..fails(name, (n + offset) as i64) });
            world.fail(Fails { cause, code: &names[offset], ..fails(name, (n + offset) as i64) });
        }
        world.health(HealthIssue { event_type_code: name.clone(), event_arn: name.clone(), ..issue("SSO", 0) });
    }
    let slot = world.view.evidence.slot_mut(at(0));
    slot.talkers.insert(crate::evidence::mark::Talker { who: 1, quota: crate::evidence::mark::Quota::Device }, 9600);
    slot.names.talkers.insert(1, names[0].clone());
    let verdict = world.verdict(400);
    let weighed = verdict.weighed.iter().flat_map(|it| it.speaks_for.iter().chain(&it.speaks_against));
    let advised = verdict.advised.iter().flat_map(|it| &it.reasons);
    let requests = verdict.requests.iter().flat_map(|request| request.id.iter().chain([&request.code]));
    let counted = verdict.codes.iter().chain(&verdict.tools).map(|(name, _)| name);
    let lines = weighed.chain(advised).chain(requests).chain(counted).chain(&verdict.reasons).chain(&verdict.names);
    for line in lines {
        assert!(line.len() < 600 && !line.contains(['\n', '\u{202e}']), "{line}");
    }
    assert!(verdict.reasons.len() <= 20 && verdict.names.len() <= 64 && verdict.requests.len() <= 10);
    assert!(verdict.codes.len() <= 10 && verdict.tools.len() <= 10 && verdict.advised.len() <= 80);
    let Concern::Service = verdict.concern else { panic!("{:?}", verdict.concern) };
}

#[test]
fn the_order_in_which_records_come_and_how_often_changes_nothing() {
    let failures: Vec<Fails<'_>> = vec![
        fails("ana", 0),
        fails("ben", 4),
        refused("ana", 4, "InvalidGrantException"),
        denied("eva", 5, "AccessDeniedException"),
        fails("eva", 130),
        fails("kai", 131),
    ];
    let verdict = |order: &[usize]| {
        let mut world = World::new();
        for index in order {
            world.fail(failures[*index]);
        }
        world.verdict(140)
    };
    let expected = verdict(&[0, 1, 2, 3, 4, 5]);
    for order in [[5, 4, 3, 2, 1, 0].as_slice(), &[3, 0, 5, 1, 1, 4, 2, 2, 0], &[1, 0, 3, 2, 5, 4, 5]] {
        assert_eq!(verdict(order), expected, "{order:?}");
    }
}
