//! What became of a test notice, channel by channel, as it is answered.
//!
//! In: the outcome of each publish. Out: [`TestNotice`], with what to do where one failed. Pure: nothing is sent here.

use serde::Serialize;
use triage_notify::notice::{Notice, NoticeKind};
use triage_notify::test_notice::kinds_in_words;

use crate::publish::{Destination, PublishError};

/// A test notice, sent or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestNotice {
    /// The diagnosis that was asked for.
    pub kind: String,
    /// Of no real incident; null for an advice notice, and where nothing was sent.
    pub incident: Option<String>,
    pub channels: Vec<Tested>,
    /// All of it in words.
    pub text: String,
}

/// What one channel did with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    pub channel: Destination,
    pub state: State,
    /// In the order in which they were sent.
    pub notices: Vec<Sent>,
    /// What to do now.
    pub action: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The service accepted all of it.
    Sent,
    Failed,
    /// The channel gets no such notice.
    NotSent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    pub id: String,
    pub kind: NoticeKind,
    pub subject: String,
    /// What SNS or EventBridge answered; null where it failed.
    pub message_id: Option<String>,
    pub error: Option<String>,
}

impl Sent {
    pub fn new(notice: &Notice, published: &Result<Option<String>, PublishError>) -> Self {
        Self {
            id: notice.id.clone(),
            kind: notice.kind,
            subject: notice.subject.clone(),
            message_id: published.as_ref().ok().cloned().flatten(),
            error: published.as_ref().err().map(ToString::to_string),
        }
    }

    const fn failed(&self) -> bool {
        self.error.is_some()
    }
}

impl Tested {
    /// `last_error` is that of the latest notice that failed.
    pub fn new(channel: Destination, notices: Vec<Sent>, last_error: Option<&PublishError>) -> Self {
        let state = match (notices.is_empty(), notices.iter().any(Sent::failed)) {
            (true, _) => State::NotSent,
            (false, true) => State::Failed,
            (false, false) => State::Sent,
        };
        let action = match state {
            State::NotSent => "Nothing to do: it gets no notice of this kind. Try outage.".to_owned(),
            State::Sent => check(channel).to_owned(),
            State::Failed => {
                let mend = last_error.map(|error| mend(channel, error)).unwrap_or_default();
                format!("{mend}{}", left_open(channel, &notices).unwrap_or_default())
            }
        };
        Self { channel, state, notices, action }
    }
}

/// What only people can see: accepted is not received.
const fn check(channel: Destination) -> &'static str {
    match channel {
        Destination::Topic => {
            "Check each mailbox, chat channel and phone that subscribes to the topic. If it is not there, confirm the subscription."
        }
        Destination::Fallback => "Check that it reached the fallback topic's subscribers.",
        Destination::Pager => "Check that the paging service paged on-call, and that the alert is closed.",
        Destination::Bus => "Check that your rules on the bus matched. Programs see test: true in the detail.",
    }
}

fn mend(channel: Destination, error: &PublishError) -> String {
    let (what, right) = match channel {
        Destination::Topic => ("the stack's topic (TopicArn)", "sns:Publish"),
        Destination::Fallback => ("the topic FallbackTopicArn", "sns:Publish"),
        Destination::Pager => ("the pager's topic (PagerTopicArn)", "sns:Publish"),
        Destination::Bus => ("the event bus", "events:PutEvents"),
    };
    match error {
        PublishError::Refused(_, code) if code.contains("KMS") => {
            format!("Check the KMS key of {what}, and that its policy lets the function in (KeyArn, FallbackKeyArn).")
        }
        PublishError::Refused(_, code) if code.contains("NotFound") => {
            format!("Check that {what} exists: recreate it, or deploy the stack again.")
        }
        PublishError::Refused(_, code) if code.contains("Auth") || code.contains("AccessDenied") => {
            format!("Let TriageRole and WatcherRole do {right} on {what}, and check the policy of the receiving side.")
        }
        PublishError::Refused(_, code) if code.contains("Throttl") => "Try again in a minute.".to_owned(),
        PublishError::Refused(..) => format!("Look the code up, and check {what}."),
        PublishError::NoAnswer(..) => {
            format!(
                "Try again. If it stays so, check the function's network (SubnetIds, SecurityGroupIds) and AWS Health for {what}."
            )
        }
        PublishError::NeitherTook(first, _) => mend(channel, first),
    }
}

/// An alert that may be open at a paging service. It may have opened although its notice seems to have failed.
fn left_open(channel: Destination, notices: &[Sent]) -> Option<String> {
    let end = notices.last().filter(|notice| notice.kind == NoticeKind::Resolved && notice.failed())?;
    let incident = end.id.rsplit_once('-').map_or(end.id.as_str(), |(incident, _)| incident);
    (channel == Destination::Pager).then(|| format!(" Close the alert {incident} by hand if it is open."))
}

