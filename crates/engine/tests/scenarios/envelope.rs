//! Records in the form in which AWS delivers them.
//!
//! In: a [`Record`]. Out: an EventBridge envelope from CloudTrail or AWS Health, or a CloudWatch Logs event.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::call::{Call, Who, address, application_arn};
use super::history::{Record, Seen, at};
use super::true_incident::TrueIncident;

impl Record {
    /// The delivered record, with a label next to AWS's members.
    pub fn labelled(&self, incidents: &[TrueIncident]) -> Value {
        let mut envelope = self.envelope();
        envelope["label"] = match self.incident.map(|incident| incidents[incident]) {
            None => json!({"arrives": at(self.arrives)}),
            Some(incident) => json!({"arrives": at(self.arrives), "incident": incident.diagnoses.join(" or "),
                "from": at(incident.from), "to": incident.to.is_finite().then(|| at(incident.to))}),
        };
        envelope
    }

    pub fn envelope(&self) -> Value {
        match self.seen {
            Seen::CloudTrail => self.of_cloudtrail(),
            Seen::Log => self.of_a_log(),
            Seen::Health { over } => self.of_health(over),
        }
    }

    fn uuid(&self, kind: u32) -> String {
        format!("{kind:08x}-0000-4000-8000-{:012x}", self.id)
    }

    fn of_cloudtrail(&self) -> Value {
        let time = at(self.at);
        let call = &self.call;
        let (source, event_source) = match call.application {
            None => ("aws.sso", "sso.amazonaws.com"),
            Some(_) => ("aws.sso-oauth", "sso-oauth.amazonaws.com"),
        };
        let mut envelope = json!({"version": "0", "id": self.uuid(1), "detail-type": "AWS API Call via CloudTrail",
            "source": source, "account": "111122223333", "time": time, "region": call.region, "resources": [],
            "detail": {"eventVersion": "1.11", "userIdentity": identity(call),
                "eventTime": time, "eventSource": event_source, "eventName": call.operation.as_str(),
                "awsRegion": call.region, "sourceIPAddress": address(call.address), "userAgent": call.agent,
                "requestParameters": parameters(call), "responseElements": null, "requestID": self.uuid(2),
                "eventID": self.uuid(3), "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true,
                "recipientAccountId": "111122223333", "eventCategory": "Management"}});
        let detail = &mut envelope["detail"];
        if let Who::Role(Some(person)) = call.who {
            detail["additionalEventData"] = json!({"identitystore:UserId": user(person),
                "identitystore:IdentityStoreArn": IDENTITY_STORE});
        }
        if let Some(application) = call.application {
            detail["resources"] = json!([{"type": "AWS::SSO::Application", "ARN": application_arn(application)}]);
        }
        if let Some(fault) = self.fault {
            detail["errorCode"] = fault.code.into();
            detail["errorMessage"] = fault.message.into();
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
            self.call.address
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
        let region = self.call.region;
        let mut envelope = json!({"version": "0", "id": self.uuid(4), "detail-type": "AWS Health Event",
            "source": "aws.health", "account": "111122223333", "time": at(self.at), "region": region,
            "resources": [], "detail": {"eventArn": "arn:aws:health:us-east-1::event/SSO/MADE_UP/MADE_UP_1",
                "service": "SSO", "eventTypeCode": "AWS_SSO_OPERATIONAL_ISSUE", "eventTypeCategory": "issue",
                "eventScopeCode": "PUBLIC", "communicationId": self.uuid(5), "startTime": clock,
                "lastUpdatedTime": clock, "statusCode": "open", "eventRegion": region, "eventDescription": [
                    {"language": "en_US", "latestDescription": format!("We are investigating {text}")}],
                "page": "1", "totalPages": "1", "backupEvent": "false"}});
        if over {
            envelope["detail"]["endTime"] = clock.into();
            envelope["detail"]["eventDescription"][0]["latestDescription"] = format!("[RESOLVED] We saw {text}").into();
        }
        envelope
    }
}

const IDENTITY_STORE: &str = "arn:aws:identitystore::111122223333:identitystore/d-1234567890";

fn user(person: u64) -> String {
    format!("user-{person}")
}

fn identity(call: &Call) -> Value {
    match call.who {
        Who::Person(person) => json!({"type": "IdentityCenterUser", "accountId": "111122223333",
            "onBehalfOf": {"userId": user(person), "identityStoreArn": IDENTITY_STORE}}),
        Who::Nobody => json!({"type": "Unknown", "accountId": "111122223333"}),
        Who::Role(_) => {
            let application = call.application.unwrap_or_default();
            let id = format!("AROAEXAMPLE{application:010}");
            let role = format!("portal-{application}");
            json!({"type": "AssumedRole", "principalId": format!("{id}:backend"),
                "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/backend"), "accountId": "111122223333",
                "accessKeyId": "ASIAEXAMPLEEXAMPLE00", "sessionContext": {"sessionIssuer": {"type": "Role",
                    "principalId": id, "arn": format!("arn:aws:iam::111122223333:role/{role}"),
                    "accountId": "111122223333", "userName": role}}})
        }
    }
}

fn parameters(call: &Call) -> Value {
    let mut parameters = json!({});
    if let Some(grant) = call.grant {
        parameters["grantType"] = grant.as_str().into();
    }
    if let Some(application) = call.application {
        parameters["clientId"] = application_arn(application).into();
    }
    if parameters == json!({}) { Value::Null } else { parameters }
}
