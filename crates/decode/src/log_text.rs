//! Application log lines: plain text and JSON; some report a failed SSO OIDC call.
//!
//! In: the log events of one stream, one after the other, still escaped as in the envelope. Out: failures, into the
//! batch. Lines without an SDK's error of this service, or an HTTP client's with its host, are ignored. [`Stream`]
//! keeps the lines around those that may matter. [`collector`] removes a collector's additions, [`printout`] joins
//! lines, [`sdk_error`] and [`object`] find errors, [`fields`] and [`ocsf`](crate::ocsf) name the caller, and
//! [`neighbours`] merges the reports of one failure.

mod collector;
mod fields;
pub mod line;
mod neighbours;
mod object;
mod printout;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use collector::DOCKER_CUT;
use fields::Fields;
use line::{HeldLine, LINE_MAX, TextLine};
use neighbours::Account;
use object::Split;
use printout::{PRINTOUT_GAP, Printout};
use triage_model::account::Account as AwsAccount;
use triage_model::caller::Caller;
use triage_model::classify::region_of_client_id;
use triage_model::observation::{Failure, Observation, Origin};
use triage_model::problem::ProblemName;
use triage_model::redact::mask::without_user_information;
use triage_model::region::Region;

use crate::batch::{Batch, Setting};
use crate::logs::unescape;
use crate::sdk_error;
use crate::sdk_error::service::{Mark, ServiceSigns};
use crate::sdk_error::{SdkError, is_ours};
use crate::values::{is_status, made_id, shown_region};

/// A trace has a few dozen lines, and several programs may write lines in between: this many lines before and after a
/// line that may matter are read with it.
const AROUND_LINES: usize = 256;
const AROUND_BYTES: usize = 2 * LINE_MAX;

/// The most text read at once, however many lines may matter: it bounds the memory.
const WINDOW_BYTES: usize = 4 * LINE_MAX;

/// The application log events of one stream.
pub struct Stream<'s> {
    /// Where it is another account's, with that before its name: forty accounts may have a group of one name.
    log_group: String,
    owner: Option<AwsAccount>,
    setting: &'s Setting,
    /// The last lines without a sign: the next line may continue them.
    before: Held,
    /// Lines, at least one of which may matter, with their neighbours.
    window: Held,
    /// The number of lines since one that may matter.
    since: usize,
    /// A line no longer needed, kept for its memory.
    spare: Option<HeldLine>,
    /// The ids of the failures found so far.
    ids: HashSet<String>,
    /// The callers of requests, where a line names them.
    callers: HashMap<String, Caller>,
    /// The number of errors without an id in each log event: a sender may give all its log events one id.
    unnamed: HashMap<String, usize>,
}

/// The text of a message, without colours and without the user information of URLs. Err: the problem with the line.
fn unescaped(raw: &str) -> Result<String, (ProblemName, String)> {
    let mut message = String::new();
    match unescape(raw, &mut message).map(str::len) {
        Some(..=LINE_MAX) => {}
        Some(length) => {
            return Err((ProblemName::LogLineTooLong, format!("a log event of {length} bytes, {LINE_MAX} are read")));
        }
        // Not a string: an object is read as its own line.
        None if !raw.starts_with('"') => raw.clone_into(&mut message),
        None => return Err((ProblemName::JsonInvalid, "the message of a log event cannot be unescaped".to_owned())),
    }
    let plain = match sdk_error::plain(&message) {
        Cow::Borrowed(plain) if plain.len() == message.len() => None,
        plain => Some(plain.into_owned()),
    };
    let message = plain.unwrap_or(message);
    // First of all: text behind the password in a proxy's URL looks like a mail address.
    Ok(match without_user_information(&message) {
        Cow::Owned(without) => without,
        Cow::Borrowed(_) => message,
    })
}

/// Lines, and their size in bytes.
#[derive(Default)]
struct Held {
    lines: VecDeque<HeldLine>,
    bytes: usize,
}

