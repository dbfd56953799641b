//! The people in one invocation's notices, and why some have no name.
//!
//! In: user ids, and the directory. Out: the names that were found. Each user is looked up once, a few at a time. After
//! one refusal or time-out the rest is skipped: it would fare the same, and people wait for the notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use triage_notify::people::Person;

use crate::directory::Directory;

/// Users looked up in one invocation. Few at once: the quota is the account's, and administrators need it as well.
const ASKED_AT_ONCE: usize = 4;
const ASKED_MAX: usize = 40;

const NO_TIME: &str = "no time was left to ask";
const TOO_MANY: &str = "too many at once";

/// What one invocation knows of people.
#[derive(Debug, Default)]
pub struct People {
    pub known: BTreeMap<String, Person>,
    asked: usize,
    /// Time that notices have waited for names.
    pub waited: Duration,
    /// Why no more users are looked up.
    given_up: Option<String>,
}

impl People {
    pub async fn ask<D: Directory>(
        &mut self,
        directory: &D,
        ids: &[String],
        until: Instant,
    ) -> BTreeMap<String, Person> {
        let mut found = BTreeMap::new();
        for few in ids.chunks(ASKED_AT_ONCE) {
            let within = until.saturating_duration_since(Instant::now());
            if within.is_zero() {
                self.give_up(NO_TIME);
            } else if self.asked + few.len() > ASKED_MAX {
                self.give_up(TOO_MANY);
            }
            if self.given_up.is_some() {
                break;
            }
            self.asked += few.len();
            let answers = join_all(few.iter().map(|id| directory.person(id, within))).await;
            for (id, answer) in few.iter().zip(answers) {
                match answer {
                    Ok(person) => _ = found.insert(id.clone(), person),
                    Err(error) => self.give_up(error),
                }
            }
        }
        found
    }

    /// Why a user has no name.
    pub fn reason(&self) -> &str {
        self.given_up.as_deref().unwrap_or(TOO_MANY)
    }

    fn give_up(&mut self, why: impl ToString) {
        self.given_up.get_or_insert_with(|| why.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt as _;
    use triage_model::redact::SHOWN_NAME_MAX;

    use super::*;
    use crate::directory::DirectoryError;

    /// Knows every user, and counts the look-ups.
    #[derive(Default)]
    struct Everybody(Cell<usize>);

    impl Directory for Everybody {
        async fn person(&self, id: &str, _: Duration) -> Result<Person, DirectoryError> {
            self.0.set(self.0.get() + 1);
            Ok(Person::of(Some(id), None))
        }
    }

    fn ask(people: &mut People, everybody: &Everybody, users: usize, within: Duration) -> usize {
        let ids: Vec<String> = (0..users).map(|number| number.to_string()).collect();
        people.ask(everybody, &ids, Instant::now() + within).now_or_never().expect("nothing here waits").len()
    }

    #[test]
    fn nobody_is_asked_when_the_time_is_over() {
        let (everybody, mut people) = (Everybody::default(), People::default());
        assert_eq!(ask(&mut people, &everybody, 3, Duration::ZERO), 0);
        assert_eq!((everybody.0.get(), people.reason()), (0, NO_TIME));
        assert!(NO_TIME.len() <= SHOWN_NAME_MAX, "a notice shows all of it");
    }

    #[test]
    fn one_invocation_asks_for_no_more_than_so_many() {
        const LONG: Duration = Duration::from_secs(60);
        let (everybody, mut people) = (Everybody::default(), People::default());
        assert_eq!(ask(&mut people, &everybody, 99, LONG), ASKED_MAX);
        assert_eq!((everybody.0.get(), people.reason()), (ASKED_MAX, TOO_MANY));
        assert_eq!(ask(&mut people, &everybody, 1, LONG), 0);
    }
}
