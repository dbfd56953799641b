//! A real server on loopback that gives scripted answers and keeps what it was asked.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use triage_model::classify::region_of_client_id;
use triage_model::region::{KnownRegions, Region};

use crate::oidc::clients::Clients;

pub fn region(name: &str) -> Region {
    KnownRegions::default().find(name).expect("a real region")
}

/// One scripted answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay: Duration,
    close: bool,
}

impl Reply {
    pub fn json(status: u16, body: &str) -> Self {
        Self { status, body: body.to_owned(), ..Self::default() }.header("x-amzn-RequestId", "req-1")
    }

    /// As the service words it: the exception in a header, OAuth's words in the body.
    pub fn error(status: u16, exception: &str, description: &str) -> Self {
        let body = serde_json::json!({"error": "oauth_word", "error_description": description}).to_string();
        let kind = format!("{exception}:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/");
        Self::json(status, &body).header("x-amzn-ErrorType", &kind)
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

    /// To a device code that nobody has confirmed.
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
        Self { close: true, ..Self::default() }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Without the request id that AWS gives: as a proxy answers.
    pub fn without_request_id(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != "x-amzn-RequestId");
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// What was asked: the request line with the headers, and the body.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// All regions share one address; an invented client id names the one that is meant.
    fn region(&self) -> Option<Region> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        region_of_client_id(body.get("clientId")?.as_str()?)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// The answers to come: of a region that has some of its own, and of all others.
#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    of_regions: HashMap<Region, VecDeque<Reply>>,
}

impl Script {
    fn next(&mut self, request: &Request) -> Reply {
        let of_region = request.region().and_then(|region| self.of_regions.get_mut(&region));
        let reply = of_region.unwrap_or(&mut self.replies).pop_front();
        reply.unwrap_or_else(|| Reply::error(418, "ScriptIsOver", "asked again"))
    }
}

pub struct Stub {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Stub {
    /// Serves the replies in order. What is asked beyond them gets a code of its own, so that a test sees it.
    pub fn serve(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(Script { replies: replies.into_iter().collect(), ..Script::default() }));
        let (told, kept) = (Arc::clone(&script), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, kept) = (Arc::clone(&told), Arc::clone(&kept));
                // A client that gave up closes its end: that is its own affair.
                thread::spawn(move || drop(answer(stream, &script, &kept)));
            }
        });
        Self { address, script, requests }
    }

    /// What invented clients of that region are answered.
    pub fn but_in(self, region: Region, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.script.lock().unwrap().of_regions.insert(region, replies.into_iter().collect());
        self
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn clients(&self) -> Clients {
        Clients::new(config(&self.url()))
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.path().to_owned()).collect()
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

fn answer(mut stream: TcpStream, script: &Mutex<Script>, kept: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    if head.is_empty() {
        return Ok(());
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = Request { head, body: String::from_utf8_lossy(&body).into_owned() };
    let reply = script.lock().unwrap().next(&request);
    kept.lock().unwrap().push(request);
    thread::sleep(reply.delay);
    if reply.close {
        return Ok(());
    }
    write!(stream, "HTTP/1.1 {} Scripted\r\nconnection: close\r\n", reply.status)?;
    write!(stream, "content-type: application/json\r\ncontent-length: {}\r\n", reply.body.len())?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n{}", reply.body)?;
    stream.flush()
}
