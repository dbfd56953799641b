//! Writing markup that is well-formed and harmless by construction.
//!
//! In: names of elements and attributes, which can only be literals of ours, and texts, which may be anybody's. Out: HTML
//! that an XML parser reads as well: every element is closed, every attribute quoted. All text goes through [`escape`];
//! nothing else can write what is not a literal.

use std::fmt::{self, Display, Write as _};

use triage_model::redact::is_harmless;

/// A name, and a value that is escaped as it is written.
pub type Attribute<'a> = (&'static str, &'a dyn Display);

/// What stands for a character that a page must not have.
const REPLACEMENT: char = '\u{fffd}';

/// A page, or a part of it, as it grows.
#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// An element with what `inside` writes into it.
    pub fn element(&mut self, name: &'static str, attributes: &[Attribute<'_>], inside: impl FnOnce(&mut Self)) {
        self.begin(name, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with nothing but text in it.
    pub fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: impl Display) {
        self.element(name, attributes, |h| h.text(text));
    }

    /// An element that has no content: HTML's own (`meta`) and those of SVG.
    pub fn void(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.begin(name, attributes);
        self.0.push_str(" />");
    }

    pub fn text(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
    }

    /// Text of others, which must not turn around what stands beside it when it is written from right to left.
    pub fn name(&mut self, text: impl Display) {
        self.leaf("bdi", &[], text);
    }

    /// What is not to be escaped: the style and the script, which are files of ours.
    pub fn verbatim(&mut self, ours: &'static str) {
        self.0.push_str(ours);
    }

    pub fn append(&mut self, part: &Self) {
        self.0.push_str(&part.0);
    }

    pub fn size(&self) -> usize {
        self.0.len()
    }

    pub fn into_string(self) -> String {
        self.0
    }

    fn begin(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
    }
}

struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(text, self.0);
        Ok(())
    }
}

/// Writes text so that it is nothing but text, within an element and within a quoted attribute. What would reorder or
/// hide its neighbours, or cannot be in XML, is replaced where it can be seen.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push(REPLACEMENT),
            other if !is_harmless(other) => out.push(REPLACEMENT),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        write(&mut html);
        html.into_string()
    }

    #[test]
    fn text_stays_text_in_an_element_and_in_an_attribute() {
        let hostile = "\"><script>alert('1')</script>&amp;";
        let safe = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;";
        assert_eq!(
            written(|h| h.leaf("p", &[("title", &hostile)], hostile)),
            format!("<p title=\"{safe}\">{safe}</p>")
        );
    }

    #[test]
    fn what_reorders_hides_or_controls_is_replaced_where_it_can_be_seen() {
        assert_eq!(written(|h| h.text("a\u{202e}b\u{200b}c\u{0}d\ne\u{ffff}f")), "a�b�c�d�e�f");
        assert_eq!(written(|h| h.text("naïve 東京 \u{5d0}")), "naïve 東京 \u{5d0}");
    }

    #[test]
    fn elements_are_closed_and_nested_as_they_are_written() {
        let list = written(|h| {
            h.element("ul", &[("class", &"dense")], |h| {
                h.leaf("li", &[], 1);
                h.element("li", &[], |h| h.name("ana"));
            });
            h.void("meta", &[("charset", &"utf-8")]);
        });
        assert_eq!(list, "<ul class=\"dense\"><li>1</li><li><bdi>ana</bdi></li></ul><meta charset=\"utf-8\" />");
    }
}
