//! Trust: what each source of evidence may report.
//!
//! In: the source of a record, and the kind of evidence it gives. Out: a [`Belief`]. One table: without it, anybody who
//! may write a log line or put an event could page people, hide an outage, or forge the proof of its end.
//! `docs/security.md` says who can forge what.

/// The source of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An EventBridge envelope with an `aws.*` source, which AWS alone can put, of an account that is trusted; a file of a
    /// replay.
    Aws,
    /// A log group that the settings declare as CloudTrail's.
    TrailLogs,
    /// Any other log group, an untrusted queue or topic, and AWS records in a form AWS does not deliver.
    OtherLogs,
    /// A program whose `source` the settings list.
    ListedProgram,
    /// Any other program that puts events on the bus.
    OtherProgram,
    /// The payload of a person or a program that invokes the function: a `call`.
    DirectCall,
    /// Any other payload of such an invocation.
    DirectPayload,
    /// An envelope of an account that is neither the function's own nor listed: of a real event, and of another's sign-in.
    OtherAccount,
}

/// The kind of evidence a record gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// A failed call, in a CloudTrail record.
    TrailFailure,
    /// A failed call, in an application's words.
    LogFailure,
    /// A failed call, handed over by its caller.
    CallFailure,
    /// A call that was served.
    Served,
    HealthIssue,
    Tick,
}

/// How far a record is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    Full,
    /// A failure, with the weight of an application's log.
    AsLog,
    /// It is classified and answered, but is no evidence.
    AnswerOnly,
    /// It is left out.
    Refused,
}

impl Source {
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::TrailLogs,
        Self::OtherLogs,
        Self::ListedProgram,
        Self::OtherProgram,
        Self::DirectCall,
        Self::DirectPayload,
        Self::OtherAccount,
    ];

    /// How far this source is trusted with that evidence.
    pub const fn belief(self, evidence: Evidence) -> Belief {
        TABLE[self as usize][evidence as usize]
    }
}

impl Evidence {
    pub const ALL: [Self; 6] =
        [Self::TrailFailure, Self::LogFailure, Self::CallFailure, Self::Served, Self::HealthIssue, Self::Tick];
}

/// A row for each source, a column for each kind of evidence, both in their order.
const TABLE: [[Belief; Evidence::ALL.len()]; Source::ALL.len()] = {
    use Belief::{AnswerOnly, AsLog, Full, Refused};
    [
        // trail      log         call        served   health   tick
        [Full, Full, Full, Full, Full, Full],
        [Full, Full, Refused, Full, Refused, Refused],
        [AsLog, Full, Refused, Refused, Refused, Refused],
        [Refused, Refused, Full, Refused, Refused, Refused],
        [Refused, Refused, Refused, Refused, Refused, Refused],
        [Refused, Refused, Full, Refused, Refused, Refused],
        [AnswerOnly, AnswerOnly, AnswerOnly, AnswerOnly, Refused, Refused],
        [Refused, Refused, Refused, Refused, Refused, Refused],
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_and_columns_are_in_their_order() {
        assert!(Source::ALL.into_iter().enumerate().all(|(index, source)| source as usize == index));
        assert!(Evidence::ALL.into_iter().enumerate().all(|(index, evidence)| evidence as usize == index));
    }

    /// Each rule in words, tried with each source against each kind of evidence.
    #[test]
    fn no_source_may_report_more_than_its_own() {
        use Evidence::*;
        use Source::*;
        for (source, evidence) in
            Source::ALL.into_iter().flat_map(|source| Evidence::ALL.map(|evidence| (source, evidence)))
        {
            let belief = source.belief(evidence);
            // Only AWS, and CloudTrail's log groups, prove that a call was served.
            let may_prove = matches!((source, evidence), (Aws | TrailLogs, Served));
            assert_eq!(evidence == Served && belief == Belief::Full, may_prove, "{source:?} {evidence:?}");
            // Only AWS sends ticks and reports AWS Health.
            if matches!(evidence, Tick | HealthIssue) {
                assert_eq!(belief == Belief::Full, source == Aws, "{source:?} {evidence:?}");
                assert!(matches!(belief, Belief::Full | Belief::Refused), "{source:?} {evidence:?}");
            }
            // A record counts as CloudTrail's only where CloudTrail can have written it.
            let is_trail = evidence == TrailFailure && belief == Belief::Full;
            assert_eq!(is_trail, evidence == TrailFailure && matches!(source, Aws | TrailLogs), "{source:?}");
            // Only a listed program, or a direct invocation, gets a call retried.
            let hands_over = evidence == CallFailure && belief == Belief::Full;
            assert_eq!(
                hands_over,
                evidence == CallFailure && matches!(source, Aws | ListedProgram | DirectCall),
                "{source:?}"
            );
            if matches!(source, OtherProgram | OtherAccount) {
                assert_eq!(belief, Belief::Refused, "{evidence:?}");
            }
            if source == DirectPayload {
                assert!(matches!(belief, Belief::AnswerOnly | Belief::Refused), "{evidence:?}");
            }
        }
        assert_eq!(OtherLogs.belief(TrailFailure), Belief::AsLog);
        assert_eq!(OtherLogs.belief(LogFailure), Belief::Full);
    }
}
