//! What is silenced: nobody is notified of it, so a silence that was forgotten is a broken link.

use triage_decide::silence::Silence;
use triage_notify::silence::in_words;
use triage_notify::words::{shown, utc};

use super::check::Check;
use super::facts::Facts;

const NAME: &str = "silences";

pub fn check(facts: &Facts) -> Check {
    match &facts.silences {
        Err(error) => Check::unknown(NAME, &error.to_string(), "Run this again, and look at the check table."),
        Ok(silences) if silences.is_empty() => Check::ok(NAME, "none"),
        Ok(silences) => {
            let said: Vec<String> = silences.iter().map(said).collect();
            let first = silences.first().map(|silence| silence.id.as_str()).unwrap_or_default();
            let action =
                format!("If nobody needs it any more, invoke DirectArn with {}", triage_notify::command::end(first));
            Check::broken(NAME, &said.join("; "), &action)
        }
    }
}

fn said(silence: &Silence) -> String {
    let what = in_words(&silence.scope, silence.regions.iter());
    format!("{}: {what} until {} by {}", silence.id, utc(silence.until), shown(&silence.by))
}
