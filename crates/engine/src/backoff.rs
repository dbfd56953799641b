//! How long to wait before a call is retried, and whether it may be retried at all.
//!
//! In: how many calls failed, the pace of their class, and the wait that the service asked for. Out: a time to wait.
//! These are the rules of the AWS SDKs of 2026. Arithmetic with an explicit source of randomness; `oidc/retry` does the
//! sleeping.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use triage_model::classify::Pace;

/// Header of the service: how many milliseconds the caller should wait.
pub const RETRY_AFTER_HEADER: &str = "x-amz-retry-after";

/// Exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait after a transient fault, and after throttling.
    pub transient_base: Duration,
    pub throttled_base: Duration,
    pub cap: Duration,
    /// How much longer than computed the service may make a wait.
    pub retry_after_slack: Duration,
    /// How many calls may follow the caller's own.
    pub calls: u32,
}

impl Backoff {
    /// The SDKs' numbers of 2026: 50 ms after a transient fault and 1 s after throttling, doubled for each call, at
    /// most 20 s; a wait that the service asks for is honoured for at most 5 s more than that; 3 calls after the
    /// caller's own.
    pub const SDK_2026: Self = Self {
        transient_base: Duration::from_millis(50),
        throttled_base: Duration::from_secs(1),
        cap: Duration::from_secs(20),
        retry_after_slack: Duration::from_secs(5),
        calls: 3,
    };

    /// The longest wait that is possible before the call after `earlier` earlier waits.
    pub fn ceiling(&self, pace: Pace, earlier: u32) -> Duration {
        let base = match pace {
            Pace::Transient => self.transient_base,
            Pace::Throttled => self.throttled_base,
        };
        // The cap comes before the jitter, so that callers who all reached it stay spread.
        2_u32
            .checked_pow(earlier)
            .and_then(|factor| base.checked_mul(factor))
            .map_or(self.cap, |wait| wait.min(self.cap))
    }

    /// The wait before the next call: random between nothing and the ceiling. A wait that the service asked for counts
    /// as far as it lies within the slack above.
    pub fn wait(&self, pace: Pace, earlier: u32, wished: Option<Duration>, rng: &mut fastrand::Rng) -> Duration {
        let computed = self.ceiling(pace, earlier).mul_f64(rng.f64());
        wished.map_or(computed, |wished| wished.clamp(computed, computed + self.retry_after_slack))
    }
}

/// What all retries of one process may cost together. A storm of failures empties it, and then no call is retried until
/// some succeed. Shared between the retries in flight.
#[derive(Debug)]
pub struct TokenBucket {
    tokens: AtomicU32,
}

/// What a retry took out of the bucket. It is paid back if that retry succeeds.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a success pays back what it cost"]
pub struct Taken(u32);

impl TokenBucket {
    pub const CAPACITY: u32 = 500;
    /// A transient fault may be an outage, which retries make worse.
    const TRANSIENT_COST: u32 = 14;
    /// Throttling spreads callers by its long base already.
    const THROTTLED_COST: u32 = 5;
    /// What a call that succeeded at once puts in.
    const REFUND: u32 = 1;

    pub const fn full() -> Self {
        Self { tokens: AtomicU32::new(Self::CAPACITY) }
    }

    /// None if there is not enough for one more retry.
    pub fn take(&self, pace: Pace) -> Option<Taken> {
        let cost = match pace {
            Pace::Transient => Self::TRANSIENT_COST,
            Pace::Throttled => Self::THROTTLED_COST,
        };
        let taken = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| tokens.checked_sub(cost));
        taken.is_ok().then_some(Taken(cost))
    }

    /// Pays back what a successful retry cost.
    pub fn give_back(&self, taken: Taken) {
        self.put(taken.0);
    }

    /// Pays in for calls that succeeded without a retry.
    pub fn refund(&self, calls: u32) {
        self.put(calls.saturating_mul(Self::REFUND));
    }

    pub fn tokens(&self) -> u32 {
        self.tokens.load(Ordering::Relaxed)
    }

    fn put(&self, amount: u32) {
        let filled = |tokens: u32| Some(tokens.saturating_add(amount).min(Self::CAPACITY));
        // The closure never declines.
        let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, filled);
    }
}

