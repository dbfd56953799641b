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

#[derive(Debug)]
struct Kept {
    provider: SharedCredentialsProvider,
    credentials: Mutex<Credentials>,
}

impl Kept {
    async fn credentials(&self) -> Result {
        let mut kept = self.credentials.lock().await;
        if kept.expiry().is_some_and(|expiry| expiry < SystemTime::now() + RENEWED_BEFORE) {
            *kept = self.provider.provide_credentials().await?;
        }
        Ok(kept.clone())
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
    let credentials = Mutex::new(provider.provide_credentials().await?);
    let kept = SharedCredentialsProvider::new(Kept { provider, credentials });
    Ok(sdk.into_builder().credentials_provider(kept).build())
}
