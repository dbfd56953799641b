//! The HTTP client of all SDK clients.
//!
//! In: the root certificates, which `SSL_CERT_FILE` names. Out: one client with one pool of connections. Its TLS is
//! made once: on a thread of its own while the function starts, or by the first call where that comes sooner. The SDK's
//! own client would read the roots before they are needed, and parse them again for each SDK client built on it.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// A connection within AWS takes milliseconds; one that takes longer than this will not come.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What all SDK clients share. A clone is a reference count.
#[derive(Clone, Debug)]
pub struct Http(Arc<Clients>);

#[derive(Debug)]
struct Clients {
    /// With [`CONNECT_TIMEOUT`], and nothing else: what all of our clients ask for.
    ours: OnceLock<SharedHttpConnector>,
    /// With other settings, which only providers of credentials ask for that Lambda does not need.
    others: SharedHttpClient,
}

impl Http {
    /// Cheap: nothing is read yet.
    pub fn new() -> Self {
        Self(Arc::new(Clients { ours: OnceLock::new(), others: Builder::new().tls_provider(provider()).build_https() }))
    }

    /// The connections of all clients, for a request that is signed already.
    pub fn connector(&self) -> &SharedHttpConnector {
        self.0.connector()
    }

    /// Reads the root certificates on a thread of its own, which then ends. A call that comes before it is done waits.
    pub fn make_ready(&self) {
        let http = self.clone();
        // If no thread can be started, the first call does it.
        let _ = thread::Builder::new().name("tls".to_owned()).spawn(move || {
            http.0.connector();
        });
    }

    /// Whether that was done, or a call has done it.
    pub fn is_ready(&self) -> bool {
        self.0.ours.get().is_some()
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Clients {
    fn connector(&self) -> &SharedHttpConnector {
        self.ours.get_or_init(|| {
            let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
            let connector = Connector::builder().connector_settings(settings).tls_provider(provider()).build();
            SharedHttpConnector::new(connector)
        })
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        match (settings.connect_timeout(), settings.read_timeout()) {
            (Some(CONNECT_TIMEOUT), None) => self.0.connector().clone(),
            (Some(_) | None, _) => self.0.others.http_connector(settings, components),
        }
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.others.connector_metadata()
    }
}

/// Why a call had no answer, if it had none. The text of an error is not shown: it holds the raw answer.
pub fn silence<E, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::TimeoutError(_) => "it timed out",
        SdkError::DispatchFailure(failure) if failure.is_other() => "no connection, or no credentials to sign with",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) | SdkError::ServiceError(_) => "its answer could not be read",
        _ => "the request could not be built",
    }
}

const fn provider() -> Provider {
    Provider::Rustls(CryptoMode::Ring)
}
