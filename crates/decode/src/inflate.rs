//! Base64 around gzip, as CloudWatch Logs sends it, from a sender that may lie about its size.
//!
//! In: base64 text, or gzip. Out: its bytes, as many at a time as the reader has room for, and at the end the damage,
//! if any. 100 KB of base64 can inflate to 64 MB, so only one piece of the input is held in memory, and no size in the
//! input is trusted. The caller interprets the bytes.

use std::io;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::{Decompress, FlushDecompress, Status};

use triage_model::problem::ProblemName;

/// The most bytes inflated for one payload: far more than CloudWatch Logs puts into one event.
pub const INFLATED_MAX: usize = 64 * 1024 * 1024;
/// The amount of base64 decoded at a time: small next to its inflated size, large enough to make each call worthwhile.
const PIECE: usize = 32 * 1024;
/// Deflate's longest window, which any gzip may use.
const WINDOW_BITS: u8 = 15;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Padding is optional: nothing is lost without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The first damage.
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

/// The inflated bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inflated {
    pub bytes: Vec<u8>,
    /// Why the bytes are incomplete, or unreliable at their end.
    pub damage: Option<Damage>,
}

/// Inflates everything into memory, at most [`INFLATED_MAX`] bytes.
pub fn gunzip(gzip: &[u8]) -> Inflated {
    let mut inflater = Inflater::of_gzip(gzip, INFLATED_MAX);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut inflater, &mut bytes).expect("damage is no error of reading");
    Inflated { bytes, damage: inflater.damage() }
}

/// Inflates one gzip member after the other.
pub struct Inflater<'a> {
    input: Input<'a>,
    /// Gzip still to be inflated, from `at` on.
    gzip: Vec<u8>,
    at: usize,
    member: Decompress,
    left: usize,
    total: usize,
    end: Option<Result<(), Damage>>,
}

impl<'a> Inflater<'a> {
    /// Of base64, at most `max` bytes.
    pub fn of_base64(text: &'a str, max: usize) -> Self {
        Self::new(Input::Base64(Base64 { rest: text.as_bytes(), carried: Vec::new(), is_invalid: false }), max)
    }

    /// Of gzip, at most `max` bytes.
    pub fn of_gzip(gzip: &'a [u8], max: usize) -> Self {
        Self::new(Input::Gzip(gzip), max)
    }

    fn new(input: Input<'a>, max: usize) -> Self {
        let member = Decompress::new_gzip(WINDOW_BITS);
        Self { input, gzip: Vec::new(), at: 0, member, left: max, total: 0, end: None }
    }

    /// The damage, once everything has been read.
    pub fn damage(&self) -> Option<Damage> {
        self.end?.err()
    }

    pub fn total(&self) -> usize {
        self.total
    }

    /// Inflates into `room`; 0 where nothing is left.
    fn inflate(&mut self, room: &mut [u8]) -> usize {
        while self.end.is_none() && !room.is_empty() {
            self.supply(1);
            let before = (self.member.total_in(), self.member.total_out());
            // At the limit, one more byte shows whether anything is left.
            let mut beyond = [0];
            let within = room.len().min(self.left);
            let output = if within == 0 { &mut beyond[..] } else { &mut room[..within] };
            let status = self.member.decompress(&self.gzip[self.at..], output, FlushDecompress::None);
            let taken = (self.member.total_in() - before.0) as usize;
            let given = (self.member.total_out() - before.1) as usize;
            self.at += taken;
            if within == 0 && given > 0 {
                self.stop(Err(Damage::GzipTooLarge));
                return 0;
            }
            self.left -= given;
            self.total += given;
            match status {
                Err(_) => self.stop(Err(Damage::GzipInvalid)),
                Ok(Status::StreamEnd) => self.go_on_behind_member(),
                Ok(Status::Ok | Status::BufError) if taken + given == 0 && !self.supply(1) => {
                    self.stop(Err(Damage::GzipTruncated));
                }
                Ok(Status::Ok | Status::BufError) => {}
            }
            if given > 0 {
                return given;
            }
        }
        0
    }

