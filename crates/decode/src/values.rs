//! Rules for single values, common to all kinds of events.
//!
//! In: one raw value. Out: the bounded text, code, status, time, region or id it stands for. An invalid value is noted
//! as a problem if the caller passes the batch, and never stops the reading.

use std::borrow::Cow;
use std::hash::Hasher;

use jiff::Timestamp;
use siphasher::sip::SipHasher24;
use triage_model::problem::{Problem, ProblemName};
use triage_model::redact::HIDDEN;
use triage_model::redact::mask::masked;
use triage_model::region::Region;

use crate::batch::{Batch, Setting};
use crate::json::{Keys, Scalar};

/// The longest kept error message. CloudTrail cuts its own at 1 KB.
pub const MESSAGE_MAX: usize = 1024;
/// The longest kept name: AWS's own ids and ARNs are shorter.
pub const NAME_MAX: usize = 256;

/// `text`, cut at `max` bytes on a character boundary.
pub fn bounded(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The longest kept user agent: the tool's name (`app/`) comes last, after everything the SDK says about itself.
pub const USER_AGENT_MAX: usize = 512;

/// The user agent, treated like a [`name`].
pub fn user_agent(scalar: &Scalar<'_>) -> Option<String> {
    scalar.text().filter(|text| *text != HIDDEN).map(|text| shown_text(text, USER_AGENT_MAX))
}

/// The name: bounded, with secrets masked, and None if CloudTrail hid it.
pub fn name(scalar: &Scalar<'_>) -> Option<String> {
    scalar.text().filter(|text| *text != HIDDEN).map(shown_name)
}

/// A caller's name from a text, as notices show it. None for texts that name nobody, or everybody alike.
pub fn person(text: &str) -> Option<String> {
    const NOBODY: [&str; 6] = ["", "anonymous", "anonymous_principal", "unknown", "-", HIDDEN];
    let text = text.trim();
    (!NOBODY.iter().any(|nobody| nobody.eq_ignore_ascii_case(text))).then(|| shown_name(text))
}

/// A name as notices show it. A caller's may be a user agent or any text of a program.
pub fn shown_name(text: &str) -> String {
    shown_text(text, NAME_MAX)
}

fn shown_text(text: &str, max: usize) -> String {
    // Everything is masked when it leaves the decoder ([`seal`](crate::seal)), but half of a secret may not look like
    // one.
    if text.len() <= max { text.to_owned() } else { cut_masked(text, max) }
}

/// Masked and then cut. Only several times the limit is read, however long the text.
fn cut_masked(text: &str, max: usize) -> String {
    const LOOKED_AT: usize = 4;
    bounded(&masked(bounded(text, LOOKED_AT * max)), max).to_owned()
}

/// An error message: masked, and bounded.
pub fn message_text(text: &str) -> String {
    cut_masked(text, MESSAGE_MAX)
}

pub fn message(scalar: &Scalar<'_>) -> Option<String> {
    scalar.text().map(message_text)
}

/// An error code's bare name: `com.amazonaws.sso.oidc#SlowDownException:http://...` and `Client.SlowDownException` are
/// both `SlowDownException`.
///
/// A code ends where a name ends. Answers and notices show it, and the text after `InternalServerException token=...`
/// must not appear.
pub fn code(text: &str) -> Option<&str> {
    let exception = text.split(['#', ':', '.', '/']).map(leading_name).find(|name| name.ends_with("Exception"));
    let code = exception.unwrap_or_else(|| {
        let text = leading_name(text.rsplit_once('#').map_or(text, |(_, name)| name));
        ["Client.", "Server."].into_iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
    });
    // The surrounding text may be a token, and a word continued with an @ is a mail address.
    let is_part = || {
        let goes_on = text.match_indices(code).any(|(at, _)| text[at + code.len()..].starts_with('@'));
        goes_on || matches!(masked(text), Cow::Owned(masked) if !masked.contains(code))
    };
    Some(code).filter(|code| (1..=CODE_MAX).contains(&code.len()) && !is_token(code) && !is_part())
}

/// The beginning of a text, as far as it can be a code.
fn leading_name(text: &str) -> &str {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let text = text.trim_start();
    &text[..text.bytes().take_while(in_name).count()]
}

/// Longer than any exception's name.
pub const CODE_MAX: usize = 128;

/// An id of AWS or of a program, shown unchanged: letters, digits and a few signs. None for any other text: it may be
/// anything, and cutting it could make two ids one.
pub fn id(text: &str) -> Option<&str> {
    // Every record has several: without branches, the compiler checks many bytes in one instruction.
    let in_id = |byte: u8| {
        byte.is_ascii_digit()
            | (byte | 0x20).is_ascii_lowercase()
            | (byte == b'-')
            | (byte == b'_')
            | (byte == b'.')
            | (byte == b'#')
            | (byte == b'/')
            | (byte == b'+')
    };
    let is_id = |text: &str| text.bytes().fold(true, |all, byte| all & in_id(byte));
    Some(text).filter(|text| (1..=ID_MAX).contains(&text.len()) && is_id(text) && !is_token(text))
}

/// AWS's ids have 36 to 64 characters.
pub const ID_MAX: usize = 256;

/// The beginnings of JSON web tokens and of Identity Center's tokens.
fn is_token(text: &str) -> bool {
    text.len() > 40 && (text.starts_with("eyJ") || text.starts_with("aoa") || text.starts_with("aor"))
}

/// An invalid region name, for the detail of a problem: shown only if it can be a misspelt region.
pub fn shown_region(name: &str) -> &str {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.len() <= REGION_SHOWN_MAX && name.bytes().all(in_name) { name } else { "a text that is no region's name" }
}

/// The longest name has 15 characters.
const REGION_SHOWN_MAX: usize = 32;

/// The exception behind an OAuth error name, where a record has only that.
pub fn exception_of_oauth_error(error: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 13] = [
        ("authorization_pending", "AuthorizationPendingException"),
        ("slow_down", "SlowDownException"),
        ("access_denied", "AccessDeniedException"),
        ("expired_token", "ExpiredTokenException"),
        ("invalid_request", "InvalidRequestException"),
        ("invalid_client", "InvalidClientException"),
        ("invalid_grant", "InvalidGrantException"),
        ("unauthorized_client", "UnauthorizedClientException"),
        ("unsupported_grant_type", "UnsupportedGrantTypeException"),
        ("invalid_scope", "InvalidScopeException"),
        ("invalid_redirect_uri", "InvalidRedirectUriException"),
        ("invalid_client_metadata", "InvalidClientMetadataException"),
        ("invalid_request_region", "InvalidRequestRegionException"),
    ];
    NAMES.iter().find(|(oauth, _)| *oauth == error).map(|(_, exception)| *exception)
}

