//! Probes of the real SDK against a real server on loopback.

use super::*;
use crate::oidc::stub::{Reply, Stub, config, refusing, region};

const START_URL: &str = "https://d-1.awsapps.com/start";
const GAP: Duration = Duration::from_secs(20);

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

fn pending() -> Reply {
    Reply::error(400, "AuthorizationPendingException", "pending")
}

fn stranger() -> Reply {
    Reply::error(401, "InvalidClientException", "unknown client")
}

/// One region's prober with its server.
struct Bench {
    stub: Stub,
    clients: Clients,
    prober: Prober,
}

impl Bench {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let stub = Stub::serve(replies);
        Self { clients: stub.clients(), stub, prober: Prober::new(GAP) }
    }

    async fn probe(&self, start_url: Option<&str>, now: Timestamp) -> ProbeAnswer {
        let deadline = Instant::now() + Duration::from_secs(30);
        self.prober.probe(&self.clients, &region("us-east-1"), start_url, now, deadline).await
    }
}

fn shape(answer: &ProbeAnswer) -> Vec<(Operation, Answer)> {
    answer.rungs.iter().map(|rung| (rung.operation, rung.answer)).collect()
}

use Operation::{CreateToken, RegisterClient, StartDeviceAuthorization};

#[tokio::test]
async fn a_service_that_works_is_healthy_on_all_three_rungs() {
    let bench = Bench::new([Reply::registration(), Reply::device_authorization(), pending()]);
    let answer = bench.probe(Some(START_URL), noon()).await;
    let healthy = Answer::Healthy;
    assert_eq!(
        shape(&answer),
        [(RegisterClient, healthy), (StartDeviceAuthorization, healthy), (CreateToken, healthy)]
    );
    assert_eq!((answer.worst(), answer.shared), (healthy, false));
    let requests = bench.stub.requests();
    assert_eq!(bench.stub.paths(), ["/client/register", "/device_authorization", "/token"]);
    assert_eq!(
        requests[0].json(),
        serde_json::json!({"clientName": "oidc-triage-probe", "clientType": "public",
            "grantTypes": ["urn:ietf:params:oauth:grant-type:device_code"]})
    );
    assert_eq!(requests[1].json()["startUrl"], START_URL);
    assert_eq!(requests[2].json()["deviceCode"], "device-1");
    assert_eq!(bench.prober.own_client_ids(), ["client-1"]);
    assert!(!format!("{:?} {answer:?}", bench.prober).contains("secret-1"), "a secret is not printed");
}

#[tokio::test]
async fn without_a_start_url_a_stranger_is_refused_by_a_healthy_service() {
    let bench = Bench::new([Reply::registration(), stranger()]);
    let answer = bench.probe(None, noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, Answer::Healthy), (CreateToken, Answer::Healthy)]);
    let invented = bench.stub.requests()[1].json()["clientId"].as_str().unwrap().to_owned();
    assert!(bench.prober.own_client_ids().contains(&invented));
    assert_eq!(crate::classify::region_of_client_id(&invented), Some(region("us-east-1")));
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let refused = |code| Reply::error(400, code, "no");
    let table = [
        (Reply::internal_server_error(), Answer::Down),
        (Reply::json(503, "<html>").header("x-amzn-ErrorType", "ServiceUnavailable"), Answer::Down),
        (Reply::internal_server_error().without_request_id(), Answer::Unknown),
        (Reply::json(502, "<html>").without_request_id(), Answer::Unknown),
        (Reply::error(500, "InternalServerException", "Rate exceeded"), Answer::Unknown),
        (refused("SlowDownException"), Answer::Unknown),
        (refused("ThrottlingException"), Answer::Unknown),
        (Reply::json(429, "{}"), Answer::Unknown),
        (Reply::error(408, "RequestTimeoutException", "late"), Answer::Unknown),
        (refused("InvalidRequestException"), Answer::Unexpected),
        (refused("AuthorizationPendingException"), Answer::Unexpected),
        (Reply::json(403, "<html>").without_request_id(), Answer::Unknown),
        (Reply::json(404, "{}"), Answer::Unexpected),
        (Reply::token(), Answer::Unexpected),
        (Reply::json(200, "<html>captive portal</html>"), Answer::Unknown),
        (Reply::hang_up(), Answer::Unknown),
    ];
    for (reply, wanted) in table {
        let shown = format!("{reply:?}");
        let bench = Bench::new([Reply::registration(), reply]);
        let answer = bench.probe(None, noon()).await;
        assert_eq!(shape(&answer), [(RegisterClient, Answer::Healthy), (CreateToken, wanted)], "{shown}");
        assert_eq!(answer.worst(), wanted, "{shown}");
    }
}