    fn go_on_behind_member(&mut self) {
        if !self.supply(1) {
            self.stop(Ok(()));
        } else if self.supply(MAGIC.len()) && self.gzip[self.at..].starts_with(&MAGIC) {
            self.member = Decompress::new_gzip(WINDOW_BITS);
        } else {
            self.stop(Err(Damage::GzipInvalid));
        }
    }

    /// A gzip that ends early because of damaged base64 is reported as damaged base64.
    fn stop(&mut self, end: Result<(), Damage>) {
        self.end = Some(if self.input.is_invalid() { Err(Damage::Base64Invalid) } else { end });
    }

    /// Makes sure that this many bytes of gzip are there. False at the end of the input.
    fn supply(&mut self, count: usize) -> bool {
        while self.gzip.len() - self.at < count {
            self.gzip.drain(..self.at);
            self.at = 0;
            if !self.input.decode(&mut self.gzip) {
                return false;
            }
        }
        true
    }
}

impl io::Read for Inflater<'_> {
    /// Never fails: damaged input ends early.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(self.inflate(room))
    }
}

enum Input<'a> {
    Base64(Base64<'a>),
    Gzip(&'a [u8]),
}

impl Input<'_> {
    /// Adds the next piece to `gzip`. False at the end.
    fn decode(&mut self, gzip: &mut Vec<u8>) -> bool {
        match self {
            Self::Base64(base64) => base64.decode(gzip),
            Self::Gzip([]) => false,
            Self::Gzip(rest) => {
                let (piece, after) = rest.split_at(rest.len().min(PIECE));
                gzip.extend_from_slice(piece);
                *rest = after;
                true
            }
        }
    }

    fn is_invalid(&self) -> bool {
        matches!(self, Self::Base64(base64) if base64.is_invalid)
    }
}

/// Base64, decoded a piece at a time.
struct Base64<'a> {
    rest: &'a [u8],
    /// The last characters of a piece with white space, an incomplete group until the next piece.
    carried: Vec<u8>,
    is_invalid: bool,
}

impl Base64<'_> {
    fn decode(&mut self, gzip: &mut Vec<u8>) -> bool {
        while !(self.rest.is_empty() && self.carried.is_empty()) {
            let (piece, after) = self.rest.split_at(self.rest.len().min(PIECE));
            self.rest = after;
            let is_last = after.is_empty();
            let before = gzip.len();
            let is_whole = self.carried.is_empty()
                && if is_last { decode_whole(piece, gzip) } else { decode_quickly(piece, gzip) };
            if is_whole {
                return true;
            }
            self.decode_broken(piece, is_last, gzip);
            if gzip.len() > before {
                return true;
            }
        }
        false
    }

    /// Decodes a piece with white space (as in mail, no damage), or up to a fault.
    fn decode_broken(&mut self, piece: &[u8], is_last: bool, gzip: &mut Vec<u8>) {
        self.carried.extend(piece.iter().filter(|byte| !byte.is_ascii_whitespace()));
        // Possible padding waits for the next characters.
        let ready = if is_last { self.carried.len() } else { self.carried.len().saturating_sub(1) / 4 * 4 };
        if decode_whole(&self.carried[..ready], gzip) {
            self.carried.drain(..ready);
            return;
        }
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let sound = self.carried.iter().take_while(|byte| is_base64(byte)).count();
        decode_whole(&self.carried[..sound / 4 * 4], gzip);
        self.carried.clear();
        self.rest = &[];
        self.is_invalid = true;
    }
}

/// The same for whole groups without padding: all pieces but the last.
fn decode_quickly(piece: &[u8], bytes: &mut Vec<u8>) -> bool {
    let before = bytes.len();
    bytes.resize(before + piece.len() / 4 * 3, 0);
    let is_sound =
        base64_simd::STANDARD_NO_PAD.decode(piece, base64_simd::Out::from_slice(&mut bytes[before..])).is_ok();
    bytes.truncate(if is_sound { bytes.len() } else { before });
    is_sound
}

