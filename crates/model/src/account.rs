//! An AWS account: twelve digits, whatever else a record puts there.

use std::fmt;

use serde::{Serialize, Serializer};

/// Small, and harmless wherever it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(u64);

/// The digits of an account.
const DIGITS: usize = 12;

impl Account {
    /// None for any other text.
    pub fn of(text: &str) -> Option<Self> {
        is_account(text).then(|| text.parse().ok().map(Self)).flatten()
    }
}

/// Whether a text is an AWS account.
pub fn is_account(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.0, width = DIGITS)
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_digits_and_shown_as_they_are() {
        for text in ["111122223333", "000000000001"] {
            assert_eq!(Account::of(text).unwrap().to_string(), text);
        }
        for wrong in ["", "11112222333", "1111222233334", "11112222333a", "+11112222333", "１１１１", " 11112222333"]
        {
            assert_eq!(Account::of(wrong), None, "{wrong}");
        }
    }
}
