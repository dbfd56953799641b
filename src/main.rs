//! The Lambda bootstrap: reads the environment once, builds the clients once, and hands each payload to the pipeline.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_sdk_sns::config::ProvideCredentials as _;
use jiff::Timestamp;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use oidc_triage_function::config::Config;
use oidc_triage_function::directory::IdentityStore;
use oidc_triage_function::doctor;
use oidc_triage_function::oidc::Oidc;
use oidc_triage_function::publish::Publisher;
use oidc_triage_function::status::StatusPage;
use oidc_triage_function::store::dynamodb::DynamoStore;
use oidc_triage_function::telemetry::{self, InvocationFacts};
use oidc_triage_function::trail::Trail;
use serde_json::value::RawValue;
use triage_aws::http::Http;
use triage_decode::trust::account_of_arn;
use triage_engine::answer::Answer;
use triage_engine::backoff::Backoff;
use triage_engine::doctor::report;
use triage_engine::error::Error;
use triage_engine::handled::{DEADLINE_MARGIN, Handled, Invocation};
use triage_engine::memory::MemoryStore;
use triage_engine::pipeline::Pipeline;
use triage_engine::store::Store;
use triage_model::problem::ProblemName;
use triage_model::region::Region;

/// One event at a time: a second worker would have nothing to do.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(error) => {
            telemetry::log_fatal("the function cannot start", &error.to_string());
            return ExitCode::FAILURE;
        }
    };
    telemetry::init(config.log_level);
    let http = Http::new();
    // After the line above, so that an error of the certificates is logged.
    http.make_ready();
    let sdk_config = load_sdk_config(&config.settings.own_region, http.clone()).await;
    match config.table.clone() {
        Some(table) => {
            let store = DynamoStore::new(&sdk_config, table, &config.settings.policy);
            serve(Function::new(config, sdk_config, http, store)).await
        }
        None => {
            let store = MemoryStore::new(config.settings.policy.evidence, config.settings.policy.gather);
            serve(Function::new(config, sdk_config, http, store)).await
        }
    }
}

/// What all SDK clients have in common: the endpoints and credentials of the environment.
async fn load_sdk_config(region: &Region, http: Http) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(SdkRegion::new(region.to_string()))
        .http_client(http);
    // The first link of the default chain, and on Lambda the only one. Building the others costs as much as one of our
    // own clients, because a client of STS is among them.
    let environment = EnvironmentVariableCredentialsProvider::new();
    match environment.provide_credentials().await {
        Ok(_) => loader.credentials_provider(environment).load().await,
        Err(_) => loader.load().await,
    }
}

