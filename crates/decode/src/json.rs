//! Reading untrusted JSON.
//!
//! In: JSON text. Out: objects whose every member is optional, may be null and may be of a wrong type: a wrong member
//! is reported by name and costs nothing else. Text without escapes is borrowed. Other members are skipped without
//! recursion, so nesting of any depth is harmless. Nothing is interpreted here.
//!
//! Members are read in one pass. A map of raw values with getters would be less code, but reads each wanted member
//! twice: parsing a CloudTrail record took 1.4 to 1.8 times as long, and a batch of records a tenth longer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// Where and how JSON is broken. serde_json's own messages may quote the value, which may be a secret: they are not
/// used.
pub fn describe(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Syntax => "not JSON",
        Category::Eof => "JSON that ends early",
        Category::Data => "not the expected JSON",
        Category::Io => "unreadable",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

pub struct Key<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The states of a member of an [`object!`].
pub trait Member {
    /// Given, rightly or wrongly typed, but not null.
    fn is_given(&self) -> bool;
    fn is_wrong(&self) -> bool;
}

/// A text, or a number or boolean as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scalar<'a> {
    #[default]
    Missing,
    Text(Cow<'a, str>),
    /// An object or an array.
    Wrong,
}

impl Scalar<'_> {
    /// The text without surrounding space, unless nothing is left of it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Self::Missing | Self::Wrong => None,
        }
    }
}

impl Scalar<'_> {
    /// The raw text, for values where a space matters.
    pub fn exact(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Missing | Self::Wrong => None,
        }
    }
}

impl Member for Scalar<'_> {
    fn is_given(&self) -> bool {
        !matches!(self, Self::Missing)
    }

    fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

/// Made from any value. Each method handles one shape of JSON.
pub trait FromAny<'de>: Sized {
    fn null() -> Self;
    fn text(text: Cow<'de, str>) -> Self;
    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error>;
}

impl<'de> FromAny<'de> for Scalar<'de> {
    fn null() -> Self {
        Self::Missing
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self::Text(text)
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        skip_map(map).map(|()| Self::Wrong)
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        skip_list(list).map(|()| Self::Wrong)
    }
}

/// An object with members of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Part<T> {
    #[default]
    Missing,
    Found(T),
    Wrong,
}

impl<T> Part<T> {
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(part) => Some(part),
            Self::Missing | Self::Wrong => None,
        }
    }
}

impl<T> Member for Part<T> {
    fn is_given(&self) -> bool {
        !matches!(self, Self::Missing)
    }

    fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }
}

pub trait FromMap<'de>: Sized {
    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

impl<'de, T: FromMap<'de>> FromAny<'de> for Part<T> {
    fn null() -> Self {
        Self::Missing
    }

    fn text(_: Cow<'de, str>) -> Self {
        Self::Wrong
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::from_map(map).map(Self::Found)
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        skip_list(list).map(|()| Self::Wrong)
    }
}

impl<'de, T: FromMap<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

/// Raw JSON, for a later look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a>(pub Option<&'a RawValue>);

impl<'a> Raw<'a> {
    pub fn get(&self) -> Option<&'a str> {
        self.0.map(RawValue::get)
    }

    pub fn is_object(&self) -> bool {
        self.get().is_some_and(|text| text.starts_with('{'))
    }
}

impl Member for Raw<'_> {
    fn is_given(&self) -> bool {
        self.get().is_some_and(|text| text != "null")
    }

    fn is_wrong(&self) -> bool {
        false
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

/// Dispatches on the shape. Numbers and booleans are texts here.
pub struct AnyVisitor<T>(pub PhantomData<T>);

impl<'de, T: FromAny<'de>> Visitor<'de> for AnyVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::text(Cow::Owned(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::text(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(T::text(Cow::Owned(value.to_string())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }
}

pub fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

pub fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// The keys of an object, without their values.
pub struct Keys(pub Vec<String>);

impl<'de> FromAny<'de> for Keys {
    fn null() -> Self {
        Self(Vec::new())
    }

