//! Text for a terminal: headings, facts and lists, wrapped between words.
//!
//! In: lines of ours with texts of others in them, which are on one line each already. Out: one text without colours.

use crate::terminal;

/// Narrow enough for half a screen, wide enough for a sentence.
const WIDTH: usize = 100;

/// The longest name of a fact, and two spaces.
const LABEL_WIDTH: usize = 12;

#[derive(Debug, Default)]
pub struct Sheet {
    text: String,
    indent: usize,
}

impl Sheet {
    pub fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.indent = 0;
        self.line(heading);
    }

    /// What follows stands under that line.
    pub fn under(&mut self, line: &str) {
        self.indent = 0;
        self.wrap("  ", "  ", line);
        self.indent = 4;
    }

    pub fn line(&mut self, line: &str) {
        self.wrap("", "", line);
    }

    pub fn bullet(&mut self, line: &str) {
        self.wrap("- ", "  ", line);
    }

    pub fn fact(&mut self, label: &str, fact: &str) {
        self.wrap(&format!("{label:<LABEL_WIDTH$}"), &" ".repeat(LABEL_WIDTH), fact);
    }

    /// A text of several lines of its own, as it stands.
    pub fn quote(&mut self, text: &str) {
        for line in text.lines() {
            let line = format!("{:indent$}> {line}", "", indent = self.indent);
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn wrap(&mut self, first: &str, further: &str, text: &str) {
        let most = terminal::width().map_or(WIDTH, |columns| columns.min(WIDTH));
        let indent = " ".repeat(self.indent);
        let mut line = format!("{indent}{first}");
        let mut width = line.chars().count();
        let mut is_begun = false;
        for word in text.split(' ') {
            let length = word.chars().count();
            if is_begun && width + 1 + length > most {
                self.text.push_str(line.trim_end());
                self.text.push('\n');
                line = format!("{indent}{further}");
                width = line.chars().count();
                is_begun = false;
            }
            if is_begun {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
            width += length;
            is_begun = true;
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_fact_goes_on_under_its_beginning() {
        let mut sheet = Sheet::default();
        sheet.fact("advice", &"word ".repeat(30));
        let text = sheet.into_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("advice      word") && lines[1].starts_with("            word"), "{text}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{text}");
    }

    #[test]
    fn a_word_that_is_too_long_is_not_broken() {
        let mut sheet = Sheet::default();
        sheet.bullet(&format!("a {} b", "x".repeat(WIDTH)));
        assert_eq!(sheet.into_text(), format!("- a\n  {}\n  b\n", "x".repeat(WIDTH)));
    }
}
