//! Probes of the real SDK against a real server on loopback.

use triage_decide::probe_record::StepRecord;
use triage_decode::cloudtrail::is_own_user_agent;

use super::*;
use crate::oidc::fake::{FakeOidc, Reply, config, refusing, region};
use std::time::Duration;
use triage_decide::probe::Control;

const START_URL: &str = "https://d-1.awsapps.com/start";

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(30);

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

/// A region with its server and what its probes have found so far.
struct Bench {
    oidc: FakeOidc,
    clients: Clients,
    region: Region,
    affected: BTreeSet<Operation>,
    record: ProbeRecord,
}

impl Bench {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::of(FakeOidc::answering(replies))
    }

    /// With what the control answers. It is asked as a stranger of us-west-2.
    fn with_control(replies: impl IntoIterator<Item = Reply>, control: Reply) -> Self {
        Self::of(FakeOidc::answering_but_in(replies, &region("us-west-2"), [control]))
    }

    fn of(oidc: FakeOidc) -> Self {
        let (region, affected) = (region("us-east-1"), BTreeSet::new());
        Self { clients: oidc.clients(), oidc, region, affected, record: ProbeRecord::default() }
    }

    /// Where these steps fail for callers.
    fn affected(mut self, steps: impl IntoIterator<Item = Operation>) -> Self {
        self.affected = steps.into_iter().collect();
        self
    }

    /// The kept record is what the next probe starts from, as another sandbox reads it from the store.
    async fn probe(&mut self, start_url: Option<&str>, now: Timestamp) -> ProbeAnswer {
        self.probe_within(LONG, start_url, now).await;
        let answer = self.record.latest.clone().unwrap();
        assert_eq!(answer.at, now, "a new answer");
        answer
    }

    /// How often a registration was asked for.
    fn registered(&self) -> usize {
        self.oidc.paths().iter().filter(|path| *path == "/client/register").count()
    }

    async fn probe_within(&mut self, within: Duration, start_url: Option<&str>, now: Timestamp) {
        let kept = serde_json::to_string(&self.record).unwrap();
        let kept: ProbeRecord = serde_json::from_str(&kept).unwrap();
        let deadline = Instant::now() + within;
        self.record = probe(&self.clients, &self.region, start_url, &self.affected, &kept, now, deadline).await;
    }
}

fn shape(answer: &ProbeAnswer) -> Vec<(Operation, StepState)> {
    answer.steps.iter().map(|step| (step.operation, step.answer)).collect()
}

use Operation::{CreateToken, RegisterClient, StartDeviceAuthorization};

#[tokio::test]
async fn a_service_that_works_is_healthy_on_all_three_steps() {
    let mut bench = Bench::new([Reply::registration(), Reply::device_authorization(), Reply::pending()]);
    let answer = bench.probe(Some(START_URL), noon()).await;
    let healthy = StepState::Healthy;
    assert_eq!(
        shape(&answer),
        [(RegisterClient, healthy), (StartDeviceAuthorization, healthy), (CreateToken, healthy)]
    );
    assert_eq!((answer.worst(), answer.control), (healthy, None));
    let requests = bench.oidc.requests();
    assert_eq!(bench.oidc.paths(), ["/client/register", "/device_authorization", "/token"]);
    assert_eq!(
        requests[0].json(),
        serde_json::json!({"clientName": "oidc-triage-probe", "clientType": "public",
            "grantTypes": ["urn:ietf:params:oauth:grant-type:device_code"]})
    );
    assert_eq!(requests[1].json()["startUrl"], START_URL);
    assert_eq!(requests[2].json()["deviceCode"], "device-1");
    assert_eq!(bench.record.own_client_ids, ["client-1"]);
    assert_eq!(bench.record.registration.as_ref().map(|kept| kept.made_at), Some(noon()));
    assert!(!format!("{:?}", bench.record).contains("secret-1"), "a secret is not printed");
}