/// Handles one event after the other.
async fn serve<S: Store>(function: Function<S>) -> ExitCode {
    let function = &function;
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| function.handle(event));
    let runtime = Runtime::new(handler).layer(MapRequestLayer::new(readable));
    match runtime.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::log_fatal("the runtime ended", &error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Built once in a sandbox.
struct Function<S> {
    pipeline: Pipeline<S, Oidc, Publisher, IdentityStore>,
    config: Config,
    sdk_config: SdkConfig,
    http: Http,
    /// None where it is written by another function, or by none.
    status_page: Option<StatusPage>,
    /// None where no bucket of a trail is read.
    trail: Option<Trail>,
    invocations: AtomicU64,
}

impl<S: Store> Function<S> {
    fn new(config: Config, sdk_config: SdkConfig, http: Http, store: S) -> Self {
        let publisher = Publisher::new(&sdk_config, &config);
        let directory = IdentityStore::new(&sdk_config, &config);
        let oidc = Oidc::new(sdk_config.clone(), Backoff::SDK_2026);
        oidc.prepare(&config.settings.regions);
        let pipeline = Pipeline::new(config.settings.clone(), store, Some(oidc), publisher, directory);
        // In shadow mode nothing is published, and a page is published to everybody.
        let status_page = config.status_page.as_ref().filter(|_| config.settings.is_live()).map(StatusPage::new);
        let trail = config.trail.as_ref().map(|place| Trail::new(place, sdk_config.clone(), http.clone()));
        Self { pipeline, config, sdk_config, http, status_page, trail, invocations: AtomicU64::new(0) }
    }

    async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Failed> {
        let started = Instant::now();
        let now = Timestamp::now();
        let context = event.context;
        let left = time_left(Duration::from_millis(context.deadline), now);
        let invocation = Invocation {
            id: context.request_id,
            invoked_arn: context.invoked_function_arn,
            now,
            deadline: started + left.saturating_sub(DEADLINE_MARGIN),
        };
        let mut handled = self.pipeline.handle_with(event.payload.get(), &invocation, self.trail.as_ref()).await;
        // After the notices: none waits for it.
        if handled.measured.ticks > 0
            && let Some(page) = &self.status_page
        {
            self.write_status(page, &mut handled, &invocation).await;
        }
        if handled.asks_doctor {
            let (probes, silences) = (self.pipeline.probed(&invocation), self.pipeline.silences(&invocation));
            let status = self.pipeline.status_noted(&invocation);
            let (sdk, http, config) = (&self.sdk_config, &self.http, &self.config);
            let found = doctor::facts(sdk, http, config, &invocation, probes, status, silences).await;
            handled.answer.doctor = Some(report(&found, now));
        }
        let facts = InvocationFacts {
            request_id: &invocation.id,
            trace_id: context.xray_trace_id.as_deref(),
            cold_start: self.invocations.fetch_add(1, Ordering::Relaxed) == 0,
            began_at: now,
            region: &self.pipeline.settings.region,
            duration_ms: started.elapsed().as_secs_f64() * 1e3,
            level: self.config.log_level,
        };
        telemetry::log_invocation(&facts, &handled, Timestamp::now());
        match handled.error.take() {
            None => Ok(handled.answer.bounded()),
            Some(error) => Err(Failed(error)),
        }
    }

    /// A page that cannot be written is a problem of this tick, and of nothing else.
    async fn write_status(&self, page: &StatusPage, handled: &mut Handled, invocation: &Invocation) {
        let company = &self.config.company;
        let mut due = self.pipeline.status_due(handled, company, &page.place(), invocation).await;
        let owner = account_of_arn(&invocation.invoked_arn);
        let written = page.write(&self.sdk_config, &self.http, &due.files, owner, invocation.deadline).await;
        let problems = &mut handled.answer.problems;
        if let Err(trouble) = &written {
            let said = format!("{}. {}", trouble.detail, trouble.action);
            problems.note(ProblemName::StatusPageNotWritten, said);
        }
        let noted = self.pipeline.status_done(&due, written, invocation).await;
        for error in due.trouble.take().into_iter().chain(noted.err()) {
            problems.note(ProblemName::StoreUnavailable, error.to_string());
        }
    }
}

/// Why Lambda must deliver an event again, in the runtime's form: it logs the `Debug` of this, and posts the
/// `Diagnostic`.
#[derive(Debug)]
struct Failed(Error);

impl From<Failed> for Diagnostic {
    fn from(Failed(error): Failed) -> Self {
        Self { error_type: error.name().to_owned(), error_message: error.to_string() }
    }
}

/// If the deadline is implausible, an invocation takes no longer than this: Lambda hands out no event after its
/// deadline, but `cargo lambda watch` gives a deadline in 1970.
const TIME_WITHOUT_DEADLINE: Duration = Duration::from_secs(10);

/// The time until a deadline that is given since 1970.
fn time_left(deadline: Duration, now: Timestamp) -> Duration {
    let now = Duration::try_from(now.as_duration()).unwrap_or_default();
    deadline.checked_sub(now).unwrap_or(TIME_WITHOUT_DEADLINE)
}

/// The runtime would refuse a payload that is not JSON before it reaches us, and deliver it twice more. As a JSON
/// string it arrives, and the decoder names the problem. Bytes that are not UTF-8 become U+FFFD.
fn readable(mut invocation: LambdaInvocation) -> LambdaInvocation {
    if serde_json::from_slice::<&RawValue>(&invocation.body).is_err() {
        let text = String::from_utf8_lossy(&invocation.body);
        invocation.body = serde_json::Value::from(text).to_string().into();
    }
    invocation
}
