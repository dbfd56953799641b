//! Refusals weighed against served calls.
//!
//! A refusal is an answer of the service, so refusals matter only where they outnumber served calls. Callers are
//! counted; where the slots do not name all served callers, calls.

/// Refusals against what was served in one stretch of time.
#[derive(Clone, Copy, Debug)]
pub struct Balance {
    /// Affected callers, and served ones.
    pub affected: usize,
    pub served: usize,
    /// Refused and served calls, where more callers were served than the slots name.
    pub calls: Option<(usize, f64)>,
    pub counted: Counted,
}

/// From when on served calls count against refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    InTheWindow,
    SinceTheFirstRefusal,
}

impl Balance {
    pub fn is_for_refusals(&self) -> bool {
        match self.calls {
            Some((refused, served)) => served < refused as f64,
            None => self.served < self.affected,
        }
    }

    pub fn in_words(&self) -> String {
        let since = match self.counted {
            Counted::InTheWindow => " in the minutes before",
            Counted::SinceTheFirstRefusal => " since the first of them",
        };
        match self.calls {
            Some((refused, served)) => {
                format!("fewer calls were served than refused{since}: {served:.0} against {refused}")
            }
            None => format!("fewer callers were served than refused{since}: {} against {}", self.served, self.affected),
        }
    }
}
