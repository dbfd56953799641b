//! Rust clients: `clients sdk` or `clients reqwest`. One line is one job, and one line its result.

use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ssooidc as oidc;
use aws_sdk_ssooidc::config::retry::RetryConfig;
use aws_sdk_ssooidc::config::timeout::TimeoutConfig;
use aws_sdk_ssooidc::error::DisplayErrorContext;
use serde_json::{json, Map, Value};
use tracing_subscriber::fmt::MakeWriter;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let by_sdk = std::env::args().nth(1).as_deref() == Some("sdk");
    for line in std::io::stdin().lock().lines() {
        let job: Value = serde_json::from_str(&line?)?;
        let wire = Text::default();
        let guard = (job["debug"] == true).then(|| {
            let of_the_sdk = tracing_subscriber::EnvFilter::new("aws_smithy_runtime=debug,aws_runtime=debug,reqwest=debug");
            let to = tracing_subscriber::fmt().with_env_filter(of_the_sdk).with_ansi(false).with_writer(wire.clone());
            tracing::subscriber::set_default(to.finish())
        });
        let came = if by_sdk { call_sdk(&job).await } else { call_reqwest(&job).await };
        drop(guard);
        let answer = match came {
            Ok(Some(why)) => json!({ "skip": why }),
            Ok(None) => json!({}),
            Err(error) => json!({ "forms": forms(error), "events": { "debug": wire.taken() } }),
        };
        println!("{answer}");
    }
    Ok(())
}

fn text(job: &Value, name: &str) -> Option<String> {
    job["input"][name].as_str().map(str::to_owned)
}

async fn call_sdk(job: &Value) -> Result<Option<&'static str>, Failure> {
    if job["proxy"].is_string() {
        return Ok(Some("has no proxy"));
    }
    let patience = Duration::from_secs(job["timeout"].as_u64().unwrap_or(1));
    let config = oidc::Config::builder()
        .behavior_version_latest()
        .region(oidc::config::Region::new(job["region"].as_str().unwrap_or_default().to_owned()))
        .credentials_provider(oidc::config::Credentials::new("AKIAIOSFODNN7EXAMPLE", "planted-secret-access-key", None, None, "Static"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(5)))
        .timeout_config(TimeoutConfig::builder().connect_timeout(patience).read_timeout(patience).build())
        .build();
    let client = oidc::Client::from_conf(config);
    match job["operation"].as_str() {
        Some("RegisterClient") => {
            let call = client.register_client().set_client_name(text(job, "clientName"));
            call.set_client_type(text(job, "clientType")).send().await?;
        }
        Some("StartDeviceAuthorization") => {
            let call = client.start_device_authorization().set_client_id(text(job, "clientId"));
            call.set_client_secret(text(job, "clientSecret")).set_start_url(text(job, "startUrl")).send().await?;
        }
        Some("CreateToken") => {
            let call = client.create_token().set_client_id(text(job, "clientId")).set_client_secret(text(job, "clientSecret"));
            let call = call.set_grant_type(text(job, "grantType")).set_device_code(text(job, "deviceCode"));
            call.set_refresh_token(text(job, "refreshToken")).send().await?;
        }
        _ => {
            let call = client.create_token_with_iam().set_client_id(text(job, "clientId"));
            call.set_grant_type(text(job, "grantType")).set_assertion(text(job, "assertion")).send().await?;
        }
    }
    Ok(None)
}

async fn call_reqwest(job: &Value) -> Result<Option<&'static str>, Failure> {
    let patience = Duration::from_secs(job["timeout"].as_u64().unwrap_or(1));
    let mut client = reqwest::Client::builder().connect_timeout(patience).read_timeout(patience);
    if let Some(proxy) = job["proxy"].as_str() {
        client = client.proxy(reqwest::Proxy::https(proxy)?);
    }
    let (region, path) = (job["region"].as_str().unwrap_or_default(), job["path"].as_str().unwrap_or_default());
    let call = client.build()?.post(format!("https://oidc.{region}.amazonaws.com{path}")).json(&job["input"]);
    call.send().await?.error_for_status()?;
    Ok(None)
}

fn forms(error: Failure) -> Value {
    let mut forms = Map::new();
    let mut add = |name: &str, text: String| forms.insert(name.to_owned(), Value::String(text));
    add("message", error.to_string());
    add("{:?}", format!("{error:?}"));
    add("{:#?}", format!("{error:#?}"));
    add("chain", chain(&*error));
    let shown = DisplayErrorContext(&*error).to_string();
    add("display-context", shown.clone());
    add("tracing-context", traced(false, || tracing::error!("sign-in failed: {shown}")));
    add("tracing", traced(false, || tracing::error!(error = %error, "sign-in failed")));
    add("tracing-debug", traced(false, || tracing::error!(?error, "sign-in failed")));
    add("tracing-error", traced(false, || tracing::error!(error = &*error as &dyn Error, "sign-in failed")));
    add("tracing-json", traced(true, || tracing::error!(error = %shown, "sign-in failed")));
    add("tracing-json-debug", traced(true, || tracing::error!(?error, "sign-in failed")));
    let error = anyhow::Error::from_boxed(error).context("could not refresh the token");
    add("anyhow-{:#}", format!("{error:#}"));
    add("anyhow-{:?}", format!("{error:?}"));
    add("anyhow-main", format!("Error: {error:?}"));
    add("eyre-{:?}", format!("{:?}", eyre::eyre!(error)));
    Value::Object(forms)
}

/// In the form of `color-eyre` and hand-made loops.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut within = error.source();
    while let Some(cause) = within {
        text += &format!(": {cause}");
        within = cause.source();
    }
    text
}

fn traced(json: bool, log: impl FnOnce()) -> String {
    let text = Text::default();
    let to = tracing_subscriber::fmt().with_ansi(false).with_writer(text.clone());
    if json {
        tracing::subscriber::with_default(to.json().finish(), log);
    } else {
        tracing::subscriber::with_default(to.finish(), log);
    }
    text.taken()
}

/// A subscriber's output.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn taken(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panicked")).into_owned()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Text {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
