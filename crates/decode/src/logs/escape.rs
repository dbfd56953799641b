//! JSON strings, unescaped one at a time.
//!
//! In: a raw JSON string with its quotes. Out: whether it is valid, and its text. serde_json does the same but rejects
//! half of a surrogate pair, which would lose the whole line.

/// Whether `literal` is one whole JSON string: quotes at both ends and no unescaped quote between.
///
/// The first check compiles to vector instructions: where every quote has exactly one backslash before it, nothing else
/// matters.
pub fn is_one_string(literal: &[u8]) -> bool {
    let [b'"', inner @ .., b'"'] = literal else { return false };
    let backslashes_at_end = inner.iter().rev().take_while(|byte| **byte == b'\\').count();
    if backslashes_at_end % 2 == 1 {
        return false;
    }
    // Two bytes before each byte of `inner`; before the first one stands the opening quote, twice.
    let doubtful = |before: u8, last: u8, byte: u8| (byte == b'"') & ((last != b'\\') | (before == b'\\'));
    let mut any = inner.first() == Some(&b'"') || inner.get(1).is_some_and(|byte| doubtful(b'"', inner[0], *byte));
    if inner.len() > 2 {
        let rest = inner[..inner.len() - 2].iter().zip(&inner[1..inner.len() - 1]).zip(&inner[2..]);
        any |= rest.fold(false, |any, ((before, last), byte)| any | doubtful(*before, *last, *byte));
    }
    !any || has_no_bare_quote(inner)
}

/// The same, from escape to escape.
fn has_no_bare_quote(inner: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &inner[at..]) {
        if inner[at + found] == b'"' {
            return false;
        }
        // An escape is at least two bytes, of which the second may be a quote.
        at += found + 2;
        if at > inner.len() {
            return false;
        }
    }
    true
}

/// Writes the text of a JSON string into `text`, which is cleared first. None for an invalid escape.
///
/// Half of a surrogate pair, as in a cut text, becomes U+FFFD.
pub fn unescape<'t>(literal: &str, text: &'t mut String) -> Option<&'t str> {
    text.clear();
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    text.reserve(rest.len());
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        text.push(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => unicode(&mut rest)?,
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// The character after `\u`, perhaps from two halves.
fn unicode(rest: &mut &str) -> Option<char> {
    let first = hex(rest)?;
    if (0xd800..0xdc00).contains(&first) {
        let mut after = rest.strip_prefix("\\u").unwrap_or_default();
        if let Some(second @ 0xdc00..0xe000) = hex(&mut after) {
            *rest = after;
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        }
    }
    Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hex(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    *rest = &rest[4..];
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescaped(literal: &str) -> Option<String> {
        let mut text = "text of another line".to_owned();
        unescape(literal, &mut text).map(str::to_owned)
    }

    #[test]
    fn one_string_is_distinguished_from_two() {
        for one in [r#""""#, r#""a""#, r#""\"""#, r#""\\""#, r#""\\\"""#, r#""a\\\"b\\""#, r#""\"\"a\"""#] {
            assert!(is_one_string(one.as_bytes()), "{one}");
        }
        for other in ["", r#"""#, "a", r#""a"#, r#""a","b""#, r#""a\""#, r#""\\"","b""#, r#""a"b""#, r#"""""#] {
            assert!(!is_one_string(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        assert_eq!(unescaped(r#""a\ud83d""#).unwrap(), "a\u{fffd}");
        assert_eq!(unescaped(r#""\ud83dx""#).unwrap(), "\u{fffd}x");
        assert_eq!(unescaped(r#""\ud83d\u0041""#).unwrap(), "\u{fffd}A");
        assert_eq!(unescaped(r#""\ude00""#).unwrap(), "\u{fffd}");
        assert_eq!(unescaped(r#""\ud83d\ude00""#).unwrap(), "😀");
    }

    #[test]
    fn an_invalid_escape_is_refused() {
        for literal in [r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""\u12ä""#, r#""\"#, "a", r#""a\ä""#] {
            assert_eq!(unescaped(literal), None, "{literal}");
        }
    }

    proptest! {
        #[test]
        fn both_looks_at_a_string_agree(inner in r#"[a"\\]{0,12}"#) {
            let literal = format!("\"{inner}\"");
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&literal.replace("\\a", "\\n")).is_ok();
            prop_assert_eq!(is_one_string(literal.as_bytes()), expected);
        }

        #[test]
        fn any_text_comes_back_as_it_was(text in r#"([^"]{0,20}["\\\n\x01]?){0,9}"#) {
            prop_assert_eq!(unescaped(&serde_json::to_string(&text).unwrap()).unwrap(), text);
        }

        #[test]
        fn every_escape_means_what_serde_json_takes_it_for(inner in r#"(\\["\\/bfnrtu]|[0-9a-f]{4}|x|ä){0,12}"#) {
            let literal = format!("\"{inner}\"");
            if let Ok(expected) = serde_json::from_str::<String>(&literal) {
                prop_assert_eq!(unescaped(&literal), Some(expected));
            }
        }

        #[test]
        fn no_bytes_panic(text in any::<String>(), escapes in r#""[\\u"a]{0,9}""#) {
            unescaped(&text);
            unescaped(&escapes);
            is_one_string(text.as_bytes());
        }
    }
}
