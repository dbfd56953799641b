//! Every row of the table is explained with its own words, and what is said of other rows is true.

use proptest::prelude::*;
use triage_model::classify::Code;

use super::*;

fn asked(code: &str) -> Question {
    Question { code: code.to_owned(), ..Question::default() }
}

/// A code that a row names, with whatever else the row asks.
fn question_of(row: &Row, code: &str) -> Question {
    let named = match row.inside {
        Inside::Anything => None,
        Inside::Kms => Some("KMS_DisabledException"),
        Inside::Throttling => Some("Rate exceeded"),
        Inside::InvalidInput => Some("Invalid parameter value"),
    };
    Question {
        code: code.to_owned(),
        operation: row.operations.first().copied(),
        status: status_of(row.status).map(|(status, _)| status),
        grant_type: grant_of(row.grant).map(str::to_owned),
        message: named.map(str::to_owned),
        ..Question::default()
    }
}

fn codes_of(row: &Row) -> Vec<String> {
    let code = |code: &Code| match *code {
        Code::Named(stem) => vec![stem.to_owned(), format!("{stem}Exception"), format!("Client.{stem}")],
        Code::Exact(name) | Code::Prefix(name) => vec![name.to_owned(), name.to_uppercase()],
        Code::Absent => vec!["500".to_owned()],
        Code::Any => Vec::new(),
    };
    row.codes.iter().flat_map(code).collect()
}

#[test]
fn each_code_of_the_table_is_explained_with_the_cause_and_advice_of_its_row() {
    for (number, row) in (1..).zip(rows()) {
        for code in codes_of(row) {
            let question = question_of(row, &code);
            let answer = explain(&question);
            assert!(answer.known && answer.suggestions.is_empty(), "{code}");
            let decided = decide(&question.symptoms());
            assert_eq!(answer.row.cause, decided.cause, "{code}");
            assert!(answer.row.advice.starts_with(decided.advice), "{code}");
            // A wide row that lists the code may stand below a narrow one with it.
            assert!(answer.row.number <= number || code.starts_with("500"), "{code}: {} > {number}", answer.row.number);
            let text = answer.text().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(decided.advice) && text.contains(row.cause.as_str()), "{text}");
        }
    }
}

#[test]
fn each_row_that_names_a_code_is_found_by_one_of_its_codes_alone_or_as_another_row() {
    for (number, row) in (1..).zip(rows()) {
        let codes = codes_of(row);
        let found = |code: &String| {
            let answer = explain(&asked(code));
            answer.row.number == number || answer.other_rows.iter().any(|other| other.row.number == number)
        };
        // A bare status is a code of its own.
        let by_status = codes == ["500"] && row.status != Status::ServerFault;
        assert!(codes.is_empty() || by_status || codes.iter().any(found), "row {number}");
    }
    for status in ["400", "401", "403", "404", "408", "418"] {
        let row = explain(&asked(status)).row;
        assert_eq!(row.source.name, "status", "{status}");
        assert_ne!(row.cause, Cause::Unrecognised, "{status}");
    }
}

#[test]
fn a_code_is_taken_in_each_form_that_it_is_met_in() {
    for (code, cause) in [
        ("InternalServerException", Cause::Service),
        ("internalserverexception", Cause::Service),
        ("InternalServer", Cause::Service),
        ("invalid_grant", Cause::Request),
        ("INVALID_GRANT", Cause::Request),
        ("Client.Throttling", Cause::Throttled),
        ("client.throttling", Cause::Throttled),
        ("500", Cause::Service),
        ("429", Cause::Throttled),
        ("400", Cause::Request),
        ("401", Cause::Request),
        ("403", Cause::Admin),
        ("418", Cause::Request),
        ("ECONNREFUSED", Cause::Unreachable),
    ] {
        let answer = explain(&asked(code));
        assert_eq!((answer.known, answer.row.cause), (true, cause), "{code}");
    }
}

