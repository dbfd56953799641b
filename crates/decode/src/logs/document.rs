//! From the document of a CloudWatch Logs subscription to its log events, as its bytes come in.
//!
//! In: JSON, of which a window is held at a time, perhaps cut short. Out: what stands around the log events, and one
//! [`Element`] after the other of their list. In the form in which CloudWatch Logs writes, a log event ends where the next one
//! begins, and is not parsed; any other form is gone through by a [`Walker`]. An element that is longer than any log event is
//! passed over and measured, but not held.

use std::io::Read;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::json::{Key, Scalar};
use crate::log_text::line::LINE_MAX;
use crate::logs::walker::Walker;
use crate::logs::window::{ROOM, Window};

/// The longest element that is held: a line of the greatest length with each character as an escape, and what is around it.
pub const ELEMENT_MAX: usize = 6 * LINE_MAX + 64 * 1024;

/// What stands around the log events.
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
    /// In any other. It may be anything.
    Other(&'w [u8]),
    /// It had so many bytes, and is gone.
    TooLong(usize),
}

/// `{"id":"1","timestamp":2,"message":"..."}`
///
/// By its letters the message ends where the next log event begins. Whether it is one JSON string is not looked at: who finds that
/// it is none gives it back ([`Document::distrust`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical<'w> {
    pub id: &'w [u8],
    pub timestamp: &'w [u8],
    /// A JSON string, quotes and escapes included.
    pub message: &'w [u8],
}

/// Why the reading stopped before the end.
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
    window: Window<R>,
    place: Place,
    /// The element that was given last: it is passed when the next one is asked for.
    given: usize,
    is_distrusted: bool,
    /// All elements so far were in CloudWatch Logs' own form. Once one is not, no boundary is looked for any more: where there is
    /// none, each look would go to the end of the window.
    is_canonical: bool,
    pub header: Header,
    /// Something stood for the list of log events that is none.
    pub has_wrong_list: bool,
}

/// Before what.
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

/// Where one log event ends and the next begins. In a JSON string a quote has a backslash before it, so this cannot
/// stand in a message.
static BOUNDARY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#"},{"id":"#));
/// How CloudWatch Logs begins a log event.
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

/// What ends with a boundary, if it has the members of a log event in CloudWatch Logs' order and no other.
fn canonical(bytes: &[u8]) -> Option<Found> {
    let id_end = OPENING.len() + memchr::memchr2(b'"', b'\\', &bytes[OPENING.len()..])?;
    let digits = bytes[id_end..].strip_prefix(TIMESTAMP)?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let message = digits[count..].strip_prefix(MESSAGE)?;
    // A number with a leading zero is no JSON.
    let is_number = count == 1 || count > 1 && digits[0] != b'0';
    let is_quoted = message.len() > 2 && message.starts_with(b"\"") && message.ends_with(b"\"}");
    let timestamp_end = id_end + TIMESTAMP.len() + count;
    (is_number && is_quoted).then_some(Found::Canonical { length: bytes.len(), id_end, timestamp_end })
}

impl<R: Read> Document<R> {
    pub fn new(source: R) -> Self {
        Self::with_room(source, ROOM)
    }

    pub fn with_room(source: R, room: usize) -> Self {
        Self {
            window: Window::new(source, room, room.max(ELEMENT_MAX)),
            place: Place::Beginning,
            given: 0,
            is_distrusted: false,
            is_canonical: true,
            header: Header::default(),
            has_wrong_list: false,
        }
    }

    /// Goes on to the next list of log events. False where there is none.
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

    /// Takes back the element that was given last: it is to be gone through.
    pub fn distrust(&mut self) {
        self.given = 0;
        self.is_distrusted = true;
        self.is_canonical = false;
    }

    /// Reads the source to its end, and gives it back, with the fault at which the reading stopped.
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
            Some("logEvents") if first == Some(b'[') => {
                self.window.pass(1);
                self.place = Place::FirstElement;
            }
            Some("logEvents") => self.has_wrong_list |= self.value()?.is_none_or(|value| value != b"null"),
            Some(_) | None => {
                self.skip()?;
            }
        }
        Ok(())
    }

    /// The value of a member that is a text, or a number or a boolean as its text.
    fn text(&mut self) -> Result<Option<String>, Fault> {
        let value = self.value()?.unwrap_or_default();
        let value = String::from_utf8_lossy(&value);
        Ok(serde_json::from_str::<Scalar<'_>>(&value).ok().and_then(|scalar| scalar.text().map(str::to_owned)))
    }

    /// The value that begins here. None if it is too long to be held.
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
            // The last one has no boundary behind it.
            if !self.window.more() {
                return None;
            }
        }
    }

    fn element(&mut self, found: Found) -> Element<'_> {
        self.given = match found {
            Found::Canonical { length, .. } | Found::Other(length) => length,
            // It is passed already.
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

    /// The length of the value that begins here, all of which is in the window then. None if there is no room for it.
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

    /// Passes the value that begins here, without holding it, and gives its length.
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

    /// The next byte that is no white space. None at the end.
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
