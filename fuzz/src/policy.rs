//! Policies in TOML, as people write them.

use std::sync::LazyLock;

use jiff::Timestamp;
use oidc_triage::explain::event;
use triage_decide::policy::Policy;
use triage_engine::settings::Settings;

/// What a policy is tried on.
const OUTAGE: &str = include_str!("../../events/sqs__outage_six_callers.json");

/// The settings of an environment that names a region and nothing else.
pub static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    Settings::read(|name| (name == "AWS_REGION").then(|| "eu-central-1".to_owned())).expect("a region is all they need")
});

/// A policy that is taken says the same twice, and judges an outage without a panic; of any other something is said.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Policy::from_toml(&text) {
        Ok(policy) => {
            assert_eq!(Policy::from_toml(&text).as_ref(), Ok(&policy), "the same text is two policies");
            let walk = event::walk(OUTAGE, Settings { policy, ..SETTINGS.clone() }, Timestamp::UNIX_EPOCH);
            assert!(walk.is_understood(), "a policy changes what is read");
        }
        Err(error) => {
            assert!(!error.0.is_empty(), "refused without a reason");
            assert!(error.0.iter().all(|reason| !reason.is_empty()), "an empty reason");
        }
    }
}
