//! Whom to believe: what each source of evidence may say.
//!
//! In: where a record came from, and what it tells. Out: a [`Belief`]. One table, because whoever may write a log line or
//! put an event could otherwise page people, hide an outage, or have its end "proved". Who can forge what is in
//! `docs/security.md`.

/// Where a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An EventBridge envelope with an `aws.*` source, which AWS alone can put; a file of a replay.
    Aws,
    /// A log group that the settings declare as CloudTrail's.
    TrailLogs,
    /// Any other log group, a queue or topic that is not trusted, and what AWS delivers in no such form.
    OtherLogs,
    /// A program whose `source` the settings list.
    ListedProgram,
    /// Any other program that puts events on the bus.
    OtherProgram,
    /// The payload of a person or a program that invokes the function: a `call`.
    DirectCall,
    /// Any other payload of such an invocation.
    DirectPayload,
}

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// A failed call, in a CloudTrail record.
    TrailFailure,
    /// A failed call, in an application's words.
    LogFailure,
    /// A failed call, handed over by who made it.
    CallFailure,
    /// A call that was served.
    Served,
    HealthIssue,
    Tick,
}

/// How far a record is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    Full,
    /// A failure, of no better origin than an application's log.
    AsLog,
    /// It is judged and answered, and is no evidence.
    AnswerOnly,
    /// It is left out.
    Refused,
}

impl Source {
    pub const ALL: [Self; 7] = [
        Self::Aws,
        Self::TrailLogs,
        Self::OtherLogs,
        Self::ListedProgram,
        Self::OtherProgram,
        Self::DirectCall,
        Self::DirectPayload,
    ];

    /// How far this source is believed when it tells that.
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
    fn nobody_may_say_more_than_what_is_theirs() {
        use Evidence::*;
        use Source::*;
        for (source, evidence) in Source::ALL.into_iter().flat_map(|source| Evidence::ALL.map(|told| (source, told))) {
            let belief = source.belief(evidence);
            // Only AWS, and CloudTrail's log groups, prove that a call was served.
            let may_prove = matches!((source, evidence), (Aws | TrailLogs, Served));
            assert_eq!(evidence == Served && belief == Belief::Full, may_prove, "{source:?} {evidence:?}");
            // Only AWS has the clock tick, and speaks for AWS Health.
            if matches!(evidence, Tick | HealthIssue) {
                assert_eq!(belief == Belief::Full, source == Aws, "{source:?} {evidence:?}");
                assert!(matches!(belief, Belief::Full | Belief::Refused), "{source:?} {evidence:?}");
            }
            // A record of CloudTrail is one only where CloudTrail can have written it.
            let is_trail = evidence == TrailFailure && belief == Belief::Full;
            assert_eq!(is_trail, evidence == TrailFailure && matches!(source, Aws | TrailLogs), "{source:?}");
            // Only who hands a call over has it made again: a program that is listed, or who invokes the function.
            let hands_over = evidence == CallFailure && belief == Belief::Full;
            assert_eq!(
                hands_over,
                evidence == CallFailure && matches!(source, Aws | ListedProgram | DirectCall),
                "{source:?}"
            );
            if source == OtherProgram {
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