#[tokio::test]
async fn without_a_start_url_a_stranger_is_refused_by_a_healthy_service() {
    let mut bench = Bench::new([Reply::registration(), Reply::stranger()]);
    let answer = bench.probe(None, noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, StepState::Healthy), (CreateToken, StepState::Healthy)]);
    let invented = bench.oidc.requests()[1].json()["clientId"].as_str().unwrap().to_owned();
    assert_eq!(triage_model::classify::region_of_client_id(&invented), Some(region("us-east-1")));
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let refused = |code| Reply::error(400, code, "no");
    let table = [
        (Reply::internal_server_error(), StepState::Down),
        (Reply::json(503, "<html>").header("x-amzn-ErrorType", "ServiceUnavailable"), StepState::Down),
        (Reply::internal_server_error().without_request_id(), StepState::Unknown),
        (Reply::json(502, "<html>").without_request_id(), StepState::Unknown),
        (Reply::error(500, "InternalServerException", "Rate exceeded"), StepState::Unknown),
        (refused("SlowDownException"), StepState::Unknown),
        (refused("ThrottlingException"), StepState::Unknown),
        (Reply::json(429, "{}"), StepState::Unknown),
        (Reply::error(408, "RequestTimeoutException", "late"), StepState::Unknown),
        (refused("InvalidRequestException"), StepState::Unexpected),
        (refused("AuthorizationPendingException"), StepState::Unexpected),
        (Reply::json(403, "<html>").without_request_id(), StepState::Unknown),
        (Reply::json(404, "{}"), StepState::Unexpected),
        (Reply::token(), StepState::Unexpected),
        (Reply::json(200, "<html>captive portal</html>"), StepState::Unknown),
        (Reply::hang_up(), StepState::Unknown),
    ];
    for (reply, wanted) in table {
        let shown = format!("{reply:?}");
        let control = Reply::hang_up();
        let mut bench = Bench::with_control([Reply::registration(), reply], control);
        let answer = bench.probe(None, noon()).await;
        assert_eq!(shape(&answer), [(RegisterClient, StepState::Healthy), (CreateToken, wanted)], "{shown}");
        assert_eq!(answer.worst(), wanted, "{shown}");
    }
}

#[tokio::test]
async fn a_step_that_is_down_ends_the_ladder_of_the_device_flow() {
    let mut bench = Bench::new([Reply::internal_server_error()]);
    let answer = bench.probe(Some(START_URL), noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, StepState::Down)]);
    assert_eq!(answer.steps[0].fault.as_ref().unwrap().request_id.as_deref(), Some("req-1"));

    let mut bench = Bench::new([Reply::registration(), Reply::internal_server_error()]);
    let answer = bench.probe(Some(START_URL), noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, StepState::Healthy), (StartDeviceAuthorization, StepState::Down)]);
}

#[tokio::test]
async fn the_invented_client_needs_no_registration() {
    let mut bench = Bench::new([Reply::internal_server_error(), Reply::stranger()]);
    let answer = bench.probe(None, noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, StepState::Down), (CreateToken, StepState::Healthy)]);
    assert_eq!(answer.worst(), StepState::Down);
}

#[tokio::test]
async fn a_registration_is_used_for_a_day() {
    let ladder = || [Reply::device_authorization(), Reply::pending()];
    let mut bench = Bench::new([Reply::registration()].into_iter().chain(ladder()).chain(ladder()).chain([
        Reply::registration(),
        Reply::device_authorization(),
        Reply::pending(),
    ]));
    bench.probe(Some(START_URL), noon()).await;
    let later = bench.probe(Some(START_URL), at("2026-11-23T11:59:00Z")).await;
    assert_eq!(shape(&later), [(StartDeviceAuthorization, StepState::Healthy), (CreateToken, StepState::Healthy)]);
    assert_eq!(bench.oidc.requests()[3].json()["clientSecret"], "secret-1");
    let next_day = bench.probe(Some(START_URL), at("2026-11-23T12:00:00Z")).await;
    assert_eq!(next_day.steps.len(), 3);
}

#[tokio::test]
async fn a_lost_registration_is_renewed_once_and_then_is_evidence() {
    let mut bench = Bench::new([
        Reply::registration(),
        Reply::device_authorization(),
        Reply::pending(),
        // The registration is lost: a new one helps.
        Reply::stranger(),
        Reply::registration(),
        Reply::device_authorization(),
        Reply::pending(),
        // Lost again on the same day: that is no accident.
        Reply::stranger(),
    ]);
    bench.probe(Some(START_URL), noon()).await;
    let cured = bench.probe(Some(START_URL), at("2026-11-22T12:01:00Z")).await;
    assert_eq!((cured.steps.len(), cured.worst()), (3, StepState::Healthy));
    assert_eq!(bench.record.renewed_at, Some(at("2026-11-22T12:01:00Z")));
    let evidence = bench.probe(Some(START_URL), at("2026-11-22T12:02:00Z")).await;
    assert_eq!(shape(&evidence), [(StartDeviceAuthorization, StepState::Unexpected)]);
    assert_eq!(bench.oidc.requests().len(), 8);
}