/// Adds a text's decoded bytes. False, with nothing added, if it is not base64 from start to end.
fn decode_whole(text: &[u8], bytes: &mut Vec<u8>) -> bool {
    let before = bytes.len();
    bytes.resize(before + text.len().div_ceil(4) * 3, 0);
    match BASE64.decode_slice(text, &mut bytes[before..]) {
        Ok(count) => {
            bytes.truncate(before + count);
            true
        }
        Err(_) => {
            bytes.truncate(before);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{base64, gzip};

    fn inflate(text: &str) -> Inflated {
        read_all(Inflater::of_base64(text, INFLATED_MAX))
    }

    fn gunzip_within(gzip: &[u8], max: usize) -> Inflated {
        read_all(Inflater::of_gzip(gzip, max))
    }

    fn read_all(mut inflater: Inflater<'_>) -> Inflated {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut inflater, &mut bytes).unwrap();
        assert_eq!(inflater.total(), bytes.len());
        Inflated { bytes, damage: inflater.damage() }
    }

    #[test]
    fn packed_bytes_come_out() {
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
    fn missing_padding_and_line_breaks_are_no_damage() {
        let text = base64(&gzip(b"some text"));
        assert_eq!(inflate(text.trim_end_matches('=')).damage, None);
        assert_eq!(inflate(&format!("{}\r\n{}\n", &text[..10], &text[10..])).damage, None);
    }

    #[test]
    fn everything_before_the_damage_is_kept() {
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
    fn input_at_the_limit_is_whole_and_beyond_it_cut() {
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
    fn a_false_trailer_is_detected() {
        let mut packed = gzip(b"some text");
        let at = packed.len() - 4;
        packed[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        let inflated = inflate(&base64(&packed));
        assert_eq!((inflated.bytes.as_slice(), inflated.damage), (&b"some text"[..], Some(Damage::GzipInvalid)));
    }

    #[test]
    fn input_that_is_not_gzip_is_reported_as_such() {
        assert_eq!(inflate("").damage, Some(Damage::GzipTruncated));
        assert_eq!(inflate(&base64(b"no gzip at all")).damage, Some(Damage::GzipInvalid));
        assert_eq!(inflate("*").damage, Some(Damage::Base64Invalid));
        let trailed = [gzip(b"text"), b"rubbish".to_vec()].concat();
        assert_eq!(inflate(&base64(&trailed)), Inflated { bytes: b"text".to_vec(), damage: Some(Damage::GzipInvalid) });
    }

    #[test]
    fn base64_is_the_same_wherever_its_pieces_end() {
        let words: String = (0..40_000).map(|n| format!("word {} ", n * 7919 % 10_007)).collect();
        let text = base64(&gzip(words.as_bytes()));
        assert!(text.len() > 2 * PIECE);
        for width in [1, 3, 4, 75, 76, PIECE - 1, PIECE] {
            let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
            let inflated = inflate(&format!("{}\n", lines.join("\r\n")));
            assert!(inflated.damage.is_none() && inflated.bytes == words.as_bytes(), "{width}");
        }
        // Padding in the middle is a fault, also at the end of a piece.
        for at in [PIECE - 2, PIECE - 1, PIECE, PIECE + 3, 2 * PIECE - 4] {
            let broken = format!("{}=={}", &text[..at], &text[at..]);
            assert_eq!(inflate(&broken).damage, Some(Damage::Base64Invalid), "{at}");
        }
    }

    #[test]
    fn a_member_may_begin_where_a_piece_of_the_input_ends() {
        let one = gzip(b"one ");
        for short in 0..4 {
            // A comment in the header fills the first piece up to there.
            let mut filled = one[..3].to_vec();
            filled.extend([0x10]);
            filled.extend(&one[4..10]);
            let comment = PIECE - short - one.len() - 1;
            filled.extend(std::iter::repeat_n(b'c', comment));
            filled.push(0);
            filled.extend(&one[10..]);
            assert_eq!(filled.len(), PIECE - short);
            filled.extend(gzip(b"two"));
            assert_eq!(gunzip(&filled), Inflated { bytes: b"one two".to_vec(), damage: None });
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_damage_panics(text in ".{0,200}", at in 0usize..200, bit in 0u8..8, cut in 0usize..200) {
            inflate(&text);
            let mut packed = gzip(text.as_bytes());
            let at = at % packed.len();
            packed[at] ^= 1 << bit;
            packed.truncate(packed.len() - cut % packed.len());
            inflate(&base64(&packed));
        }
    }
}