impl Default for TokenBucket {
    fn default() -> Self {
        Self::full()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SDK: Backoff = Backoff::SDK_2026;

    fn ceilings(pace: Pace) -> Vec<u128> {
        (0..11).map(|earlier| SDK.ceiling(pace, earlier).as_millis()).collect()
    }

    #[test]
    fn the_ceilings_double_up_to_the_cap() {
        let transient = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000, 20_000];
        assert_eq!(ceilings(Pace::Transient), transient);
        let throttled = [1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000];
        assert_eq!(ceilings(Pace::Throttled), throttled);
        assert_eq!(SDK.calls, 3);
    }

    #[test]
    fn equal_seeds_give_equal_waits() {
        let waits = |seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            [0, 1, 2].map(|earlier| SDK.wait(Pace::Throttled, earlier, None, &mut rng))
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn a_wish_of_the_service_is_honoured_within_five_seconds() {
        let wait = |wished: u64| {
            let mut rng = fastrand::Rng::with_seed(1);
            SDK.wait(Pace::Transient, 0, Some(Duration::from_millis(wished)), &mut rng)
        };
        let computed = SDK.wait(Pace::Transient, 0, None, &mut fastrand::Rng::with_seed(1));
        assert_eq!(wait(0), computed);
        assert_eq!(wait(3_000), Duration::from_secs(3));
        assert_eq!(wait(60_000), computed + Duration::from_secs(5));
    }

    #[test]
    fn the_bucket_lasts_for_35_transient_or_100_throttled_retries() {
        for (pace, wanted) in [(Pace::Transient, 35), (Pace::Throttled, 100)] {
            let bucket = TokenBucket::full();
            let taken = std::iter::from_fn(|| bucket.take(pace)).count();
            assert_eq!(taken, wanted, "{pace:?}");
        }
    }

    #[test]
    fn a_success_pays_back_what_it_cost_and_the_bucket_does_not_overflow() {
        let bucket = TokenBucket::full();
        let taken = bucket.take(Pace::Transient).unwrap();
        assert_eq!(bucket.tokens(), 486);
        bucket.refund(2);
        assert_eq!(bucket.tokens(), 488);
        bucket.give_back(taken);
        assert_eq!(bucket.tokens(), TokenBucket::CAPACITY);
        bucket.refund(u32::MAX);
        assert_eq!(bucket.tokens(), TokenBucket::CAPACITY);
    }

    fn pace() -> impl Strategy<Value = Pace> {
        prop::sample::select(vec![Pace::Transient, Pace::Throttled])
    }

    proptest! {
        #[test]
        fn a_wait_is_never_over_its_ceiling(pace in pace(), earlier in any::<u32>(), seed in any::<u64>()) {
            let wait = SDK.wait(pace, earlier, None, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(wait <= SDK.ceiling(pace, earlier));
            prop_assert!(SDK.ceiling(pace, earlier) <= SDK.cap);
        }

        #[test]
        fn a_ceiling_never_falls(pace in pace(), earlier in 0_u32..u32::MAX) {
            prop_assert!(SDK.ceiling(pace, earlier) <= SDK.ceiling(pace, earlier + 1));
        }

        #[test]
        fn a_wish_moves_the_wait_by_at_most_the_slack(
            pace in pace(), earlier in 0_u32..40, seed in any::<u64>(), wished in any::<u64>(),
        ) {
            let waited = |wish| SDK.wait(pace, earlier, wish, &mut fastrand::Rng::with_seed(seed));
            let (plain, honoured) = (waited(None), waited(Some(Duration::from_millis(wished))));
            prop_assert!(plain <= honoured && honoured <= plain + SDK.retry_after_slack);
        }

        #[test]
        fn a_bucket_stays_within_its_bounds(steps in prop::collection::vec((0_u8..4, pace()), 0..300)) {
            let bucket = TokenBucket::full();
            let mut held = Vec::new();
            for (step, pace) in steps {
                match step {
                    0 => bucket.refund(1),
                    1 => held.pop().into_iter().for_each(|taken| bucket.give_back(taken)),
                    _ => held.extend(bucket.take(pace)),
                }
                prop_assert!(bucket.tokens() <= TokenBucket::CAPACITY);
            }
        }
    }
}
