//! The families of histories. Each is a function from a seed.

mod clients;
mod company;
mod hard;
mod maker;
mod parts;
mod quiet;
pub mod quiet_year;
mod region_wide;
mod tools;

use super::history::{HOUR, History, MINUTE};

/// The goal of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Noticed within this many seconds after enough callers were affected. Resolved within this time after the end, or
    /// at the fifth served call.
    Within { noticed: f64, resolved: f64 },
    /// Noticed after this many further calls, and resolved at the fifth served call (but no earlier than after five
    /// minutes).
    ByCalls { noticed: usize },
    /// Noticed within a minute, or after this many further callers; resolved as above.
    ByCallers { noticed: usize },
    /// Noticed as above; only silence shows the end.
    Silence { noticed: f64 },
    /// A notice is fine, but no page.
    Blip,
    /// No page and no incident.
    Nothing,
}

/// Proof takes six minutes, and a notice may wait up to a minute after the one before.
pub const RESOLVED_AFTER: f64 = 7.0 * MINUTE;

pub struct Family {
    pub name: &'static str,
    pub goal: Goal,
    pub make: fn(u64) -> History,
    /// The number of twenty histories that may miss the goal: known weaknesses, which must not grow.
    pub tolerated: usize,
}

impl Family {
    const fn but(self, tolerated: usize) -> Self {
        Self { tolerated, ..self }
    }
}

const MINUTE_AND_SEVEN: Goal = Goal::Within { noticed: 60.0, resolved: RESOLVED_AFTER };

const fn family(name: &'static str, goal: Goal, make: fn(u64) -> History) -> Family {
    Family { name, goal, make, tolerated: 0 }
}

/// Families whose name contains `OIDC_TRIAGE_FAMILY`; all if it is not set.
pub fn chosen() -> Vec<&'static Family> {
    let asked = std::env::var("OIDC_TRIAGE_FAMILY").unwrap_or_default().to_lowercase();
    FAMILIES.iter().filter(|family| family.name.to_lowercase().contains(&asked)).collect()
}

pub const FAMILIES: &[Family] = &[
    family("quiet week", Goal::Nothing, quiet::quiet_week),
    family("full outage", MINUTE_AND_SEVEN, region_wide::full_outage),
    family("20 % of the callers", MINUTE_AND_SEVEN, region_wide::partial_20),
    family("5 % of the calls", MINUTE_AND_SEVEN, region_wide::partial_5),
    family("one call a minute", Goal::ByCalls { noticed: 2 }, region_wide::one_call_a_minute),
    family("five people at night", Goal::ByCalls { noticed: 2 }, region_wide::five_at_night),
    family("one broken caller", Goal::Nothing, |seed| quiet::broken_callers(seed, 1)),
    family("two broken callers", Goal::Nothing, |seed| quiet::broken_callers(seed, 2)),
    family("a broken caller throughout an outage", MINUTE_AND_SEVEN, region_wide::broken_throughout),
    family("throttle storm", Goal::Nothing, quiet::throttle_storm),
    family("throttling behind a 500", Goal::Nothing, quiet::hidden_throttling),
    family("4xx surge", Goal::Within { noticed: 4.0 * MINUTE, resolved: 6.0 * MINUTE }, region_wide::surge),
    family("Monday's expired sessions", Goal::Nothing, quiet::monday),
    family("10,000 people, 0.01 to 2 % one-off 500s", Goal::Nothing, quiet::ten_thousand),
    // Each return doubles the five minutes of proof.
    family("flapping", Goal::Within { noticed: 60.0, resolved: 21.0 * MINUTE }, region_wide::flapping),
    family("three regions, two in trouble", MINUTE_AND_SEVEN, region_wide::three_regions),
    family("duplicates and late delivery", MINUTE_AND_SEVEN, region_wide::late_and_twice),
    family("own key disabled", MINUTE_AND_SEVEN, region_wide::own_key),
    family("logs only", Goal::Silence { noticed: 60.0 }, region_wide::logs_only),
    family("logs only, probed", MINUTE_AND_SEVEN, region_wide::logs_only_probed),
    family("AWS Health before", MINUTE_AND_SEVEN, region_wide::health_before),
    family("AWS Health after", MINUTE_AND_SEVEN, region_wide::health_after),
    // Scopes.
    family("device sign-in down, refreshes go on", Goal::ByCallers { noticed: 1 }, parts::device_down),
    family("CreateTokenWithIAM down, one-offs elsewhere", MINUTE_AND_SEVEN, parts::with_iam_down),
    family("two operations down, back in the other order", MINUTE_AND_SEVEN, parts::two_operations).but(1),
    family("device sign-in down, 20 people", Goal::ByCallers { noticed: 1 }, parts::device_down_20).but(6),
    family("device sign-in down, 20,000 people", MINUTE_AND_SEVEN, parts::device_down_20_000),
    family("one application refuses all", MINUTE_AND_SEVEN, parts::application_refuses).but(1),
    family("one application fails", MINUTE_AND_SEVEN, parts::application_fails).but(1),
    family("one application fails, no person named", MINUTE_AND_SEVEN, parts::role_fails),
    family("an office cannot register", MINUTE_AND_SEVEN, parts::office_cannot_register).but(4),
    family("the only office cannot register", MINUTE_AND_SEVEN, parts::only_office_cannot_register).but(1),
    family("a tool's version breaks", MINUTE_AND_SEVEN, tools::version_breaks),
    family(
        "a tool's version breaks over a day",
        Goal::Within { noticed: 4.0 * HOUR, resolved: RESOLVED_AFTER },
        tools::over_a_day,
    )
    .but(1),
    family("everybody's tool, the service fails", MINUTE_AND_SEVEN, tools::everybodys_tool),
    family("refreshes die for one IDE tool", MINUTE_AND_SEVEN, tools::ide_refreshes),
    family("a tool breaks for 60, AWS for 6", MINUTE_AND_SEVEN, tools::tool_and_aws).but(6),
    family("a tool never mended, an outage at night", MINUTE_AND_SEVEN, tools::never_mended).but(6),
    family(
        "400 addresses guess at codes",
        Goal::Within { noticed: 4.0 * MINUTE, resolved: RESOLVED_AFTER },
        tools::guessing,
    ),
    // Other difficulties.
    family("everything fails for 25 s", Goal::Blip, hard::blip).but(1),
    family("nine hours, nobody tries at noon", MINUTE_AND_SEVEN, hard::nine_hours),
    family("33 % of the calls, three tries", cured(24.0), |seed| hard::share_with_retries(seed, 0.33)).but(3),
    family("60 % of the calls, three tries", cured(2.5), |seed| hard::share_with_retries(seed, 0.6)),
    family("a share that grows to 12 %", MINUTE_AND_SEVEN, hard::growing).but(9),
    family("back from nine days into an outage", MINUTE_AND_SEVEN, hard::holidays),
    family("three people at night, one try each", Goal::ByCallers { noticed: 0 }, hard::three_at_night),
    family("a company of five", Goal::ByCallers { noticed: 1 }, hard::five_people).but(7),
    family("300 registrations expire", Goal::Nothing, quiet::registrations_expire),
    family("a throttled job each hour", Goal::Nothing, quiet::throttled_job),
    family("a quiet week of device sign-ins", Goal::Nothing, quiet::quiet_week_of_devices),
];

/// Most callers succeed at the second or third try, so it takes longer until enough have failed.
const fn cured(minutes: f64) -> Goal {
    Goal::Within { noticed: minutes * MINUTE, resolved: RESOLVED_AFTER }
}
