//! Forms that print an error's fields by name, over several lines or in one: JavaScript, Rust, Python.
//!
//! Such a text is one error unless it has several request ids: then each id gets the code before it, or else the code
//! after it.

use std::sync::LazyLock;

use regex::Regex;
use triage_model::classify::means_no_answer;

use crate::sdk_error::error::{NamedService, RequestId, SdkError};
use crate::sdk_error::service::{bare_status, is_distinct_code, is_known_code, plain_code};
use crate::sdk_error::text::{is_request_id, message, regex, rest_of_line};

/// A field's value and its place.
struct FieldValue<'a> {
    at: usize,
    value: &'a str,
}

/// The most fields of one name in an error: it bounds the work, because a field may read its whole line.
const VALUES_MAX: usize = 256;

fn all<'a>(expression: &Regex, text: &'a str) -> Vec<FieldValue<'a>> {
    let value = |found: regex::Captures<'a>| {
        let value = found.iter().skip(1).flatten().next()?;
        Some(FieldValue { at: value.start(), value: value.as_str() })
    };
    expression.captures_iter(text).filter_map(value).take(VALUES_MAX).collect()
}

pub fn javascript(text: &str, errors: &mut Vec<SdkError>) {
    static HEAD: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:^|[^A-Za-z0-9_.$/:\\])([A-Z][A-Za-z0-9]{2,127}):"));
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?:^|[^A-Za-z0-9_$])["']?(?:name|code)["']?: ?["'`]([A-Za-z0-9_.]{3,128})["'`]"#));
    static ID: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?:^|[^A-Za-z0-9_])["']?requestId["']?: ?["'`]([A-Za-z0-9-]{8,64})["'`]"#));
    static STATUS: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"["']?(?:httpStatusCode|statusCode)["']?: ?["']?([1-5][0-9]{2})"#));
    static SAID: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?:error_description|message)["']?: ?(?:'((?:[^'\\\r\n]|\\.)*)'|"((?:[^"\\\r\n]|\\.)*)")"#)
    });

    let is_object = text.contains("$fault") || text.contains("$metadata");
    let is_object = is_object || text.contains("statusCode: ") && text.contains("retryable: ");
    let has_frames = ["\n    at ", "\r    at ", "\n\tat ", "\nat "].iter().any(|frame| text.contains(frame));
    let is_code = |name: &str| is_known_code(name) || is_object && name.ends_with("Exception");
    let mut codes: Vec<FieldValue<'_>> = all(&HEAD, text)
        .into_iter()
        .filter(|head| is_code(head.value))
        .filter(|head| is_object || has_frames || after(text, head).starts_with("UnknownError"))
        .collect();
    let head_message = codes.first().and_then(|head| message(after(text, head).trim_end_matches([' ', '{'])));
    if is_object {
        codes.extend(all(&NAME, text).into_iter().filter(|found| is_code(found.value)));
    }
    codes.sort_by_key(|code| code.at);
    let before = errors.len();
    // JavaScript's text for a missing message, and a name that only this service has.
    let is_distinct =
        codes.iter().any(|code| is_distinct_code(code.value) && after(text, code).starts_with("UnknownError"));
    let (ids, statuses) = if is_object { (all(&ID, text), all(&STATUS, text)) } else { (Vec::new(), Vec::new()) };
    let said = if is_object { all(&SAID, text).into_iter().find_map(|found| message(found.value)) } else { None };
    push_each(errors, codes, ids, statuses, head_message.or(said));
    if is_distinct {
        errors[before..].iter_mut().for_each(|error| error.service = NamedService::SsoOidc);
    }
}

/// The rest of the line after `CODE:`.
fn after<'a>(text: &'a str, head: &FieldValue<'_>) -> &'a str {
    rest_of_line(text, head.at + head.value.len() + 1).trim_start()
}

