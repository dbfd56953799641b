//! A made-up company of people who sign in, and the records that AWS delivers of their calls.
//!
//! In: who calls when, and how it goes. Out: EventBridge envelopes in the order of their delivery. Ids have the form that AWS
//! gives them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Value, json};

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-central-1";
const IDENTITY_STORE: &str = "arn:aws:identitystore::111122223333:identitystore/d-99671f2c0a";
const INSTANCE: &str = "ssoins-6987c1f0a3b52d4e";

/// Friday, 15 January 2027, 08:00 UTC.
const BEGIN: i64 = 1_800_000_000;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 3600;

/// A time of a history, in seconds since 08:00.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).expect("a history lasts some days at most")
}

/// How a call fails.
#[derive(Clone, Copy)]
pub struct Fault {
    pub code: &'static str,
    pub message: Option<&'static str>,
}

pub const fn fault(code: &'static str) -> Option<Fault> {
    Some(Fault { code, message: None })
}

pub const fn refused(code: &'static str, message: &'static str) -> Option<Fault> {
    Some(Fault { code, message: Some(message) })
}

pub const INTERNAL: Option<Fault> = fault("InternalServerException");

const CLI: &str = "aws-cli/2.31.0 md/awscrt#0.28.0 ua/2.1 os/linux#6.12 lang/python#3.13.7 cfg/retry-mode#standard \
     md/command#sso.login";
const BOTO: &str =
    "Boto3/1.40.52 md/Botocore#1.40.52 ua/2.1 os/macos#24.6.0 lang/python#3.12.11 cfg/retry-mode#standard";
const TERRAFORM: &str =
    "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 (+https://www.terraform.io) terraform-provider-aws/6.15.0";

#[derive(Clone)]
pub struct Person {
    pub id: String,
    client: String,
    pub address: String,
    pub agent: String,
}

/// Of a call of CreateTokenWithIAM: the role of the application that calls for a person.
#[derive(Clone)]
pub struct Application {
    pub arn: String,
    role: &'static str,
    role_id: String,
}

/// What is true of a failed call.
pub struct Failed {
    pub second: i64,
    pub arrives: i64,
    pub person: String,
    pub request: String,
}

pub struct Company {
    rng: Rng,
    /// Where they sign in from now on.
    pub region: &'static str,
    pub people: Vec<Person>,
    /// In the order in which they were made up.
    pub failed: Vec<Failed>,
    /// What is delivered, by the second.
    pub deliveries: BTreeMap<i64, Vec<Value>>,
}

impl Company {
    /// So many people, with ids of their own for each seed.
    pub fn of(people: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let people = (0..people).map(|number| person(&mut rng, number)).collect();
        Self { rng, region: REGION, people, failed: Vec::new(), deliveries: BTreeMap::new() }
    }

    pub fn uuid(&mut self) -> String {
        uuid(&mut self.rng, "4")
    }

    pub fn deliver(&mut self, second: i64, payload: Value) {
        self.deliveries.entry(second).or_default().push(payload);
    }

    pub fn application(&mut self, role: &'static str) -> Application {
        let id: String = std::iter::repeat_with(|| self.rng.digit(16)).take(16).collect();
        let role_id: String =
            std::iter::repeat_with(|| self.rng.alphanumeric().to_ascii_uppercase()).take(17).collect();
        Application {
            arn: format!("arn:aws:sso::{ACCOUNT}:application/{INSTANCE}/apl-{id}"),
            role,
            role_id: format!("AROA{role_id}"),
        }
    }

    /// One person after the other refreshes its token every `every` seconds; `fate` says how a call ends. A call that fails is
    /// tried again by the SDK, and by the person some minutes later.
    pub fn signs_in(&mut self, from: i64, to: i64, every: i64, fate: impl Fn(usize, i64) -> Option<Fault>) {
        self.sign_in(0..self.people.len(), from, to, every, fate);
    }

    /// The same of some of them.
    pub fn sign_in(
        &mut self,
        who: std::ops::Range<usize>,
        from: i64,
        to: i64,
        every: i64,
        fate: impl Fn(usize, i64) -> Option<Fault>,
    ) {
        for person in who {
            let phase = person as i64 * every / self.people.len() as i64;
            let mut second = from + phase;
            while second < to {
                let fault = fate(person, second);
                self.token(person, second, fault);
                if fault.is_some() {
                    let again = second + self.rng.i64(1..4);
                    self.token(person, again, fate(person, again));
                }
                second += every + self.rng.i64(-every / 10..=every / 10);
            }
        }
    }

    /// A call of CreateToken with a refresh token.
    pub fn token(&mut self, person: usize, second: i64, fault: Option<Fault>) {
        let Person { id, client, address, agent } = self.people[person].clone();
        let identity = json!({"type": "IdentityCenterUser", "accountId": ACCOUNT,
            "onBehalfOf": {"userId": id, "identityStoreArn": IDENTITY_STORE}, "credentialId": self.uuid()});
        let detail = json!({"userIdentity": identity, "eventSource": "sso.amazonaws.com", "eventName": "CreateToken",
            "sourceIPAddress": address, "userAgent": agent, "requestParameters": {"clientId": client,
                "clientSecret": HIDDEN, "grantType": "refresh_token", "refreshToken": HIDDEN}});
        self.record(second, "aws.sso", person, detail, fault);
    }

