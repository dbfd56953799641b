//! From one payload to a batch.

use crate::batch::{Batch, Kind, Setting};
use crate::{logs, sniff};

/// Decodes one payload.
pub fn decode(payload: &str, setting: &Setting) -> Batch {
    let mut batch = Batch::new(Kind::Unknown);
    // A file may begin with a byte order mark; JSON does not know it.
    let payload = payload.strip_prefix('\u{feff}').unwrap_or(payload);
    batch.kind = match logs::read_canonical(payload, setting, &mut batch) {
        Some(kind) => kind,
        None => sniff::read(payload, sniff::Wrapping::default(), setting, &mut batch),
    };
    batch
}
