//! Identity Store: the name behind a user id.
//!
//! In: a user id, as records name people. Out: the name and the sign-in name of that user, and nothing else of the
//! directory, or why they were not found. One attempt, without the SDK's retries: a name is not worth a wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_identitystore as identitystore;
use aws_sdk_identitystore::config::http::HttpResponse;
use aws_sdk_identitystore::config::retry::RetryConfig;
use aws_sdk_identitystore::config::timeout::TimeoutConfig;
use aws_sdk_identitystore::config::{BehaviorVersion, Region as SdkRegion};
use aws_sdk_identitystore::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_identitystore::operation::describe_user::DescribeUserError;
use aws_sdk_identitystore::types::ResourceType;
use aws_sdk_identitystore::types::error::ResourceNotFoundException;
use triage_engine::directory::{Directory, DirectoryError};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_notify::people::Person;

use crate::config::Config;
use triage_aws::http::{CONNECT_TIMEOUT, silence};

const OUT_OF_TIME: &str = "no time was left for it";
const WITHOUT_A_CODE: &str = "an error without a code";

#[derive(Debug)]
pub struct IdentityStore {
    client: identitystore::Client,
    id: String,
    /// What stands before the UUID in ids of a directory that was made when they still began so; None of others.
    prefix: Option<String>,
    /// Whether the latest user was found under its id with that prefix.
    is_prefixed: AtomicBool,
}

impl IdentityStore {
    /// None where user ids stay ids.
    pub fn new(sdk: &SdkConfig, config: &Config) -> Option<Self> {
        let id = config.identity_store.as_ref()?.id.clone();
        let client = identitystore::config::Builder::from(sdk)
            .behavior_version(BehaviorVersion::v2026_01_12())
            // It is where Identity Center is, wherever the function runs.
            .region(SdkRegion::new(config.settings.region.to_string()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .build();
        let prefix = id.strip_prefix("d-").map(|directory| format!("{directory}-"));
        let client = identitystore::Client::from_conf(client);
        Some(Self { client, id, prefix, is_prefixed: AtomicBool::new(false) })
    }

    /// Records name a user of an old directory with and without the directory before the UUID, and a notice has the
    /// UUID alone: the first user shows which of the two the directory knows.
    async fn described(&self, uuid: &str) -> Result<Person, DirectoryError> {
        let was_prefixed = self.is_prefixed.load(Ordering::Relaxed);
        let mut forms = vec![(uuid.to_owned(), false)];
        forms.extend(self.prefix.as_ref().map(|prefix| (format!("{prefix}{uuid}"), true)));
        forms.sort_by_key(|(_, is_prefixed)| *is_prefixed != was_prefixed);
        let mut not_found = Ok(Person::Unknown);
        for (number, (user_id, is_prefixed)) in forms.into_iter().enumerate() {
            match self.client.describe_user().identity_store_id(&self.id).user_id(user_id).send().await {
                Ok(user) => {
                    self.is_prefixed.store(is_prefixed, Ordering::Relaxed);
                    return Ok(Person::of(user.display_name.as_deref(), user.user_name.as_deref()));
                }
                Err(error) => match error.as_service_error() {
                    Some(DescribeUserError::ResourceNotFoundException(missing)) if is_user(missing) => {
                        not_found = Ok(Person::Unknown);
                    }
                    // The directory does not know that form: so it is the other one.
                    Some(DescribeUserError::ValidationException(_)) if self.prefix.is_some() => {
                        if number == 0 {
                            not_found = Err(why(&error));
                        }
                    }
                    Some(_) | None => return Err(why(&error)),
                },
            }
        }
        not_found
    }
}

/// A missing directory says nothing about a user.
fn is_user(missing: &ResourceNotFoundException) -> bool {
    missing.resource_type().is_none_or(|kind| *kind == ResourceType::User)
}

impl Directory for IdentityStore {
    async fn person(&self, id: &str, within: Duration) -> Result<Person, DirectoryError> {
        // The SDK's futures are large.
        let described = tokio::time::timeout(within, Box::pin(self.described(id))).await;
        described.unwrap_or(Err(DirectoryError::NoAnswer(OUT_OF_TIME)))
    }
}

/// What may be logged of a failed call: a code's name at most.
fn why(error: &SdkError<DescribeUserError, HttpResponse>) -> DirectoryError {
    match error.as_service_error() {
        Some(refusal) => DirectoryError::Refused(one_line(refusal.code().unwrap_or(WITHOUT_A_CODE), SHOWN_NAME_MAX)),
        None => DirectoryError::NoAnswer(silence(error)),
    }
}
