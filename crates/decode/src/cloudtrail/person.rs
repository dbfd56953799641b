//! The person for whom a call was made, wherever a record names one.
//!
//! In: `onBehalfOf` in any of its forms and places, and `additionalEventData`. Out: the user id of Identity Center, if
//! the record has one. Other evidence of the caller, such as an application's role, is not read here.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess};

use crate::cloudtrail::statement::Statement;
use crate::json::{AnyVisitor, FromAny, FromMap, Key, Member, Part, Scalar, skip_list};
use crate::values;

/// `onBehalfOf`: an object, or a list of objects of which the first that names a person counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnBehalfOf(Part<User>);

#[derive(Clone, Debug, Default, PartialEq)]
struct User {
    id: Option<String>,
    is_wrong: bool,
}

impl OnBehalfOf {
    pub fn person(&self) -> Option<&str> {
        self.0.found()?.id.as_deref()
    }
}

/// `sessionContext`, as far as it names a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionContext(OnBehalfOf);

impl SessionContext {
    pub fn person(&self) -> Option<&str> {
        self.0.person()
    }
}

/// `additionalEventData`: how the call ended, and the person it names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Additional {
    pub statement: Statement,
    on_behalf_of: Option<String>,
    /// `identitystore:UserId`, as records of CreateTokenWithIAM have it: their `userIdentity` is the application's role.
    user_id: Option<String>,
}

impl Additional {
    pub fn person(&self) -> Option<&str> {
        self.on_behalf_of.as_deref().or(self.user_id.as_deref())
    }

    fn take_person(&mut self, person: Option<&str>) {
        if self.on_behalf_of.is_none() {
            self.on_behalf_of = person.map(str::to_owned);
        }
    }
}

/// Whether a key is this one, in any letter case and with any separators.
fn is_key(key: &str, name: &str) -> bool {
    let letters = key.bytes().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    letters.eq(name.bytes())
}

impl<'de> FromMap<'de> for User {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut user = Self::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if is_key(&key, "userid") {
                let id = map.next_value::<Scalar<'de>>()?;
                user.is_wrong |= id.is_wrong();
                user.id = user.id.or_else(|| id.text().and_then(values::person));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(user)
    }
}

impl<'de> FromMap<'de> for SessionContext {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut session = Self::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if is_key(&key, "onbehalfof") {
                session.0 = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(session)
    }
}

impl Member for OnBehalfOf {
    fn is_given(&self) -> bool {
        self.0.is_given()
    }

    fn is_wrong(&self) -> bool {
        self.0.is_wrong() || self.0.found().is_some_and(|user| user.is_wrong)
    }
}

impl<'de> FromAny<'de> for OnBehalfOf {
    fn null() -> Self {
        Self::default()
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(Part::text(text))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Part::map(map).map(Self)
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut first = Self::default();
        while let Some(user) = list.next_element::<Part<User>>()? {
            let next = Self(user);
            if first.person().is_none() && (next.person().is_some() || !first.is_given()) {
                first = next;
            }
        }
        Ok(first)
    }
}

impl<'de> Deserialize<'de> for OnBehalfOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

impl Member for Additional {
    fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Every shape is accepted.
    fn is_wrong(&self) -> bool {
        false
    }
}

impl<'de> FromAny<'de> for Additional {
    fn null() -> Self {
        Self::default()
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self { statement: Statement::text(text), ..Self::default() }
    }

    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut additional = Self::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if is_key(&key, "identitystoreuserid") {
                let id = map.next_value::<Scalar<'de>>()?;
                additional.user_id = additional.user_id.or_else(|| id.text().and_then(values::person));
            } else if is_key(&key, "onbehalfof") {
                additional.take_person(map.next_value::<OnBehalfOf>()?.person());
            } else if is_key(&key, "sessioncontext") {
                let session = map.next_value::<Part<SessionContext>>()?;
                additional.take_person(session.found().and_then(SessionContext::person));
            } else {
                additional.statement.take_member(&key, &mut map)?;
            }
        }
        Ok(additional)
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        skip_list(list).map(|()| Self::default())
    }
}

impl<'de> Deserialize<'de> for Additional {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_behalf_of_is_read_in_all_its_forms() {
        for (json, person) in [
            (r#"{"userId":"u"}"#, Some("u")),
            (r#"{"UserId":"u","identityStoreArn":{"a":[1]}}"#, Some("u")),
            (r#"{"userID":"u"}"#, Some("u")),
            (r#"{"userid":"u"}"#, Some("u")),
            (r#"{"user_id":" u "}"#, Some("u")),
            (r#"{"userId":7}"#, Some("7")),
            (r#"{"userId":"","UserId":"u"}"#, Some("u")),
            (r#"[{"userId":"u"}]"#, Some("u")),
            (r#"[null,{},{"userId":""},7,{"userId":"u"},{"userId":"v"}]"#, Some("u")),
            ("null", None),
            ("[]", None),
            ("{}", None),
            (r#"{"userId":null}"#, None),
            (r#"{"userId":" "}"#, None),
            (r#"{"userId":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#, None),
            (r#"{"userId":"Anonymous"}"#, None),
            (r#"{"identityStoreArn":"arn"}"#, None),
            (r#"[[{"userId":"u"}]]"#, None),
        ] {
            let read: OnBehalfOf = serde_json::from_str(json).unwrap();
            assert_eq!(read.person(), person, "{json}");
        }
    }

    #[test]
    fn on_behalf_of_of_a_wrong_type_is_a_problem() {
        for (json, is_wrong) in
            [("5", true), (r#""u""#, true), (r#"{"userId":[1]}"#, true), ("{}", false), ("null", false), ("[]", false)]
        {
            assert_eq!(serde_json::from_str::<OnBehalfOf>(json).unwrap().is_wrong(), is_wrong, "{json}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for json in [format!("[{deep}]"), format!(r#"{{"userId":{deep}}}"#)] {
            assert!(serde_json::from_str::<OnBehalfOf>(&json).unwrap().is_wrong());
        }
    }

    #[test]
    fn additional_data_names_a_person_and_says_how_the_call_ended() {
        for (json, person) in [
            (r#"{"identitystore:UserId":"u"}"#, Some("u")),
            (r#"{"identityStore:userId":"u"}"#, Some("u")),
            (r#"{"identitystore:UserId":"u","onBehalfOf":{"userId":"v"}}"#, Some("v")),
            (r#"{"onBehalfOf":[{"userId":"v"}],"identitystore:UserId":"u"}"#, Some("v")),
            (r#"{"sessionContext":{"onBehalfOf":{"UserId":"v"}}}"#, Some("v")),
            (r#"{"onBehalfOf":{"userId":""},"identitystore:UserId":"u"}"#, Some("u")),
            (r#"{"identitystore:UserId":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#, None),
            (r#"{"identitystore:UserId":["u"],"onBehalfOf":"v","sessionContext":7}"#, None),
            (r#"{"identitystore:IdentityStoreArn":"arn","identitycenter:CredentialId":"c"}"#, None),
            ("[]", None),
            ("null", None),
        ] {
            let read: Additional = serde_json::from_str(json).unwrap();
            assert_eq!((read.person(), read.statement.failed), (person, false), "{json}");
        }
        let read: Additional =
            serde_json::from_str(r#"{"identitystore:UserId":"u","errorCode":"SlowDownException"}"#).unwrap();
        assert_eq!((read.person(), read.statement.code()), (Some("u"), Some("SlowDownException")));
    }
}
