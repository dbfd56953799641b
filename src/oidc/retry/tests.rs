//! Retries of the real SDK against a real server on loopback.

use serde_json::json;
use triage_model::caller::Caller;
use triage_model::observation::Origin;

use super::*;
use crate::oidc::Clients;
use crate::oidc::fake::{FakeOidc, Reply, config, refusing, region};
use triage_model::classify::Pace;
use triage_model::observation::{CallRequest, DEVICE_CODE_GRANT, Operation};
use triage_model::redact::HIDDEN;

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(30);

fn quick() -> Backoff {
    let (base, cap) = (Duration::from_millis(1), Duration::from_millis(4));
    Backoff { transient_base: base, throttled_base: base, cap, ..Backoff::SDK_2026 }
}

fn failure(operation: Operation, code: &str, status: Option<u16>, request: CallRequest) -> Failure {
    Failure {
        id: "f-1".into(),
        event_id: None,
        request_id: None,
        origin: Origin::Call,
        region: Some(region("us-east-1")),
        is_region_assumed: false,
        operation: Some(operation),
        code: Some(code.into()),
        inner_code: None,
        status,
        message: None,
        reason: None,
        grant_type: request.grant_type.clone(),
        no_answer: false,
        caller: Caller::Unknown,
        client_id: request.client_id.clone(),
        user_agent: None,
        address: None,
        occurred_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        request: Some(Box::new(request)),
        account: None,
        program: None,
        replayed: false,
        answer_only: false,
    }
}

fn refreshing() -> CallRequest {
    CallRequest {
        client_id: Some("client-1".into()),
        client_secret: Some(Secret::new("planted-secret")),
        grant_type: Some("refresh_token".into()),
        refresh_token: Some(Secret::new("planted-refresh")),
        ..CallRequest::default()
    }
}

fn polling() -> CallRequest {
    CallRequest {
        grant_type: Some(DEVICE_CODE_GRANT.into()),
        refresh_token: None,
        device_code: Some(Secret::new("planted-device")),
        ..refreshing()
    }
}

fn internal(request: CallRequest) -> Failure {
    failure(Operation::CreateToken, "InternalServerException", Some(500), request)
}

async fn run(clients: &Clients, failure: &Failure, bucket: &TokenBucket, left: Duration) -> RetryReport {
    let backoff = quick();
    let limits = Limits { backoff: &backoff, bucket, deadline: Instant::now() + left };
    let client = clients.of(&region("us-east-1"));
    let mut rng = fastrand::Rng::with_seed(1);
    retry(&client, failure, &classify(failure), limits, &mut rng).await.expect("a call that can be retried")
}

async fn against(replies: impl IntoIterator<Item = Reply>, failure: &Failure) -> (RetryReport, FakeOidc) {
    let oidc = FakeOidc::answering(replies);
    let report = run(&oidc.clients(), failure, &TokenBucket::full(), LONG).await;
    (report, oidc)
}

fn response_of(report: RetryReport) -> Value {
    match report.outcome {
        RetryOutcome::Recovered { response: Some(response) } => response.into_value(),
        other => panic!("not recovered: {other:?}"),
    }
}

#[tokio::test]
async fn a_call_that_works_the_second_time_is_recovered_with_its_response() {
    let replies = [Reply::internal_server_error(), Reply::token()];
    let (report, oidc) = against(replies, &internal(refreshing())).await;
    assert_eq!((report.attempts, report.stop, report.class.cause), (3, Stop::Settled, Cause::Service));
    assert!(!format!("{report:?}").contains("access-1"), "a response is not printed");
    assert_eq!(
        response_of(report),
        json!({"accessToken": "access-1", "tokenType": "Bearer", "expiresIn": 3600, "refreshToken": "refresh-2"})
    );
    let sent = json!({"clientId": "client-1", "clientSecret": "planted-secret", "grantType": "refresh_token",
        "refreshToken": "planted-refresh"});
    assert_eq!(oidc.paths(), ["/token", "/token"]);
    assert!(oidc.requests().iter().all(|request| request.json() == sent));
}

#[tokio::test]
async fn the_other_operations_are_retried_with_their_own_inputs() {
    let request = CallRequest {
        client_name: Some("cli".into()),
        client_type: Some("public".into()),
        scopes: vec!["sso:account:access".into()],
        grant_types: vec![DEVICE_CODE_GRANT.into()],
        ..CallRequest::default()
    };
    let registering = failure(Operation::RegisterClient, "InternalServerException", Some(500), request);
    let (report, oidc) = against([Reply::registration()], &registering).await;
    assert_eq!(
        response_of(report),
        json!({"clientId": "client-1", "clientSecret": "secret-1", "clientIdIssuedAt": 1_795_338_000,
            "clientSecretExpiresAt": 1_803_114_000})
    );
    assert_eq!(oidc.paths(), ["/client/register"]);
    assert_eq!(
        oidc.requests()[0].json(),
        json!({"clientName": "cli", "clientType": "public", "scopes": ["sso:account:access"],
            "grantTypes": [DEVICE_CODE_GRANT]})
    );

    let request = CallRequest { start_url: Some("https://d-1.awsapps.com/start".into()), ..refreshing() };
    let starting = failure(Operation::StartDeviceAuthorization, "InternalServerException", Some(500), request);
    let (report, oidc) = against([Reply::device_authorization()], &starting).await;
    assert_eq!(report.attempts, 2);
    assert_eq!(response_of(report)["deviceCode"], "device-1");
    assert_eq!(oidc.paths(), ["/device_authorization"]);
    assert_eq!(oidc.requests()[0].json()["startUrl"], "https://d-1.awsapps.com/start");
}

