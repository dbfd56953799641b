//! Base64 around gzip, as CloudWatch Logs sends it, from a sender that may lie about its size.
//!
//! In: base64 text. Out: as many bytes as could be had, and what was wrong where that is not all of them. 1 MB of
//! base64 can hold a gigabyte of zeros, so the output is bounded, and no memory is set aside on the word of the input
//! alone. What the bytes mean is for the caller.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::{Decompress, FlushDecompress, Status};

use triage_model::problem::ProblemName;

/// The most that is inflated: far more than CloudWatch Logs puts into one event.
pub const INFLATED_MAX: usize = 64 * 1024 * 1024;
/// Deflate cannot do better than this, so a trailer that claims more lies.
const RATIO_MAX: usize = 1032;
/// Where the trailer claims too little, the output grows by at least this much at a time.
const GROWTH_MIN: usize = 64 * 1024;
/// The longest window of deflate, which every gzip may use.
const WINDOW_BITS: u8 = 15;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Padding is neither needed nor minded: its lack loses nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inflated {
    pub bytes: Vec<u8>,
    /// Why the bytes are not all there, or not to be trusted to the last.
    pub damage: Option<Damage>,
}

/// The first thing that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    Base64Invalid,
    GzipInvalid,
    GzipTruncated,
    GzipTooLarge,
}

impl Damage {
    pub const fn problem(self) -> ProblemName {
        match self {
            Self::Base64Invalid => ProblemName::Base64Invalid,
            Self::GzipInvalid => ProblemName::GzipInvalid,
            Self::GzipTruncated => ProblemName::GzipTruncated,
            Self::GzipTooLarge => ProblemName::GzipTooLarge,
        }
    }
}

/// Decodes and inflates, at most [`INFLATED_MAX`] bytes.
pub fn inflate(base64: &str) -> Inflated {
    if let Some(gzip) = decode_base64(base64) {
        return gunzip(&gzip);
    }
    // Line breaks are how mail writes it, and no damage.
    let compact: String = base64.split_ascii_whitespace().collect();
    if let Some(gzip) = decode_base64(&compact) {
        return gunzip(&gzip);
    }
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let sound = compact.bytes().position(|byte| !is_base64(byte)).unwrap_or(compact.len());
    let whole_groups = sound / 4 * 4;
    // What ends early because its base64 does is told as what it is.
    let gzip = decode_base64(&compact[..whole_groups]).unwrap_or_default();
    Inflated { damage: Some(Damage::Base64Invalid), ..gunzip(&gzip) }
}

pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

pub fn gunzip(gzip: &[u8]) -> Inflated {
    gunzip_within(gzip, INFLATED_MAX)
}

/// Inflates one gzip member after the other, at most `max` bytes.
fn gunzip_within(gzip: &[u8], max: usize) -> Inflated {
    let mut bytes = Vec::with_capacity(claimed_size(gzip, max));
    let mut rest = gzip;
    let damage = loop {
        match gunzip_member(rest, max, &mut bytes) {
            Ok([]) => break None,
            Ok(after) if after.starts_with(&MAGIC) => rest = after,
            Ok(_) | Err(Stop::Invalid) => break Some(Damage::GzipInvalid),
            Err(Stop::Truncated) => break Some(Damage::GzipTruncated),
            Err(Stop::Full) => break Some(Damage::GzipTooLarge),
        }
    };
    Inflated { bytes, damage }
}

enum Stop {
    Invalid,
    Truncated,
    Full,
}

/// Inflates one member to the end of `bytes` and gives what follows it.
fn gunzip_member<'a>(gzip: &'a [u8], max: usize, bytes: &mut Vec<u8>) -> Result<&'a [u8], Stop> {
    let mut decoder = Decompress::new_gzip(WINDOW_BITS);
    loop {
        if bytes.len() == bytes.capacity() && bytes.len() < max {
            let growth = bytes.len().max(GROWTH_MIN).min(max - bytes.len());
            bytes.reserve_exact(growth);
        }
        let rest = gzip.get(decoder.total_in() as usize..).unwrap_or_default();
        let before = (decoder.total_in(), decoder.total_out());
        // At the bound there is no room left: whether anything is left to inflate shows in the lack of an end.
        let status = decoder.decompress_vec(rest, bytes, FlushDecompress::None).map_err(|_| Stop::Invalid)?;
        if status == Status::StreamEnd {
            return Ok(gzip.get(decoder.total_in() as usize..).unwrap_or_default());
        }
        if bytes.len() > max {
            bytes.truncate(max);
            return Err(Stop::Full);
        }
        let is_stuck = before == (decoder.total_in(), decoder.total_out());
        if is_stuck && bytes.len() < bytes.capacity() {
            return Err(Stop::Truncated);
        }
        if is_stuck && bytes.len() >= max {
            return Err(Stop::Full);
        }
    }
}