#[tokio::test]
async fn what_a_stranger_is_answered_says_nothing_of_our_registration() {
    let odd = Reply::error(400, "InvalidRequestException", "no");
    let mut bench = Bench::new([Reply::registration(), Reply::stranger(), odd]);
    bench.probe(None, noon()).await;
    let odd = bench.probe(None, at("2026-11-22T12:01:00Z")).await;
    assert_eq!(shape(&odd), [(CreateToken, StepState::Unexpected)]);
    assert_eq!(bench.oidc.requests().len(), 3, "not registered again");
}

#[tokio::test]
async fn without_a_connection_only_one_step_is_asked() {
    let mut bench = Bench::new([]);
    bench.clients = Clients::new(config(&refusing()));
    let answer = bench.probe(None, noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, StepState::Unknown)]);
    assert_eq!(answer.control, Some(Control { region: region("us-west-2"), works: false }));
    assert!(answer.is_blind());
    assert_eq!(bench.record.steps.len(), 0);
}

#[tokio::test]
async fn silence_is_down_only_where_the_control_works() {
    let silences =
        [Reply::hang_up(), Reply::json(502, "<html>").without_request_id(), Reply::json(503, "").without_request_id()];
    for silence in silences {
        for (control, wanted) in [
            (Reply::stranger(), StepState::Down),
            (Reply::internal_server_error(), StepState::Down),
            (Reply::hang_up(), StepState::Unknown),
            (Reply::json(502, "<html>").without_request_id(), StepState::Unknown),
        ] {
            let shown = format!("{silence:?}, {control:?}");
            let mut bench = Bench::with_control([Reply::registration(), silence.clone()], control);
            let answer = bench.probe(None, noon()).await;
            assert_eq!(shape(&answer), [(RegisterClient, StepState::Healthy), (CreateToken, wanted)], "{shown}");
            let works = wanted == StepState::Down;
            assert_eq!(answer.control, Some(Control { region: region("us-west-2"), works }), "{shown}");
            assert!(!answer.is_blind(), "RegisterClient was answered: {shown}");
            let fault = answer.steps[1].fault.as_ref().unwrap();
            assert!(fault.no_answer || fault.status >= Some(502), "what went wrong is kept: {shown}");
            assert_eq!(bench.record.steps.contains_key(&CreateToken), works, "{shown}");
        }
    }
}

#[tokio::test]
async fn who_has_a_connection_asks_no_control() {
    let replies = [
        Reply::json(429, "{}"),
        Reply::error(503, "ThrottlingException", "Rate exceeded").without_request_id(),
        Reply::internal_server_error(),
        Reply::json(403, "<html>").without_request_id(),
        Reply::json(200, "<html>captive portal</html>"),
        Reply::error(400, "InvalidRequestException", "no"),
    ];
    for reply in replies {
        let shown = format!("{reply:?}");
        let mut bench = Bench::with_control([Reply::registration(), reply], Reply::stranger());
        let answer = bench.probe(None, noon()).await;
        assert_eq!((answer.control.as_ref(), answer.is_blind()), (None, false), "{shown}");
        assert_eq!(bench.oidc.requests().len(), 2, "{shown}");
    }
}

#[tokio::test]
async fn all_silent_steps_share_one_control() {
    let proxy = || Reply::json(502, "<html>").without_request_id();
    let mut bench = Bench::with_control([proxy(), proxy()], Reply::stranger());
    let answer = bench.probe(None, noon()).await;
    assert_eq!(shape(&answer), [(RegisterClient, StepState::Down), (CreateToken, StepState::Down)]);
    assert_eq!(bench.oidc.requests().len(), 3);

    let mut bench = Bench::with_control([proxy(), proxy()], proxy());
    assert!(bench.probe(None, noon()).await.is_blind());
}

#[tokio::test]
async fn silence_in_a_partition_of_one_region_stays_unknown() {
    let mut bench = Bench::new([Reply::registration(), Reply::hang_up()]);
    bench.region = region("eusc-de-east-1");
    let answer = bench.probe(None, noon()).await;
    assert_eq!((answer.worst(), answer.control, bench.oidc.requests().len()), (StepState::Unknown, None, 2));
}

#[tokio::test]
async fn every_call_names_our_app_so_that_another_stack_knows_it() {
    let ladder = [Reply::registration(), Reply::device_authorization(), Reply::hang_up()];
    let mut bench = Bench::with_control(ladder, Reply::stranger());
    bench.probe(Some(START_URL), noon()).await;
    let requests = bench.oidc.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert!(request.header("user-agent").is_some_and(is_own_user_agent), "{:?}", request.headers);
    }
}

