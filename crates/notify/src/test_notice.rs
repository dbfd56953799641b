//! Test notices: an incident that never was, from its beginning to its end, marked as a test for every reader.
//!
//! In: a diagnosis, and where and when. Out: the notices, made of an [`example`] by the same lifecycle and composer as real
//! ones. Their ids and their incident's id begin with `test-` and are of no real incident: a paging service opens an alert
//! of its own and closes that one, and no receiver takes a real notice for a repeat.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::incident::{Recoveries, turn};
use triage_decide::ledger::Ledger;
use triage_decide::policy::Policy;
use triage_decide::verdict::{Diagnosis, Evaluation, Recovery};
use triage_model::region::Region;

use crate::notice::Notice;
use crate::words::printable;
use crate::{compose, example};

/// What anybody is notified of: incidents first.
pub const KINDS: [Diagnosis; 14] = [
    Diagnosis::Outage,
    Diagnosis::Degraded,
    Diagnosis::Misconfigured,
    Diagnosis::Suspected,
    Diagnosis::OneTool,
    Diagnosis::OneNetwork,
    Diagnosis::OneApplication,
    Diagnosis::OneAccount,
    Diagnosis::Throttling,
    Diagnosis::OneCaller,
    Diagnosis::Blind,
    Diagnosis::Late,
    Diagnosis::AwsHealth,
    Diagnosis::Unbelieved,
];

/// By its name, as in a notice's `diagnosis`.
pub fn kind(name: &str) -> Option<Diagnosis> {
    KINDS.into_iter().find(|kind| kind.as_str() == name)
}

/// `outage, degraded, ...`
pub fn kinds_in_words() -> String {
    KINDS.map(Diagnosis::as_str).join(", ")
}

const MARK: &str = "TEST: ";
const HEADLINE: &str = "TEST NOTICE: nothing is wrong, and everything below is made up.";
const STEP: &str = "This is a test. Check that it reached the right people, and do none of the other steps.";
const FOR_USERS: &str = "TEST, not to be passed on: ";

/// What a test notice is made for.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub region: &'a Region,
    pub zone: Option<&'a TimeZone>,
    /// Notices show hashes in place of names.
    pub hides_names: bool,
    /// Distinguishes it from other tests of the same second.
    pub unique: &'a str,
}

/// The beginning and the end of an incident; of an advice, the one notice.
pub fn notices(kind: Diagnosis, setting: Setting<'_>, now: Timestamp) -> Vec<Notice> {
    let Setting { region, zone, hides_names, unique } = setting;
    let failing = example::evaluation(kind, hides_names, now);
    let mut ledger = Ledger::default();
    let mut happens = |evaluation: &Evaluation, recoveries: &Recoveries| {
        // A company's own policy may forbid what is to be shown.
        let Some(turn) = turn(region, &ledger, evaluation, recoveries, &Policy::default(), now) else {
            return Vec::new();
        };
        let notices = compose::notices(region, &turn, evaluation, recoveries, None, zone, now);
        ledger = turn.ledger;
        notices
    };
    let mut notices = happens(&failing, &Recoveries::new());
    if kind.is_incident() {
        let reasons = vec!["made up: 9 calls of 4 callers were served".to_owned()];
        let over = Recovery { over_at: Some(now), proved: true, reasons, ..Recovery::default() };
        let over = Recoveries::from([(failing.verdicts().find_map(|verdict| verdict.apart), over)]);
        notices.extend(happens(&example::over(&failing), &over));
    }
    notices.into_iter().map(|notice| notice.into_test(unique)).collect()
}

impl Notice {
    fn into_test(mut self, unique: &str) -> Self {
        self.test = true;
        self.incident = self.incident.map(|incident| format!("test-{incident}-{unique}"));
        self.id = match &self.incident {
            Some(incident) => format!("{incident}-{}", self.sequence),
            None => format!("test-{}-{unique}", self.id),
        };
        self.title = printable(&format!("{MARK}{}", self.title));
        self.subject = printable(&format!("{MARK}{}", self.subject));
        self.headline.insert(0, HEADLINE.to_owned());
        self.advice.now.insert(0, STEP.to_owned());
        self.advice.users = self.advice.users.map(|users| format!("{FOR_USERS}{users}"));
        self
    }
}
