//! From the document of a CloudWatch Logs subscription to its log events, as its bytes come in.
//!
//! In: JSON, one window at a time, perhaps cut short. Out: the members around the log events, and the list's
//! [`Element`]s one by one. In CloudWatch Logs' own form, a log event ends where the next one begins and is not parsed;
//! in any other form a [`Walker`] finds its end. An element longer than any log event is skipped and measured, but not
//! held.

use std::io::Read;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::json::{Key, Scalar};
use crate::log_text::line::LINE_MAX;
use crate::logs::walker::Walker;
use crate::logs::window::{ROOM, Window};

/// The longest held element: a line of the greatest length with every character escaped, and its surroundings.
pub const ELEMENT_MAX: usize = 6 * LINE_MAX + 64 * 1024;

/// The members around the log events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub message_type: Option<String>,
    /// The account of the log group.
    pub owner: Option<String>,
    pub log_group: Option<String>,
}

impl Header {
    pub fn is_complete(&self) -> bool {
        self.message_type.is_some() && self.owner.is_some() && self.log_group.is_some()
    }
}

/// One element of the list of log events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'w> {
    /// In CloudWatch Logs' own form.
    Canonical(Canonical<'w>),
    /// In any other form: it may be anything.
    Other(&'w [u8]),
    /// Too long: skipped after so many bytes.
    TooLong(usize),
}

/// `{"id":"1","timestamp":2,"message":"..."}`
///
/// By its text, the message ends where the next log event begins. It may still not be one JSON string: the reader that
/// notices this returns it ([`Document::distrust`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical<'w> {
    pub id: &'w [u8],
    pub timestamp: &'w [u8],
    /// A JSON string, quotes and escapes included.
    pub message: &'w [u8],
}

/// Why reading stopped before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    EndsEarly(usize),
    NotJson(usize),
}

impl Fault {
    pub fn describe(self) -> String {
        match self {
            Self::EndsEarly(at) => format!("JSON that ends early at byte {at}"),
            Self::NotJson(at) => format!("not JSON at byte {at}"),
        }
    }
}

pub struct Document<R> {
    /// The member that is the list.
    list: &'static str,
    window: Window<R>,
    place: Place,
    /// The last returned element: the next call moves past it.
    given: usize,
    is_distrusted: bool,
    /// All elements so far had CloudWatch Logs' own form. After one that has not, no boundary is searched any more:
    /// each failing search would read to the end of the window.
    is_canonical: bool,
    pub header: Header,
    /// The member for the list of log events is not a list.
    pub has_wrong_list: bool,
}

/// Before what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Beginning,
    FirstMember,
    /// The comma before a member, or the end of the document's object.
    Member,
    FirstElement,
    /// The comma before an element, or the end of the list.
    Element,
    /// Nothing but white space may follow.
    End,
    Stopped(Result<(), Fault>),
}

/// The boundary between two log events. In a JSON string a quote has a backslash before it, so no message contains
/// this.
static BOUNDARY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#"},{"id":"#));
/// The beginning of a log event in CloudWatch Logs' form.
const OPENING: &[u8] = br#"{"id":""#;
const TIMESTAMP: &[u8] = br#"","timestamp":"#;
const MESSAGE: &[u8] = br#","message":"#;

/// An element in the window, by its length.
#[derive(Clone, Copy, Debug)]
enum Found {
    Canonical { length: usize, id_end: usize, timestamp_end: usize },
    Other(usize),
    TooLong(usize),
}

/// An element that ends with a boundary, if it has a log event's members in CloudWatch Logs' order and no others.
fn canonical(bytes: &[u8]) -> Option<Found> {
    let id_end = OPENING.len() + memchr::memchr2(b'"', b'\\', &bytes[OPENING.len()..])?;
    let digits = bytes[id_end..].strip_prefix(TIMESTAMP)?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let message = digits[count..].strip_prefix(MESSAGE)?;
    // JSON numbers have no leading zero.
    let is_number = count == 1 || count > 1 && digits[0] != b'0';
    let is_quoted = message.len() > 2 && message.starts_with(b"\"") && message.ends_with(b"\"}");
    let timestamp_end = id_end + TIMESTAMP.len() + count;
    (is_number && is_quoted).then_some(Found::Canonical { length: bytes.len(), id_end, timestamp_end })
}