#[tokio::test]
async fn registering_is_proved_healthy_by_one_registration() {
    let down = [Reply::internal_server_error(), Reply::stranger(), Reply::internal_server_error(), Reply::stranger()];
    let well = [Reply::registration(), Reply::stranger(), Reply::stranger(), Reply::stranger()];
    let mut bench = Bench::new(down.into_iter().chain(well));
    for minute in 0..5 {
        bench.probe(None, at(&format!("2026-11-22T12:0{minute}:00Z"))).await;
    }
    let wanted = StepRecord {
        down_since: Some(noon()),
        down_last: Some(at("2026-11-22T12:01:00Z")),
        healthy_times: 3,
        healthy_since: Some(at("2026-11-22T12:02:00Z")),
        healthy_last: Some(at("2026-11-22T12:04:00Z")),
    };
    assert_eq!(bench.record.steps[&RegisterClient], wanted);
    assert_eq!(bench.registered(), 3);
}

#[tokio::test]
async fn where_registering_fails_for_callers_it_is_asked_at_most_once_in_five_minutes() {
    let replies = [
        Reply::registration(),
        Reply::stranger(),
        Reply::stranger(),
        Reply::registration(),
        Reply::stranger(),
        Reply::stranger(),
    ];
    let mut bench = Bench::new(replies).affected([RegisterClient]);
    let (asked, not_asked) = (vec![RegisterClient, CreateToken], vec![CreateToken]);
    for (time, wanted) in
        [("12:00:00", &asked), ("12:04:59", &not_asked), ("12:05:00", &asked), ("12:09:59", &not_asked)]
    {
        let answer = bench.probe(None, at(&format!("2026-11-22T{time}Z"))).await;
        assert_eq!(shape(&answer), wanted.iter().map(|step| (*step, StepState::Healthy)).collect::<Vec<_>>(), "{time}");
    }
    // Only probed steps count: no probe has seen it down.
    let step = &bench.record.steps[&RegisterClient];
    let five_past = at("2026-11-22T12:05:00Z");
    assert_eq!((step.healthy_times, step.healthy_since, step.healthy_last), (2, Some(noon()), Some(five_past)));
}

#[tokio::test]
async fn a_registration_that_fails_is_tried_by_each_probe_and_the_one_before_is_used_meanwhile() {
    let ladder = || [Reply::device_authorization(), Reply::pending()];
    let failed = || [Reply::internal_server_error()].into_iter().chain(ladder());
    let made = || [Reply::registration()].into_iter().chain(ladder());
    let mut bench = Bench::new(made().chain(failed()).chain(failed()).chain(made()).chain(ladder()));
    bench.probe(Some(START_URL), noon()).await;
    bench = bench.affected([RegisterClient]);
    let (healthy, down) = (StepState::Healthy, StepState::Down);
    let rest = [(StartDeviceAuthorization, healthy), (CreateToken, healthy)];
    for (time, registering) in
        [("12:10:00", Some(down)), ("12:10:20", Some(down)), ("12:10:40", Some(healthy)), ("12:11:00", None)]
    {
        let answer = bench.probe(Some(START_URL), at(&format!("2026-11-22T{time}Z"))).await;
        let first = registering.map(|state| (RegisterClient, state));
        assert_eq!(shape(&answer), first.into_iter().chain(rest).collect::<Vec<_>>(), "{time}");
    }
    assert_eq!(bench.registered(), 4);
    let forty_past = at("2026-11-22T12:10:40Z");
    assert_eq!(bench.record.registration.as_ref().map(|kept| kept.made_at), Some(forty_past));
}

#[tokio::test]
async fn where_registering_fails_for_callers_a_lost_registration_is_not_given_up_early() {
    let lost = [Reply::registration(), Reply::device_authorization(), Reply::pending(), Reply::stranger()];
    let mut bench = Bench::new(lost).affected([RegisterClient]);
    bench.probe(Some(START_URL), noon()).await;
    let answer = bench.probe(Some(START_URL), at("2026-11-22T12:01:00Z")).await;
    assert_eq!(shape(&answer), [(StartDeviceAuthorization, StepState::Unexpected)]);
    assert_eq!((bench.registered(), bench.record.renewed_at), (1, None));
}

#[tokio::test]
async fn a_silent_registering_ends_the_ladder_unless_it_is_what_callers_see_fail() {
    for (affected, more) in [(None, None), (Some(RegisterClient), Some((CreateToken, StepState::Healthy)))] {
        let mut bench =
            Bench::with_control([Reply::hang_up(), Reply::stranger()], Reply::stranger()).affected(affected);
        let answer = bench.probe(None, noon()).await;
        let wanted: Vec<_> = [(RegisterClient, StepState::Down)].into_iter().chain(more).collect();
        assert_eq!(shape(&answer), wanted, "{affected:?}");
    }
}

