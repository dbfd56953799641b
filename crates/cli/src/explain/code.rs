//! What the table says of one code.
//!
//! In: a [`Question`], the code as somebody has it in front of them with what else is known. Out: an [`Explanation`]: the row
//! that fits, and the rows into which the same code falls when what was not given is known. The rows are found by
//! asking the table, so what is said here is what the program does.

use serde::Serialize;
use triage_model::classify::{
    Answered, Cause, Grant, Inside, Row, Status, Symptoms, bare_status, classify, decide, knows, means_no_answer, rows,
};
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::explain::look_alike::{self, LookAlike};
use crate::explain::near::suggestions;
use crate::explain::row::ShownRow;
use crate::explain::text::Sheet;

/// A code, and what is known beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    pub code: String,
    /// A second code inside the first.
    pub inner_code: Option<String>,
    pub operation: Option<Operation>,
    pub status: Option<u16>,
    pub grant_type: Option<String>,
    /// May hold anything, and is never shown.
    pub message: Option<String>,
    pub reason: Option<String>,
    /// It is known that no answer came. A code may say so, too.
    pub no_answer: bool,
}

/// What is known of a code.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    #[serde(rename = "type")]
    kind: &'static str,
    pub code: String,
    /// Whether the table says anything of it.
    pub known: bool,
    /// Codes of the table that a code which is not in it may mean.
    pub suggestions: Vec<String>,
    pub operation: Option<Operation>,
    pub status: Option<u16>,
    pub grant_type: Option<String>,
    pub row: ShownRow,
    pub other_rows: Vec<OtherRow>,
    /// An error of that name that is none of SSO OIDC's.
    pub look_alike: Option<&'static LookAlike>,
}

/// A row into which the code falls when something that was not given is so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherRow {
    pub when: String,
    #[serde(flatten)]
    pub row: ShownRow,
}

pub fn explain(question: &Question) -> Explanation {
    let given = question.symptoms();
    let row = decide(&given);
    // Whoever knows the operation knows the service.
    let look_alike = if question.operation.is_none() { look_alike::of_code(&question.code) } else { None };
    let is_status = bare_status(&question.code).is_some();
    let is_listed = is_status || knows(&question.code) || means_no_answer(&question.code);
    Explanation {
        kind: "code",
        code: one_line(&question.code, SHOWN_NAME_MAX),
        // Of a status without a code it is known that it says nothing.
        known: is_listed || row.cause != Cause::Unrecognised,
        suggestions: if is_listed || look_alike.is_some() { Vec::new() } else { suggestions(&question.code) },
        look_alike,
        operation: question.operation,
        status: given.status,
        grant_type: question.grant_type.as_deref().map(|grant| one_line(grant, SHOWN_NAME_MAX)),
        row: ShownRow::of(row, &classify(given).advice),
        other_rows: other_rows(&given, row),
    }
}

/// `KMS_DisabledException`, `kms:Decrypt`: what a key refuses with stands in the field `reason`.
fn names_a_key(code: &str) -> bool {
    code.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("kms"))
}

impl Question {
    /// A status that says that the call was served.
    pub fn is_success(&self) -> bool {
        bare_status(&self.code).is_some_and(|status| (200..300).contains(&status))
    }

    /// Two statuses that differ, if both are given.
    pub fn two_statuses(&self) -> Option<(u16, u16)> {
        bare_status(&self.code).zip(self.status).filter(|(code, status)| code != status)
    }

    fn symptoms(&self) -> Symptoms<'_> {
        let status = self.status.or_else(|| bare_status(&self.code));
        Symptoms {
            operation: self.operation,
            code: Some(self.code.as_str()).filter(|code| !code.is_empty()),
            inner_code: self.inner_code.as_deref(),
            status,
            message: self.message.as_deref(),
            // A notice shows the reason of a key's refusal as its code.
            reason: self.reason.as_deref().or(Some(self.code.as_str()).filter(|code| names_a_key(code))),
            grant_type: self.grant_type.as_deref(),
            no_answer: self.no_answer || status.is_none() && means_no_answer(&self.code),
            ..Symptoms::default()
        }
    }
}

fn other_rows(given: &Symptoms<'_>, decided: &Row) -> Vec<OtherRow> {
    let others = rows().iter().filter(|row| *row != decided);
    let shown = |row: &'static Row| {
        let (symptoms, when) = way_to(row, given)?;
        // A name that stands in for the unknown one must not be reported as found.
        let advice = if row.inside == Inside::Anything { classify(symptoms).advice } else { row.advice.into() };
        Some(OtherRow { when: when.join(" and "), row: ShownRow::of(row, &advice) })
    };
    others.filter_map(shown).collect()
}

/// What of all that was not given would have to be so for the row to decide; None if nothing could make it.
fn way_to<'a>(row: &Row, given: &Symptoms<'a>) -> Option<(Symptoms<'a>, Vec<String>)> {
    match row.answered {
        Answered::Either => {}
        // Whoever has a code of an answer got an answer; the codes of no answer have a row of their own.
        Answered::No => return None,
    }
    let mut symptoms = *given;
    let mut when = Vec::new();
    if let (None, Some((status, words))) = (given.status, status_of(row.status)) {
        symptoms.status = Some(status);
        when.push(words);
    }
    if let (None, Some(grant)) = (given.grant_type, grant_of(row.grant)) {
        symptoms.grant_type = Some(grant);
        when.push(format!("the grant type is {grant}"));
    }
    if let Some((words, name)) = name_inside(row.inside, given) {
        symptoms.message = given.message.or(Some(name));
        symptoms.reason = given.reason.or(Some(name));
        when.push(format!("{words}, such as {name}"));
    }
    if given.operation.is_none() && !row.operations.is_empty() {
        let reached = |operation: &Operation| decide(&Symptoms { operation: Some(*operation), ..symptoms }) == row;
        let operations: Vec<Operation> = row.operations.iter().copied().filter(reached).collect();
        symptoms.operation = Some(*operations.first()?);
        let names: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
        when.insert(0, format!("the operation is {}", names.join(" or ")));
    }
    (decide(&symptoms) == row).then_some((symptoms, when))
}

