use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use triage_decode::decode;
use triage_notify::people::Person;

use super::*;
use crate::directory::DirectoryError;
use crate::handled::{Handled, Invocation};
use crate::memory::MemoryStore;
use crate::service::Nobody;
use crate::settings::Settings;

/// A directory that answers at once, and remembers who was asked for.
struct Fake {
    asked: RefCell<Vec<String>>,
    /// The longest that an answer was waited for.
    within: Cell<Duration>,
    answer: fn(&str) -> Result<Person, DirectoryError>,
}

impl Fake {
    fn answering(answer: fn(&str) -> Result<Person, DirectoryError>) -> Self {
        Self { asked: RefCell::default(), within: Cell::default(), answer }
    }

    fn asked(&self) -> usize {
        self.asked.borrow().len()
    }
}

impl Directory for &Fake {
    async fn person(&self, id: &str, within: Duration) -> Result<Person, DirectoryError> {
        self.within.set(self.within.get().max(within));
        self.asked.borrow_mut().push(id.to_owned());
        (self.answer)(id)
    }
}

type Offline<'a> = Pipeline<MemoryStore, Nobody, Nobody, &'a Fake>;

fn pipeline<'a>(fake: &'a Fake, variables: &[(&str, &str)]) -> Offline<'a> {
    let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Pipeline::new(Settings::read(variable).unwrap(), MemoryStore::default(), None, None, Some(fake))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(number: usize) -> String {
    format!("94d00cd8-e9e6-4810-b177-b08e847754{number:02}")
}

/// So many users fail at that second, in one payload, and there are 28 seconds to deal with it.
fn fail(pipeline: &Offline<'_>, users: usize, second: i64) -> Handled {
    fail_within(pipeline, users, second, Duration::from_secs(28))
}

fn fail_within(pipeline: &Offline<'_>, users: usize, second: i64, left: Duration) -> Handled {
    let failed = |number: usize| {
        format!(
            r#"{{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","awsRegion":"us-east-1",
               "errorCode":"InternalServerException","eventTime":"{}","requestID":"r-{number}-{second}",
               "userIdentity":{{"onBehalfOf":{{"userId":"{}"}}}}}}"#,
            at(second),
            id(number)
        )
    };
    let payload = format!("[{}]", (0..users).map(failed).collect::<Vec<_>>().join(","));
    let deadline = Instant::now() + left;
    let invocation = Invocation { id: "invocation-1".into(), invoked_arn: String::new(), now: at(second), deadline };
    let batch = decode(&payload, &pipeline.setting(invocation.now, ""));
    pipeline.evaluate(batch, &invocation).now_or_never().expect("nothing here waits")
}

/// The one notice of an outage.
fn notice(handled: &Handled) -> &Notice {
    let [notice] = handled.notices.as_slice() else { panic!("{:#?}", handled.evaluations) };
    notice
}

fn unresolved(handled: &Handled) -> Option<(usize, &str)> {
    let detail = handled.answer.problems.detail(ProblemName::NamesUnresolved);
    let unresolved = notice(handled).unresolved.as_ref();
    assert_eq!(detail, unresolved.map(|unresolved| unresolved.in_words()).as_deref());
    unresolved.map(|unresolved| (unresolved.ids, unresolved.reason.as_str()))
}

fn named(id: &str) -> Result<Person, DirectoryError> {
    Ok(Person::of(Some(&format!("Person {}", &id[34..])), None))
}

fn refused(_: &str) -> Result<Person, DirectoryError> {
    Err(DirectoryError::Refused("AccessDeniedException".to_owned()))
}

