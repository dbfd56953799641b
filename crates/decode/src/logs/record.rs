//! A JSON object in a JSON string, read without unescaping.
//!
//! In: a raw JSON string with its quotes. Out: a serde deserializer for the JSON in it. It accepts CloudTrail's form:
//! compact, whole numbers, and no escape but that of the quotes around keys and texts, so that every text is borrowed.
//! Anything else is an error without details: the caller then unescapes the string and parses that. Unwanted members
//! are skipped and not checked.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The JSON in a JSON string, read up to a place.
pub struct Escaped<'de> {
    text: &'de str,
    at: usize,
}

/// Not in CloudTrail's form, or not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusual;

/// The length of a quote inside a JSON string.
const QUOTE: usize = 2;

impl<'de> Escaped<'de> {
    /// None if the ends are not those of a JSON string.
    pub fn of(literal: &'de str) -> Option<Self> {
        let text = literal.strip_prefix('"')?.strip_suffix('"')?;
        Some(Self { text, at: 0 })
    }

    fn peek(&self) -> Result<u8, Unusual> {
        self.text.as_bytes().get(self.at).copied().ok_or(Unusual)
    }

    fn take(&mut self, byte: u8) -> Result<(), Unusual> {
        if self.peek()? != byte {
            return Err(Unusual);
        }
        self.at += 1;
        Ok(())
    }

    fn take_word(&mut self, word: &str) -> Result<(), Unusual> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Unusual);
        }
        self.at += word.len();
        Ok(())
    }

    fn string(&mut self) -> Result<&'de str, Unusual> {
        let rest = &self.text.as_bytes()[self.at..];
        let [b'\\', b'"', inner @ ..] = rest else { return Err(Unusual) };
        let length = backslash(inner).ok_or(Unusual)?;
        if inner.get(length + 1) != Some(&b'"') {
            return Err(Unusual);
        }
        let begin = self.at + QUOTE;
        self.at = begin + length + QUOTE;
        Ok(&self.text[begin..begin + length])
    }

    /// A whole number, as serde_json returns it.
    fn number(&mut self) -> Result<i64, Unusual> {
        let rest = &self.text[self.at..];
        let is_in_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let text = &rest[..rest.bytes().take_while(is_in_number).count()];
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit()) && (!digits.starts_with('0') || text == "0");
        self.at += text.len();
        text.parse().ok().filter(|_| is_whole).ok_or(Unusual)
    }

    /// Skips one value of any depth.
    fn skip(&mut self) -> Result<(), Unusual> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'\\' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(Unusual)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                b't' => self.take_word("true")?,
                b'f' => self.take_word("false")?,
                b'n' => self.take_word("null")?,
                _ => {
                    self.number()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// The next backslash. Most texts of a record are short: eight bytes at a time find it faster than a search made for
/// long texts.
#[inline]
fn backslash(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let differing = u64::from_le_bytes(*word) ^ BACKSLASHES;
        // The lowest set high bit belongs to the first byte that differs.
        let same = differing.wrapping_sub(ONES) & !differing & HIGHS;
        if same != 0 {
            return Some(number * 8 + same.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| *byte == b'\\').map(|at| words.len() * 8 + at)
}

impl<'de> Deserializer<'de> for &mut Escaped<'de> {
    type Error = Unusual;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusual> {
        match self.peek()? {
            b'\\' => visitor.visit_borrowed_str(self.string()?),
            b'{' => {
                self.at += 1;
                visitor.visit_map(Items { input: self, is_first: true })
            }
            b'[' => {
                self.at += 1;
                visitor.visit_seq(Items { input: self, is_first: true })
            }
            b't' => {
                self.take_word("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.take_word("false")?;
                visitor.visit_bool(false)
            }
            b'n' => {
                self.take_word("null")?;
                visitor.visit_unit()
            }
            _ => {
                let number = self.number()?;
                match u64::try_from(number) {
                    Ok(number) => visitor.visit_u64(number),
                    Err(_) => visitor.visit_i64(number),
                }
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusual> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// All of a JSON string: text after the value counts.
pub struct Whole<'de>(pub Escaped<'de>);

impl<'de> Deserializer<'de> for Whole<'de> {
    type Error = Unusual;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Unusual> {
        let value = self.0.deserialize_any(visitor)?;
        if self.0.at == self.0.text.len() { Ok(value) } else { Err(Unusual) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The members of an object or a list.
struct Items<'i, 'de> {
    input: &'i mut Escaped<'de>,
    is_first: bool,
}

impl Items<'_, '_> {
    /// Whether there is one more, which then is next.
    fn is_more(&mut self, end: u8) -> Result<bool, Unusual> {
        if self.input.peek()? == end {
            self.input.at += 1;
            return Ok(false);
        }
        if !std::mem::take(&mut self.is_first) {
            self.input.take(b',')?;
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Unusual;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unusual> {
        if !self.is_more(b'}')? {
            return Ok(None);
        }
        let key = self.input.string()?;
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unusual> {
        self.input.take(b':')?;
        seed.deserialize(&mut *self.input)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Unusual;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unusual> {
        if self.is_more(b']')? { seed.deserialize(&mut *self.input).map(Some) } else { Ok(None) }
    }
}

impl fmt::Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not written as CloudTrail writes")
    }
}

impl std::error::Error for Unusual {}

impl Error for Unusual {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
