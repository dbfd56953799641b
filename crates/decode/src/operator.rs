//! Requests of an operator: what a person asks the function about itself, and not about a failed call.
//!
//! In: the outermost keys of a payload, and whether it is the whole of a direct invocation. Out: an
//! [`OperatorRequest`], or the problem that it is none. What a request can name is known further on: here it is only
//! bounded text.

pub mod silence;

use triage_model::problem::{Problem, ProblemName};
use triage_model::redact::{SHOWN_NAME_MAX, quoted};
use triage_model::region::KnownRegions;

use crate::batch::OperatorRequest;
use crate::envelope::OuterKeys;
use crate::json::Member;

const NOT_DIRECT: &str = "taken only as the whole payload of a direct invocation (DirectArn)";

/// Whether a member of the payload is such a request.
pub fn is_given(keys: &OuterKeys<'_>) -> bool {
    keys.test_notice.is_given() || keys.doctor.is_given() || keys.silence.is_given() || keys.acknowledge.is_given()
}

pub fn read(keys: &OuterKeys<'_>, is_direct: bool, regions: &KnownRegions) -> Result<OperatorRequest, Problem> {
    let request = if is_direct { request(keys, regions) } else { Err(NOT_DIRECT.to_owned()) };
    request.map_err(|what| Problem::new(ProblemName::OperatorRequestInvalid, what))
}

fn request(keys: &OuterKeys<'_>, regions: &KnownRegions) -> Result<OperatorRequest, String> {
    let OuterKeys { test_notice, doctor, silence, acknowledge, by, lasts, .. } = keys;
    let given = [test_notice.is_given(), doctor.is_given(), silence.is_given(), acknowledge.is_given()];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err("one request at a time: testNotice, doctor, silence or acknowledge".to_owned());
    }
    if let Some(acknowledge) = acknowledge.get().filter(|_| acknowledge.is_given()) {
        if by.is_wrong() || lasts.is_wrong() {
            return Err("by and for must be texts".to_owned());
        }
        return silence::acknowledge(acknowledge, by.exact(), lasts.exact()).map(OperatorRequest::Acknowledge);
    }
    if by.is_given() || lasts.is_given() {
        return Err("by and for stand beside acknowledge, or within silence".to_owned());
    }
    if let Some(silence) = silence.get().filter(|_| silence.is_given()) {
        return silence::silence(silence, regions).map(OperatorRequest::Silence);
    }
    match (test_notice.exact(), doctor.text()) {
        (Some(kind), _) => Ok(OperatorRequest::TestNotice(quoted(kind, SHOWN_NAME_MAX))),
        (None, Some("true")) => Ok(OperatorRequest::Doctor),
        (None, _) if doctor.is_given() => Err("doctor must be true".to_owned()),
        (None, _) => Err("testNotice must be the name of a diagnosis, such as \"outage\"".to_owned()),
    }
}