fn status_of(asked: Status) -> Option<(u16, String)> {
    match asked {
        Status::Any => None,
        Status::Is(status) => Some((status, format!("the status is {status}"))),
        Status::ClientFault => Some((400, "the status is 4xx".to_owned())),
        Status::ServerFault => Some((500, "the status is 5xx".to_owned())),
    }
}

fn grant_of(asked: Grant) -> Option<&'static str> {
    match asked {
        Grant::Any => None,
        Grant::DeviceCode => Some("device_code"),
        Grant::RefreshToken => Some("refresh_token"),
    }
}

/// What an unknown message or reason could name, with an example that the table takes for it.
fn name_inside(asked: Inside, given: &Symptoms<'_>) -> Option<(&'static str, &'static str)> {
    let may_be_inside = |unknown: bool, words, name| unknown.then_some((words, name));
    match asked {
        Inside::Anything => None,
        Inside::Kms => may_be_inside(
            // What never came names nothing.
            !given.no_answer && (given.reason.is_none() || given.message.is_none()),
            "its reason or message names a KMS refusal",
            "KMS_DisabledException",
        ),
        Inside::Throttling => {
            may_be_inside(given.message.is_none(), "its inner code or message names throttling", "ThrottlingException")
        }
        Inside::InvalidInput => may_be_inside(
            given.message.is_none(),
            "its inner code or message names invalid input",
            "InvalidParameterException",
        ),
    }
}

impl Explanation {
    /// Why nothing is explained, and what to do; None if something is.
    pub fn unknown(&self) -> Option<String> {
        if self.known || self.look_alike.is_some() {
            return None;
        }
        let near = match self.suggestions.as_slice() {
            [] => String::new(),
            names => format!("; did you mean {}?", names.join(" or ")),
        };
        let status = match (self.status, near.as_str()) {
            (Some(_), _) => "",
            (None, "") => "; give its HTTP status with --status, which may decide",
            (None, _) => " If not, give its HTTP status with --status, which may decide",
        };
        Some(format!("the table knows no code {}{near}{status}", self.code))
    }

    pub fn text(&self) -> String {
        let mut sheet = Sheet::default();
        sheet.heading(&self.heading());
        if let Some(found) = self.look_alike.filter(|_| !self.known) {
            write_not_ours(&mut sheet, found);
            return sheet.into_text();
        }
        if !self.suggestions.is_empty() {
            let names = self.suggestions.join(" or ");
            sheet.line(&format!("The table does not know this code, so the rest speaks. Near it: {names}."));
        }
        self.row.write(&mut sheet);
        if !self.other_rows.is_empty() {
            sheet.heading("The same code falls into another row");
        }
        for OtherRow { when, row } in &self.other_rows {
            let (number, cause, retry) = (row.number, row.cause.as_str(), &row.retry.rule);
            sheet.under(&format!("if {when}:"));
            sheet.fact("row", &format!("{number}, cause {cause}"));
            sheet.fact("retry", retry);
            sheet.fact("advice", &row.advice);
        }
        if let Some(found) = self.look_alike {
            sheet.heading("Others have an error of this name");
            sheet.under(&format!("if it came from {}:", found.from));
            sheet.fact("meaning", found.meaning);
            sheet.fact("advice", found.advice);
        }
        sheet.into_text()
    }

    /// `InvalidGrantException of CreateToken, status 400`.
    fn heading(&self) -> String {
        let mut heading = if self.code.is_empty() { "No answer".to_owned() } else { self.code.clone() };
        if let Some(operation) = self.operation {
            heading += &format!(" of {operation}");
        }
        if let Some(status) = self.status.filter(|status| status.to_string() != self.code) {
            heading += &format!(", status {status}");
        }
        if let Some(grant) = &self.grant_type {
            heading += &format!(", grant type {grant}");
        }
        heading
    }
}

/// An error that is none of ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotOurs {
    #[serde(rename = "type")]
    kind: &'static str,
    pub code: Option<String>,
    pub look_alike: LookAlike,
}

impl NotOurs {
    pub fn new(code: Option<&str>, look_alike: LookAlike) -> Self {
        Self { kind: "not_ours", code: code.map(|code| one_line(code, SHOWN_NAME_MAX)), look_alike }
    }

    pub fn text(&self) -> String {
        let mut sheet = Sheet::default();
        sheet.heading(self.code.as_deref().unwrap_or("No error of SSO OIDC"));
        write_not_ours(&mut sheet, &self.look_alike);
        sheet.into_text()
    }
}

fn write_not_ours(sheet: &mut Sheet, found: &LookAlike) {
    sheet.fact("not ours", &format!("no error of SSO OIDC; it comes from {}", found.from));
    sheet.fact("meaning", found.meaning);
    sheet.fact("advice", found.advice);
    sheet.fact("counts", "no: the function leaves it alone");
}

#[cfg(test)]
mod tests;