/// A line's memory, including everything made of it until its window is read.
fn weight(line: &HeldLine) -> usize {
    const OF_A_LINE: usize = 1024;
    line.message.len() + OF_A_LINE
}

impl Held {
    fn push(&mut self, line: HeldLine) {
        self.bytes += weight(&line);
        self.lines.push_back(line);
    }

    fn pop(&mut self) -> Option<HeldLine> {
        let line = self.lines.pop_front()?;
        self.bytes -= weight(&line);
        Some(line)
    }
}

impl<'s> Stream<'s> {
    pub fn new(owner: Option<&str>, log_group: &str, setting: &'s Setting) -> Self {
        let owner = owner.and_then(AwsAccount::of);
        let own = setting.trust.account.as_deref().and_then(AwsAccount::of);
        let log_group = match owner.filter(|owner| own.is_some_and(|own| own != *owner)) {
            Some(other) => format!("{other}:{log_group}"),
            None => log_group.to_owned(),
        };
        Self {
            log_group,
            owner,
            setting,
            before: Held::default(),
            window: Held::default(),
            since: 0,
            spare: None,
            ids: HashSet::new(),
            callers: HashMap::new(),
            unnamed: HashMap::new(),
        }
    }

    /// Takes the next log event. One that is too long or not text becomes a problem.
    pub fn take(&mut self, line: TextLine<'_>, batch: &mut Batch) {
        let raw = line.message;
        // A colour code may split a word, and so may Docker where it cuts a line.
        let is_anchored = printout::is_anchored(raw)
            || raw.len() >= DOCKER_CUT
            || raw.contains("u001b[") && unescaped(raw).is_ok_and(|message| printout::is_anchored(&message));
        let is_apart = |last: &HeldLine| last.timestamp.duration_since(line.timestamp).abs() > PRINTOUT_GAP;
        if self.window.lines.back().is_some_and(is_apart) || self.since >= AROUND_LINES {
            self.read_window(batch);
        }
        if is_anchored {
            while let Some(line) = self.before.pop() {
                self.window.push(line);
            }
            self.since = 0;
        } else {
            self.since += 1;
        }
        let mut held = self.spare.take().unwrap_or_default();
        held.keep(&line);
        if is_anchored || !self.window.lines.is_empty() {
            self.window.push(held);
            if self.window.bytes >= WINDOW_BYTES {
                self.read_window(batch);
            }
        } else {
            self.keep_before(held);
        }
    }

    /// Reads the remaining lines.
    pub fn finish(mut self, batch: &mut Batch) {
        self.read_window(batch);
    }

    fn keep_before(&mut self, line: HeldLine) {
        self.before.push(line);
        while self.before.lines.len() > AROUND_LINES || self.before.bytes > AROUND_BYTES {
            self.spare = self.before.pop();
        }
    }

    fn read_window(&mut self, batch: &mut Batch) {
        let mut held = Vec::from(std::mem::take(&mut self.window).lines);
        // The last lines may begin the next printout.
        let kept = held.len().saturating_sub(self.since.min(AROUND_LINES));
        let rest = held[kept..].to_vec();
        held.retain_mut(|line| match unescaped(&line.message) {
            Ok(message) => {
                line.message = message;
                true
            }
            Err((name, detail)) => {
                batch.problems.note(name, detail);
                false
            }
        });
        let lines = held;
        let mut accounts = Vec::new();
        for printout in printout::assemble(&lines) {
            if batch.is_full() {
                break;
            }
            self.read_printout(&printout, &lines, &mut accounts, batch);
        }
        for mut account in neighbours::fold(accounts) {
            // Attempts and repetitions have the same request id.
            match &account.failure.request_id {
                Some(id) if self.ids.insert(id.clone()) => account.failure.id.clone_from(id),
                // An application's own id may cover several calls of several people.
                Some(id)
                    if account.names_caller
                        && self.callers.get(id).is_some_and(|known| *known != account.failure.caller) =>
                {
                    account.failure.request_id = None;
                    account.failure.id = self.unused(account.failure.event_id.as_deref().unwrap_or_default());
                }
                Some(_) => continue,
                None => account.failure.id = self.unused(account.failure.event_id.as_deref().unwrap_or_default()),
            }
            if let (Some(id), true) = (&account.failure.request_id, account.names_caller) {
                self.callers.entry(id.clone()).or_insert_with(|| account.failure.caller.clone());
            }
            batch.observations.push(Observation::Failure(Box::new(account.failure)));
            batch.note_arrival(batch.observations.len() - 1, account.arrival);
        }
        rest.into_iter().for_each(|line| self.keep_before(line));
        self.since = 0;
    }

