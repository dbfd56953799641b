//! A part of a region that can fail by itself, as data.
//!
//! A [`Cell`] is the region as a whole, an operation, a grant of CreateToken, or what callers have in common: an
//! application, a tool, a network, an account. It answers one question: is this call in it? ([`Cell::has`])

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use triage_model::grant::Grant;
use triage_model::observation::Operation;

use crate::evidence::mark::Traits;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Cell {
    Region,
    Operation(Operation),
    /// Of CreateToken.
    Grant(Grant),
    Shared(Dimension, u16),
}

/// What callers may have in common, by a hash of its name in their [`Traits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Of CreateTokenWithIAM.
    Application,
    /// With its version.
    Tool,
    /// A tool without its version.
    Product,
    /// An address, or a log group.
    Network,
    /// The AWS account whose record or log it was.
    Account,
}

/// The grants of CreateToken that are cells: all others are too rare to be tested by themselves.
const GRANTS: [Grant; 3] = [Grant::DeviceCode, Grant::RefreshToken, Grant::AuthorizationCode];

impl Dimension {
    pub const ALL: [Self; 5] = [Self::Application, Self::Tool, Self::Product, Self::Network, Self::Account];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Tool => "tool",
            Self::Product => "product",
            Self::Network => "network",
            Self::Account => "account",
        }
    }

    /// Whether it is tested as a cell of its own. Most stacks see one account: that test would be the region's once more,
    /// with a lower threshold.
    pub const fn is_tested(self) -> bool {
        !matches!(self, Self::Account)
    }

    /// The hash that a call has of it; None where that is not known.
    pub fn of(self, traits: &Traits) -> Option<u16> {
        let hash = match self {
            Self::Application => traits.application,
            Self::Tool => traits.tool,
            Self::Product => traits.product,
            Self::Network => traits.network,
            Self::Account => traits.account,
        };
        Some(hash).filter(|hash| *hash != 0)
    }
}

impl Cell {
    /// The region, its operations and its grants.
    pub fn fixed() -> impl Iterator<Item = Self> {
        let operations = Operation::ALL.into_iter().map(Self::Operation);
        std::iter::once(Self::Region).chain(operations).chain(GRANTS.into_iter().map(Self::Grant))
    }

    /// How many cells are fixed: each may page falsely, so each gets its share of the false pages allowed.
    pub const FIXED: usize = 1 + Operation::ALL.len() + GRANTS.len();

    pub fn has(self, operation: Option<Operation>, traits: &Traits) -> bool {
        match self {
            Self::Region => true,
            Self::Operation(own) => operation == Some(own),
            Self::Grant(own) => operation == Some(Operation::CreateToken) && traits.grant == Some(own),
            Self::Shared(dimension, own) => dimension.of(traits) == Some(own),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region => f.write_str("region"),
            Self::Operation(operation) => write!(f, "{operation}"),
            Self::Grant(grant) => write!(f, "{}/{}", Operation::CreateToken, grant.as_str()),
            Self::Shared(dimension, hash) => write!(f, "{}/{hash:04x}", dimension.as_str()),
        }
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> Self {
        cell.to_string()
    }
}

/// A cell that another release wrote.
#[derive(Debug, thiserror::Error)]
#[error("not a cell: {0:?}")]
pub struct NotACell(String);

impl TryFrom<String> for Cell {
    type Error = NotACell;

    fn try_from(text: String) -> Result<Self, NotACell> {
        text.parse()
    }
}

impl FromStr for Cell {
    type Err = NotACell;

    fn from_str(text: &str) -> Result<Self, NotACell> {
        if let Some(cell) = Self::fixed().find(|cell| cell.to_string() == text) {
            return Ok(cell);
        }
        let shared = text.split_once('/').and_then(|(name, hash)| {
            let dimension = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name)?;
            Some(Self::Shared(dimension, u16::from_str_radix(hash, 16).ok()?))
        });
        shared.ok_or_else(|| NotACell(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_read_as_it_is_written() {
        let shared = Dimension::ALL.into_iter().map(|dimension| Cell::Shared(dimension, 0x0a1b));
        for cell in Cell::fixed().chain(shared) {
            assert_eq!(cell.to_string().parse::<Cell>().unwrap(), cell);
            let json = serde_json::to_string(&cell).unwrap();
            assert_eq!(serde_json::from_str::<Cell>(&json).unwrap(), cell, "{json}");
        }
        assert_eq!(Cell::fixed().count(), Cell::FIXED);
        assert!("planet".parse::<Cell>().is_err() && "tool/xyz".parse::<Cell>().is_err());
    }

    #[test]
    fn a_cell_has_its_own_calls_and_no_others() {
        let refresh = Traits { grant: Some(Grant::RefreshToken), tool: 7, product: 8, ..Traits::default() };
        let token = Some(Operation::CreateToken);
        let has = |cell: Cell| cell.has(token, &refresh);
        assert!(has(Cell::Region) && has(Cell::Operation(Operation::CreateToken)));
        assert!(has(Cell::Grant(Grant::RefreshToken)) && !has(Cell::Grant(Grant::DeviceCode)));
        assert!(has(Cell::Shared(Dimension::Tool, 7)) && !has(Cell::Shared(Dimension::Product, 7)));
        assert!(!has(Cell::Shared(Dimension::Network, 0)), "what is unknown is shared with nobody");
        assert!(!Cell::Grant(Grant::RefreshToken).has(Some(Operation::CreateTokenWithIam), &refresh));
        assert!(!Cell::Operation(Operation::CreateToken).has(None, &refresh));
    }
}