    /// A call that an application makes for a person, as its own role.
    pub fn token_with_iam(&mut self, application: &Application, person: usize, second: i64, fault: Option<Fault>) {
        let Application { arn, role, role_id } = application;
        let session = format!("{role_id}:{role}");
        let identity = json!({"type": "AssumedRole", "principalId": session, "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{role}"), "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": role_id,
                "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"), "accountId": ACCOUNT, "userName": role}}});
        let detail = json!({"userIdentity": identity, "eventSource": "sso-oauth.amazonaws.com",
            "eventName": "CreateTokenWithIAM", "sourceIPAddress": "198.51.100.24",
            "userAgent": "aws-sdk-java/2.34.0 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1 lang/java#21.0.8",
            "requestParameters": {"clientId": arn, "grantType": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": HIDDEN},
            "additionalEventData": {"identitystore:UserId": self.people[person].id,
                "identitystore:IdentityStoreArn": IDENTITY_STORE},
            "resources": [{"type": "AWS::SSO::Application", "ARN": arn}]});
        self.record(second, "aws.sso-oauth", person, detail, fault);
    }

    fn record(&mut self, second: i64, source: &str, person: usize, mut detail: Value, fault: Option<Fault>) {
        let (time, request, arrives) = (at(second), self.uuid(), second + self.rng.i64(3..9));
        for (key, value) in [
            ("eventVersion", json!("1.11")),
            ("eventTime", json!(time)),
            ("awsRegion", json!(self.region)),
            (
                "responseElements",
                fault.map_or_else(
                    || json!({"accessToken": HIDDEN, "tokenType": "Bearer", "expiresIn": 3600}),
                    |_| Value::Null,
                ),
            ),
            ("requestID", json!(request)),
            ("eventID", json!(self.uuid())),
            ("readOnly", json!(false)),
            ("eventType", json!("AwsApiCall")),
            ("managementEvent", json!(true)),
            ("recipientAccountId", json!(ACCOUNT)),
            ("eventCategory", json!("Management")),
        ] {
            detail[key] = value;
        }
        if let Some(Fault { code, message }) = fault {
            detail["errorCode"] = code.into();
            detail["errorMessage"] = message.into();
            self.failed.push(Failed { second, arrives, person: self.people[person].id.clone(), request });
        }
        let envelope = self.envelope("AWS API Call via CloudTrail", source, time, detail);
        self.deliver(arrives, envelope);
    }

    pub fn envelope(&mut self, detail_type: &str, source: &str, time: Timestamp, detail: Value) -> Value {
        json!({"version": "0", "id": self.uuid(), "detail-type": detail_type, "source": source, "account": ACCOUNT,
            "time": time, "region": REGION, "resources": [], "detail": detail})
    }

    /// AWS Health tells of an issue that began at `began`, or that it is over.
    pub fn health(&mut self, second: i64, began: i64, is_over: bool) {
        let clock = |second| at(second).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let text = "increased error rates for sign-in with AWS IAM Identity Center in the EU-CENTRAL-1 Region.";
        let text = if is_over { format!("[RESOLVED] We saw {text}") } else { format!("We are investigating {text}") };
        let mut detail = json!({
            "eventArn": "arn:aws:health:eu-central-1::event/SSO/AWS_SSO_OPERATIONAL_ISSUE/AWS_SSO_OPERATIONAL_ISSUE_5B2D1_4C0F91A7E36",
            "service": "SSO", "eventTypeCode": "AWS_SSO_OPERATIONAL_ISSUE", "eventTypeCategory": "issue",
            "eventScopeCode": "PUBLIC", "communicationId": self.uuid(), "startTime": clock(began),
            "lastUpdatedTime": clock(second), "statusCode": if is_over { "closed" } else { "open" }, "eventRegion": REGION,
            "eventDescription": [{"language": "en_US", "latestDescription": text}], "page": "1", "totalPages": "1",
            "backupEvent": "false", "affectedAccount": ACCOUNT});
        if is_over {
            detail["endTime"] = clock(second).into();
        }
        let envelope = self.envelope("AWS Health Event", "aws.health", at(second), detail);
        self.deliver(second, envelope);
    }
}

const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

fn person(rng: &mut Rng, number: usize) -> Person {
    let mut client: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(16).collect();
    client.extend(REGION.bytes());
    let agent = [CLI, CLI, BOTO, TERRAFORM][rng.usize(0..4)].to_owned();
    // Half of them are in the office.
    let address =
        if number.is_multiple_of(2) { "203.0.113.7".to_owned() } else { format!("198.51.100.{}", 10 + number) };
    Person { id: uuid(rng, "70"), client: URL_SAFE_NO_PAD.encode(client), address, agent }
}

/// In the form of Identity Center's user ids (`70`), or a random one (`4`).
fn uuid(rng: &mut Rng, version: &str) -> String {
    let mut hex = |count: usize| -> String { std::iter::repeat_with(|| rng.digit(16)).take(count).collect() };
    let (first, second, third) = (hex(8), hex(4), hex(4 - version.len()));
    let (fourth, last) = (hex(3), hex(12));
    format!("{first}-{second}-{version}{third}-8{fourth}-{last}")
}
