//! Signed requests to AWS's services beside the SDKs: for a few calls, an SDK would add to what is loaded at each start.
//!
//! In: a request. Out: its answer, or why there is none. It signs like the SDKs, uses their HTTP client, and goes to the
//! endpoints that they would go to. One attempt; who asks knows whether another one is worth it.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;

use crate::http::Http;

/// A service by its names: of the SDKs' settings, and of its host and signature.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub id: &'static str,
    pub host: &'static str,
    pub signing: Signing,
}

/// How a service wants its requests signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    Ordinary,
    /// S3 takes paths as they are, and wants the body's hash in a header.
    OfS3,
}

#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub service: Service,
    pub region: &'a str,
    pub method: &'static str,
    pub uri: String,
    pub headers: Vec<(&'static str, &'a str)>,
    pub body: &'a [u8],
}

/// An answer. Its body is no longer than was asked for; None where it was longer.
#[derive(Debug)]
pub struct Answer {
    pub head: HttpResponse,
    pub body: Option<Vec<u8>>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        self.head.status().is_success()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name)
    }
}

pub async fn send(
    sdk: &SdkConfig,
    http: &Http,
    request: &Request<'_>,
    answer_max: usize,
) -> Result<Answer, &'static str> {
    let request = signed(sdk, request).await?;
    let mut head = http.connector().call(request).await.map_err(|_| "no connection")?;
    let announced = head.headers().get("content-length").and_then(|length| length.parse::<usize>().ok());
    let mut pieces = ByteStream::new(head.take_body());
    let mut body = Vec::with_capacity(announced.unwrap_or_default().min(answer_max));
    while let Some(piece) = pieces.next().await {
        body.extend_from_slice(&piece.map_err(|_| "its answer broke off")?);
        // No more of it is read than may be kept.
        if body.len().max(announced.unwrap_or_default()) > answer_max {
            return Ok(Answer { head, body: None });
        }
    }
    Ok(Answer { head, body: Some(body) })
}

async fn signed(sdk: &SdkConfig, request: &Request<'_>) -> Result<HttpRequest, &'static str> {
    const NOT_SIGNED: &str = "it could not be signed";
    let Request { service, region, method, uri, headers, body } = request;
    let provider = sdk.credentials_provider().ok_or("no credentials to sign with")?;
    let identity = provider.provide_credentials().await.map_err(|_| "no credentials to sign with")?.into();
    let mut settings = SigningSettings::default();
    if service.signing == Signing::OfS3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service.host)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|_| NOT_SIGNED)?
        .into();
    let signable = SignableRequest::new(method, uri.as_str(), headers.iter().copied(), SignableBody::Bytes(body))
        .map_err(|_| NOT_SIGNED)?;
    let (signature, _) = sign(signable, &params).map_err(|_| NOT_SIGNED)?.into_parts();
    let mut signed = HttpRequest::new(SdkBody::from(*body));
    signed.set_method(method).map_err(|_| NOT_SIGNED)?;
    signed.set_uri(uri.as_str()).map_err(|_| NOT_SIGNED)?;
    for (name, value) in headers {
        signed.headers_mut().insert(*name, (*value).to_owned());
    }
    for header in signature.into_parts().0 {
        signed.headers_mut().insert(header.name(), header.value().to_owned());
    }
    Ok(signed)
}

/// The endpoint that is set, as the SDKs look for it: of the service, else of all services. None where it is AWS's own host.
pub fn endpoint(sdk: &SdkConfig, service: Service) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = sdk.service_config().zip(key.ok()).and_then(|(settings, key)| settings.load_config(key));
    let endpoint = own.or_else(|| sdk.endpoint_url().map(str::to_owned))?;
    Some(endpoint.trim_end_matches('/').to_owned())
}
