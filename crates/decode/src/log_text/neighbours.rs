//! Merges the printouts about one failure.
//!
//! A program logs a failure where it happens and again where it gives up; an SDK prints its own line as well. In: the
//! accounts of one log stream, in order. Out: one [`Account`] for each failure, with the details of the richest
//! printout. A poorer one adds missing details and never overrules a richer one. Two accounts with equal details are
//! two failures, because one statement of a program prints each, unless both name the same request.

use std::collections::HashMap;
use std::hash::Hasher;

use jiff::{SignedDuration, Timestamp};
use siphasher::sip::SipHasher13;
use triage_model::observation::Failure;

use crate::sdk_error::bare_status;

/// One printout's account of one failure.
#[derive(Clone, Debug)]
pub struct Account {
    pub failure: Failure,
    pub arrival: Option<Timestamp>,
    /// The time of its last line.
    pub until: Timestamp,
    /// The constant part of the printout, common to every failure its statement prints ([`shape`]).
    pub shape: u64,
    /// The program that printed it, where a collector distinguishes programs.
    pub program: Option<String>,
    /// The line names the caller; otherwise the log group stands in.
    pub names_caller: bool,
    /// A trace or an object of several lines: richer than the same in one line.
    pub is_long: bool,
    /// Debug output of the program or an SDK: it covers each attempt of a call, and perhaps not the whole call.
    pub is_debugging: bool,
}

/// A program repeats a failure at once: a later account, or one after this many others, is another failure.
const GAP: SignedDuration = SignedDuration::from_millis(500);
/// A client waits between the attempts of a call.
const ATTEMPTS_GAP: SignedDuration = SignedDuration::from_secs(5);
const NEIGHBOURS: usize = 16;

/// No client makes more attempts by itself.
const ATTEMPTS_MAX: usize = 8;

/// Two accounts with details that the other lacks are one failure only if nothing stands between them.
const CLOSE: SignedDuration = SignedDuration::from_millis(5);

/// The details of an account, one bit each.
type Details = u8;

const OPERATION: Details = 1;
const CODE: Details = 1 << 1;
const STATUS: Details = 1 << 2;
const REGION: Details = 1 << 3;
const REQUEST: Details = 1 << 4;
const CALLER: Details = 1 << 5;
const LONG: Details = 1 << 6;

/// One account for each failure, in order of first mention.
pub fn fold(accounts: Vec<Account>) -> Vec<Account> {
    without_echoes(by_request(accounts))
}

/// Accounts of the same request are one failure.
fn by_request(accounts: Vec<Account>) -> Vec<Account> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Account> = Vec::new();
    for account in accounts {
        let id = account.failure.request_id.clone();
        match id.as_ref().and_then(|id| known.get(id)) {
            Some(&at) if kept[at].is_same_caller(&account) => kept[at].join(account),
            // An application's own id may cover several calls.
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

/// Merges each account into the nearest richer one that it can be an echo of. A richer account has at most one echo of
/// each kind: a program prints a failure once in each way.
fn without_echoes(accounts: Vec<Account>) -> Vec<Account> {
    if accounts.len() < 2 {
        return accounts;
    }
    let details: Vec<Details> = accounts.iter().map(Account::details).collect();
    let mut accounts: Vec<Option<Account>> = accounts.into_iter().map(Some).collect();
    let mut echoes: Vec<Vec<(Details, u64)>> = vec![Vec::new(); accounts.len()];
    let mut poorest_first: Vec<usize> = (0..accounts.len()).collect();
    poorest_first.sort_by_key(|&at| details[at].count_ones());
    for poor in poorest_first {
        let Some(account) = &accounts[poor] else { continue };
        let near = poor.saturating_sub(NEIGHBOURS)..(poor + NEIGHBOURS + 1).min(accounts.len());
        let kind = (details[poor], account.shape);
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

/// The constant part of a printout's first line: its number of words, and its first real word. Names and numbers differ
/// from failure to failure.
pub fn shape(text: &str) -> u64 {
    let line = text.lines().next().unwrap_or_default();
    let is_word =
        |word: &&str| word.bytes().all(|letter| letter.is_ascii_alphabetic() || matches!(letter, b'[' | b']' | b':'));
    let mut hasher = SipHasher13::new();
    hasher.write_usize(line.split_ascii_whitespace().take(WORDS_MAX).count());
    hasher.write(line.split_ascii_whitespace().find(is_word).unwrap_or_default().as_bytes());
    hasher.finish()
}

/// More words do not distinguish a program's statements.
const WORDS_MAX: usize = 64;

impl Account {
    fn details(&self) -> Details {
        let failure = &self.failure;
        let bit = |is: bool, bit: Details| if is { bit } else { 0 };
        bit(failure.operation.is_some(), OPERATION)
            | bit(self.names_code(), CODE)
            | bit(failure.status.is_some(), STATUS)
            | bit(!failure.is_region_assumed, REGION)
            | bit(failure.request_id.is_some(), REQUEST)
            | bit(self.names_caller, CALLER)
            | bit(self.is_long, LONG)
    }

    /// Whether this can be the same failure as another account. `is_next`: nothing stands between the two.
    fn may_echo(&self, rich: &Self, is_next: bool) -> bool {
        if self.is_debugging {
            return rich.apart(self) <= ATTEMPTS_GAP && rich.agrees(self);
        }
        let (poor, rich_details) = (self.details(), rich.details());
        let adds_nothing = poor & !rich_details & !LONG == 0 && rich_details & !poor != 0;
        // Both have the code; or one has it and the other only the status, as HTTP clients log it.
        let fits =
            poor & rich_details & CODE != 0 || (poor | rich_details) & CODE != 0 && (poor ^ rich_details) & STATUS != 0;
        let adds = fits && poor != rich_details && is_next && rich.apart(self) <= CLOSE;
        (adds_nothing || adds) && rich.apart(self) <= GAP && rich.agrees(self)
    }

    /// It has a code, not just the status in its place.
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

    /// Whether all details that both have are equal.
    fn agrees(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let (one, two) = (&self.failure, &other.failure);
        let codes = !(self.names_code() && other.names_code())
            || one.code == two.code
            // Each layer names a lost connection differently.
            || one.no_answer && two.no_answer;
        let answered = one.no_answer == two.no_answer || one.status.is_none() && two.status.is_none();
        codes
            && answered
            && agree(&self.program, &other.program)
            && agree(&one.operation, &two.operation)
            && agree(&one.status, &two.status)
            // Each attempt is a separate request.
            && (self.is_debugging || other.is_debugging || agree(&one.request_id, &two.request_id))
            && agree(&one.client_id, &two.client_id)
            && (one.is_region_assumed || two.is_region_assumed || one.region == two.region)
            && self.is_same_caller(other)
    }

    /// Merges two accounts of a failure: the richer one, with details that only the poorer has.
    fn join(&mut self, mut other: Self) {
        if other.details().count_ones() > self.details().count_ones() {
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
