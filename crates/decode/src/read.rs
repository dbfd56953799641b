//! From one payload to a batch.
//!
//! In: the payload. Out: the [`Batch`]. Only this module goes from piece to piece: it asks [`sniff`] for a text's kind,
//! hands the text to its decoder, and opens wrappers (lists, SQS, SNS, Kinesis, a text in a text). It keeps the limit on
//! them, the order of the observations, and which of them came in which message or record.

use serde_json::value::RawValue;
use triage_model::problem::ProblemName;
use triage_model::redact::{SHOWN_NAME_MAX, quoted};
use triage_model::trail_key::TrailKey;
use triage_model::trust::Source;

use crate::batch::{Allowance, Batch, BatchItem, InputKind, OBSERVATIONS_MAX, Setting, WantedObject, fair};
use crate::cloudtrail::Recognised;
use crate::envelope::Around;
use crate::queue::{Message, NamedObject, Opened, Streamed};
use crate::seal::seal;
use crate::sniff::{Sniffed, sniff};
use crate::trust::{Alias, doubt};
use crate::{call, cloudtrail, eventbridge, json, logs, lookup, ocsf, operator, queue, values};

/// SQS around SNS around an envelope is three; one more for a file that lists them.
const WRAPPINGS_MAX: usize = 4;

/// Decodes one payload without a time limit.
pub fn decode(payload: &str, setting: &Setting) -> Batch {
    decode_while(&|| true, payload, setting)
}

/// Decodes one payload until the time is up. The rest is reported, and everything before it is kept.
pub fn decode_while(is_time_left: &dyn Fn() -> bool, payload: &str, setting: &Setting) -> Batch {
    let mut reader =
        Reader { setting, allowance: Allowance::whole(is_time_left), batch: Batch::new(InputKind::Unknown) };
    // A file may begin with a byte order mark, which JSON does not allow.
    let payload = payload.strip_prefix('\u{feff}').unwrap_or(payload);
    let kind = match logs::data_of_canonical(payload) {
        Some(data) => logs::read_data(data, setting, &mut reader.allowance, &mut reader.batch),
        None => reader.read(payload, Wrapping::default()),
    };
    let mut batch = reader.batch;
    batch.observations.iter_mut().for_each(seal);
    Batch { kind, ..batch }
}

/// The surroundings of a piece.
#[derive(Clone, Copy, Debug, Default)]
struct Wrapping<'a> {
    depth: usize,
    /// Its message's id, for events without one.
    id: Option<&'a str>,
    /// Whether it came in a message, and the untrusted queue or topic, if any.
    is_message: bool,
    distrusted: Option<&'a str>,
}

impl<'a> Wrapping<'a> {
    /// The bare payload of the invocation.
    fn is_none(self) -> bool {
        self.depth == 0
    }

    fn inner<'b>(self, id: Option<&'b str>) -> Wrapping<'b>
    where
        'a: 'b,
    {
        Wrapping { depth: self.depth + 1, id: id.or(self.id), ..self }
    }

    fn message<'b>(self, id: Option<&'b str>, distrusted: Option<&'b str>) -> Wrapping<'b>
    where
        'a: 'b,
    {
        Wrapping { is_message: true, distrusted: distrusted.or(self.distrusted), ..self.inner(id) }
    }
}

/// The documents of a text, if it consists of whole documents.
fn documents(text: &str) -> Vec<&RawValue> {
    serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().unwrap_or_default()
}

struct Reader<'s> {
    setting: &'s Setting,
    allowance: Allowance<'s>,
    batch: Batch,
}

