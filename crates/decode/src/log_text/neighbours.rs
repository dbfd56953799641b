//! One failure told in several printouts, made one again.
//!
//! A program logs a failure where it happens and once more where it gives up; an SDK prints its own line besides. In: what
//! the printouts of one log stream tell, in order. Out: one [`Account`] for each failure, with what the richest of them tells.
//! A poorer one adds what the richer lacks and never overrules it. Two accounts that tell equally much are two failures,
//! for the same statement of a program prints each: unless both name the same request.

use std::collections::HashMap;
use std::hash::Hasher;

use jiff::{SignedDuration, Timestamp};
use siphasher::sip::SipHasher13;
use triage_model::observation::Failure;

use crate::sdk_error::bare_status;

/// What one printout tells of one failure.
#[derive(Clone, Debug)]
pub struct Account {
    pub failure: Failure,
    pub arrival: Option<Timestamp>,
    /// When the last of its lines was logged.
    pub until: Timestamp,
    /// What stays the same of the printout when its statement prints another failure ([`shape`]).
    pub shape: u64,
    /// The program that printed it, where a collector tells it apart from others.
    pub program: Option<String>,
    /// The line names who called; otherwise the caller is the log group.
    pub names_caller: bool,
    /// It is a trace or an object of several lines: the same in one line tells less.
    pub is_long: bool,
    /// The program or an SDK logged it for debugging: each attempt of a call is told so, and the whole call perhaps not.
    pub is_debugging: bool,
}

/// A program tells of one failure again at once: what comes later, or behind so many others, is another failure.
const GAP: SignedDuration = SignedDuration::from_millis(500);
/// Between the attempts of a call its client waits.
const ATTEMPTS_GAP: SignedDuration = SignedDuration::from_secs(5);
const NEIGHBOURS: usize = 16;

/// More attempts no client makes by itself.
const ATTEMPTS_MAX: usize = 8;

/// Two accounts of which each tells something that the other does not are one failure only if nothing stands between them.
const CLOSE: SignedDuration = SignedDuration::from_millis(5);

/// What an account tells: a bit for each thing.
type Tells = u8;

const OPERATION: Tells = 1;
const CODE: Tells = 1 << 1;
const STATUS: Tells = 1 << 2;
const REGION: Tells = 1 << 3;
const REQUEST: Tells = 1 << 4;
const CALLER: Tells = 1 << 5;
const LONG: Tells = 1 << 6;

/// One account for each failure, in the order in which they were first told.
pub fn fold(accounts: Vec<Account>) -> Vec<Account> {
    without_echoes(by_request(accounts))
}

/// What names the same request is one failure.
fn by_request(accounts: Vec<Account>) -> Vec<Account> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Account> = Vec::new();
    for account in accounts {
        let id = account.failure.request_id.clone();
        match id.as_ref().and_then(|id| known.get(id)) {
            Some(&at) if kept[at].is_same_caller(&account) => kept[at].join(account),
            // An application's own id, which it gives several calls.
            Some(_) => {
                let failure = Failure { request_id: None, ..account.failure };
                kept.push(Account { failure, ..account });
            }
            None => {
                known.extend(id.map(|id| (id, kept.len())));
                kept.push(account);
            }
        }
    }
    kept
}

/// Takes each account into the nearest richer one that it can be an echo of. A richer one has at most one echo of each kind:
/// what a program prints of one failure it prints once.
fn without_echoes(accounts: Vec<Account>) -> Vec<Account> {
    if accounts.len() < 2 {
        return accounts;
    }
    let tells: Vec<Tells> = accounts.iter().map(Account::tells).collect();
    let mut accounts: Vec<Option<Account>> = accounts.into_iter().map(Some).collect();
    let mut echoes: Vec<Vec<(Tells, u64)>> = vec![Vec::new(); accounts.len()];
    let mut poorest_first: Vec<usize> = (0..accounts.len()).collect();
    poorest_first.sort_by_key(|&at| tells[at].count_ones());
    for poor in poorest_first {
        let Some(account) = &accounts[poor] else { continue };
        let near = poor.saturating_sub(NEIGHBOURS)..(poor + NEIGHBOURS + 1).min(accounts.len());
        let kind = (tells[poor], account.shape);
        let is_echo_of = |at: &usize| {
            let has_room =
                if account.is_debugging { echoes[*at].len() < ATTEMPTS_MAX } else { !echoes[*at].contains(&kind) };
            let rich = accounts[*at].as_ref().filter(|_| *at != poor && has_room);
            rich.is_some_and(|rich| account.may_echo(rich, at.abs_diff(poor) == 1))
        };
        if let Some(rich) = near.filter(is_echo_of).min_by_key(|at| (at.abs_diff(poor), *at > poor)) {
            echoes[rich].push(kind);
            if let (Some(echo), Some(rich)) = (accounts[poor].take(), &mut accounts[rich]) {
                rich.join(echo);
            }
        }
    }
    accounts.into_iter().flatten().collect()
}