/// An HTTP status, if it is one.
pub fn status(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|status| is_status(*status))
}

/// Whether it is a possible HTTP status: clients also print 0 and numbers of their own when no answer came.
pub fn is_status(status: u16) -> bool {
    (100..=599).contains(&status)
}

/// An instant: RFC 3339, or as AWS Health writes it (`Fri, 10 Jun 2022 05:01:10 GMT`). A wrong day of the week does not
/// matter: we do not need it.
pub fn time(text: &str) -> Option<Timestamp> {
    const RFC_2822: jiff::fmt::rfc2822::DateTimeParser =
        jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let text = text.trim();
    text.parse().ok().or_else(|| RFC_2822.parse_timestamp(text).ok())
}

/// The time in a member. An unreadable one is noted under `field`'s name, without its text.
pub fn time_or_note(scalar: &Scalar<'_>, field: &str, batch: &mut Batch) -> Option<Timestamp> {
    let found = scalar.text().and_then(time);
    let is_given = scalar.text().is_some() || matches!(scalar, Scalar::Wrong);
    if found.is_none() && is_given {
        batch.problems.note(ProblemName::TimeInvalid, format!("{field} is no time"));
    }
    found
}

/// The region of that name; the default one if there is no name; none, with a problem, if it does not exist.
pub fn region(name: Option<&str>, setting: &Setting, batch: &mut Batch) -> Option<Region> {
    let Some(name) = name else { return Some(setting.default_region.clone()) };
    let region = setting.regions.find(name);
    if region.is_none() {
        batch.problems.note(ProblemName::RegionUnknown, shown_region(name));
    }
    region
}

/// A made-up id, equal for equal parts, so that a repeated delivery is recognised.
pub fn made_id(parts: &[&str]) -> String {
    let mut hasher = SipHasher24::new_with_key(b"oidc-triage: ids");
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    format!("made-{:016x}", hasher.finish())
}

/// The keys of an object as `a, b, c`, for the detail of a problem. A key that is not a name may be anything, such as a
/// form with its values: only its length is shown.
pub fn listed_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> String {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'@');
    let shown = |key: &str| match (1..=KEY_SHOWN_MAX).contains(&key.len()) && key.bytes().all(is_name) {
        true => key.to_owned(),
        false => format!("(a key of {} bytes)", key.len()),
    };
    let mut keys = keys.into_iter();
    let mut listed: Vec<String> = keys.by_ref().take(KEYS_SHOWN).map(shown).collect();
    if keys.next().is_some() {
        listed.push("...".to_owned());
    }
    listed.join(", ")
}

/// The problem of an object of no known kind. It names the keys only: the values may be anything.
pub fn unknown_object(text: &str) -> Problem {
    let Keys(keys) = serde_json::from_str(text).unwrap_or(Keys(Vec::new()));
    let listed = listed_keys(keys.iter().map(String::as_str));
    Problem::new(ProblemName::EventUnknown, format!("an object with the keys [{listed}]"))
}

