//! The inputs of a `call`, which may hold secrets.
//!
//! In: the raw `request` member. Out: a [`CallRequest`] if it may be used and is understood in full: with other inputs
//! a retry would be another call. The client id and the grant type come out in any case. Problems name keys, never
//! values.

use serde_json::value::RawValue;
use triage_model::observation::CallRequest;
use triage_model::problem::ProblemName;
use triage_model::redact::{HIDDEN, Secret};

use crate::batch::Batch;
use crate::json::{FromMap, Key, Part};
use crate::values;

/// The longest accepted input: tokens and assertions have a few KB at most.
const INPUT_MAX: usize = 64 * 1024;
/// The most entries of a list of scopes, redirect URIs or grant types.
const LIST_MAX: usize = 100;

/// Every input of the four operations, as [`normal`] spells it, and whether it is a secret.
const KEYS: [(&str, bool); 23] = [
    ("clientname", false),
    ("clienttype", false),
    ("scopes", false),
    ("redirecturis", false),
    ("granttypes", false),
    ("issuerurl", false),
    ("entitledapplicationarn", false),
    ("clientid", false),
    ("clientsecret", true),
    ("starturl", false),
    ("granttype", false),
    ("devicecode", true),
    ("usercode", true),
    ("code", true),
    ("refreshtoken", true),
    ("codeverifier", true),
    ("assertion", true),
    ("subjecttoken", true),
    ("subjecttokentype", false),
    ("requestedtokentype", false),
    ("redirecturi", false),
    ("scope", false),
    ("resource", false),
];

/// Results that a careless caller passes along with the inputs: secrets that are not inputs.
const SECRET_RESULTS: [&str; 2] = ["accesstoken", "idtoken"];

/// The content of a request.
#[derive(Debug, Default, PartialEq)]
pub struct Inputs {
    /// None if there is none, or it was refused or not understood.
    pub request: Option<CallRequest>,
    pub client_id: Option<String>,
    pub grant_type: Option<String>,
}

/// The members of a JSON object in their order.
#[derive(Debug, Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> FromMap<'de> for Members<'de> {
    fn from_map<A: serde::de::MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut members = Vec::new();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push((key.into_owned(), value));
        }
        Ok(Self(members))
    }
}

/// Reads the request. Notes forbidden secrets and unknown members by their keys.
pub fn read(text: Option<&str>, is_direct: bool, batch: &mut Batch) -> Inputs {
    let Some(text) = text.filter(|text| *text != "null") else { return Inputs::default() };
    let members = match serde_json::from_str::<Part<Members<'_>>>(text) {
        Ok(Part::Found(Members(members))) => members,
        Ok(Part::Missing | Part::Wrong) | Err(_) => {
            // The text may be the request as a string, so assume secrets in it.
            batch.carries_secrets = true;
            batch.problems.note(ProblemName::RequestInvalid, "request is not an object");
            return Inputs::default();
        }
    };
    let secrets: Vec<&str> = members.iter().filter(|(key, value)| is_secret(key, value)).map(|(k, _)| &**k).collect();
    batch.carries_secrets |= !secrets.is_empty();

    let mut reading = Reading::default();
    for (key, value) in &members {
        reading.take(key, value);
    }
    let Reading { request, not_understood } = reading;
    let client_id = request.client_id.as_deref().map(values::shown_name);
    let grant_type = request.grant_type.as_deref().map(|grant| values::bounded(grant, values::NAME_MAX).to_owned());
    let is_refused = !is_direct && !secrets.is_empty();
    if is_refused {
        batch.problems.note(ProblemName::SecretInEnvelope, values::listed_keys(secrets));
    }
    let is_understood = not_understood.is_empty();
    if !is_understood {
        let keys = values::listed_keys(not_understood.iter().map(String::as_str));
        batch.problems.note(ProblemName::RequestInvalid, format!("not understood: {keys}"));
    }
    Inputs { request: (!is_refused && is_understood).then_some(request), client_id, grant_type }
}