#[tokio::test]
async fn three_calls_of_ours_and_no_more_are_made() {
    let replies = [(); 3].map(|()| Reply::internal_server_error());
    let (report, oidc) = against(replies, &internal(refreshing())).await;
    assert_eq!((report.attempts, report.stop), (4, Stop::CallsUsedUp));
    let RetryOutcome::StillFailing(fault) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(fault.code.as_deref(), Some("InternalServerException"));
    assert_eq!((fault.status, fault.request_id.as_deref()), (Some(500), Some("req-1")));
    assert_eq!(oidc.requests().len(), 3);
}

#[tokio::test]
async fn invalid_grant_after_a_500_is_unknown() {
    let refused = Reply::error(400, "InvalidGrantException", "Invalid refresh token provided");
    let (report, _oidc) = against([refused.clone()], &internal(refreshing())).await;
    assert_eq!((report.attempts, report.stop, report.class.cause), (2, Stop::Settled, Cause::Request));
    let RetryOutcome::Unknown(fault) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(fault.message.as_deref(), Some("Invalid refresh token provided"));

    // The fault that makes it doubtful may also be one of ours.
    let throttled = failure(Operation::CreateToken, "SlowDownException", Some(400), refreshing());
    let (report, _oidc) = against([Reply::hang_up(), refused.clone()], &throttled).await;
    assert!(matches!(report.outcome, RetryOutcome::Unknown(_)), "{:?}", report.outcome);

    // Throttling alone did nothing: then it is the caller's.
    let (report, _oidc) = against([refused], &throttled).await;
    assert!(matches!(report.outcome, RetryOutcome::StillFailing(_)), "{:?}", report.outcome);
    assert_eq!((report.attempts, report.stop), (2, Stop::Settled));
}

#[tokio::test]
async fn slow_down_is_throttling_for_a_refresh_and_recovery_for_a_poll() {
    let slow_down = || Reply::error(400, "SlowDownException", "slow down");
    let (report, _oidc) = against([slow_down(), slow_down(), slow_down()], &internal(refreshing())).await;
    assert_eq!((report.attempts, report.class.cause), (4, Cause::Throttled));

    let (report, _oidc) = against([slow_down()], &internal(polling())).await;
    assert_eq!((report.attempts, report.outcome), (2, RetryOutcome::Recovered { response: None }));
}

#[tokio::test]
async fn authorization_pending_means_that_the_service_works() {
    let pending = Reply::error(400, "AuthorizationPendingException", "pending");
    let (report, _oidc) = against([pending], &internal(polling())).await;
    assert_eq!((report.attempts, report.outcome), (2, RetryOutcome::Recovered { response: None }));
}

#[tokio::test]
async fn an_answer_that_no_retry_can_help_ends_it() {
    let (report, oidc) = against([Reply::error(401, "InvalidClientException", "gone")], &internal(refreshing())).await;
    assert_eq!((report.attempts, report.stop, report.class.cause), (2, Stop::Settled, Cause::Request));
    assert_eq!(oidc.requests().len(), 1);

    let pointless = failure(Operation::CreateToken, "InvalidGrantException", Some(400), refreshing());
    let (report, oidc) = against([], &pointless).await;
    assert_eq!((report.attempts, report.stop), (1, Stop::Settled));
    assert!(oidc.requests().is_empty());
}

#[tokio::test]
async fn a_disguised_500_is_classified_by_what_it_names() {
    let named = Reply::error(500, "InternalServerException", "Invalid parameter value: scope");
    let (report, _oidc) = against([named], &internal(refreshing())).await;
    assert_eq!((report.attempts, report.class.cause), (2, Cause::Request));
}

