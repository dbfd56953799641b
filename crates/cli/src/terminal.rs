//! What a terminal is given beside plain text: lines that fit its width, and a little colour.
//!
//! In: text, line by line. Out: the same text, wrapped at words where standard output is a terminal, and plain where it is a
//! file or a pipe. Colour stands only where a reader may want it (<https://no-color.org>).

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};

/// No line is wrapped narrower: it could not be read.
const NARROWEST: usize = 40;

/// How far the rest of a wrapped line stands in.
const HANGING: usize = 2;

/// Whether text may have colour in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colour(bool);

impl Colour {
    pub const NONE: Self = Self(false);

    /// Of standard output.
    pub fn of_output() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self(io::stdout().is_terminal() && !set("NO_COLOR") && !is_dumb)
    }

    /// A heading.
    pub fn heading(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What woke somebody, or would have.
    pub fn page(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub fn warning(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Columns of the terminal that standard output is; None where it is none.
pub fn width() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    let size = is_terminal.then(terminal_size::terminal_size).flatten();
    size.map(|(columns, _)| usize::from(columns.0).max(NARROWEST))
}

/// Wraps each line at words.
pub struct Wrapped<W> {
    out: W,
    width: Option<usize>,
    line: Vec<u8>,
}

impl<W: Write> Wrapped<W> {
    /// Where there is no width, text goes through as it is.
    pub const fn new(out: W, width: Option<usize>) -> Self {
        Self { out, width, line: Vec::new() }
    }

    fn end_line(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        self.out.write_all(wrap(&line, self.width.unwrap_or(usize::MAX)).as_bytes())
    }
}

impl<W: Write> Write for Wrapped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.width.is_none() {
            return self.out.write(bytes);
        }
        let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
        self.line.extend_from_slice(&bytes[..end]);
        if self.line.ends_with(b"\n") {
            self.end_line()?;
        }
        Ok(end)
    }

    /// A line that is not ended is written as it is.
    fn flush(&mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        self.out.flush()
    }
}

/// A word that is longer than the line stays whole: it may be an address.
fn wrap(line: &str, width: usize) -> String {
    if textwrap::core::display_width(line) <= width {
        return line.to_owned();
    }
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let indent = text.len() - text.trim_start().len();
    let hanging = " ".repeat(indent + HANGING);
    let options = textwrap::Options::new(width)
        .subsequent_indent(&hanging)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::fill(text, options) + end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str, width: Option<usize>) -> String {
        let mut wrapped = Wrapped::new(Vec::new(), width);
        for bytes in text.as_bytes().chunks(7) {
            wrapped.write_all(bytes).unwrap();
        }
        wrapped.flush().unwrap();
        String::from_utf8(wrapped.out).unwrap()
    }

    #[test]
    fn a_long_line_is_wrapped_at_words_and_hangs_below_its_beginning() {
        let text = "Totals\n    - three callers failed within two seconds\nno end";
        let wrapped = "Totals\n    - three callers failed\n      within two seconds\nno end";
        assert_eq!(through(text, Some(30)), wrapped);
        assert_eq!(through(text, None), text, "and in a pipe it stays as it is");
    }

    #[test]
    fn an_address_is_not_broken() {
        let text = "see https://health.aws.amazon.com/health/status now\n";
        assert_eq!(through(text, Some(20)), "see\n  https://health.aws.amazon.com/health/status\n  now\n");
    }

    #[test]
    fn colour_is_written_only_where_it_is_wanted() {
        assert_eq!(Colour::NONE.page("x"), "x");
        assert_eq!(Colour(true).heading("x"), "\u{1b}[1mx\u{1b}[0m");
        // It takes no room.
        assert_eq!(wrap(&Colour(true).heading("four"), 4), "\u{1b}[1mfour\u{1b}[0m");
    }
}
