//! A file of CloudTrail, as a trail puts it into its bucket.
//!
//! In: gzip, and the object that it is. Out: the observations of its records, added to a batch. Records of other services are
//! told by having none of the four operations' names, and are not parsed. It may inflate to far more than there is memory, so it
//! is read a window at a time; a record that contradicts the file's key is left out.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use triage_model::problem::ProblemName;

use crate::batch::{Allowance, Batch, Setting, WantedObject, weight};
use crate::cloudtrail;
use crate::envelope::{Around, Filed};
use crate::inflate::Inflater;
use crate::json;
use crate::logs::document::{Document, Element};
use crate::seal::seal;

/// The most bytes of one object. CloudTrail itself makes none above 50 MB, and those of one account and region are a few hundred
/// kilobytes; several are in memory at once.
pub const OBJECT_MAX: usize = 16 * 1024 * 1024;

/// The most bytes inflated of one object: such a file as CloudTrail writes it is about fifteen times as large as its gzip.
pub const FILE_INFLATED_MAX: usize = 256 * 1024 * 1024;

/// The clock is checked after this many records.
const RECORDS_A_LOOK: u64 = 64;

/// `CreateToken` is also the beginning of `CreateTokenWithIAM`.
static NAMES: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["CreateToken", "RegisterClient", "StartDeviceAuthorization"].map(Finder::new));

/// Whether it was read to its end, or as far as it can ever be read. False: the time, or the room beside others, did not suffice.
pub fn read(
    gzip: &[u8],
    object: &WantedObject,
    setting: &Setting,
    allowance: &mut Allowance<'_>,
    batch: &mut Batch,
) -> bool {
    let from = batch.observations.len();
    let is_whole = read_records(gzip, object, setting, allowance, batch);
    batch.observations[from..].iter_mut().for_each(seal);
    is_whole
}

fn read_records(
    gzip: &[u8],
    object: &WantedObject,
    setting: &Setting,
    allowance: &mut Allowance<'_>,
    batch: &mut Batch,
) -> bool {
    let WantedObject { account, region, .. } = object;
    let around = Around {
        account: Some(account),
        region: Some(region),
        filed: Some(Filed { account, region }),
        ..Around::default()
    };
    let mut document = Document::of_list(Inflater::of_gzip(gzip, FILE_INFLATED_MAX), "Records");
    let (mut count, mut has_list) = (0_u64, false);
    let from = batch.observations.len();
    let mut weighed = from;
    while document.seek_events() {
        has_list = true;
        while let Some(element) = document.next() {
            if count.is_multiple_of(RECORDS_A_LOOK) && !(allowance.is_time_left)() {
                batch
                    .problems
                    .note(ProblemName::Deadline, format!("the records after the first {count} were not read"));
                return false;
            }
            count += 1;
            match element {
                Element::Other(record) => read_record(record, around, setting, batch),
                Element::Canonical(_) => {}
                Element::TooLong(length) => batch
                    .problems
                    .note(ProblemName::LogLineTooLong, format!("a record of CloudTrail of {length} bytes")),
            }
            let weight = batch.observations[weighed..].iter().map(weight).sum();
            weighed = batch.observations.len();
            allowance.observations = allowance.observations.saturating_sub(weight);
            if batch.is_full() || allowance.observations == 0 {
                let read = batch.observations.len();
                batch.problems.note(ProblemName::PayloadCut, format!("{read} calls were read, the last of {object}"));
                // Alone it is read as far as it can ever be. After others, there is more room for it the next time.
                return from == 0;
            }
        }
    }
    let (inflater, fault) = document.finish();
    match (inflater.damage(), fault) {
        (Some(damage), _) => {
            batch.problems.note(damage.problem(), format!("{} bytes could be read of {object}", inflater.total()));
        }
        (None, Some(fault)) => {
            batch.problems.note(ProblemName::JsonInvalid, format!("{object} is {}", fault.describe()));
        }
        (None, None) if !has_list => {
            batch.problems.note(ProblemName::EventUnknown, format!("{object} has no Records"));
        }
        (None, None) => {}
    }
    true
}

fn read_record(record: &[u8], around: Around<'_>, setting: &Setting, batch: &mut Batch) {
    if !NAMES.iter().any(|name| name.find(record).is_some()) {
        return;
    }
    let record = String::from_utf8_lossy(record);
    if let Err(error) = cloudtrail::read(&record, around, setting, batch) {
        batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
    }
}

#[cfg(test)]
mod tests;