    fn read_printout(&self, printout: &Printout, lines: &[HeldLine], accounts: &mut Vec<Account>, batch: &mut Batch) {
        let bare = sdk_error::unescaped(&printout.text);
        let signs = ServiceSigns::of(&bare);
        let mut split = object::split(&printout.text);
        if split.invalid {
            if signs.mark != Mark::None || signs.operation.is_some() {
                batch.problems.note(
                    ProblemName::JsonInvalid,
                    "a log line that names the service is not JSON, or nested too deeply",
                );
            }
            return;
        }
        let mut errors = find(&split, &signs);
        if errors.is_empty() && split.objects.is_empty() && printout.text.len() <= WRAPPED_MAX {
            errors = unwrapped(&printout.text, &signs);
        }
        match errors.as_mut_slice() {
            // A text that a form attributes to another service is not read again without a form.
            [] if !sdk_error::names_another_service(&bare) => {
                errors.extend(sdk_error::find_without_form(&bare, &signs));
            }
            // An HTTP client's output about the answer, next to the SDK's error.
            [error] if error.status.is_none() && !error.no_answer => {
                match sdk_error::find_without_form(&bare, &signs) {
                    Some(more) if !more.no_answer && error.is_compatible(&more) => error.absorb(more),
                    Some(_) | None => {}
                }
            }
            _ => {}
        }
        let Some(first) = printout.events.first().map(|&(_, event)| &lines[event]).filter(|_| !errors.is_empty())
        else {
            return;
        };
        split.objects.extend_from_slice(&printout.around);
        let fields = Fields::of(&printout.text, &split.plain, &split.objects, first.timestamp);
        let is_long = printout.text.trim_end().contains('\n');
        let until = printout.events.last().map_or(first.timestamp, |&(_, event)| lines[event].timestamp);
        let shape = neighbours::shape(&printout.text);
        let is_debugging = printout::is_debugging(&printout.text);
        for (index, error) in errors.into_iter().enumerate() {
            if self.is_own(&error, &fields) {
                batch.own += 1;
                let detail = format!("our own probe's call is in log group {}", self.log_group);
                batch.problems.note(ProblemName::OwnProbe, detail);
                continue;
            }
            // The first error starts with its printout, others at their own position.
            let event = if index == 0 { first } else { &lines[printout.event_at(error.at)] };
            let account = self.account(error, event, &fields, &signs, batch);
            let (until, program) = (until.max(account.until), printout.program.clone());
            accounts.push(Account { until, program, shape, is_long, is_debugging, ..account });
        }
    }

    /// Whether an error is from a call of our own, by its ids: words in a line cannot hide a failure.
    fn is_own(&self, error: &SdkError, fields: &Fields) -> bool {
        let Setting { own_client_ids, own_request_ids, .. } = self.setting;
        let is = |own: &[String], id: Option<&str>| id.is_some_and(|id| own.iter().any(|own| own == id));
        is(own_client_ids, fields.client_id.as_deref())
            || is(own_request_ids, error.request_id.as_ref().map(|id| id.as_str()))
    }