impl<R: Read> Document<R> {
    pub fn new(source: R) -> Self {
        Self::with_room(source, ROOM)
    }

    /// A document with a list of that name in place of `logEvents`.
    pub fn of_list(source: R, list: &'static str) -> Self {
        Self { list, is_canonical: false, ..Self::new(source) }
    }

    pub fn with_room(source: R, room: usize) -> Self {
        Self {
            list: "logEvents",
            window: Window::new(source, room, room.max(ELEMENT_MAX)),
            place: Place::Beginning,
            given: 0,
            is_distrusted: false,
            is_canonical: true,
            header: Header::default(),
            has_wrong_list: false,
        }
    }

    /// Moves to the next list of log events. False at the end.
    pub fn seek_events(&mut self) -> bool {
        while !matches!(self.place, Place::FirstElement | Place::Stopped(_)) {
            if let Err(fault) = self.pass_member() {
                self.place = Place::Stopped(Err(fault));
            }
        }
        self.place == Place::FirstElement
    }

    /// The next element of the list. None at its end.
    pub fn next(&mut self) -> Option<Element<'_>> {
        self.window.pass(std::mem::take(&mut self.given));
        match self.find() {
            Ok(found) => found.map(|found| self.element(found)),
            Err(fault) => {
                self.place = Place::Stopped(Err(fault));
                None
            }
        }
    }

    /// Takes back the last returned element: its end is to be found by walking.
    pub fn distrust(&mut self) {
        self.given = 0;
        self.is_distrusted = true;
        self.is_canonical = false;
    }

    /// Reads the source to its end, and returns it with the fault at which reading stopped.
    pub fn finish(self) -> (R, Option<Fault>) {
        let fault = match self.place {
            Place::Stopped(end) => end.err(),
            _ => None,
        };
        (self.window.into_drained(), fault)
    }

    // Around the list.

    fn pass_member(&mut self) -> Result<(), Fault> {
        match (self.place, self.byte()?) {
            (Place::End, None) => {
                self.place = Place::Stopped(Ok(()));
                return Ok(());
            }
            (_, None) => return Err(self.early()),
            (Place::Beginning, Some(b'{')) => {
                self.window.pass(1);
                self.place = Place::FirstMember;
                return Ok(());
            }
            (Place::FirstMember | Place::Member, Some(b'}')) => {
                self.window.pass(1);
                self.place = Place::End;
                return Ok(());
            }
            (Place::FirstMember, Some(b'"')) => {}
            (Place::Member, Some(b',')) => self.window.pass(1),
            (_, Some(_)) => return Err(self.not_json()),
        }
        if self.byte()? != Some(b'"') {
            return Err(self.not_json());
        }
        let key = self.value()?;
        let key =
            key.as_deref().and_then(|key| serde_json::from_slice::<Key<'_>>(key).ok()).map(|Key(key)| key.into_owned());
        if self.byte()? != Some(b':') {
            return Err(self.not_json());
        }
        self.window.pass(1);
        let first = self.byte()?;
        self.place = Place::Member;
        match key.as_deref() {
            Some("messageType") => self.header.message_type = self.text()?,
            Some("owner") => self.header.owner = self.text()?,
            Some("logGroup") => self.header.log_group = self.text()?,
            Some(list) if list == self.list && first == Some(b'[') => {
                self.window.pass(1);
                self.place = Place::FirstElement;
            }
            Some(list) if list == self.list => {
                self.has_wrong_list |= self.value()?.is_none_or(|value| value != b"null")
            }
            Some(_) | None => {
                self.skip()?;
            }
        }
        Ok(())
    }

    /// A member's value: a text, or a number or boolean as text.
    fn text(&mut self) -> Result<Option<String>, Fault> {
        let value = self.value()?.unwrap_or_default();
        let value = String::from_utf8_lossy(&value);
        Ok(serde_json::from_str::<Scalar<'_>>(&value).ok().and_then(|scalar| scalar.text().map(str::to_owned)))
    }

    /// The value that begins here. None if it is too long to hold.
    fn value(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self.walk()? {
            Some(length) => {
                let value = self.window.rest()[..length].to_vec();
                self.window.pass(length);
                Ok(Some(value))
            }
            None => self.skip().map(|_| None),
        }
    }

    // In the list.

    fn find(&mut self) -> Result<Option<Found>, Fault> {
        match (self.place, self.byte()?) {
            (Place::Stopped(_) | Place::Member, _) => return Ok(None),
            (_, None) => return Err(self.early()),
            (Place::FirstElement | Place::Element, Some(b']')) if !self.is_distrusted => {
                self.window.pass(1);
                self.place = Place::Member;
                return Ok(None);
            }
            (Place::Element, Some(b',')) if !self.is_distrusted => {
                self.window.pass(1);
                if self.byte()?.is_none() {
                    return Err(self.early());
                }
            }
            (Place::FirstElement, Some(_)) => {}
            (_, Some(_)) if self.is_distrusted => {}
            (_, Some(_)) => return Err(self.not_json()),
        }
        self.place = Place::Element;
        self.is_distrusted = false;
        if self.is_canonical {
            match self.find_canonical() {
                Some(found) => return Ok(Some(found)),
                None => self.is_canonical = false,
            }
        }
        match self.walk()? {
            Some(0) => Err(self.not_json()),
            Some(length) => Ok(Some(Found::Other(length))),
            None => self.skip().map(|length| Some(Found::TooLong(length))),
        }
    }

    fn find_canonical(&mut self) -> Option<Found> {
        let mut looked_at = 0;
        loop {
            let rest = self.window.rest();
            if !rest.starts_with(&OPENING[..rest.len().min(OPENING.len())]) {
                return None;
            }
            if let Some(boundary) = BOUNDARY.find(&rest[looked_at..]) {
                let length = looked_at + boundary + 1;
                return canonical(&rest[..length]);
            }
            looked_at = rest.len().saturating_sub(BOUNDARY.needle().len());
            // The last element has no boundary after it.
            if !self.window.more() {
                return None;
            }
        }
    }

    fn element(&mut self, found: Found) -> Element<'_> {
        self.given = match found {
            Found::Canonical { length, .. } | Found::Other(length) => length,
            // Already skipped.
            Found::TooLong(_) => 0,
        };
        let bytes = &self.window.rest()[..self.given];
        match found {
            Found::Canonical { id_end, timestamp_end, .. } => Element::Canonical(Canonical {
                id: &bytes[OPENING.len()..id_end],
                timestamp: &bytes[id_end + TIMESTAMP.len()..timestamp_end],
                message: &bytes[timestamp_end + MESSAGE.len()..bytes.len() - 1],
            }),
            Found::Other(_) => Element::Other(bytes),
            Found::TooLong(length) => Element::TooLong(length),
        }
    }

    // Through a value.

    /// The length of the value that begins here, now whole in the window. None if there is no room for it.
    fn walk(&mut self) -> Result<Option<usize>, Fault> {
        let mut walker = Walker::default();
        let mut walked = 0;
        loop {
            let rest = self.window.rest();
            if let Some(count) = walker.walk(&rest[walked..]) {
                return Ok(Some(walked + count));
            }
            walked = rest.len();
            if !self.window.more() {
                return if self.window.is_ended() { Err(self.early()) } else { Ok(None) };
            }
        }
    }

    /// Skips the value that begins here, without holding it, and returns its length.
    fn skip(&mut self) -> Result<usize, Fault> {
        let mut walker = Walker::default();
        let mut length = 0;
        loop {
            let rest = self.window.rest();
            if let Some(count) = walker.walk(rest) {
                self.window.pass(count);
                return Ok(length + count);
            }
            let count = rest.len();
            length += count;
            self.window.pass(count);
            if !self.window.more() {
                return Err(self.early());
            }
        }
    }

    /// The next byte other than white space. None at the end.
    fn byte(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let rest = self.window.rest();
            let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = rest.get(space).copied();
            self.window.pass(space);
            if next.is_some() || !self.window.more() {
                return Ok(next);
            }
        }
    }

    fn early(&self) -> Fault {
        Fault::EndsEarly(self.window.passed() + self.window.len())
    }

    fn not_json(&self) -> Fault {
        Fault::NotJson(self.window.passed())
    }
}
