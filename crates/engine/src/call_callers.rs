//! How many callers one program's `call`s may name.
//!
//! In: a `call` off the event bus. Out: its caller, or the program itself once it has named enough callers within the
//! hour. Without this limit, a program that may put events could invent as many people as an outage takes. One sandbox
//! remembers it. A direct invocation has no limit: a principal that may invoke the function is trusted.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use triage_model::caller::Caller;
use triage_model::observation::Failure;

/// Distinct callers of one program and account within an hour, the program itself among them. More people than the largest
/// threshold needs, and few beside a company's.
const CALLERS_MAX: usize = 50;

#[derive(Debug, Default)]
pub struct CallCallers {
    /// Hours since 1970.
    hour: i64,
    named: HashMap<String, HashSet<Caller>>,
}

impl CallCallers {
    /// Replaces the caller by the program once it has named as many callers as it may.
    pub fn cap(&mut self, failure: &mut Failure, now: Timestamp) {
        const SECONDS_AN_HOUR: i64 = 60 * 60;
        let Some(program) = &failure.program else { return };
        let hour = now.as_second().div_euclid(SECONDS_AN_HOUR);
        if hour != self.hour {
            *self = Self { hour, named: HashMap::new() };
        }
        let named = self.named.entry(program.clone()).or_default();
        if !named.contains(&failure.caller) {
            if named.len() + 1 < CALLERS_MAX {
                named.insert(failure.caller.clone());
            } else {
                failure.caller = Caller::Named(program.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use triage_decode::decode;
    use triage_model::observation::Observation;

    use super::*;
    use crate::pipeline::Pipeline;
    use crate::settings::Settings;

    fn call(caller: usize, source: &str, account: &str) -> Failure {
        let event = format!(
            r#"{{"detail-type":"SSO OIDC Call Failed","source":"{source}","account":"{account}","id":"{caller}","time":"2026-11-22T12:00:00Z",
                "detail":{{"operation":"CreateToken","caller":"person {caller}","error":{{"code":"InternalServerException"}}}}}}"#
        );
        let settings = Settings::read(|name| (name == "OIDC_TRIAGE_CALL_SOURCES").then(|| "my.ci,my.cd".to_owned()));
        let setting = Pipeline::offline(settings.unwrap()).setting("2026-11-22T12:00:00Z".parse().unwrap(), "");
        let mut observations = decode(&event, &setting).observations;
        let Some(Observation::Failure(failure)) = observations.pop() else { panic!("no failure in {event}") };
        *failure
    }

    fn distinct(callers: &mut CallCallers, source: &str, account: &str, hour: i64) -> usize {
        let now = Timestamp::from_second(hour * 3600 + 5).unwrap();
        let capped = (0..200).map(|caller| {
            let mut failure = call(caller, source, account);
            callers.cap(&mut failure, now);
            failure.caller
        });
        capped.collect::<HashSet<Caller>>().len()
    }

    #[test]
    fn a_program_names_fifty_callers_an_hour_at_most() {
        let mut callers = CallCallers::default();
        for (source, account) in [("my.ci", "111122223333"), ("my.cd", "111122223333"), ("my.ci", "444455556666")] {
            assert_eq!(distinct(&mut callers, source, account, 7), CALLERS_MAX, "{source} of {account}");
        }
        assert_eq!(distinct(&mut callers, "my.ci", "111122223333", 8), CALLERS_MAX);
    }

    #[test]
    fn fewer_stay_who_they_are() {
        let mut callers = CallCallers::default();
        for caller in 0..CALLERS_MAX - 1 {
            for _ in 0..3 {
                let mut failure = call(caller, "my.ci", "111122223333");
                callers.cap(&mut failure, Timestamp::UNIX_EPOCH);
                assert_eq!(failure.caller, Caller::Named(format!("person {caller}")));
            }
        }
    }
}