    fn text(_: Cow<'de, str>) -> Self {
        Self(Vec::new())
    }

    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut keys = Vec::new();
        while let Some((Key(key), IgnoredAny)) = map.next_entry::<Key<'de>, IgnoredAny>()? {
            keys.push(key.into_owned());
        }
        Ok(Self(keys))
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        skip_list(list).map(|()| Self(Vec::new()))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

/// Declares a struct of [`Member`]s with the keys they are read from. A repeated key replaces the value unless it is
/// null; other keys are skipped. `wrong_members` lists the members of a wrong type by their first key.
macro_rules! object {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident<$lt:lifetime> {
            $( $(#[$doc:meta])* $field:ident: $type:ty = $key:literal $(| $alias:literal)* ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name<$lt> {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl<$lt> $crate::json::FromMap<$lt> for $name<$lt> {
            fn from_map<A: serde::de::MapAccess<$lt>>(mut map: A) -> Result<Self, A::Error> {
                use $crate::json::{Key, Member};
                let mut object = Self::default();
                while let Some(Key(key)) = map.next_key::<Key<$lt>>()? {
                    match key.as_ref() {
                        $(
                            $key $(| $alias)* => {
                                let value: $type = map.next_value()?;
                                if value.is_given() {
                                    object.$field = value;
                                }
                            }
                        )*
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(object)
            }
        }

        impl $name<'_> {
            #[allow(dead_code, reason = "not every object is checked: the macro serves all")]
            pub fn wrong_members(&self) -> Vec<&'static str> {
                use $crate::json::Member;
                let mut wrong = Vec::new();
                $( if self.$field.is_wrong() { wrong.push($key); } )*
                wrong
            }
        }
    };
}
pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        struct Inner<'a> {
            name: Scalar<'a> = "name",
        }
    }

    object! {
        struct Outer<'a> {
            text: Scalar<'a> = "text" | "Text",
            inner: Part<Inner<'a>> = "inner",
            raw: Raw<'a> = "raw",
        }
    }

    fn outer(text: &str) -> Outer<'_> {
        match serde_json::from_str(text).unwrap() {
            Part::Found(outer) => outer,
            Part::Missing | Part::Wrong => panic!("no object"),
        }
    }

    #[test]
    fn numbers_and_booleans_are_read_as_their_text() {
        for (json, text) in [("7", "7"), ("-7", "-7"), ("1.5", "1.5"), ("true", "true"), (r#"" a\u0041 ""#, "aA")] {
            assert_eq!(serde_json::from_str::<Scalar>(json).unwrap().text(), Some(text));
        }
        for json in ["null", r#""""#, r#""  ""#] {
            assert_eq!(serde_json::from_str::<Scalar>(json).unwrap().text(), None);
        }
    }

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        assert!(matches!(serde_json::from_str::<Scalar>(r#""abc""#).unwrap(), Scalar::Text(Cow::Borrowed("abc"))));
    }

    #[test]
    fn members_of_a_wrong_type_are_named_and_cost_nothing_else() {
        let object = outer(r#"{"text":{"a":[1]},"inner":[1,{"b":2}],"raw":[],"other":{}}"#);
        assert_eq!(object.wrong_members(), ["text", "inner"]);
        assert_eq!(object.raw.get(), Some("[]"));
    }

    #[test]
    fn null_does_not_replace_the_value_of_another_spelling() {
        assert_eq!(outer(r#"{"Text":"a","text":null}"#).text.text(), Some("a"));
        assert_eq!(outer(r#"{"text":"a","text":"b"}"#).text.text(), Some("b"));
    }

    #[test]
    fn deep_nesting_in_any_member_is_skipped() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let json = format!(r#"{{"text":{deep},"inner":{deep},"raw":{deep},"other":{deep}}}"#);
        assert_eq!(outer(&json).wrong_members(), ["text", "inner"]);
    }

    #[test]
    fn a_description_of_broken_json_never_quotes_it() {
        let error = serde_json::from_str::<u8>(r#""s3cr3t""#).unwrap_err();
        assert!(error.to_string().contains("s3cr3t"));
        assert_eq!(describe(&error), "not the expected JSON at line 1 column 8");
    }
}