#[tokio::test]
async fn codes_outside_the_model_and_bodies_that_are_no_json_are_read() {
    let throttled =
        Reply::json(400, r#"{"message":"Rate exceeded"}"#).header("x-amzn-ErrorType", "ThrottlingException");
    let page = Reply::json(503, "<html>unavailable</html>").without_request_id();
    let named_page = Reply::json(500, "<html>").header("x-amzn-ErrorType", "InternalServerException:http://x/");
    let (report, _oidc) = against([throttled, page, named_page], &internal(refreshing())).await;
    assert_eq!((report.attempts, report.class.cause), (4, Cause::Service));
    let RetryOutcome::StillFailing(fault) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(fault.code.as_deref(), Some("InternalServerException"));
}

#[tokio::test]
async fn a_kms_reason_reaches_the_verdict() {
    let body = r#"{"error":"access_denied","error_description":"no","reason":"KMS_AccessDeniedException"}"#;
    let denied = Reply::json(400, body).header("x-amzn-ErrorType", "AccessDeniedException");
    let (report, _oidc) = against([denied], &internal(refreshing())).await;
    assert_eq!(report.class.cause, Cause::Admin);
    assert!(report.class.advice.contains("KMS_AccessDeniedException"), "{}", report.class.advice);
}

#[tokio::test]
async fn the_services_wish_to_wait_is_honoured() {
    let busy = Reply::internal_server_error().header(triage_engine::backoff::RETRY_AFTER_HEADER, "250");
    let began = Instant::now();
    let (report, _oidc) = against([busy, Reply::token()], &internal(refreshing())).await;
    assert_eq!(report.attempts, 3);
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn no_call_is_made_that_would_pass_the_deadline() {
    let oidc = FakeOidc::answering([Reply::token()]);
    let report = run(&oidc.clients(), &internal(refreshing()), &TokenBucket::full(), Duration::ZERO).await;
    assert_eq!((report.attempts, report.stop), (1, Stop::Deadline));
    let RetryOutcome::StillFailing(fault) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(fault.code.as_deref(), Some("InternalServerException"), "the caller's own failure is the latest");
    assert!(oidc.requests().is_empty());
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_at_the_deadline() {
    let oidc = FakeOidc::answering([Reply::token().after(LONG)]);
    let began = Instant::now();
    let left = Duration::from_millis(500);
    let report = run(&oidc.clients(), &internal(refreshing()), &TokenBucket::full(), left).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!((report.attempts, report.stop, report.class.cause), (2, Stop::Deadline, Cause::Unreachable));
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let clients = Clients::new(config(&refusing()));
    let report = run(&clients, &internal(refreshing()), &TokenBucket::full(), LONG).await;
    assert_eq!((report.attempts, report.class.cause), (4, Cause::Unreachable));
    let RetryOutcome::StillFailing(fault) = report.outcome else { panic!("{:?}", report.outcome) };
    assert!(fault.message.as_deref().is_some_and(|text| text.contains("refused")), "{fault:?}");
}

#[tokio::test]
async fn an_empty_budget_stops_all_retries() {
    let bucket = TokenBucket::full();
    while bucket.take(Pace::Throttled).is_some() {}
    let oidc = FakeOidc::answering([]);
    let report = run(&oidc.clients(), &internal(refreshing()), &bucket, LONG).await;
    assert_eq!((report.attempts, report.stop), (1, Stop::BudgetEmpty));
    assert!(oidc.requests().is_empty());
}

#[tokio::test]
async fn a_retry_that_succeeds_pays_back_its_own_cost_only() {
    let bucket = TokenBucket::full();
    let oidc = FakeOidc::answering([Reply::internal_server_error(), Reply::token()]);
    run(&oidc.clients(), &internal(refreshing()), &bucket, LONG).await;
    assert_eq!(bucket.tokens(), TokenBucket::CAPACITY - 14);
}

#[tokio::test]
async fn a_call_that_cannot_be_retried_says_why() {
    let clients = Clients::new(config(&refusing()));
    let client = clients.of(&region("us-east-1"));
    let (backoff, bucket) = (quick(), TokenBucket::full());
    let limits = Limits { backoff: &backoff, bucket: &bucket, deadline: Instant::now() + LONG };
    let refusal = async |failure: Failure| {
        let mut rng = fastrand::Rng::with_seed(1);
        retry(&client, &failure, &classify(&failure), limits, &mut rng).await.unwrap_err()
    };

    let signed = failure(Operation::CreateTokenWithIam, "InternalServerException", Some(500), refreshing());
    assert_eq!(refusal(signed).await, NotRepeatable::SignedByCaller);
    assert_eq!(refusal(Failure { request: None, ..internal(refreshing()) }).await, NotRepeatable::NoRequest);
    assert_eq!(refusal(Failure { operation: None, ..internal(refreshing()) }).await, NotRepeatable::NoOperation);

    let hidden = CallRequest { refresh_token: Some(Secret::new(HIDDEN)), client_id: None, ..refreshing() };
    let missing = refusal(internal(hidden)).await;
    assert_eq!(missing.to_string(), "the request of CreateToken lacks clientId, refreshToken");
    let empty = failure(Operation::RegisterClient, "InternalServerException", None, CallRequest::default());
    assert_eq!(refusal(empty).await.to_string(), "the request of RegisterClient lacks clientName, clientType");
}
