//! A made-up history: who called when and how it went, and what was true.
//!
//! In: a seed, by the families. Out: [`Record`]s, as the envelopes in which AWS would deliver them, each with its label;
//! and the [`Trouble`]s that somebody should hear of.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

/// All histories begin on a Monday at midnight.
const BEGIN: i64 = 1_793_577_600;

pub const MINUTE: f64 = 60.0;
pub const HOUR: f64 = 3600.0;
pub const DAY: f64 = 86_400.0;

pub const HOME: &str = "us-east-1";

/// A time of a history, in seconds since its beginning.
pub fn at(second: f64) -> Timestamp {
    Timestamp::from_second(BEGIN + second as i64).expect("a history lasts a week at most")
}

/// What is wrong in a stretch of time, so that people should hear of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    pub kind: Kind,
    pub region: &'static str,
    pub from: f64,
    pub to: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Told as `outage` or `degraded`.
    Outage,
    /// Told as `suspected`.
    Surge,
    /// Told as `misconfigured`.
    OwnKey,
}

/// How a call went wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    pub code: &'static str,
    pub message: Option<&'static str>,
}

pub const INTERNAL: Fault = Fault { code: "InternalServerException", message: None };

/// Where a call was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    CloudTrail,
    /// A line of an application's log.
    Log,
    /// Not a call: AWS Health tells of an issue, or that it is over.
    Health {
        over: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Record {
    pub at: f64,
    /// When it is delivered. A record that is delivered twice is there twice.
    pub arrives: f64,
    pub id: u64,
    pub seen: Seen,
    pub region: &'static str,
    pub caller: u64,
    /// None if it was served.
    pub fault: Option<Fault>,
    /// Which of the history's troubles it is a part of.
    pub trouble: Option<usize>,
}

pub struct History {
    pub records: Vec<Record>,
    pub troubles: Vec<Trouble>,
    /// Whether a watcher probes, and finds the service down in an outage.
    pub probed: bool,
}

impl Record {
    /// As it is delivered, with its label beside what AWS tells.
    pub fn envelope(&self, troubles: &[Trouble]) -> Value {
        let mut envelope = match self.seen {
            Seen::CloudTrail => self.of_cloudtrail(),
            Seen::Log => self.of_a_log(),
            Seen::Health { over } => self.of_health(over),
        };
        envelope["label"] = match self.trouble.map(|trouble| troubles[trouble]) {
            None => json!({"arrives": at(self.arrives)}),
            Some(trouble) => json!({"arrives": at(self.arrives), "trouble": format!("{:?}", trouble.kind),
                "from": at(trouble.from), "to": at(trouble.to)}),
        };
        envelope
    }

    fn uuid(&self, kind: u32) -> String {
        format!("{kind:08x}-0000-4000-8000-{:012x}", self.id)
    }

    fn of_cloudtrail(&self) -> Value {
        let time = at(self.at);
        let mut envelope = json!({"version": "0", "id": self.uuid(1), "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.sso", "account": "111122223333", "time": time, "region": self.region, "resources": [],
            "detail": {"eventVersion": "1.11", "userIdentity": {"type": "IdentityCenterUser",
                "accountId": "111122223333", "onBehalfOf": {"userId": format!("user-{}", self.caller),
                    "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1234567890"}},
                "eventTime": time, "eventSource": "sso.amazonaws.com", "eventName": "CreateToken",
                "awsRegion": self.region, "sourceIPAddress": format!("10.{}.{}.7", self.caller / 256 % 256, self.caller % 256),
                "userAgent": "aws-cli/2.31.0 md/command#sso.login", "requestParameters": null,
                "responseElements": null, "requestID": self.uuid(2), "eventID": self.uuid(3), "readOnly": false,
                "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
                "eventCategory": "Management"}});
        if let Some(fault) = self.fault {
            envelope["detail"]["errorCode"] = fault.code.into();
            envelope["detail"]["errorMessage"] = fault.message.into();
        }
        envelope
    }

    /// Only failures are logged.
    fn of_a_log(&self) -> Value {
        let code = self.fault.map_or("InternalServerException", |fault| fault.code);
        let line = format!(
            "{} ERROR user=user{}@example.com An error occurred ({code}) when calling the CreateToken operation \
             (reached max retries: 2): None",
            at(self.at),
            self.caller
        );
        let decoded = json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/made-up/application",
            "logStream": "made-up", "subscriptionFilters": ["made-up"], "logEvents": [
                {"id": format!("{:056}", self.id), "timestamp": at(self.at).as_millisecond(), "message": line}]});
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(decoded.to_string().as_bytes()).expect("memory takes it");
        json!({"awslogs": {"data": STANDARD.encode(gzip.finish().expect("memory takes it"))}})
    }

    fn of_health(&self, over: bool) -> Value {
        let clock = at(self.at).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let text = "increased error rates for sign-in with AWS IAM Identity Center in the US-EAST-1 Region.";
        let mut envelope = json!({"version": "0", "id": self.uuid(4), "detail-type": "AWS Health Event",
            "source": "aws.health", "account": "111122223333", "time": at(self.at), "region": self.region,
            "resources": [], "detail": {"eventArn": "arn:aws:health:us-east-1::event/SSO/MADE_UP/MADE_UP_1",
                "service": "SSO", "eventTypeCode": "AWS_SSO_OPERATIONAL_ISSUE", "eventTypeCategory": "issue",
                "eventScopeCode": "PUBLIC", "communicationId": self.uuid(5), "startTime": clock,
                "lastUpdatedTime": clock, "statusCode": "open", "eventRegion": self.region, "eventDescription": [
                    {"language": "en_US", "latestDescription": format!("We are investigating {text}")}],
                "page": "1", "totalPages": "1", "backupEvent": "false"}});
        if over {
            envelope["detail"]["endTime"] = clock.into();
            envelope["detail"]["eventDescription"][0]["latestDescription"] = format!("[RESOLVED] We saw {text}").into();
        }
        envelope
    }
}

impl History {
    /// In the order of delivery.
    pub fn of(mut records: Vec<Record>, troubles: Vec<Trouble>) -> Self {
        for record in &mut records {
            record.trouble = troubles.iter().position(|trouble| {
                trouble.region == record.region
                    && record.fault.is_some_and(|fault| trouble.kind.shows(fault))
                    && (trouble.from..trouble.to).contains(&record.at)
            });
        }
        records.sort_by(|one, other| one.arrives.total_cmp(&other.arrives).then(one.id.cmp(&other.id)));
        Self { records, troubles, probed: false }
    }

    pub fn end(&self) -> f64 {
        self.records.last().map_or(0.0, |record| record.arrives)
    }

    /// JSON lines, which `oidc-triage replay` reads.
    pub fn lines(&self) -> String {
        let lines = self.records.iter().map(|record| format!("{}\n", record.envelope(&self.troubles)));
        lines.collect()
    }
}

impl Kind {
    /// Whether such a failure comes of such trouble.
    fn shows(self, fault: Fault) -> bool {
        match self {
            Self::Outage => fault == INTERNAL,
            Self::Surge | Self::OwnKey => fault != INTERNAL,
        }
    }
}