/// The most keys shown, and the longest.
const KEYS_SHOWN: usize = 10;
const KEY_SHOWN_MAX: usize = 40;

/// Names as `a, b, c`, for the detail of a problem.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_cut_to_its_bare_name() {
        for spelling in [
            "InternalServerException",
            "Server.InternalServerException",
            "Client.InternalServerException",
            "com.amazonaws.sso.oidc#InternalServerException",
            "InternalServerException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
            "com.amazonaws.sso.oidc#InternalServerException:http://internal.amazon.com/",
            "com.amazonaws.sso.oidc.InternalServerException",
            "aws:InternalServerException",
            " InternalServerException ",
        ] {
            assert_eq!(code(spelling), Some("InternalServerException"), "{spelling}");
        }
        assert_eq!(code("500"), Some("500"));
        assert_eq!(code(" : "), None);
        assert_eq!(code("Client."), None);
        assert_eq!(code(&"x".repeat(129)), None);
    }

    #[test]
    fn nothing_that_stands_beside_a_code_is_taken_for_a_part_of_it() {
        for spelling in ["InternalServerException refreshToken=hidden", "InternalServerException(refreshToken: hidden)"]
        {
            assert_eq!(code(spelling), Some("InternalServerException"), "{spelling}");
        }
        assert_eq!(code("refreshToken=hidden"), Some("refreshToken"));
        assert_eq!(code(r#"{"refreshToken":"hidden"}"#), None);
        assert_eq!(code("jane.doe@example.com"), None);
        assert_eq!(code("aorAAAAAGWm5tR9Uz2yPLnt:MGQCMFq8Yv6Kj1a4e7r0/gU+2wX9tSmPoQqVb3lJc5ZIfD"), None);
        assert_eq!(code("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"), None);
    }

    #[test]
    fn an_id_is_taken_whole_or_not_at_all() {
        for given in ["7d1b3f52-2c3f-4c1e-9b57-6a1f0f5b6c01", "request_1.a#2", "3"] {
            assert_eq!(id(given), Some(given));
        }
        for other in ["", "refreshToken=hidden", "Bearer hidden", "a\nb", "\u{1b}[31m", "é", &"x".repeat(257)] {
            assert_eq!(id(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_can_be_a_misspelt_region_is_shown() {
        assert_eq!(shown_region("us-esat-1"), "us-esat-1");
        for other in ["refreshToken=hidden", "us east 1", &"x".repeat(33)] {
            assert_eq!(shown_region(other), "a text that is no region's name", "{other}");
        }
    }

    #[test]
    fn a_text_is_cut_on_a_character_boundary() {
        assert_eq!(bounded("aää", 4), "aä");
        assert_eq!(bounded("aää", 5), "aää");
    }

    #[test]
    fn a_status_is_one_that_http_knows() {
        assert_eq!(status("500"), Some(500));
        assert_eq!(status(" 429 "), Some(429));
        for text in ["99", "600", "-1", "5e2", "", "InternalServerException", "99999999999"] {
            assert_eq!(status(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_in_both_of_awss_spellings_and_a_wrong_weekday_does_no_harm() {
        let expected: Timestamp = "2022-06-10T05:01:10Z".parse().unwrap();
        for text in [
            "2022-06-10T05:01:10Z",
            "2022-06-10T05:01:10.000Z",
            "2022-06-10T07:01:10+02:00",
            "Fri, 10 Jun 2022 05:01:10 GMT",
            "Mon, 10 Jun 2022 05:01:10 GMT",
            "10 Jun 2022 05:01:10 GMT",
        ] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "2022-06-10", "2022-13-10T05:01:10Z", "1654837270"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_in_a_name_is_masked_before_the_name_is_cut() {
        let name = format!("{}?token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0", "a b".repeat(82));
        assert!(name.len() > NAME_MAX && !shown_name(&name).contains("eyJ"), "{}", shown_name(&name));
        assert_eq!(shown_name("jane@example.com"), "jane@example.com");
    }

    #[test]
    fn a_key_that_is_not_a_name_is_shown_by_its_length() {
        assert_eq!(
            listed_keys(["clientid", "a=1&refresh_token=hidden", ""]),
            "clientid, (a key of 24 bytes), (a key of 0 bytes)"
        );
        assert_eq!(listed_keys(["k"; 11]), "k, k, k, k, k, k, k, k, k, k, ...");
    }

    #[test]
    fn made_ids_are_equal_exactly_for_equal_parts() {
        assert_eq!(made_id(&["a", "b"]), made_id(&["a", "b"]));
        assert_ne!(made_id(&["a", "b"]), made_id(&["ab", ""]));
    }
}
