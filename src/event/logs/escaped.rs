//! JSON that is still escaped in a JSON string, read without unescaping it.
//!
//! In: a log event's message, quotes and escapes included, that holds compact JSON without escapes of its own, as
//! CloudTrail writes nearly all of its records. Out: whatever serde makes of it, borrowed. Anything else (a space, an
//! escape in a string, a fraction, broken JSON) is refused in one word, [`GiveUp`], and read the long way. Members that
//! nobody asked for are skipped by their brackets without being checked.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor, value,
};
use serde::forward_to_deserialize_any;

/// Not in the form that is read here. Says nothing of what it is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiveUp;

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not compact JSON without escapes")
    }
}

impl std::error::Error for GiveUp {}

impl Error for GiveUp {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// How a quote looks from here.
const QUOTE: &str = "\\\"";

/// Reads the JSON in a JSON string.
pub fn from_literal<'de, T: Deserialize<'de>>(literal: &'de str) -> Result<T, GiveUp> {
    let text = literal.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or(GiveUp)?;
    let mut reader = Reader { rest: text };
    let value = T::deserialize(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(GiveUp) }
}

struct Reader<'de> {
    rest: &'de str,
}

impl<'de> Reader<'de> {
    fn eat(&mut self, token: &str) -> Result<(), GiveUp> {
        self.rest = self.rest.strip_prefix(token).ok_or(GiveUp)?;
        Ok(())
    }

    /// A string from its opening quote to its closing one.
    fn string(&mut self) -> Result<&'de str, GiveUp> {
        self.eat(QUOTE)?;
        // The first backslash must be that of the closing quote, or the string has escapes.
        let end = memchr::memchr(b'\\', self.rest.as_bytes()).ok_or(GiveUp)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.eat(QUOTE)?;
        Ok(text)
    }

    /// The end of a list or an object, or the comma before what comes next in it.
    fn is_at_end(&mut self, close: &str, is_first: &mut bool) -> Result<bool, GiveUp> {
        if let Some(rest) = self.rest.strip_prefix(close) {
            self.rest = rest;
            return Ok(true);
        }
        if !std::mem::take(is_first) {
            self.eat(",")?;
        }
        Ok(false)
    }

    /// Skips one value. Its nesting is counted, not followed.
    fn skip(&mut self) -> Result<(), GiveUp> {
        let mut depth = 0_usize;
        loop {
            match self.rest.as_bytes().first().ok_or(GiveUp)? {
                b'\\' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.rest = &self.rest[1..];
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(GiveUp)?;
                    self.rest = &self.rest[1..];
                }
                b',' | b':' if depth > 0 => self.rest = &self.rest[1..],
                _ => {
                    self.word()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<&'de str, GiveUp> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let end = self.rest.bytes().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(GiveUp);
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = GiveUp;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GiveUp> {
        match self.rest.as_bytes().first().ok_or(GiveUp)? {
            b'\\' => visitor.visit_borrowed_str(self.string()?),
            b'{' => {
                self.eat("{")?;
                visitor.visit_map(Inside { reader: self, is_first: true })
            }
            b'[' => {
                self.eat("[")?;
                visitor.visit_seq(Inside { reader: self, is_first: true })
            }
            _ => match self.word()? {
                "null" => visitor.visit_unit(),
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                // A leading zero is no JSON.
                zeros if zeros.len() > 1 && zeros.trim_start_matches('-').starts_with('0') => Err(GiveUp),
                number => visitor.visit_i64(number.parse().map_err(|_| GiveUp)?),
            },
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GiveUp> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Within an object or a list.
struct Inside<'r, 'de> {
    reader: &'r mut Reader<'de>,
    is_first: bool,
}

impl<'de> MapAccess<'de> for Inside<'_, 'de> {
    type Error = GiveUp;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, GiveUp> {
        if self.reader.is_at_end("}", &mut self.is_first)? {
            return Ok(None);
        }
        let key = self.reader.string()?;
        self.reader.eat(":")?;
        let key: value::BorrowedStrDeserializer<'de, GiveUp> = value::BorrowedStrDeserializer::new(key);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, GiveUp> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Inside<'_, 'de> {
    type Error = GiveUp;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, GiveUp> {
        if self.reader.is_at_end("]", &mut self.is_first)? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::*;

    fn literal(json: &str) -> String {
        serde_json::to_string(json).unwrap()
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-zA-Z0-9 /:.\\-{}\\[\\],ä]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z{,]{0,4}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn what_is_not_compact_or_has_escapes_is_refused() {
        for text in [
            r#"{"a": 1}"#,
            r#" {"a":1}"#,
            r#"{"a":1} "#,
            r#"{"a":1}}"#,
            r#"{"a":"\\"}"#,
            r#"{"a":"\""}"#,
            r#"{"a":1.5}"#,
            r#"{"a":01}"#,
            r#"{"a":nul}"#,
            r#"{"a"}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a":[1"#,
            r#"{"a"#,
            "",
        ] {
            assert_eq!(from_literal::<Value>(&literal(text)), Err(GiveUp), "{text}");
        }
        assert_eq!(from_literal::<Value>("{}"), Err(GiveUp));
        assert_eq!(from_literal::<Value>("\"{\\u0022a\\u0022:1}\""), Err(GiveUp));
    }

    #[test]
    fn deep_nesting_is_skipped() {
        let deep = literal(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
        assert!(from_literal::<IgnoredAny>(&deep).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_json_reads(json in json()) {
            let literal = literal(&json.to_string());
            prop_assert_eq!(from_literal::<Value>(&literal), Ok(json));
            prop_assert!(from_literal::<IgnoredAny>(&literal).is_ok());
        }

        #[test]
        fn what_is_read_of_anything_is_what_serde_json_reads(text in r#"[\[\]{}:,"a0-9tnul\\ -]{0,20}"#) {
            if let Ok(value) = from_literal::<Value>(&literal(&text)) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
            }
        }
    }
}