/// How much the last member's trailer says it inflates to, where that can be true.
fn claimed_size(gzip: &[u8], max: usize) -> usize {
    let Some(trailer) = gzip.last_chunk::<4>() else { return 0 };
    let claimed = u32::from_le_bytes(*trailer) as usize;
    claimed.min(max).min(gzip.len().saturating_mul(RATIO_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{base64, gzip};

    #[test]
    fn what_was_packed_comes_out() {
        for text in [&b""[..], b"a", &[7; 100_000]] {
            assert_eq!(inflate(&base64(&gzip(text))), Inflated { bytes: text.to_vec(), damage: None });
        }
    }

    #[test]
    fn members_one_after_the_other_are_all_read() {
        let both = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(inflate(&base64(&both)), Inflated { bytes: b"one two".to_vec(), damage: None });
    }

    #[test]
    fn the_lack_of_padding_and_line_breaks_are_no_damage() {
        let text = base64(&gzip(b"some text"));
        assert_eq!(inflate(text.trim_end_matches('=')).damage, None);
        assert_eq!(inflate(&format!("{}\r\n{}\n", &text[..10], &text[10..])).damage, None);
    }

    #[test]
    fn what_came_before_the_damage_is_kept() {
        let words: String = (0..10_000).map(|n| format!("word {n} ")).collect();
        let packed = gzip(words.as_bytes());
        let half = packed.len() / 2;

        let cut = inflate(&base64(&packed[..half]));
        assert_eq!(cut.damage, Some(Damage::GzipTruncated));

        let text = base64(&packed);
        let bad = inflate(&format!("{}!{}", &text[..text.len() / 2], &text[text.len() / 2..]));
        assert_eq!(bad.damage, Some(Damage::Base64Invalid));

        for kept in [cut.bytes, bad.bytes] {
            assert!(kept.len() > words.len() / 4, "{}", kept.len());
            assert!(words.as_bytes().starts_with(&kept));
        }
    }

    #[test]
    fn nothing_is_cut_exactly_at_the_bound_and_all_beyond_it_is() {
        let packed = gzip(&[7; 1000]);
        assert_eq!(gunzip_within(&packed, 1000), Inflated { bytes: vec![7; 1000], damage: None });
        assert_eq!(gunzip_within(&packed, 999), Inflated { bytes: vec![7; 999], damage: Some(Damage::GzipTooLarge) });
        assert_eq!(gunzip_within(&packed, 10).bytes.len(), 10);
    }

    #[test]
    fn a_bomb_of_zeros_is_stopped_at_the_bound() {
        let inflated = inflate(&base64(&gzip(&vec![0; INFLATED_MAX + 1])));
        assert_eq!((inflated.bytes.len(), inflated.damage), (INFLATED_MAX, Some(Damage::GzipTooLarge)));
    }

    #[test]
    fn a_trailer_that_lies_sets_no_memory_aside_and_is_found_out() {
        let mut packed = gzip(b"some text");
        let at = packed.len() - 4;
        packed[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        let inflated = inflate(&base64(&packed));
        assert_eq!((inflated.bytes.as_slice(), inflated.damage), (&b"some text"[..], Some(Damage::GzipInvalid)));
        assert!(inflated.bytes.capacity() < 100_000);
    }

    #[test]
    fn what_is_no_gzip_is_told_as_such() {
        assert_eq!(inflate("").damage, Some(Damage::GzipTruncated));
        assert_eq!(inflate(&base64(b"no gzip at all")).damage, Some(Damage::GzipInvalid));
        assert_eq!(inflate("*").damage, Some(Damage::Base64Invalid));
        let trailed = [gzip(b"text"), b"rubbish".to_vec()].concat();
        assert_eq!(inflate(&base64(&trailed)), Inflated { bytes: b"text".to_vec(), damage: Some(Damage::GzipInvalid) });
    }

    proptest! {
        #[test]
        fn any_text_and_any_damage_is_borne(text in ".{0,200}", at in 0usize..200, bit in 0u8..8, cut in 0usize..200) {
            inflate(&text);
            let mut packed = gzip(text.as_bytes());
            let at = at % packed.len();
            packed[at] ^= 1 << bit;
            packed.truncate(packed.len() - cut % packed.len());
            inflate(&base64(&packed));
        }
    }
}