#[tokio::test]
async fn where_signing_in_fails_for_callers_a_stranger_asks_for_it() {
    let table = [
        (Reply::stranger(), true, StepState::Healthy),
        (Reply::internal_server_error(), true, StepState::Down),
        (Reply::error(400, "InvalidRequestException", "no"), true, StepState::Unexpected),
        (Reply::device_authorization(), true, StepState::Unexpected),
        (Reply::json(429, "{}"), true, StepState::Unknown),
        (Reply::hang_up(), true, StepState::Down),
        (Reply::hang_up(), false, StepState::Unknown),
    ];
    for (reply, control_works, wanted) in table {
        let shown = format!("{reply:?}, {control_works}");
        let control = if control_works { Reply::stranger() } else { Reply::hang_up() };
        let replies = [Reply::registration(), reply, Reply::stranger()];
        let mut bench = Bench::with_control(replies, control).affected([StartDeviceAuthorization]);
        let answer = bench.probe(None, noon()).await;
        let others = StepState::Healthy;
        let steps = [(RegisterClient, others), (StartDeviceAuthorization, wanted), (CreateToken, others)];
        assert_eq!(shape(&answer), steps, "{shown}");
        let asked = &bench.oidc.requests()[1];
        assert_eq!(asked.path, "/device_authorization");
        // Its client id marks its record as our own, whatever else it says.
        assert_eq!(asked.json()["clientId"], stranger::client_id(&region("us-east-1")));
        assert!(asked.header("user-agent").is_some_and(is_own_user_agent));
    }
}

#[tokio::test]
async fn a_step_that_was_never_down_is_proved_healthy_by_the_strangers_that_it_refuses() {
    let replies = (0..3).flat_map(|_| [Reply::stranger(), Reply::stranger()]);
    let mut bench = Bench::new([Reply::registration()].into_iter().chain(replies))
        .affected([StartDeviceAuthorization, CreateToken]);
    for minute in 0..3 {
        bench.probe(None, at(&format!("2026-11-22T12:0{minute}:00Z"))).await;
    }
    let wanted = StepRecord {
        healthy_times: 3,
        healthy_since: Some(noon()),
        healthy_last: Some(at("2026-11-22T12:02:00Z")),
        ..StepRecord::default()
    };
    assert_eq!(bench.record.steps[&StartDeviceAuthorization], wanted);
    assert_eq!(bench.record.steps[&CreateToken], wanted);
}

#[tokio::test]
async fn with_a_start_url_no_stranger_asks_for_what_the_ladder_asks() {
    let ladder = [Reply::registration(), Reply::device_authorization(), Reply::pending()];
    let mut bench = Bench::new(ladder).affected([StartDeviceAuthorization, CreateToken, Operation::CreateTokenWithIam]);
    assert_eq!(bench.probe(Some(START_URL), noon()).await.worst(), StepState::Healthy);
    assert_eq!(bench.oidc.paths(), ["/client/register", "/device_authorization", "/token"]);
    assert_eq!(bench.oidc.requests()[1].json()["clientId"], "client-1");
}

#[tokio::test]
async fn what_our_own_time_cut_short_is_no_evidence() {
    let slow = Reply::stranger().after(LONG);
    let mut bench = Bench::with_control([Reply::registration(), slow, Reply::stranger()], Reply::stranger());
    bench.probe_within(Duration::from_secs(2), None, noon()).await;
    assert_eq!((bench.record.latest.as_ref(), bench.record.steps.len()), (None, 0));
    // The registration was made all the same, and there is one a day.
    let whole = bench.probe(None, at("2026-11-22T12:01:00Z")).await;
    assert_eq!(shape(&whole), [(CreateToken, StepState::Healthy)]);
}

#[tokio::test]
async fn a_control_cut_short_by_our_own_time_leaves_the_record_as_it_was() {
    let slow = Reply::stranger().after(LONG);
    let mut bench = Bench::with_control([Reply::registration(), Reply::stranger(), Reply::hang_up()], slow);
    bench.probe(None, noon()).await;
    let before = bench.record.clone();
    bench.probe_within(Duration::from_secs(2), None, at("2026-11-22T12:01:00Z")).await;
    assert_eq!(bench.record, before);
    assert_eq!(bench.oidc.requests().len(), 4, "the control was asked");
}
