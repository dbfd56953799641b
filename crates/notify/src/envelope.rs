//! One publish that is right for every kind of subscriber.
//!
//! In: a [`Notice`], and the [`Place`] that it comes from. Out: the JSON of SNS's `MessageStructure=json`, with a text for
//! each protocol: [`mail`], [`sms`], [`chat`] for https, and [`machine`] for all others. All of them together stay under
//! what SNS takes: of a notice that is too long the lists are cut, and it says so.

use serde::Serialize;

use crate::notice::Notice;
use crate::place::Place;
use crate::{chat, machine, mail, sms};

/// What SNS takes is 256 KiB with the attributes; of these there are some hundred bytes.
pub const MESSAGE_MAX: usize = 250 * 1024;

/// How much of each list is kept, until it fits. Of one of each it always does.
const SHORTER: [usize; 3] = [5, 2, 1];

#[derive(Serialize)]
struct Envelope<'a> {
    /// Also for lambda, sqs, http, email-json, firehose and mobile push.
    default: &'a str,
    email: &'a str,
    sms: &'a str,
    https: &'a str,
}

pub fn render(notice: &Notice, place: &Place) -> String {
    let whole = of_all(notice, place);
    if whole.len() <= MESSAGE_MAX {
        return whole;
    }
    let shorter = SHORTER.into_iter().map(|most| of_all(&notice.clone().shortened(most), place));
    shorter.fold(whole, |last, next| if last.len() <= MESSAGE_MAX { last } else { next })
}

/// The machine's form by itself, for the bus.
pub fn detail(notice: &Notice, place: &Place) -> String {
    json(&machine::render(notice, place))
}

fn of_all(notice: &Notice, place: &Place) -> String {
    json(&Envelope {
        default: &detail(notice, place),
        email: &mail::render(notice, place),
        sms: &sms::render(notice, place),
        https: &json(&chat::render(notice, place)),
    })
}

/// What is made of strings and numbers alone cannot fail to be JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use triage_decide::ledger::{REASON_MAX, REASONS_MAX};
    use triage_model::redact::SHOWN_NAME_MAX;

    use super::*;
    use crate::notice::{Earlier, Impact, LISTED_MAX, Request, Tally, Weighed};
    use crate::testing::{place, samples};

    /// As long as a notice can be: of what takes most room in JSON within JSON.
    fn longest() -> Notice {
        let (_, mut notice) = samples().remove(0);
        let fact = "\"\\".repeat(REASON_MAX / 2);
        notice.reasons = vec![fact.clone(); REASONS_MAX];
        notice.merged.reasons = vec![fact.clone(); REASONS_MAX];
        let name = "\"\\".repeat(SHOWN_NAME_MAX / 2);
        let tally = vec![Tally { name: name.clone(), count: usize::MAX }; LISTED_MAX];
        let request = Request { at: notice.at, id: Some(name.clone()), operation: None, code: name.clone() };
        notice.impact = Impact {
            names: vec![name; LISTED_MAX],
            codes: tally.clone(),
            operations: tally.clone(),
            tools: tally,
            requests: vec![request; LISTED_MAX],
            ..notice.impact
        };
        notice.headline.push(fact.clone());
        let earlier = Earlier { summary: fact.clone(), ..Earlier::from(&notice) };
        notice.merged.notices = vec![earlier; LISTED_MAX];
        let facts = vec![fact; LISTED_MAX];
        notice.weighed =
            vec![Weighed { cause: "made up".to_owned(), speaks_for: facts.clone(), speaks_against: facts }; 3];
        notice
    }

    #[test]
    fn a_notice_that_is_too_long_has_its_lists_cut_and_says_so_to_every_reader() {
        let notice = longest();
        assert!(of_all(&notice, &place()).len() > MESSAGE_MAX, "{}", of_all(&notice, &place()).len());
        let envelope = render(&notice, &place());
        assert!(envelope.len() <= MESSAGE_MAX, "{}", envelope.len());
        let texts: serde_json::Value = serde_json::from_str(&envelope).unwrap();
        let machine: serde_json::Value = serde_json::from_str(texts["default"].as_str().unwrap()).unwrap();
        assert_eq!(machine["cut"], true);
        assert_eq!(machine["reasons"].as_array().unwrap().len(), SHORTER[0], "no more than needs be");
        assert!(texts["email"].as_str().unwrap().contains("Lists were cut"));
    }

    #[test]
    fn of_one_of_each_any_notice_fits() {
        let shortest = longest().shortened(1);
        assert!(of_all(&shortest, &place()).len() < MESSAGE_MAX / 4);
        assert!(detail(&longest(), &place()).len() < MESSAGE_MAX, "and the bus takes it whole");
    }

    #[test]
    fn an_ordinary_notice_is_whole() {
        for (name, notice) in samples() {
            assert_eq!(render(&notice, &place()), of_all(&notice, &place()), "{name}");
            assert!(!notice.shortened(LISTED_MAX).cut, "{name}");
        }
    }
}