pub fn python(text: &str, errors: &mut Vec<SdkError>) {
    static CODE: LazyLock<Regex> = LazyLock::new(|| regex(r#"["']Code["']: ?["']([A-Za-z0-9_.]{1,128})["']"#));
    static ID: LazyLock<Regex> = LazyLock::new(|| regex(r#"["']RequestId["']: ?["']([A-Za-z0-9-]{8,64})["']"#));
    static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r#"["']HTTPStatusCode["']: ?["']?([1-5][0-9]{2})"#));
    static SAID: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"["']Message["']: ?(?:'((?:[^'\\\r\n]|\\.)*)'|"((?:[^"\\\r\n]|\\.)*)")"#));
    let codes = all(&CODE, text);
    if !codes.is_empty() {
        let said = all(&SAID, text).into_iter().find_map(|found| message(found.value));
        push_each(errors, codes, all(&ID, text), all(&STATUS, text), said);
    }
}

pub fn rust(text: &str, errors: &mut Vec<SdkError>) {
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"code: Some\([ \t\r\n]*\\?"([A-Za-z0-9_.]{1,128})|service error(?:: |[ \t\r\n]+[0-9]+: | error\.sources=\[)([A-Z][A-Za-z0-9]*(?:Exception|Error))(?:$|[^A-Za-z0-9_(])|unhandled error \(([A-Z][A-Za-z0-9]*)\)"#,
        )
    });
    static ID: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?:aws_request_id|x-amzn-requestid|x-amzn-RequestId)\\?"?: \\?"([A-Za-z0-9-]{8,64})"#)
    });
    static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r"StatusCode\([ \t\r\n]*([1-5][0-9]{2})"));
    static SAID: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?:error_description|message): Some\([ \t\r\n]*\\?"((?:[^"\\]|\\[^"])*)"#));
    let (codes, ids, statuses) = (all(&CODE, text), all(&ID, text), all(&STATUS, text));
    if !codes.is_empty() || !statuses.is_empty() {
        let said = all(&SAID, text).into_iter().find_map(|found| message(found.value));
        let is_distinct = codes.iter().any(|code| is_distinct_code(code.value));
        let before = errors.len();
        push_each(errors, codes, ids, statuses, said);
        if is_distinct {
            errors[before..].iter_mut().for_each(|error| error.service = NamedService::SsoOidc);
        }
        return;
    }
    let lost = [
        ("DispatchFailure", "DispatchFailure"),
        ("dispatch failure", "DispatchFailure"),
        ("TimeoutError(", "TimeoutError"),
    ];
    if let Some((at, name)) = lost.iter().find_map(|(said, name)| Some((text.find(said)?, name))) {
        errors.push(SdkError {
            at,
            code: Some((*name).to_owned()),
            message: message(text[at..].lines().next().unwrap_or_default().split(" (").next().unwrap_or_default()),
            no_answer: true,
            ..SdkError::default()
        });
    }
}

/// One error for everything found, or one for each request id.
fn push_each(
    errors: &mut Vec<SdkError>,
    codes: Vec<FieldValue<'_>>,
    mut ids: Vec<FieldValue<'_>>,
    statuses: Vec<FieldValue<'_>>,
    said: Option<String>,
) {
    ids.retain(|id| is_request_id(id.value));
    ids.dedup_by_key(|id| id.value);
    let is_failed = |status: &&FieldValue<'_>| bare_status(status.value).is_some();
    let make = |code: Option<&FieldValue<'_>>,
                status: Option<&FieldValue<'_>>,
                id: Option<&FieldValue<'_>>,
                message: Option<String>| {
        // Without a possible code, the caller saw the status.
        let status_code = || status.filter(is_failed).map(|status| status.value);
        let name = code.and_then(|code| plain_code(code.value)).or_else(status_code)?;
        Some(SdkError {
            at: code.or(id).or(status).map_or(0, |found| found.at),
            code: Some(name.to_owned()),
            status: status.and_then(|status| status.value.parse().ok()).or(bare_status(name)),
            message,
            request_id: id.map(|id| RequestId::OfAws(id.value.to_owned())),
            no_answer: status.is_none() && means_no_answer(name),
            has_fields: true,
            ..SdkError::default()
        })
    };
    if ids.len() <= 1 {
        let code = codes.iter().find(|code| is_known_code(code.value)).or(codes.first());
        errors.extend(make(code, statuses.iter().find(is_failed), ids.first(), said));
        return;
    }
    let mut from = 0;
    for (index, id) in ids.iter().enumerate() {
        let until = ids.get(index + 1).map_or(usize::MAX, |next| next.at);
        let before = |found: &&FieldValue<'_>| (from..id.at).contains(&found.at);
        let after = |found: &&FieldValue<'_>| (id.at..until).contains(&found.at);
        let nearest = |list: &'_ [FieldValue<'_>]| -> Option<usize> {
            let position = list.iter().rposition(|found| before(&found));
            position.or_else(|| list.iter().position(|found| after(&found)))
        };
        let code = nearest(&codes).map(|position| &codes[position]);
        let status = nearest(&statuses).map(|position| &statuses[position]);
        errors.extend(make(code, status, Some(id), None));
        from = id.at;
    }
}