/// What stays the same of a printout's first line when its statement prints another failure: how many words it has, and the first
/// that is one. Names and numbers differ from failure to failure.
pub fn shape(text: &str) -> u64 {
    let line = text.lines().next().unwrap_or_default();
    let is_word =
        |word: &&str| word.bytes().all(|letter| letter.is_ascii_alphabetic() || matches!(letter, b'[' | b']' | b':'));
    let mut hasher = SipHasher13::new();
    hasher.write_usize(line.split_ascii_whitespace().take(WORDS_MAX).count());
    hasher.write(line.split_ascii_whitespace().find(is_word).unwrap_or_default().as_bytes());
    hasher.finish()
}

/// More words tell no two statements of a program apart.
const WORDS_MAX: usize = 64;

impl Account {
    fn tells(&self) -> Tells {
        let failure = &self.failure;
        let bit = |is: bool, bit: Tells| if is { bit } else { 0 };
        bit(failure.operation.is_some(), OPERATION)
            | bit(self.names_code(), CODE)
            | bit(failure.status.is_some(), STATUS)
            | bit(!failure.is_region_assumed, REGION)
            | bit(failure.request_id.is_some(), REQUEST)
            | bit(self.names_caller, CALLER)
            | bit(self.is_long, LONG)
    }

    /// Whether this can be the same failure as another account, told once more. `is_next`: nothing else is told between the two.
    fn may_echo(&self, rich: &Self, is_next: bool) -> bool {
        if self.is_debugging {
            return rich.apart(self) <= ATTEMPTS_GAP && rich.agrees(self);
        }
        let (poor, rich_tells) = (self.tells(), rich.tells());
        let adds_nothing = poor & !rich_tells & !LONG == 0 && rich_tells & !poor != 0;
        // Both have the code; or one has, and the other only the status, as HTTP clients log it.
        let fits =
            poor & rich_tells & CODE != 0 || (poor | rich_tells) & CODE != 0 && (poor ^ rich_tells) & STATUS != 0;
        let adds = fits && poor != rich_tells && is_next && rich.apart(self) <= CLOSE;
        (adds_nothing || adds) && rich.apart(self) <= GAP && rich.agrees(self)
    }

    /// It has a code, and not just the status for one.
    fn names_code(&self) -> bool {
        self.failure.code.as_deref().is_some_and(|code| bare_status(code).is_none())
    }

    fn apart(&self, other: &Self) -> SignedDuration {
        let after = |first: &Self, second: &Self| second.failure.occurred_at.duration_since(first.until);
        after(self, other).max(after(other, self)).max(SignedDuration::ZERO)
    }

    pub fn is_same_caller(&self, other: &Self) -> bool {
        !self.names_caller || !other.names_caller || self.failure.caller == other.failure.caller
    }

    /// Whether nothing that both tell differs.
    fn agrees(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let (one, two) = (&self.failure, &other.failure);
        let codes = !(self.names_code() && other.names_code())
            || one.code == two.code
            // Each layer has its own name for a lost connection.
            || one.no_answer && two.no_answer;
        let answered = one.no_answer == two.no_answer || one.status.is_none() && two.status.is_none();
        codes
            && answered
            && agree(&self.program, &other.program)
            && agree(&one.operation, &two.operation)
            && agree(&one.status, &two.status)
            // Each attempt is a request of its own.
            && (self.is_debugging || other.is_debugging || agree(&one.request_id, &two.request_id))
            && agree(&one.client_id, &two.client_id)
            && (one.is_region_assumed || two.is_region_assumed || one.region == two.region)
            && self.is_same_caller(other)
    }

    /// Makes one of two accounts of a failure: all that the richer tells, and what only the poorer does.
    fn join(&mut self, mut other: Self) {
        if other.tells().count_ones() > self.tells().count_ones() {
            std::mem::swap(self, &mut other);
        }
        if !self.names_code() && other.names_code() {
            self.failure.code = other.failure.code.take();
            self.failure.no_answer = other.failure.no_answer;
        }
        if self.failure.is_region_assumed && !other.failure.is_region_assumed {
            self.failure.region = other.failure.region.take();
            self.failure.is_region_assumed = false;
        }
        if !self.names_caller && other.names_caller {
            self.failure.caller = other.failure.caller.clone();
            self.names_caller = true;
        }
        let (one, two) = (&mut self.failure, other.failure);
        one.operation = one.operation.or(two.operation);
        one.status = one.status.or(two.status);
        one.request_id = one.request_id.take().or(two.request_id);
        one.inner_code = one.inner_code.take().or(two.inner_code);
        one.message = one.message.take().or(two.message);
        one.reason = one.reason.take().or(two.reason);
        one.grant_type = one.grant_type.take().or(two.grant_type);
        one.client_id = one.client_id.take().or(two.client_id);
        one.user_agent = one.user_agent.take().or(two.user_agent);
        one.occurred_at = one.occurred_at.min(two.occurred_at);
        self.until = self.until.max(other.until);
        self.arrival = self.arrival.into_iter().chain(other.arrival).min();
        self.is_long |= other.is_long;
        self.is_debugging &= other.is_debugging;
    }
}
