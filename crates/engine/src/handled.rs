//! What goes into an invocation and what comes out of it, as data.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::evidence::mark::Traits;
use triage_decide::objective::Objective;
use triage_decide::probe::ProbeAnswer;
use triage_decide::verdict::Evaluation;
use triage_decode::InputKind;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::Operation;
use triage_model::region::Region;
use triage_notify::notice::Notice;

use crate::answer::Answer;
use crate::error::Error;

/// What applies to one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's request id, or any other name of this run.
    pub id: String,
    /// The ARN that was invoked; empty where there is none.
    pub invoked_arn: String,
    pub now: Timestamp,
    /// When work must have stopped: the invocation's own deadline less [`DEADLINE_MARGIN`].
    pub deadline: Instant,
}

/// Work stops this long before the deadline, so that the answer and the log line get out.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// What became of one payload.
#[derive(Debug)]
pub struct Handled {
    pub kind: InputKind,
    pub answer: Answer,
    /// What was probed, and the answers.
    pub probes: BTreeMap<Region, ProbeAnswer>,
    /// The verdicts on each region that was evaluated.
    pub evaluations: BTreeMap<Region, Evaluation>,
    /// Of a tick: the share of calls that worked, of each region of which it is known.
    pub objectives: BTreeMap<Region, Objective>,
    /// The notices of this invocation, published or not.
    pub notices: Vec<Notice>,
    /// Each call, once, for who reviews a history. Empty where there is a service to be asked: the function needs none of it.
    pub calls: Vec<Call>,
    pub measured: Measured,
    /// An operator asks for the doctor, which only the shell can answer.
    pub asks_doctor: bool,
    /// Set where Lambda must deliver the event again.
    pub error: Option<Error>,
}

/// A call as it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub at: Timestamp,
    pub region: Region,
    pub caller: CallerHash,
    pub is_person: bool,
    pub operation: Option<Operation>,
    pub traits: Traits,
    /// None: it was served.
    pub failed: Option<Cause>,
}

/// What the metrics need to know beside the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub notices_sent: u64,
    /// Notices that shadow mode withheld.
    pub would_be_notices: u64,
    /// Notices that a silence held back.
    pub notices_silenced: u64,
    /// Publishes that failed.
    pub notices_failed: u64,
    /// Publishes of test notices that were accepted, and those that failed. They count nowhere else.
    pub test_notices_sent: u64,
    pub test_notices_failed: u64,
    /// Notices that are still in the outbox at the end, and since when the first of them waits.
    pub notices_pending: u64,
    pub oldest_pending: Option<Timestamp>,
    /// When the newest failed or successful call of the input was made.
    pub newest_observation: Option<Timestamp>,
    /// Time spent on verdicts and the turns that follow from them.
    pub deciding: Duration,
    /// Ticks that were not late.
    pub ticks: u64,
}
