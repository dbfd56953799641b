//! Application log lines: plain text and JSON, of which some tell of a failed SSO OIDC call.
//!
//! In: the log events of one stream, one after the other, still escaped as they stand in the envelope. Out: failures, into the
//! batch. What does not look like an SDK's error of this service, or an HTTP client's with its host, is left alone.
//! [`Stream`] keeps the lines around those that may matter. [`collector`] takes off what collectors put around a line,
//! [`printout`] puts lines together, [`sdk_error`] and [`object`] find errors in them, [`fields`] and [`ocsf`](crate::ocsf) tell who
//! called, and [`neighbours`] makes one failure of what tells of one.

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

/// A trace has a few dozen lines, and of many programs each writes its own between them: so many before and behind a line
/// that may matter are looked at with it.
const AROUND_LINES: usize = 256;
const AROUND_BYTES: usize = 2 * LINE_MAX;

/// What is read at once, at most, however many lines may matter: it bounds the memory.
const WINDOW_BYTES: usize = 4 * LINE_MAX;

/// The application log events of one stream.
pub struct Stream<'s> {
    log_group: String,
    setting: &'s Setting,
    /// The last lines in which nothing stood: one that comes may go on with them.
    before: Held,
    /// Lines of which at least one may matter, and those around it.
    window: Held,
    /// How many lines have come since one that may matter.
    since: usize,
    /// A line that is no longer needed: its memory is.
    spare: Option<HeldLine>,
    /// The ids of the failures found so far.
    ids: HashSet<String>,
    /// Who made the requests of which the caller is named.
    callers: HashMap<String, Caller>,
    /// How many errors of each log event there were that carry no id: a sender may give all its log events one.
    unnamed: HashMap<String, usize>,
}

/// The text of a message, without colours and without the user information of URLs. An error is what is wrong with the line.
fn unescaped(raw: &str) -> Result<String, (ProblemName, String)> {
    let mut message = String::new();
    match unescape(raw, &mut message).map(str::len) {
        Some(..=LINE_MAX) => {}
        Some(length) => {
            return Err((ProblemName::LogLineTooLong, format!("a log event of {length} bytes, {LINE_MAX} are read")));
        }
        // Not a string at all: an object is read as the line it would be.
        None if !raw.starts_with('"') => raw.clone_into(&mut message),
        None => return Err((ProblemName::JsonInvalid, "a log event's message cannot be unescaped".to_owned())),
    }
    let plain = match sdk_error::plain(&message) {
        Cow::Borrowed(plain) if plain.len() == message.len() => None,
        plain => Some(plain.into_owned()),
    };
    let message = plain.unwrap_or(message);
    // Before anything reads it: behind the password of a proxy's URL stands what looks like a mail address.
    Ok(match without_user_information(&message) {
        Cow::Owned(without) => without,
        Cow::Borrowed(_) => message,
    })
}

/// Lines, and how many bytes they are.
#[derive(Default)]
struct Held {
    lines: VecDeque<HeldLine>,
    bytes: usize,
}

/// What a line takes to keep, and what is made of it until its window is read.
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
    pub fn new(log_group: &str, setting: &'s Setting) -> Self {
        Self {
            log_group: log_group.to_owned(),
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

    /// Takes the next log event. One that is too long or no text becomes a problem.
    pub fn take(&mut self, line: TextLine<'_>, batch: &mut Batch) {
        let raw = line.message;
        // Colours may stand within a word; and in a line that Docker cut, the word may be cut as well.
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

    /// Reads what is left.
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
        // The last lines may be the first of the next printout.
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
            // Attempts and repetitions carry the same request id.
            match &account.failure.request_id {
                Some(id) if self.ids.insert(id.clone()) => account.failure.id.clone_from(id),
                // An application's own id, which it gives several calls of several people.
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
                    "a log line that names the service is no JSON, or nested too deeply",
                );
            }
            return;
        }
        let mut errors = find(&split, &signs);
        if errors.is_empty() && split.objects.is_empty() && printout.text.len() <= WRAPPED_MAX {
            errors = unwrapped(&printout.text, &signs);
        }
        match errors.as_mut_slice() {
            // What a form knows as another service's is not read again without one.
            [] if !sdk_error::names_another_service(&bare) => {
                errors.extend(sdk_error::find_without_form(&bare, &signs));
            }
            // What an HTTP client prints of the answer beside the SDK's error.
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
            // The first error starts where its printout does; a further one where it stands.
            let event = if index == 0 { first } else { &lines[printout.event_at(error.at)] };
            let account = self.account(error, event, &fields, &signs, batch);
            let (until, program) = (until.max(account.until), printout.program.clone());
            accounts.push(Account { until, program, shape, is_long, is_debugging, ..account });
        }
    }

    /// Whether an error is of a call of our own, by what identifies it: words in a line hide nothing.
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
        let told = self.region_told(&error, fields, signs, batch);
        // The forms take any three digits for one.
        let status = error.status.filter(|status| is_status(*status));
        let named = || fields.caller.clone().map(Caller::Named);
        let caller = fields.actor.clone().or_else(named);
        let failure = Failure {
            // The request's, or one of the log event's that no other failure has.
            id: String::new(),
            event_id: Some(event_id),
            request_id: error.request_id.map(|id| id.as_str().to_owned()),
            origin: Origin::Logs,
            is_region_assumed: told.is_none(),
            region: told.unwrap_or_else(|| Some(self.setting.default_region.clone())),
            operation: error.operation.or(signs.operation).or(signs.method),
            // Where an error has no code, the caller saw the status.
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

    /// The log event's id; for a further error of one log event, with a number behind it.
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

    /// The region of the host that was called, else the one that the line names, else the client id's: None inside for one that does not exist, and
    /// none at all where nothing tells it.
    fn region_told(
        &self,
        error: &SdkError,
        fields: &Fields,
        signs: &ServiceSigns,
        batch: &mut Batch,
    ) -> Option<Option<Region>> {
        // This error's own fields name the region to go to, not the one that was called.
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

/// A terminal's lines put together again, between words or within one, where that makes an error of them.
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

/// Longer texts are no sentence that a terminal broke.
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
