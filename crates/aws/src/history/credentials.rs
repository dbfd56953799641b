//! Credentials that are found once, and again before they expire.
//!
//! The SDKs' clients keep them; a request that we sign ourselves would start a sign-in of its own.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider};
use tokio::sync::Mutex;

/// What takes longer than this is signed anew.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// A provider that gives the same again, because it keeps them itself, is not asked with each request.
const ASKED_AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Kept {
    provider: SharedCredentialsProvider,
    /// With the time at which the provider was last asked.
    credentials: Mutex<(Credentials, SystemTime)>,
}

impl Kept {
    async fn credentials(&self) -> Result {
        let now = SystemTime::now();
        let mut kept = self.credentials.lock().await;
        let (credentials, asked) = &mut *kept;
        let expires_within = |span| credentials.expiry().is_some_and(|expiry| expiry < now + span);
        if expires_within(RENEWED_BEFORE) && *asked + ASKED_AGAIN <= now {
            *asked = now;
            match self.provider.provide_credentials().await {
                Ok(renewed) => *credentials = renewed,
                // They are good for a while.
                Err(_) if !expires_within(Duration::ZERO) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(credentials.clone())
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(self.credentials())
    }
}

/// The same settings, with the credentials that they lead to.
pub async fn kept(sdk: SdkConfig) -> std::result::Result<SdkConfig, CredentialsError> {
    let provider = sdk.credentials_provider().ok_or_else(|| CredentialsError::not_loaded("no provider is set"))?;
    let credentials = Mutex::new((provider.provide_credentials().await?, SystemTime::now()));
    let kept = SharedCredentialsProvider::new(Kept { provider, credentials });
    Ok(sdk.into_builder().credentials_provider(kept).build())
}
