//! The commands at the end of a notice: to acknowledge its incident, to silence what it is about, to end a silence.
//!
//! In: a [`Notice`], and the [`Place`] it comes from. Out: steps with a command to copy (see [`crate::step`]). Whoever copies one
//! runs it, and names in it are foreign text: in a payload every character that any shell or program could read as its own is
//! written as JSON's `\u` escape, so none can end its quotes.

use std::fmt::Write as _;

use triage_model::redact::{SHOWN_ARN_MAX, one_line};

use crate::notice::{NamedScope, Notice, NoticeKind};
use crate::place::Place;

/// What the commands ask for. Whoever copies one may change it.
const SILENCED_FOR: &str = "2h";
const BY: &str = "on-call";
const REASON: &str = "known";

/// None where the function has no name, as on somebody's own machine, or where there is nothing to stop.
pub fn commands(notice: &Notice, place: &Place) -> Vec<String> {
    let Some(function) = place.function.as_deref().filter(|name| is_plain(name)) else { return Vec::new() };
    let step = |words: &str, payload: &str| format!("{words}: {}", invoke(function, &place.region, payload));
    if notice.test {
        // It is of no incident.
        return Vec::new();
    }
    match notice.kind {
        NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Reminder | NoticeKind::Reopened => {
            let of = |incident: &String| {
                [
                    step("Acknowledge it, no reminders for 8 h", &acknowledgement(incident)),
                    step("Silence it for 2 h", &silence(notice, incident)),
                ]
            };
            notice.incident.iter().flat_map(of).collect()
        }
        NoticeKind::Silenced => {
            let silence = notice.silence.iter();
            silence.map(|silence| step("End the silence now", &end(&silence.id))).collect()
        }
        NoticeKind::Resolved | NoticeKind::Advice | NoticeKind::SilenceEnded => Vec::new(),
    }
}

/// The command that invokes the function with that payload. The function's name and region are ours.
pub fn invoke(function: &str, region: &str, payload: &str) -> String {
    format!(
        "aws lambda invoke --region {region} --function-name {function} --cli-binary-format raw-in-base64-out --payload \
         '{payload}' /dev/stdout"
    )
}

/// The payload that ends a silence.
pub fn end(id: &str) -> String {
    format!("{{\"silence\":{{\"end\":{}}}}}", quoted(id))
}

fn acknowledgement(incident: &str) -> String {
    format!("{{\"acknowledge\":{}}}", quoted(incident))
}

/// What callers share is silenced by its name, also when it fails again; everything else only as this incident.
fn silence(notice: &Notice, incident: &str) -> String {
    let scope = notice.scope.as_ref().and_then(|scope| shared(scope, notice.region.as_str()));
    let scope = scope.unwrap_or_else(|| format!("{{\"incident\":{}}}", quoted(incident)));
    let [for_, reason, by] = [SILENCED_FOR, REASON, BY].map(quoted);
    format!("{{\"silence\":{{\"scope\":{scope},\"for\":{for_},\"reason\":{reason},\"by\":{by}}}}}")
}

/// None where callers share nothing, or its name was cut.
fn shared(scope: &NamedScope, region: &str) -> Option<String> {
    let named = [("tool", &scope.tool), ("network", &scope.network), ("application", &scope.application)];
    let (what, name) = named.into_iter().find_map(|(what, name)| Some((what, name.as_deref()?)))?;
    let is_whole = !name.contains('…') && one_line(name, SHOWN_ARN_MAX) == name;
    is_whole.then(|| format!("{{\"region\":{},\"{what}\":{}}}", quoted(region), quoted(name)))
}

/// A text of JSON without anything that is special in any shell, in markup or in JSON itself.
pub fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || " -._:/+=@,".contains(character) {
            quoted.push(character);
        } else {
            // Writing to a String cannot fail.
            let mut units = [0; 2];
            character.encode_utf16(&mut units).iter().for_each(|unit| _ = write!(quoted, "\\u{unit:04x}"));
        }
    }
    quoted + "\""
}

/// A name that needs no quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::testing::{place, samples};

    fn payload(command: &str) -> &str {
        let payload = command.split("--payload '").nth(1).unwrap();
        payload.strip_suffix("' /dev/stdout").unwrap()
    }

    #[test]
    fn an_open_incident_can_be_acknowledged_and_silenced() {
        for (name, notice) in samples() {
            let commands = commands(&notice, &place());
            let is_open = notice.incident.is_some() && notice.kind != NoticeKind::Resolved;
            assert_eq!(commands.len(), if is_open { 2 } else { 0 }, "{name}");
            let [acknowledge, silence] = commands.as_slice() else { continue };
            let read = |command: &str| serde_json::from_str::<Value>(payload(command)).unwrap();
            assert_eq!(read(acknowledge)["acknowledge"], *notice.incident.as_ref().unwrap());
            let scope = &read(silence)["silence"]["scope"];
            let tool = notice.scope.as_ref().and_then(|scope| scope.tool.clone());
            match tool {
                Some(tool) => assert_eq!(scope["tool"], tool, "{name}"),
                None => assert!(scope["tool"].is_null(), "{name}"),
            }
        }
    }

    #[test]
    fn without_a_name_of_the_function_there_is_no_command() {
        let (_, notice) = samples().remove(0);
        for function in [None, Some(""), Some("a; rm -rf /"), Some("a\nb"), Some("$(id)")] {
            let place = Place { function: function.map(str::to_owned), ..place() };
            assert_eq!(commands(&notice, &place), Vec::<String>::new(), "{function:?}");
        }
    }

    #[test]
    fn a_name_that_was_cut_is_not_silenced_by_name() {
        let (_, mut notice) = samples().into_iter().find(|(name, _)| name == "opened_one_tool").unwrap();
        notice.scope.as_mut().unwrap().tool = Some("acme-logi…".to_owned());
        let silence = commands(&notice, &place()).remove(1);
        assert!(payload(&silence).contains("\"incident\""), "{silence}");
    }

    proptest! {
        #[test]
        fn no_name_breaks_out_of_its_quotes(name in r#"[ -~\n\t'"`$(){}\\!;&|<>äé🔥]{0,40}"#) {
            let quoted = quoted(&name);
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), name);
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert!(!inner.contains(['\'', '"', '`', '$', '!', '\n', '<', '>', '&', '(', ';']), "{}", inner);
        }
    }
}