#[tokio::test]
async fn a_rung_that_is_down_ends_the_ladder_of_the_device_flow() {
    let bench = Bench::new([Reply::internal_server_error()]);
    let answer = bench.probe(Some(START_URL), noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, Answer::Down)]);
    assert_eq!(answer.rungs[0].fault.as_ref().unwrap().request_id.as_deref(), Some("req-1"));

    let bench = Bench::new([Reply::registration(), Reply::internal_server_error()]);
    let answer = bench.probe(Some(START_URL), noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, Answer::Healthy), (StartDeviceAuthorization, Answer::Down)]);
}

#[tokio::test]
async fn the_invented_client_needs_no_registration() {
    let bench = Bench::new([Reply::internal_server_error(), stranger()]);
    let answer = bench.probe(None, noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, Answer::Down), (CreateToken, Answer::Healthy)]);
    assert_eq!(answer.worst(), Answer::Down);
}

#[tokio::test]
async fn an_answer_is_shared_for_the_gap() {
    let bench = Bench::new([Reply::registration(), stranger(), Reply::internal_server_error()]);
    let first = bench.probe(None, noon()).await;
    let second = bench.probe(None, at("2026-11-22T12:00:19Z")).await;
    assert_eq!(second, ProbeAnswer { shared: true, ..first });
    assert_eq!(bench.stub.requests().len(), 2);
    let third = bench.probe(None, at("2026-11-22T12:00:20Z")).await;
    assert_eq!(shape(&third), [(CreateToken, Answer::Down)]);
}

#[tokio::test]
async fn a_burst_asks_once() {
    let bench = Bench::new([Reply::registration(), stranger().after(Duration::from_millis(100))]);
    let probe = || bench.probe(None, noon());
    let answers = tokio::join!(probe(), probe(), probe());
    assert_eq!(bench.stub.requests().len(), 2);
    assert_eq!([answers.0.shared, answers.1.shared, answers.2.shared], [false, true, true]);
}

#[tokio::test]
async fn a_registration_is_used_for_a_day() {
    let ladder = || [Reply::device_authorization(), pending()];
    let bench = Bench::new([Reply::registration()].into_iter().chain(ladder()).chain(ladder()).chain([
        Reply::registration(),
        Reply::device_authorization(),
        pending(),
    ]));
    bench.probe(Some(START_URL), noon()).await;
    let later = bench.probe(Some(START_URL), at("2026-11-23T11:59:00Z")).await;
    assert_eq!(shape(&later), [(StartDeviceAuthorization, Answer::Healthy), (CreateToken, Answer::Healthy)]);
    assert_eq!(bench.stub.requests()[3].json()["clientSecret"], "secret-1");
    let next_day = bench.probe(Some(START_URL), at("2026-11-23T12:00:00Z")).await;
    assert_eq!(next_day.rungs.len(), 3);
}

#[tokio::test]
async fn a_lost_registration_is_renewed_once_and_then_is_evidence() {
    let bench = Bench::new([
        Reply::registration(),
        Reply::device_authorization(),
        pending(),
        // The registration is lost: a new one cures it.
        stranger(),
        Reply::registration(),
        Reply::device_authorization(),
        pending(),
        // Lost again on the same day: that is no accident.
        stranger(),
    ]);
    bench.probe(Some(START_URL), noon()).await;
    let cured = bench.probe(Some(START_URL), at("2026-11-22T12:01:00Z")).await;
    assert_eq!((cured.rungs.len(), cured.worst()), (3, Answer::Healthy));
    let evidence = bench.probe(Some(START_URL), at("2026-11-22T12:02:00Z")).await;
    assert_eq!(shape(&evidence), [(StartDeviceAuthorization, Answer::Unexpected)]);
}

#[tokio::test]
async fn without_a_connection_only_one_rung_is_asked() {
    let clients = Clients::new(config(&refusing()));
    let deadline = Instant::now() + Duration::from_secs(30);
    let prober = Prober::new(GAP);
    let answer = prober.probe(&clients, &region("us-east-1"), None, noon(), deadline).await;
    assert_eq!(shape(&answer), [(RegisterClient, Answer::Unknown)]);
}

#[tokio::test]
async fn an_answer_cut_short_by_our_own_time_is_not_shared() {
    let bench = Bench::new([Reply::registration().after(Duration::from_secs(30)), Reply::registration(), stranger()]);
    let deadline = Instant::now() + Duration::from_millis(300);
    let cut = bench.prober.probe(&bench.clients, &region("us-east-1"), None, noon(), deadline).await;
    assert_eq!(cut.worst(), Answer::Unknown);
    let whole = bench.probe(None, noon()).await;
    assert_eq!((whole.shared, whole.worst()), (false, Answer::Healthy));
}
