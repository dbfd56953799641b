//! The fake SSO OIDC service of all tests (`tests/harness/fake_oidc.py`), one for each test, with scripted answers.
//!
//! One program serves them all; it ends with the tests, because their end closes its standard input.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use triage_model::region::{KnownRegions, Region};

use crate::oidc::clients::Clients;

pub fn region(name: &str) -> Region {
    KnownRegions::default().find(name).expect("a real region")
}

/// One scripted answer, as the fake takes it.
#[derive(Clone, Debug)]
pub struct Reply(Value);

impl Reply {
    pub fn json(status: u16, body: &str) -> Self {
        Self(json!({"status": status, "body": body, "headers": {}, "request_id": "req-1"}))
    }

    /// As the service words it: the exception in a header, OAuth's words in the body.
    pub fn error(status: u16, exception: &str, description: &str) -> Self {
        let body = json!({"error": "oauth_word", "error_description": description}).to_string();
        Self::json(status, &body).with("code", exception.into())
    }

    /// As in real outages: the body says null.
    pub fn internal_server_error() -> Self {
        Self::json(500, r#"{"error":null,"error_description":null}"#)
            .header("x-amzn-ErrorType", "InternalServerException")
    }

    pub fn registration() -> Self {
        Self::json(
            200,
            r#"{"clientId":"client-1","clientSecret":"secret-1","clientIdIssuedAt":1795338000,
                "clientSecretExpiresAt":1803114000}"#,
        )
    }

    /// To a client that is not registered.
    pub fn stranger() -> Self {
        Self::error(401, "InvalidClientException", "unknown client")
    }

    /// To a device code that was never confirmed.
    pub fn pending() -> Self {
        Self::error(400, "AuthorizationPendingException", "pending")
    }

    pub fn device_authorization() -> Self {
        Self::json(
            200,
            r#"{"deviceCode":"device-1","userCode":"ABCD-EFGH","verificationUri":"https://device.sso/",
                "verificationUriComplete":"https://device.sso/?c=1","expiresIn":600,"interval":1}"#,
        )
    }

    pub fn token() -> Self {
        Self::json(
            200,
            r#"{"accessToken":"access-1","tokenType":"Bearer","expiresIn":3600,"refreshToken":"refresh-2"}"#,
        )
    }

    /// The connection is closed without an answer.
    pub fn hang_up() -> Self {
        Self(json!({"hang_up": true, "headers": {}}))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = value.into();
        self
    }

    /// Without the request id that AWS gives: as a proxy answers.
    pub fn without_request_id(self) -> Self {
        self.with("request_id", false.into())
    }

    pub fn after(self, delay: Duration) -> Self {
        self.with("delay", delay.as_secs_f64().into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }
}

/// What the service was asked.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// One service, on a port of its own.
pub struct FakeOidc {
    url: String,
}

impl FakeOidc {
    /// Gives the answers in order. Calls beyond them get a code of their own, so that a test sees them.
    pub fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::scripted(json!({"in_order": values(replies)}))
    }

    /// As `answering`; but what invented clients of that region are answered.
    pub fn answering_but_in(
        replies: impl IntoIterator<Item = Reply>,
        region: &Region,
        there: impl IntoIterator<Item = Reply>,
    ) -> Self {
        Self::scripted(json!({"in_order": values(replies), "in_regions": {region.as_str(): values(there)}}))
    }

    fn scripted(script: Value) -> Self {
        static PROGRAM: LazyLock<Program> = LazyLock::new(Program::start);
        let made = ask(&PROGRAM.url, "POST", "/_new", &script.to_string());
        let url = made["url"].as_str().unwrap_or_else(|| panic!("the fake does not take the script: {made}"));
        Self { url: url.to_owned() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn clients(&self) -> Clients {
        Clients::new(config(&self.url))
    }

    pub fn requests(&self) -> Vec<Request> {
        serde_json::from_value(ask(&self.url, "GET", "/_calls", "")).expect("a list of calls")
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }
}

/// A base configuration that calls `url`.
pub fn config(url: &str) -> SdkConfig {
    SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).endpoint_url(url).build()
}

/// An address that refuses connections.
pub fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

struct Program {
    url: String,
    /// Kept for its standard input: the program ends with it.
    _child: Child,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-m", "tests.harness.fake_oidc"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is on the PATH");
        let mut url = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        said.read_line(&mut url).expect("the fake says its address");
        Self { url: url.trim().to_owned(), _child: child }
    }
}

fn values(replies: impl IntoIterator<Item = Reply>) -> Vec<Value> {
    replies.into_iter().map(|Reply(answer)| answer).collect()
}

/// One request of the fake's own controls, and its answer.
fn ask(url: &str, method: &str, path: &str, body: &str) -> Value {
    let address = url.strip_prefix("http://").expect("an address of loopback");
    let mut stream = TcpStream::connect(address).expect("the fake is there");
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    serde_json::from_str(body).expect("an answer in JSON")
}
