//! Requests of an operator: a test notice, and what the doctor wants to know of the probe.
//!
//! In: the request. Out: in the [`Case`] what it is answered. These two read and write no evidence, no ledger and no outbox,
//! so no real notice can wait behind them or pass for their repeat. What changes a ledger is in `silence`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use triage_decode::OperatorRequest;
use triage_model::problem::ProblemName;
use triage_model::region::Region;
use triage_notify::letter::Channel;
use triage_notify::notice::{Notice, NoticeKind};
use triage_notify::test_notice::{self, Setting};

use super::case::Case;
use super::parts::Pipeline;
use super::schedule::Schedule;
use crate::directory::Directory;
use crate::doctor::facts::Probe;
use crate::handled::Invocation;
use crate::publish::{Destination, Publish, PublishError};
use crate::service::Service;
use crate::store::Store;
use crate::test_notice::{Sent, TestNotice, Tested};

/// The end of an alert is tried so often: it must not stay open.
const ATTEMPTS_TO_CLOSE: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// So much of the invocation's id as tells two tests apart.
const UNIQUE: usize = 8;

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub(super) async fn ask(&self, request: &OperatorRequest, invocation: &Invocation, case: &mut Case) {
        match request {
            OperatorRequest::TestNotice(kind) => self.test_notice(kind, invocation, case).await,
            // The shell asks the neighbours, and adds what it found.
            OperatorRequest::Doctor => case.draft.asks_doctor = true,
            OperatorRequest::Silence(asked) => Box::pin(self.silence(asked, invocation, case)).await,
            OperatorRequest::Acknowledge(asked) => Box::pin(self.acknowledge(asked, case)).await,
        }
    }

    /// What probes of each region found: the watcher's latest, or this invocation's own where there is none. For the
    /// doctor.
    pub async fn probed(&self, invocation: &Invocation) -> Vec<(Region, Probe)> {
        let Some(service) = &self.service else { return Vec::new() };
        let schedule = Schedule::of(invocation);
        let probes = self.settings.regions.iter().map(async |region| {
            let (latest, _) = self.probe_region(service, region, &schedule).await;
            let is_own = latest.as_ref().is_some_and(|latest| latest.at == invocation.now);
            (region.clone(), Probe { latest, is_own })
        });
        join_all(probes).await
    }

    async fn test_notice(&self, name: &str, invocation: &Invocation, case: &mut Case) {
        let Some(kind) = test_notice::kind(name) else {
            let unknown = TestNotice::unknown(name);
            case.draft.problems.note(ProblemName::OperatorRequestInvalid, &unknown.text);
            case.draft.test_notice = Some(unknown);
            return;
        };
        let Some(publisher) = &self.publisher else {
            let why = if self.settings.is_live() {
                "Nothing was sent: no channel is configured (OIDC_TRIAGE_TOPIC_ARN)."
            } else {
                "Nothing was sent: Mode is shadow. With Mode=live it would be sent."
            };
            case.draft.test_notice = Some(TestNotice::not_sent(name, why.to_owned()));
            return;
        };
        let unique: String = invocation.id.chars().filter(char::is_ascii_alphanumeric).take(UNIQUE).collect();
        let setting = Setting {
            region: &self.settings.region,
            zone: self.settings.time_zone.as_ref(),
            hides_names: self.settings.hides_names(),
            unique: &unique,
        };
        let notices = test_notice::notices(kind, setting, case.schedule.now);
        let incident = notices.first().and_then(|notice| notice.incident.clone());
        let deadline = case.schedule.deadline;
        let channels = publisher.destinations().into_iter();
        let tested = join_all(channels.map(|channel| through(publisher, channel, &notices, deadline))).await;
        let sent = || tested.iter().flat_map(|channel| &channel.notices);
        case.draft.measured.test_notices_sent = sent().filter(|sent| sent.error.is_none()).count() as u64;
        case.draft.measured.test_notices_failed = sent().filter(|sent| sent.error.is_some()).count() as u64;
        case.draft.test_notice = Some(TestNotice::new(name, incident, tested));
    }
}

/// All of them in order, whatever became of the ones before: a notice that seems lost may have arrived.
async fn through(publisher: &impl Publish, channel: Destination, notices: &[Notice], deadline: Instant) -> Tested {
    let (mut sent, mut last_error) = (Vec::new(), None);
    for notice in notices.iter().filter(|notice| takes(channel, notice)) {
        let attempts = if notice.kind == NoticeKind::Resolved { ATTEMPTS_TO_CLOSE } else { 1 };
        let published = try_often(publisher, channel, notice, attempts, deadline).await;
        sent.push(Sent::new(notice, &published));
        last_error = published.err().or(last_error);
    }
    Tested::new(channel, sent, last_error.as_ref())
}

fn takes(destination: Destination, notice: &Notice) -> bool {
    match destination {
        Destination::Topic | Destination::Fallback => Channel::Topic.takes(notice),
        Destination::Pager => Channel::Pager.takes(notice),
        Destination::Bus => Channel::Bus.takes(notice),
    }
}

async fn try_often(
    publisher: &impl Publish,
    channel: Destination,
    notice: &Notice,
    attempts: u32,
    deadline: Instant,
) -> Result<Option<String>, PublishError> {
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut published = publisher.publish_to(channel, notice, left()).await;
    for attempt in 1..attempts {
        let pause = PAUSE * attempt;
        if published.is_ok() || left() <= pause {
            break;
        }
        publisher.pause(pause).await;
        published = publisher.publish_to(channel, notice, left()).await;
    }
    published
}
