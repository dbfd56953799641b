//! Which times a history is evaluated by.
//!
//! In: when a call was made, and when it was delivered, where that is known. Out: when it is evaluated. What is told of the
//! calls themselves (since when they fail, that they were served) stays by their own times in either case.

use jiff::Timestamp;

/// The clock of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockBy {
    /// The calls' own times: as if each call were known of at once.
    #[default]
    Calls,
    /// When each call was delivered: as the function would have got it.
    Arrival,
}

impl ClockBy {
    /// When what occurred at that time is evaluated. Nothing is known of before it occurs: an arrival before that is of another
    /// clock.
    pub fn time(self, occurred_at: Timestamp, arrival: Option<Timestamp>) -> Timestamp {
        match self {
            Self::Calls => occurred_at,
            Self::Arrival => arrival.map_or(occurred_at, |arrival| arrival.max(occurred_at)),
        }
    }

    /// As people read it, behind "the clock:".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Calls => "the calls' own times",
            Self::Arrival => "arrival, when calls were delivered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_by_arrival_a_call_is_evaluated_later_than_it_was_made_and_never_before() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        for (by, arrival, evaluated) in [
            (ClockBy::Calls, Some(240), 0),
            (ClockBy::Calls, None, 0),
            (ClockBy::Arrival, Some(240), 240),
            (ClockBy::Arrival, Some(0), 0),
            (ClockBy::Arrival, Some(-5), 0),
            (ClockBy::Arrival, None, 0),
        ] {
            assert_eq!(by.time(at(0), arrival.map(at)), at(evaluated), "{by:?} {arrival:?}");
        }
    }
}
