//! A row of the table, as it is shown.
//!
//! In: a row, and the advice that a failure got by it. Out: the same in the words of `docs/classification.md`, without
//! its Markdown.

use serde::Serialize;
use triage_engine::backoff::Backoff;
use triage_model::classify::{Cause, Row, Source, rows};

use crate::explain::text::Sheet;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownRow {
    /// As in `docs/classification.md`, from 1.
    pub number: usize,
    pub codes: String,
    pub operations: String,
    /// What else must hold; null where nothing must.
    pub condition: Option<String>,
    pub cause: Cause,
    pub meaning: &'static str,
    pub who_acts: &'static str,
    pub retry: ShownRetry,
    pub advice: String,
    pub source: ShownSource,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownRetry {
    pub helps: bool,
    /// The longest wait before the first retry; null where none helps.
    pub base_delay_ms: Option<u64>,
    pub rule: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownSource {
    pub name: &'static str,
    pub meaning: &'static str,
}

impl ShownRow {
    pub fn of(row: &Row, advice: &str) -> Self {
        let condition = row.conditions_text();
        Self {
            // A row that is none of the table's does not exist; 0 would be seen at once.
            number: rows().iter().position(|known| known == row).map_or(0, |at| at + 1),
            codes: without_markdown(&row.codes_text()),
            operations: row.operations_text(),
            condition: (condition != "-").then_some(condition),
            cause: row.cause,
            meaning: row.cause.meaning(),
            who_acts: row.cause.who_acts(),
            retry: ShownRetry::of(row),
            advice: advice.to_owned(),
            source: ShownSource::of(row.source),
        }
    }

    /// All of it, as lines of text.
    pub fn write(&self, sheet: &mut Sheet) {
        let condition = self.condition.as_deref().unwrap_or("no further condition");
        let asks = format!("code: {}; operation: {}; {condition}", self.codes, self.operations);
        sheet.fact("row", &format!("{} of docs/classification.md ({asks})", self.number));
        sheet.fact("cause", &format!("{}: {}", self.cause.as_str(), self.meaning));
        sheet.fact("who acts", self.who_acts);
        sheet.fact("retry", &self.retry.rule);
        sheet.fact("advice", &self.advice);
        sheet.fact("source", &format!("{}: {}", self.source.name, self.source.meaning));
    }
}

impl ShownRetry {
    fn of(row: &Row) -> Self {
        let base = row.retry.pace().map(|pace| Backoff::SDK_2026.ceiling(pace, 0));
        let rule = match row.cause {
            Cause::Expected => "none is needed: the device keeps polling".to_owned(),
            Cause::Request => "no: the same request is refused again".to_owned(),
            Cause::Admin => "no, not before what refuses it was changed".to_owned(),
            Cause::Unrecognised => "not known, so this program does not retry it".to_owned(),
            Cause::Throttled | Cause::Service | Cause::Unreachable => {
                format!("it can help: with backoff {}, doubled for each call", row.retry_text())
            }
        };
        Self { helps: base.is_some(), base_delay_ms: base.and_then(|base| u64::try_from(base.as_millis()).ok()), rule }
    }
}

impl ShownSource {
    fn of(source: Source) -> Self {
        Self { name: source.name(), meaning: source.meaning() }
    }
}

/// `` `InvalidGrant`*[Exception]* `` is `InvalidGrant[Exception]`, and no list stands below.
fn without_markdown(codes: &str) -> String {
    codes.replace("*[Exception]*", "[Exception]").replace(" (below)", "").replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_shown_by_its_number_and_without_markdown() {
        for (number, row) in (1..).zip(rows()) {
            let shown = ShownRow::of(row, row.advice);
            assert_eq!(shown.number, number);
            assert!(!shown.codes.contains('`') && !shown.codes.contains("]*"), "{}", shown.codes);
            assert_eq!(shown.retry.helps, shown.retry.rule.starts_with("it can help"), "{}", shown.retry.rule);
        }
    }
}
