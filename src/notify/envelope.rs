//! One publish that is right for every kind of subscriber.
//!
//! In: a [`Notice`], and the [`Place`] that it comes from. Out: the JSON of SNS's `MessageStructure=json`, with a text for
//! each protocol: [`mail`], [`sms`], [`chat`] for https, and [`machine`] for all others. All of them together stay under
//! what SNS takes: of a notice that is too long the lists are cut, and it says so.

use serde::Serialize;

use super::place::Place;
use super::{Notice, chat, machine, mail, sms};

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
        sms: &sms::render(notice),
        https: &json(&chat::render(notice, place)),
    })
}

/// What is made of strings and numbers alone cannot fail to be JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
