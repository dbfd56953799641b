//! Small files, each read in one go.
//!
//! In: a small [`HistoryFile`]. Out: all that it tells, as [`read`](crate::replay::read::read) would say it; or nothing, where it is not what it seems
//! (it inflates to more than a chunk, its gzip is damaged), and is to be read like a large one. A bucket has tens of thousands of
//! them, so what reading one needs is set aside once for all.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::replay::files::HistoryFile;
use crate::replay::files::names::GZIP;
use crate::replay::read::cut::{self, CHUNK};
use crate::replay::read::{Reader, Rules};
use crate::replay::reading::Reading;

/// The largest file that is read like this. Packed, a trail's file of this size is about a chunk.
pub const WHOLE_MAX: u64 = 48 * 1024;

/// Reads one small file after the other.
pub struct Whole {
    packed: Vec<u8>,
    text: Vec<u8>,
    inflate: Decompress,
}

impl Whole {
    pub fn new() -> Self {
        // Without zlib's own header: that of gzip is read here, because only so its tables can be used again.
        Self { packed: vec![0; WHOLE_MAX as usize + 1], text: Vec::new(), inflate: Decompress::new(false) }
    }

    /// All that a file tells; None where it is to be read like a large one. `progress` counts the bytes that were read.
    pub fn read(&mut self, file: &HistoryFile, rules: &Rules, progress: &AtomicU64) -> Option<Reading> {
        let mut input = match file.open() {
            Ok(input) => input,
            // It was tried long enough.
            Err(error) if file.is_remote() => return Some(Reading::of_unreadable(&file.name(), &error)),
            // What cannot be opened now is named by who tries next.
            Err(_) => return None,
        };
        let mut length = input.read(&mut self.packed).ok()?;
        let is_gzip = self.packed[..length].starts_with(&GZIP);
        // That a gzip is whole is told by its end; of anything else, only that nothing more comes.
        while !is_gzip && length < self.packed.len() {
            match input.read(&mut self.packed[length..]).ok()? {
                0 => break,
                more => length += more,
            }
        }
        let packed = self.packed.get(..length).filter(|packed| packed.len() <= WHOLE_MAX as usize)?;
        let text = if is_gzip {
            gunzip(packed, &mut self.inflate, &mut self.text)?;
            &self.text
        } else {
            packed
        };
        progress.fetch_add(length as u64, Ordering::Relaxed);
        let name = &file.name();
        let (chunk, damage) = cut::whole(text);
        let is_empty = chunk.bytes.trim_ascii().is_empty();
        let mut reading =
            if chunk.bytes.is_empty() { Reading::default() } else { Reader::new(file, name, rules).read(chunk) };
        reading.end(name, damage, is_empty);
        Some(reading)
    }
}

/// Inflates one member after the other. None where they are not sound, or are more than a chunk.
fn gunzip(packed: &[u8], inflate: &mut Decompress, text: &mut Vec<u8>) -> Option<()> {
    text.clear();
    text.reserve_exact(CHUNK);
    let mut rest = packed;
    while !rest.is_empty() {
        rest = rest.get(header(rest)?..)?;
        let before = text.len();
        inflate.reset(false);
        // Into what is set aside and no further: a text that fills it is longer, or may be.
        let status = inflate.decompress_vec(rest, text, FlushDecompress::Finish).ok()?;
        if status != Status::StreamEnd || text.len() >= CHUNK {
            return None;
        }
        let trailer;
        (trailer, rest) = rest.get(inflate.total_in() as usize..)?.split_first_chunk::<8>()?;
        let mut crc = Crc::new();
        crc.update(&text[before..]);
        let expected = [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat();
        if expected != trailer {
            return None;
        }
    }
    Some(())
}

/// How long the header of a member is (RFC 1952). None where it is none, or a rare one.
fn header(member: &[u8]) -> Option<usize> {
    const FIXED: usize = 10;
    const DEFLATE: u8 = 8;
    const NAME: u8 = 8;
    let &[one, two, DEFLATE, flags, ..] = member.first_chunk::<FIXED>()? else { return None };
    if [one, two] != GZIP || flags & !NAME != 0 {
        return None;
    }
    let name = if flags & NAME == 0 { 0 } else { memchr::memchr(0, member.get(FIXED..)?)? + 1 };
    Some(FIXED + name)
}
