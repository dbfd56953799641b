//! Reading the objects that a batch names.
//!
//! In: a batch with [`WantedObject`]s. Out: the same with the observations of their records. What may be had later marks the
//! messages that name it, so that they come again; whatever else is wrong with an object is a problem, and costs no other one.

use std::cell::Cell;
use std::ops::Range;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use triage_decode::batch::Allowance;
use triage_decode::trail_file::{self, OBJECT_MAX};
use triage_decode::{Batch, Setting, WantedObject};
use triage_model::problem::ProblemName;

use crate::objects::{ObjectError, Objects};

/// Objects in flight at once. Each may take [`OBJECT_MAX`] of the function's memory.
const IN_FLIGHT: usize = 3;

/// The most objects read for one payload: a message of S3 names one, of CloudTrail itself a few.
const OBJECTS_MAX: usize = 100;

/// Reads all of them. None of them lasts beyond `until`.
pub async fn read<X: Objects>(batch: &mut Batch, objects: &X, setting: &Setting, until: Instant) {
    let wanted = batch.take_objects();
    let is_time_left = || Instant::now() < until;
    let mut allowance = Allowance::whole(&is_time_left);
    let is_full = Cell::new(false);
    let fetched = wanted.iter().enumerate().map(async |(number, object)| {
        let fetched = match object.size {
            // What comes again is read then.
            Some(_) | None if number >= OBJECTS_MAX || is_full.get() => {
                Err(ObjectError::NotNow("others in the same batch took all the room".to_owned()))
            }
            Some(size) if size > OBJECT_MAX as u64 => Err(ObjectError::TooLarge(OBJECT_MAX)),
            // Not asked for, so that nothing is paid for.
            Some(_) | None if !is_time_left() => Err(ObjectError::NotNow("no time was left".to_owned())),
            Some(_) | None => objects.object(&object.key, OBJECT_MAX, until).await,
        };
        (object, fetched)
    });
    // As they come: one that hangs holds up no other.
    let mut fetched = std::pin::pin!(stream::iter(fetched).buffer_unordered(IN_FLIGHT));
    while let Some((object, fetched)) = fetched.next().await {
        let from = batch.observations.len();
        let is_done = match fetched {
            Ok(gzip) => trail_file::read(&gzip, object, setting, &mut allowance, batch),
            Err(error) => refused(object, &error, batch),
        };
        is_full.set(batch.is_full() || allowance.observations == 0);
        note(object, from..batch.observations.len(), is_done, batch);
    }
}

/// Notes why there is no object. Whether that is all that can be done.
fn refused(object: &WantedObject, error: &ObjectError, batch: &mut Batch) -> bool {
    let (name, is_done) = match error {
        ObjectError::Missing => (ProblemName::ObjectMissing, true),
        ObjectError::TooLarge(_) => (ProblemName::ObjectTooLarge, true),
        ObjectError::Refused(..) | ObjectError::NotNow(_) => (ProblemName::ObjectNotRead, false),
    };
    batch.problems.note(name, format!("{error}: {object}"));
    is_done
}

/// Puts the observations of an object to the messages that name it: with what lies between where a message names several, so
/// that too much of a batch may come again, and never too little.
fn note(object: &WantedObject, read: Range<usize>, is_done: bool, batch: &mut Batch) {
    for item in &object.items {
        let Some(item) = batch.items.get_mut(*item) else { continue };
        item.is_unread |= !is_done;
        item.observations = match &item.observations {
            none if none.is_empty() => read.clone(),
            some if read.is_empty() => some.clone(),
            some => some.start.min(read.start)..some.end.max(read.end),
        };
    }
}

#[cfg(test)]
mod tests;