impl TestNotice {
    /// Nothing was sent, and why.
    pub fn not_sent(kind: &str, text: String) -> Self {
        Self { kind: kind.to_owned(), incident: None, channels: Vec::new(), text }
    }

    pub fn unknown(kind: &str) -> Self {
        Self::not_sent(kind, format!("There is no notice {kind:?}. Use one of: {}.", kinds_in_words()))
    }

    pub fn new(kind: &str, incident: Option<String>, channels: Vec<Tested>) -> Self {
        let lines = channels.iter().map(|tested| {
            let errors: Vec<String> = tested
                .notices
                .iter()
                .filter_map(|sent| Some(format!("{} failed, {}", sent.kind.as_str(), sent.error.as_ref()?)))
                .collect();
            let became = match tested.state {
                State::Sent => "sent".to_owned(),
                State::Failed => errors.join("; "),
                State::NotSent => "not sent".to_owned(),
            };
            format!("{}: {became}. {}", tested.channel.as_str(), tested.action)
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        Self { kind: kind.to_owned(), incident, channels, text }
    }

    pub fn any_failed(&self) -> bool {
        self.channels.iter().any(|tested| tested.state == State::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(kind: NoticeKind, error: Option<&str>) -> Sent {
        Sent {
            id: "test-us-east-1-20270115T080000Z-a1b2-2".to_owned(),
            kind,
            subject: "TEST: made up".to_owned(),
            message_id: error.is_none().then(|| "made-up".to_owned()),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn an_error_says_what_to_do_about_it() {
        let refused = |code: &str| PublishError::Refused("SNS", code.to_owned());
        for (channel, error, part) in [
            (Destination::Topic, refused("AuthorizationError"), "sns:Publish on the stack's topic"),
            (Destination::Bus, refused("AccessDeniedException"), "events:PutEvents on the event bus"),
            (Destination::Pager, refused("NotFound"), "the pager's topic (PagerTopicArn) exists"),
            (Destination::Fallback, refused("KMSDisabled"), "KMS key of the topic FallbackTopicArn"),
            (Destination::Topic, refused("Throttled"), "in a minute"),
            (Destination::Topic, refused("Strange"), "Look the code up"),
            (Destination::Topic, PublishError::NoAnswer("SNS", "it timed out"), "network"),
        ] {
            let tested = Tested::new(channel, vec![sent(NoticeKind::Opened, Some("x"))], Some(&error));
            assert!(tested.action.contains(part), "{error}: {}", tested.action);
            assert_eq!(tested.state, State::Failed);
        }
    }

    #[test]
    fn an_alert_that_may_be_open_is_to_be_closed_by_hand() {
        let error = PublishError::NoAnswer("SNS", "it timed out");
        let tested = |channel, opened, resolved| {
            let notices = vec![sent(NoticeKind::Opened, opened), sent(NoticeKind::Resolved, resolved)];
            Tested::new(channel, notices, Some(&error)).action
        };
        let by_hand = "Close the alert test-us-east-1-20270115T080000Z-a1b2 by hand";
        assert!(tested(Destination::Pager, None, Some("x")).contains(by_hand));
        assert!(tested(Destination::Pager, Some("x"), Some("x")).contains(by_hand));
        assert!(!tested(Destination::Pager, Some("x"), None).contains(by_hand));
        assert!(!tested(Destination::Topic, None, Some("x")).contains(by_hand));
    }

    #[test]
    fn a_kind_that_is_unknown_is_answered_with_those_that_are_known() {
        let TestNotice { text, channels, .. } = TestNotice::unknown("outtage");
        assert!(text.contains("\"outtage\"") && text.contains("outage, degraded, misconfigured"), "{text}");
        assert!(channels.is_empty());
    }

    #[test]
    fn the_text_has_a_line_for_each_channel() {
        let tested = vec![
            Tested::new(Destination::Topic, vec![sent(NoticeKind::Opened, None)], None),
            Tested::new(Destination::Pager, vec![], None),
            Tested::new(
                Destination::Bus,
                vec![sent(NoticeKind::Opened, Some("EventBridge refused the notice: X"))],
                Some(&PublishError::Refused("EventBridge", "X".to_owned())),
            ),
        ];
        let notice = TestNotice::new("suspected", None, tested);
        let lines: Vec<&str> = notice.text.lines().collect();
        assert!(lines[0].starts_with("topic: sent. Check each mailbox"), "{lines:?}");
        assert!(lines[1].starts_with("pager: not sent. Nothing to do"), "{lines:?}");
        assert!(lines[2].starts_with("bus: opened failed, EventBridge refused the notice: X. Look"), "{lines:?}");
        assert!(notice.any_failed());
    }
}
