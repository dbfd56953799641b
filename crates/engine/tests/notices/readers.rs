//! What each reader gets of a notice.

use serde_json::Value;
use triage_notify::letter::Channel;
use triage_notify::notice::Notice;
use triage_notify::place::{Company, Place};
use triage_notify::{envelope, pager};

use crate::company::{ACCOUNT, REGION};

pub struct Readers {
    pub mail: String,
    pub sms: String,
    pub chat: Value,
    pub machine: Value,
    /// The subject and the alarm for a paging service, where that changes.
    pub pager: Option<(String, Value)>,
    /// The `detail-type` on the event bus. The detail is what programs get.
    pub bus: Option<&'static str>,
}

/// A stack without what a company may add.
fn place() -> Place {
    Place {
        account: Some(ACCOUNT.to_owned()),
        region: REGION.to_owned(),
        log_group: Some("oidc-triage-LogGroup".to_owned()),
        function: Some("oidc-triage-Triage:direct".to_owned()),
        company: Company::default(),
    }
}

pub fn readers(notice: &Notice) -> Readers {
    let read = |text: &str| -> Value { serde_json::from_str(text).expect("every reader's JSON can be read") };
    let envelope = read(&envelope::render(notice, &place()));
    let text = |protocol: &str| envelope[protocol].as_str().expect("each protocol has a text").to_owned();
    // A program gets each notice by itself, so that what people get as one was several there.
    let is_single = notice.merged.count == 0;
    Readers {
        mail: text("email"),
        sms: text("sms"),
        chat: read(&text("https")),
        machine: read(&text("default")),
        pager: pager::render(notice, &place()).map(|(subject, message)| (subject, read(&message))),
        bus: notice.kind.detail_type().filter(|_| is_single && Channel::Bus.takes(notice)),
    }
}

pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
