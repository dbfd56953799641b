//! Requests of an operator: what a person asks the function about itself, and not about a failed call.
//!
//! In: the outermost keys of a payload, and whether it is the whole of a direct invocation. Out: an
//! [`OperatorRequest`], or the problem that it is none. What a request can name is known further on: here it is only
//! bounded text.

use triage_model::problem::{Problem, ProblemName};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::batch::OperatorRequest;
use crate::envelope::OuterKeys;
use crate::json::{Member, Scalar};

const NOT_DIRECT: &str = "taken only as the whole payload of a direct invocation (DirectArn)";

/// Whether a member of the payload is such a request.
pub fn is_given(keys: &OuterKeys<'_>) -> bool {
    keys.test_notice.is_given() || keys.doctor.is_given()
}

pub fn read(keys: &OuterKeys<'_>, is_direct: bool) -> Result<OperatorRequest, Problem> {
    let invalid = |what: &str| Err(Problem::new(ProblemName::OperatorRequestInvalid, what));
    if !is_direct {
        return invalid(NOT_DIRECT);
    }
    match (&keys.test_notice, &keys.doctor) {
        (Scalar::Text(kind), Scalar::Missing) => Ok(OperatorRequest::TestNotice(one_line(kind, SHOWN_NAME_MAX))),
        (Scalar::Missing, doctor) if doctor.text() == Some("true") => Ok(OperatorRequest::Doctor),
        (Scalar::Missing, _) => invalid("doctor must be true"),
        (_, Scalar::Missing) => invalid("testNotice must be the name of a diagnosis, such as \"outage\""),
        (_, Scalar::Text(_) | Scalar::Wrong) => invalid("one request at a time: testNotice or doctor"),
    }
}
