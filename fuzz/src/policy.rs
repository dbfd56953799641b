//! Policies in TOML, as people write them.

use std::sync::LazyLock;

use jiff::Timestamp;
use oidc_triage::explain::event;
use triage_decide::policy::Policy;
use triage_engine::settings::Settings;

/// The history for trying a policy.
const OUTAGE: &str = include_str!("../../events/sqs__outage_six_callers.json");

/// The settings of an environment with only a region.
pub static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    Settings::read(|name| (name == "AWS_REGION").then(|| "eu-central-1".to_owned())).expect("a region is all they need")
});

/// An accepted policy reads the same twice and evaluates an outage without a panic; a refused one gets reasons.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Policy::from_toml(&text) {
        Ok(policy) => {
            assert_eq!(Policy::from_toml(&text).as_ref(), Ok(&policy), "the same text is two policies");
            let walk = event::walk(OUTAGE, Settings { policy, ..SETTINGS.clone() }, Timestamp::UNIX_EPOCH);
            assert!(walk.is_understood(), "a policy changes the reading");
        }
        Err(error) => {
            assert!(!error.0.is_empty(), "refused without a reason");
            assert!(error.0.iter().all(|reason| !reason.is_empty()), "an empty reason");
        }
    }
}