    fn account(
        &self,
        error: SdkError,
        event: &HeldLine,
        fields: &Fields,
        signs: &ServiceSigns,
        batch: &mut Batch,
    ) -> Account {
        let event_id = crate::values::id(&event.id).map_or_else(|| made_id(&[&event.id]), str::to_owned);
        let region = self.stated_region(&error, fields, signs, batch);
        // The forms accept any three digits as a status.
        let status = error.status.filter(|status| is_status(*status));
        let named = || fields.caller.clone().map(Caller::Named);
        let caller = fields.actor.clone().or_else(named);
        let failure = Failure {
            // The request's id, or a unique one made from the log event's.
            id: String::new(),
            event_id: Some(event_id),
            request_id: error.request_id.map(|id| id.as_str().to_owned()),
            origin: Origin::Logs,
            is_region_assumed: region.is_none(),
            region: region.unwrap_or_else(|| Some(self.setting.default_region.clone())),
            operation: error.operation.or(signs.operation).or(signs.method),
            // Without a code, the caller saw the status.
            code: error.code.or_else(|| status.map(|status| status.to_string())),
            inner_code: error.inner_code,
            status,
            message: error.message,
            reason: fields.reason.clone(),
            grant_type: fields.grant_type.clone(),
            no_answer: error.no_answer,
            caller: caller.clone().unwrap_or_else(|| Caller::LogGroup(self.log_group.clone())),
            client_id: fields.client_id.clone(),
            user_agent: fields.user_agent.clone(),
            address: None,
            occurred_at: fields.time.unwrap_or(event.timestamp),
            request: None,
            account: self.owner,
            program: None,
            replayed: false,
            answer_only: false,
        };
        let names_caller = caller.is_some();
        let until = failure.occurred_at;
        Account {
            failure,
            arrival: event.arrival,
            until,
            program: None,
            shape: 0,
            names_caller,
            is_long: false,
            is_debugging: false,
        }
    }

    /// The log event's id; further errors of the log event have a number appended.
    fn unused(&mut self, event_id: &str) -> String {
        let count = self.unnamed.entry(event_id.to_owned()).or_default();
        loop {
            *count += 1;
            let id = if *count == 1 { event_id.to_owned() } else { format!("{event_id}#{count}") };
            if self.ids.insert(id.clone()) {
                return id;
            }
        }
    }

    /// The region of the called host, else the one the line names, else the client id's. The inner None: the region
    /// does not exist. The outer None: no region is given.
    fn stated_region(
        &self,
        error: &SdkError,
        fields: &Fields,
        signs: &ServiceSigns,
        batch: &mut Batch,
    ) -> Option<Option<Region>> {
        // The fields of this error name the region to go to, not the one that was called.
        let elsewhere = error.code.as_deref() == Some("InvalidRequestRegionException");
        let around = error.region.as_ref().or(signs.region.as_ref()).or(fields.region.as_ref().filter(|_| !elsewhere));
        if let Some(name) = around {
            let region = self.setting.regions.find(name);
            if region.is_none() {
                batch.problems.note(ProblemName::RegionUnknown, shown_region(name));
            }
            return Some(region);
        }
        fields.client_id.as_deref().and_then(region_of_client_id).map(Some)
    }
}

/// Joins lines that a terminal broke, between or within words, where that makes an error of them.
fn unwrapped(text: &str, signs: &ServiceSigns) -> Vec<SdkError> {
    if !text.trim_end().contains('\n') {
        return Vec::new();
    }
    let lines = || text.lines().map(str::trim);
    let joined = [lines().collect::<Vec<_>>().join(" "), lines().collect::<String>()];
    let found = joined.iter().map(|text| {
        let split = Split { plain: text.clone(), ..Split::default() };
        find(&split, &ServiceSigns { mark: signs.mark, ..ServiceSigns::of(text) })
    });
    found.into_iter().find(|errors| !errors.is_empty()).unwrap_or_default()
}

/// Longer texts are not one broken sentence.
const WRAPPED_MAX: usize = 4096;

/// The failures of one printout.
fn find(split: &Split, signs: &ServiceSigns) -> Vec<SdkError> {
    let mut errors = sdk_error::find(&split.plain);
    errors.retain(|error| is_ours(error, signs));
    errors.extend(split.objects.iter().flat_map(|found| object::find(found, signs)));
    sdk_error::merge(errors)
}

#[cfg(test)]
mod tests;