#[test]
fn a_notice_has_names_and_each_user_is_asked_for_once() {
    let fake = Fake::answering(named);
    let handled = fail(&pipeline(&fake, &[]), 8, 0);
    let names: BTreeSet<&str> = notice(&handled).impact.names.iter().map(String::as_str).collect();
    assert_eq!(names.len(), 8);
    assert!(names.iter().all(|name| name.starts_with("Person 0")), "{names:?}");
    assert_eq!((unresolved(&handled), fake.asked()), (None, 8));
    // What is kept and answered still goes by ids.
    assert!(
        handled.evaluations.values().all(|evaluation| evaluation
            .region
            .names
            .iter()
            .all(|name| name.starts_with("user ")))
    );
}

#[test]
fn a_page_waits_a_second_for_names_at_most_and_less_where_there_is_little_time() {
    for (left, most) in [(Duration::from_secs(28), NAMES_WITHIN), (Duration::from_secs(2), Duration::from_millis(500))]
    {
        let fake = Fake::answering(named);
        fail_within(&pipeline(&fake, &[]), 8, 0, left);
        assert!(fake.asked() > 0 && fake.within.get() <= most, "{:?}", fake.within);
    }
}

#[test]
fn a_refusal_ends_the_asking_and_the_notice_goes_out_with_ids() {
    let fake = Fake::answering(refused);
    let handled = fail(&pipeline(&fake, &[]), 9, 0);
    assert!(notice(&handled).impact.names.iter().all(|name| name.starts_with("user 94d00cd8-")));
    assert_eq!(unresolved(&handled), Some((9, "AccessDeniedException")));
    assert!(fake.asked() < 9, "the others would be refused as well");
}

#[test]
fn what_was_answered_before_a_throttle_or_a_silence_is_shown() {
    for (answer, reason) in [
        (
            (|id| {
                if id == self::id(5) {
                    Err(DirectoryError::Refused("ThrottlingException".to_owned()))
                } else {
                    named(id)
                }
            }) as fn(&str) -> _,
            "ThrottlingException",
        ),
        (
            |id| if id == self::id(5) { Err(DirectoryError::NoAnswer("no time was left for it")) } else { named(id) },
            "no answer: no time was left for it",
        ),
    ] {
        let fake = Fake::answering(answer);
        let handled = fail(&pipeline(&fake, &[]), 8, 0);
        let (ids, why) = unresolved(&handled).unwrap();
        let shown = notice(&handled).impact.names.iter().filter(|name| name.starts_with("Person ")).count();
        assert_eq!((why, ids + shown), (reason, 8));
        assert!(fake.asked() <= 8 && ids >= 1, "{ids}");
    }
}

#[test]
fn a_user_who_is_not_found_is_shown_as_that() {
    let fake = Fake::answering(|_| Ok(Person::Unknown));
    let handled = fail(&pipeline(&fake, &[]), 8, 0);
    let names = &notice(&handled).impact.names;
    assert!(names.iter().all(|name| name.starts_with("user 94d00cd8-") && name.ends_with(" (name not found)")));
    assert_eq!(unresolved(&handled), None);
}

#[test]
fn hashed_callers_are_asked_for_by_nobody() {
    let fake = Fake::answering(named);
    let handled = fail(&pipeline(&fake, &[("OIDC_TRIAGE_CALLER_NAMES", "hashed")]), 8, 0);
    assert_eq!(notice(&handled).impact.names.len(), 8);
    assert_eq!(fake.asked(), 0);
}

#[test]
fn what_an_invocation_found_the_next_one_need_not_ask() {
    let fake = Fake::answering(named);
    let pipeline = pipeline(&fake, &[]);
    fail(&pipeline, 8, 0);
    // An hour later a reminder is sent, by another invocation.
    let mut notices = Vec::new();
    for second in (60..4000).step_by(60) {
        notices.extend(fail(&pipeline, 8, second).notices);
    }
    assert!(notices.iter().any(|notice| !notice.impact.names.is_empty()), "{notices:#?}");
    let names = notices.iter().flat_map(|notice| &notice.impact.names);
    assert!(names.clone().all(|name| name.starts_with("Person 0")), "{:?}", names.collect::<Vec<_>>());
    assert_eq!(fake.asked(), 8);
}