/// One spelling for each key: `client_secret`, `clientSecret` and `ClientSecret` are the same.
fn normal(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a key means a secret. For a key of no operation, its name decides.
pub fn is_secret_key(key: &str) -> bool {
    let key = normal(key);
    match KEYS.iter().find(|(known, _)| *known == key) {
        Some((_, is_secret)) => *is_secret,
        None => {
            SECRET_RESULTS.contains(&key.as_str())
                || ["secret", "token", "password", "assertion", "verifier", "devicecode", "usercode", "authcode"]
                    .iter()
                    .any(|sound| key.contains(sound))
        }
    }
}

/// Whether a member contains a secret: null and empty texts do not.
fn is_secret(key: &str, value: &RawValue) -> bool {
    is_secret_key(key) && !matches!(value.get(), "null" | "\"\"") && value.get() != format!("\"{HIDDEN}\"")
}

/// Takes members one by one.
#[derive(Default)]
struct Reading {
    request: CallRequest,
    not_understood: Vec<String>,
}

impl Reading {
    fn take(&mut self, key: &str, value: &RawValue) {
        if value.get() == "null" {
            // An ignored input. A misspelt one is ignored too.
            return;
        }
        let request = &mut self.request;
        let is_taken = match key {
            "clientName" | "client_name" => put_text(&mut request.client_name, value),
            "clientType" | "client_type" => put_text(&mut request.client_type, value),
            "scopes" => put_list(&mut request.scopes, value, true),
            "redirectUris" | "redirect_uris" => put_list(&mut request.redirect_uris, value, false),
            "grantTypes" | "grant_types" => put_list(&mut request.grant_types, value, false),
            "issuerUrl" | "issuer_url" => put_text(&mut request.issuer_url, value),
            "entitledApplicationArn" | "entitled_application_arn" => {
                put_text(&mut request.entitled_application_arn, value)
            }
            "clientId" | "client_id" => put_text(&mut request.client_id, value),
            "clientSecret" | "client_secret" => put_secret(&mut request.client_secret, value),
            "startUrl" | "start_url" => put_text(&mut request.start_url, value),
            "grantType" | "grant_type" => put_text(&mut request.grant_type, value),
            "deviceCode" | "device_code" => put_secret(&mut request.device_code, value),
            "code" => put_secret(&mut request.code, value),
            "refreshToken" | "refresh_token" => put_secret(&mut request.refresh_token, value),
            "codeVerifier" | "code_verifier" => put_secret(&mut request.code_verifier, value),
            "redirectUri" | "redirect_uri" => put_text(&mut request.redirect_uri, value),
            "scope" => put_list(&mut request.scope, value, true),
            // Inputs of CreateTokenWithIAM, which is never retried, and the values a device flow shows its user.
            "assertion"
            | "subjectToken"
            | "subject_token"
            | "subjectTokenType"
            | "subject_token_type"
            | "requestedTokenType"
            | "requested_token_type"
            | "resource"
            | "userCode"
            | "user_code" => put_text(&mut None, value),
            _ => false,
        };
        if !is_taken {
            self.not_understood.push(key.to_owned());
        }
    }
}

fn text(value: &RawValue) -> Option<String> {
    // serde_json's error may quote the value: it is dropped here. A value hidden by CloudTrail is no input.
    serde_json::from_str::<String>(value.get()).ok().filter(|text| text.len() <= INPUT_MAX && text != HIDDEN)
}

fn put_text(slot: &mut Option<String>, value: &RawValue) -> bool {
    *slot = text(value);
    slot.is_some()
}

fn put_secret(slot: &mut Option<Secret>, value: &RawValue) -> bool {
    *slot = text(value).map(Secret::new);
    slot.is_some()
}

/// A list of texts; OAuth writes scopes as one text with spaces.
fn put_list(slot: &mut Vec<String>, value: &RawValue, may_be_text: bool) -> bool {
    let list = if may_be_text && value.get().starts_with('"') {
        text(value).map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    } else {
        serde_json::from_str::<Vec<String>>(value.get()).ok()
    };
    match list {
        Some(list) if list.len() <= LIST_MAX && list.iter().all(|text| text.len() <= INPUT_MAX) => {
            *slot = list;
            true
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_a_secret_in_every_spelling() {
        for key in ["clientSecret", "client_secret", "CLIENT-SECRET", "code", "userCode", "idToken", "my_password"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["clientId", "grantType", "subjectTokenType", "requestedTokenType", "scope", "operation", "codec"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }
}