impl Reader<'_> {
    /// Whether the time is up. The rest is reported.
    fn is_late(&mut self, left: usize, what: &str) -> bool {
        let is_late = !(self.allowance.is_time_left)();
        if is_late {
            self.batch.problems.note(ProblemName::Deadline, format!("{left} {what} were not read"));
        }
        is_late
    }

    /// Reads one piece and returns its kind.
    fn read(&mut self, text: &str, wrapping: Wrapping<'_>) -> InputKind {
        if wrapping.depth > WRAPPINGS_MAX {
            self.batch.problems.note(ProblemName::NestedTooDeeply, format!("more than {WRAPPINGS_MAX} wrappings"));
            return InputKind::Unknown;
        }
        let sniffed = match sniff(text) {
            Ok(sniffed) => sniffed,
            Err(problem) => {
                self.batch.problems.add(problem);
                return InputKind::Unknown;
            }
        };
        // Trust is decided for each piece in a list, a text or a message; for a log group, by document.
        let doubtful = self.doubtful(&sniffed, wrapping);
        self.believing(doubtful, |reader| reader.read_sniffed(text, sniffed, wrapping))
    }

    /// Reads, and keeps as much as the source may report.
    fn believing<T>(&mut self, doubtful: Option<(Source, String)>, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.batch.so_far();
        let found = read(self);
        if let Some((source, name)) = doubtful {
            self.batch.believe(before, source, || doubt(source, &name));
        }
        found
    }

    /// The source of a piece, and its name. None for wrappers, and for AWS, which is trusted in everything.
    fn doubtful(&self, sniffed: &Sniffed<'_>, wrapping: Wrapping<'_>) -> Option<(Source, String)> {
        let trust = &self.setting.trust;
        let named = |source: Source, name: &str| (source != Source::Aws).then(|| (source, name.to_owned()));
        if let Some(distrusted) = wrapping.distrusted {
            let source = if trust.alias == Alias::Direct { Source::DirectPayload } else { Source::OtherLogs };
            return named(source, distrusted);
        }
        match sniffed {
            Sniffed::List(_) | Sniffed::Text(_) | Sniffed::Records(_) | Sniffed::Notification(_) => None,
            // Only objects of the trail's bucket are read, and they are what they are.
            Sniffed::TrailFiles(_) | Sniffed::SetUp => None,
            // By the log group.
            Sniffed::Subscription(_) | Sniffed::LogDocument => None,
            // It is no evidence, and says itself how it must come.
            Sniffed::Operator(_) => None,
            Sniffed::Envelope(keys) => {
                // A leading space makes it another source: EventBridge refuses `aws.` from others, but not ` aws.`.
                let source = keys.source.exact();
                // A trusted queue or topic vouches for its messages.
                let account = if wrapping.is_message { trust.account.as_deref() } else { keys.account.exact() };
                match trust.of_envelope(source, account) {
                    Source::OtherAccount => {
                        named(Source::OtherAccount, &format!("account {}", account.unwrap_or("unknown")))
                    }
                    found => named(found, &format!("source {}", source.unwrap_or("unknown"))),
                }
            }
            // A trusted queue or topic vouches for its messages.
            Sniffed::Call | Sniffed::TrailRecord | Sniffed::Ocsf | Sniffed::LookedUp(_) | Sniffed::LookedUpEvent(_)
                if wrapping.is_message =>
            {
                None
            }
            Sniffed::Call => named(trust.of_bare_call(), "a call without envelope"),
            Sniffed::TrailRecord | Sniffed::Ocsf | Sniffed::LookedUp(_) | Sniffed::LookedUpEvent(_) => {
                named(trust.of_bare(), "a record without envelope")
            }
        }
    }

    fn read_sniffed(&mut self, text: &str, sniffed: Sniffed<'_>, wrapping: Wrapping<'_>) -> InputKind {
        let (setting, allowance, batch) = (self.setting, &mut self.allowance, &mut self.batch);
        match sniffed {
            Sniffed::List(items) => {
                if items.is_empty() {
                    batch.problems.note(ProblemName::BatchEmpty, "an empty array");
                }
                for (number, item) in items.iter().enumerate() {
                    if self.is_late(items.len() - number, "events of a list") {
                        break;
                    }
                    self.read(item.get(), wrapping.inner(None));
                }
                InputKind::List
            }
            // A program may encode its event twice, and a payload that is not JSON reaches us as a text: its defect is
            // named.
            Sniffed::Text(inner) => {
                if inner.contains(char::REPLACEMENT_CHARACTER) {
                    batch.problems.note(ProblemName::Utf8Invalid, "replaced");
                }
                // Several documents in a row, as from concatenated pages, are a text and not JSON.
                match documents(&inner).as_slice() {
                    [] | [_] => self.read(&inner, wrapping.inner(None)),
                    several => {
                        for document in several {
                            self.read(document.get(), wrapping.inner(None));
                        }
                        InputKind::List
                    }
                }
            }
            Sniffed::Records(records) => self.read_records(records, wrapping),
            Sniffed::Notification(keys) => {
                self.read_message(queue::notified(&keys), wrapping);
                InputKind::Sns
            }
            Sniffed::TrailFiles(keys) => {
                match queue::trail_files(&keys) {
                    Ok(files) => files.into_iter().for_each(|file| self.want(file, wrapping)),
                    Err(problem) => batch.problems.add(problem),
                }
                InputKind::CloudTrailFile
            }
            Sniffed::SetUp => InputKind::Foreign,
            Sniffed::Subscription(awslogs) => logs::read_subscription(&awslogs, setting, allowance, batch),
            Sniffed::LogDocument => logs::read_unpacked(text, setting, allowance, batch),
            Sniffed::Envelope(keys) => {
                let from = batch.observations.len();
                let kind = eventbridge::read(&keys, wrapping.id, setting, batch);
                batch.note_arrival(from, keys.delivered_at());
                kind
            }
            Sniffed::TrailRecord => match self.read_trail_record(text, wrapping) {
                Some(Recognised::Ours) => InputKind::CloudTrail,
                Some(Recognised::Foreign) => InputKind::Foreign,
                Some(Recognised::NoRecord) | None => InputKind::Unknown,
            },
            Sniffed::Ocsf => {
                let records = ocsf::trail_records(text);
                if records.is_empty() {
                    batch.problems.add(values::unknown_object(text));
                    return InputKind::Unknown;
                }
                let found = records.iter().map(|record| self.read_trail_record(record, wrapping));
                if found.fold(false, |ours, found| ours | (found == Some(Recognised::Ours))) {
                    InputKind::CloudTrail
                } else {
                    InputKind::Foreign
                }
            }
            Sniffed::LookedUp(events) => {
                match lookup::events(events) {
                    Ok(events) if events.is_empty() => batch.problems.note(ProblemName::BatchEmpty, "Events is empty"),
                    Ok(events) => events.into_iter().for_each(|event| {
                        self.read(event.get(), wrapping.inner(None));
                    }),
                    Err(problem) => batch.problems.add(problem),
                }
                InputKind::LookupEvents
            }
            Sniffed::LookedUpEvent(trail_event) => {
                match lookup::record(trail_event) {
                    Ok(record) => drop(self.read_trail_record(&record, wrapping)),
                    Err(problem) => batch.problems.add(problem),
                }
                InputKind::LookupEvents
            }
            Sniffed::Call => {
                call::read(text, Around::of_message(wrapping.id), wrapping.is_none(), setting, batch);
                InputKind::CallDirect
            }
            Sniffed::Operator(keys) => {
                let is_direct = wrapping.is_none() && setting.trust.alias != Alias::Events;
                match operator::read(&keys, is_direct, &setting.regions) {
                    Ok(request) => batch.request = Some(request),
                    Err(problem) => batch.problems.add(problem),
                }
                InputKind::OperatorRequest
            }
        }
    }

    /// Reads `Records`. The first one decides the kind of the whole.
    fn read_records(&mut self, records: &str, wrapping: Wrapping<'_>) -> InputKind {
        let records = match queue::records(records) {
            Ok(records) => records,
            Err(problem) => {
                self.batch.problems.add(problem);
                return InputKind::Unknown;
            }
        };
        if records.is_empty() {
            self.batch.problems.note(ProblemName::BatchEmpty, "Records is empty");
        }
        let mut kind = None;
        let mut left: usize = records.iter().map(|record| record.get().len()).sum();
        for (number, record) in records.iter().enumerate() {
            if self.is_late(records.len() - number, "records") {
                for record in &records[number..] {
                    let found = self.leave(record.get(), wrapping);
                    kind = kind.or(found);
                }
                break;
            }
            let found = self.read_queued(record.get(), left, wrapping);
            left -= record.get().len();
            kind.get_or_insert(found);
        }
        kind.unwrap_or(InputKind::Unknown)
    }

    /// Lists an unread message or record, so that it comes again.
    fn leave(&mut self, record: &str, wrapping: Wrapping<'_>) -> Option<InputKind> {
        let (id, kind) = match queue::open(record) {
            Ok(Opened::Sqs(message)) => (message.id, InputKind::Sqs),
            Ok(Opened::Kinesis(streamed)) => (streamed.sequence, InputKind::Kinesis),
            Ok(Opened::Sns(_) | Opened::S3(_) | Opened::TrailRecord) | Err(_) => return None,
        };
        let end = self.batch.observations.len();
        self.list(id, end, true, wrapping);
        Some(kind)
    }

    /// Notes which observations came in which message or record. Only the outermost batch is answered one by one.
    fn list(&mut self, id: Option<String>, from: usize, is_unread: bool, wrapping: Wrapping<'_>) {
        if wrapping.is_none() {
            let observations = from..self.batch.observations.len();
            self.batch.items.push(BatchItem { id: id.unwrap_or_default(), observations, is_unread });
        }
    }

    /// Reads one of several records. `left` is its size and that of those behind it.
    fn read_queued(&mut self, record: &str, left: usize, wrapping: Wrapping<'_>) -> InputKind {
        match queue::open(record) {
            Ok(Opened::Sqs(message)) => {
                let id = message.id.clone();
                let from = self.batch.observations.len();
                self.read_message(message, wrapping);
                self.list(id, from, false, wrapping);
                InputKind::Sqs
            }
            Ok(Opened::Kinesis(streamed)) => {
                let from = self.batch.observations.len();
                let Streamed { sequence, arn, data } = streamed;
                match data {
                    Ok(data) => self.read_streamed(&data, arn.as_deref(), (record.len(), left), wrapping),
                    Err(problem) => self.batch.problems.add(problem),
                }
                // One that was cut short by the clock comes again, and counts once all the same.
                let is_unread = !(self.allowance.is_time_left)();
                self.list(sequence, from, is_unread, wrapping);
                InputKind::Kinesis
            }
            Ok(Opened::Sns(message)) => {
                self.read_message(message, wrapping);
                InputKind::Sns
            }
            Ok(Opened::S3(object)) => {
                if let Some(object) = object {
                    self.want(object, wrapping);
                }
                InputKind::CloudTrailFile
            }
            Ok(Opened::TrailRecord) => {
                let doubtful = self.doubtful(&Sniffed::TrailRecord, wrapping);
                match self.believing(doubtful, |reader| reader.read_trail_record(record, wrapping)) {
                    // Most records of a trail are of other services.
                    Some(Recognised::Ours | Recognised::Foreign) => InputKind::CloudTrailFile,
                    Some(Recognised::NoRecord) | None => InputKind::Unknown,
                }
            }
            Err(problem) => {
                self.batch.problems.add(problem);
                InputKind::Unknown
            }
        }
    }

    /// Reads subscription data out of a stream, within its share of what the payload may use. Anything else in a record
    /// is a problem.
    fn read_streamed(&mut self, data: &str, arn: Option<&str>, (size, left): (usize, usize), wrapping: Wrapping<'_>) {
        let is_trusted = self.setting.trust.trusts(arn) && wrapping.distrusted.is_none();
        // By the log group, where only CloudWatch Logs writes to the stream.
        let doubtful = (!is_trusted).then(|| {
            let source =
                if self.setting.trust.alias == Alias::Direct { Source::DirectPayload } else { Source::OtherLogs };
            (source, wrapping.distrusted.or(arn).unwrap_or("a stream without ARN").to_owned())
        });
        let share = self.allowance.share(size, left);
        let kept = self.batch.observations.len();
        let calls = OBSERVATIONS_MAX.saturating_sub(kept);
        self.batch.observations_max = kept + fair(calls, OBSERVATIONS_MAX, size, left);
        let mut rest = Allowance { ..share };
        self.believing(doubtful, |reader| {
            logs::read_data(data, reader.setting, &mut rest, &mut reader.batch);
        });
        self.batch.observations_max = OBSERVATIONS_MAX;
        self.allowance.spend(&share, &rest);
    }

    /// Notes an object of the trail's bucket as one to be read, if it is a file of a trusted account and of a region that is
    /// watched. An organization's trail has files of every account and region, so those of others are no problem.
    fn want(&mut self, object: NamedObject, wrapping: Wrapping<'_>) {
        let trust = &self.setting.trust;
        let NamedObject { bucket, key, size } = object;
        let refusal = match &trust.trail_bucket {
            _ if !wrapping.is_message || trust.alias == Alias::Direct => {
                "a notification of S3 counts in a message of a queue alone (TrailTopicArn)".to_owned()
            }
            _ if wrapping.distrusted.is_some() => doubt(Source::OtherLogs, wrapping.distrusted.unwrap_or_default()),
            Some(trail) if trail.name == bucket => {
                let Some(file) = TrailKey::of(&key) else { return };
                if file.prefix == trail.prefix {
                    let is_watched = trail.regions.iter().any(|region| region.as_str() == file.region);
                    if is_watched && trust.reads_files_of(file.account) {
                        let (account, region) = (file.account.to_owned(), file.region.to_owned());
                        let time = file.time.to_owned();
                        self.batch.objects.push(WantedObject {
                            account,
                            region,
                            time,
                            key,
                            size,
                            items: vec![self.batch.items.len()],
                        });
                    }
                    return;
                }
                format!("{} does not begin with TrailPrefix", quoted(&key, SHOWN_NAME_MAX))
            }
            Some(_) | None => {
                format!(
                    "the bucket {} is not the trail's: nothing is read from it (TrailBucket)",
                    quoted(&bucket, SHOWN_NAME_MAX)
                )
            }
        };
        self.batch.problems.note(ProblemName::SourceNotBelieved, refusal);
    }

    fn read_message(&mut self, message: Message<'_>, wrapping: Wrapping<'_>) {
        match message.event {
            Ok(event) => {
                let arn = message.arn.as_deref();
                let distrusted =
                    if self.setting.trust.trusts(arn) { None } else { arn.or(Some("a queue or topic without ARN")) };
                self.read(&event, wrapping.message(message.id.as_deref(), distrusted));
            }
            Err(problem) => self.batch.problems.add(problem),
        }
    }

    /// A CloudTrail record by itself, in a file or in `lookup-events` output. None, and noted, if it is not JSON.
    fn read_trail_record(&mut self, text: &str, wrapping: Wrapping<'_>) -> Option<Recognised> {
        let recognised = cloudtrail::read(text, Around::of_message(wrapping.id), self.setting, &mut self.batch);
        match recognised {
            Ok(Recognised::NoRecord) => self.batch.problems.add(values::unknown_object(text)),
            Ok(Recognised::Ours | Recognised::Foreign) => {}
            Err(ref error) => self.batch.problems.note(ProblemName::JsonInvalid, json::describe(error)),
        }
        recognised.ok()
    }
}

#[cfg(test)]
mod tests;