#[test]
fn what_was_not_given_decides_between_the_rows_and_is_named() {
    let when = |question: &Question| {
        let answer = explain(question);
        answer.other_rows.into_iter().map(|other| (other.row.cause, other.when)).collect::<Vec<_>>()
    };
    let denied = when(&asked("AccessDeniedException"));
    for expected in [
        (Cause::Admin, "the status is 403"),
        (Cause::Request, "the operation is CreateTokenWithIAM and the status is 400"),
        (Cause::Request, "the status is 400"),
        (Cause::Admin, "the operation is CreateTokenWithIAM"),
        (Cause::Admin, "its reason or message names a KMS refusal, such as KMS_DisabledException"),
    ] {
        assert!(denied.iter().any(|(cause, when)| (*cause, when.as_str()) == expected), "{expected:?} in {denied:?}");
    }
    let forbidden = Question { status: Some(403), ..asked("AccessDeniedException") };
    assert_eq!(when(&forbidden).len(), 1, "only the message is unknown: {:?}", when(&forbidden));
    let slow = when(&asked("slow_down"));
    assert!(slow.contains(&(Cause::Expected, "the grant type is device_code".to_owned())), "{slow:?}");
    let internal = when(&asked("InternalServerException"));
    assert!(internal.iter().any(|(cause, _)| *cause == Cause::Throttled), "{internal:?}");
    assert!(internal.iter().any(|(cause, _)| *cause == Cause::Request), "{internal:?}");
}

#[test]
fn a_message_that_names_the_cause_settles_it_and_is_not_repeated() {
    let message = "Rate exceeded for client secret=planted-secret";
    let question = Question { message: Some(message.to_owned()), ..asked("InternalServerException") };
    let answer = explain(&question);
    assert_eq!(answer.row.cause, Cause::Throttled);
    assert!(answer.row.advice.ends_with("It names Rate exceeded."), "{}", answer.row.advice);
    let shown = answer.text() + &serde_json::to_string(&answer).unwrap();
    assert!(!shown.contains("planted-secret"), "{shown}");
}

#[test]
fn an_unknown_code_is_told_as_such_with_what_is_near_it() {
    let answer = explain(&asked("InvalidGrantExeption"));
    let why = answer.unknown().unwrap();
    assert!(why.contains("did you mean InvalidGrantException?") && why.contains("--status"), "{why}");
    let answer = explain(&asked("MadeUpException"));
    assert!(answer.unknown().unwrap().starts_with("the table knows no code MadeUpException; give"));
}

#[test]
fn an_unknown_code_with_a_status_that_speaks_is_explained_by_the_status() {
    let answer = explain(&Question { status: Some(503), ..asked("InvalidGrantExeption") });
    assert_eq!((answer.known, answer.row.cause), (true, Cause::Service));
    assert!(answer.text().contains("Near it: InvalidGrantException."), "{}", answer.text());
    let answer = explain(&Question { status: Some(400), ..asked("MadeUpException") });
    assert_eq!(answer.unknown().as_deref(), Some("the table knows no code MadeUpException"));
}

#[test]
fn an_error_of_another_service_is_explained_and_not_guessed_at() {
    let answer = explain(&asked("UnauthorizedException"));
    assert!(!answer.known && answer.suggestions.is_empty() && answer.unknown().is_none());
    let text = answer.text().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["access portal", "GetRoleCredentials", "Session token not found or invalid", "aws sso login"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("UnauthorizedClient") && !text.contains("row"), "{text}");
    // Where the table has the code as well, both are told.
    let answer = explain(&asked("TooManyRequestsException"));
    assert_eq!((answer.known, answer.row.cause), (true, Cause::Throttled));
    assert!(answer.text().contains("Others have an error of this name"));
    // Of a call that is known to be ours it is neither.
    let ours = Question { operation: Some(Operation::CreateToken), ..asked("UnauthorizedException") };
    assert_eq!((explain(&ours).look_alike, explain(&ours).unknown().is_some()), (None, true));
}

#[test]
fn no_answer_sends_anybody_to_the_table() {
    for code in ["400", "401", "403", "404", "418", "UnauthorizedException", "MadeUpException", ""] {
        assert!(!explain(&asked(code)).text().contains("to the table"), "{code}");
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_is_answered_on_lines_of_ours(
        code in any::<String>(),
        message in any::<Option<String>>(),
        reason in any::<Option<String>>(),
        grant_type in any::<Option<String>>(),
        status in prop::option::of(100_u16..600),
        operation in prop::option::of(prop::sample::select(Operation::ALL.to_vec())),
    ) {
        let answer = explain(&Question { code, operation, status, grant_type, message, reason, ..Question::default() });
        prop_assert!(!answer.text().contains(|character: char| character.is_control() && character != '\n'));
        for other in &answer.other_rows {
            prop_assert!(!other.when.is_empty());
            prop_assert!(other.row.number != answer.row.number);
        }
    }
}
