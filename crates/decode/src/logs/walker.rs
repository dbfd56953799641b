//! Finds where a JSON value ends, whatever its form and however its bytes are split.
//!
//! In: bytes of one value, piece by piece. Out: where it ends. Nothing is held or checked: a wanted value is parsed by
//! its reader, and a skipped one need not be valid.

/// A value being walked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walker {
    depth: usize,
    within: Within,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    /// Before its first byte.
    #[default]
    Nothing,
    Structure,
    Text,
    /// The last byte was a backslash in a text.
    Escape,
    /// A number, or one of the three words.
    Word,
}

impl Walker {
    /// Walks the next bytes of the value. If it ends in them: how many belong to it.
    pub fn walk(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            match self.within {
                Within::Text => {
                    at += memchr::memchr2(b'"', b'\\', &bytes[at..])? + 1;
                    if bytes[at - 1] == b'\\' {
                        self.within = Within::Escape;
                    } else if self.depth == 0 {
                        return Some(at);
                    } else {
                        self.within = Within::Structure;
                    }
                }
                Within::Escape => {
                    bytes.get(at)?;
                    at += 1;
                    self.within = Within::Text;
                }
                Within::Word => {
                    let is_end = |byte: &u8| {
                        matches!(byte, b',' | b']' | b'}' | b'[' | b'{' | b'"') || byte.is_ascii_whitespace()
                    };
                    return bytes[at..].iter().position(is_end).map(|count| at + count);
                }
                Within::Nothing | Within::Structure => {
                    let byte = *bytes.get(at)?;
                    // A non-value ends before it begins.
                    if self.within == Within::Nothing && matches!(byte, b',' | b':' | b']' | b'}') {
                        return Some(at);
                    }
                    at += 1;
                    match byte {
                        b'"' => self.within = Within::Text,
                        b'{' | b'[' => {
                            self.depth += 1;
                            self.within = Within::Structure;
                        }
                        b'}' | b']' => {
                            self.depth -= 1;
                            if self.depth == 0 {
                                return Some(at);
                            }
                        }
                        _ if self.within == Within::Nothing => self.within = Within::Word,
                        _ => {}
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str, piece: usize) -> Option<usize> {
        let mut walker = Walker::default();
        let mut before = 0;
        for piece in text.as_bytes().chunks(piece) {
            if let Some(count) = walker.walk(piece) {
                return Some(before + count);
            }
            before += piece.len();
        }
        None
    }

    #[test]
    fn a_value_ends_where_it_ends_however_it_is_cut() {
        for value in [
            r#""""#,
            r#""a\"b\\""#,
            "{}",
            "[]",
            r#"{"a":[1,{"b":"}]"}],"c":"\"]"}"#,
            r#"["\\",[[]],{}]"#,
            "17",
            "-1.5e3",
            "true",
            "null",
        ] {
            for after in [",", "]", "}", " ,", "\n", ",{\"id\":"] {
                for piece in 1..9 {
                    assert_eq!(end(&format!("{value}{after}"), piece), Some(value.len()), "{value}{after}");
                }
            }
            for cut in 0..value.len() {
                assert_eq!(end(&value[..cut], 3), None, "{value} {cut}");
            }
        }
    }

    #[test]
    fn a_non_value_ends_where_it_begins() {
        for text in [",", "]", "}", ":"] {
            assert_eq!(end(text, 1), Some(0));
        }
    }
}
