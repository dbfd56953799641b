//! AWS regions: which names are real.
//!
//! In: a name as an event spells it. Out: a [`Region`], or nothing for a misspelt one. A region newer than this list is
//! known as soon as the stack's settings name it ([`KnownRegions`]).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a region that exists, such as `eu-central-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(Box<str>);

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which names are real: AWS's own list and what the settings add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownRegions {
    configured: Vec<Region>,
}

impl KnownRegions {
    /// `configured` are the names in our own settings: an operator may know regions newer than the list.
    pub fn with(configured: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self { configured: configured.into_iter().map(|name| Region(name.as_ref().into())).collect() }
    }

    /// The names of all of them, those that were configured last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        REGIONS.iter().copied().chain(self.configured.iter().map(|region| &*region.0))
    }

    /// The region of that name, if it is a real one. Letter case and surrounding space do not matter.
    pub fn find(&self, name: &str) -> Option<Region> {
        let name = name.trim();
        let same = |known: &str| known.eq_ignore_ascii_case(name);
        let listed = REGIONS.iter().copied().find(|known| same(known));
        listed.map(|known| Region(known.into())).or_else(|| self.configured.iter().find(|r| same(&r.0)).cloned())
    }
}

/// Every region of every partition, from the SDKs' partition file (November 2026).
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// Whether a name has the form of a region's, such as `sa-west-1`: letters, a direction, one digit. It distinguishes a
/// region newer than our list from a misspelt one.
pub fn is_well_formed(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let [geography, .., direction, number] = parts.as_slice() else { return false };
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    letters(geography)
        && parts[1..parts.len() - 2].iter().all(letters)
        && DIRECTIONS.contains(direction)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

const DIRECTIONS: &[&str] =
    &["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_region_is_well_formed_and_a_misspelt_one_is_not() {
        assert!(REGIONS.iter().all(|name| is_well_formed(name)));
        for misspelt in ["us-esat-1", "us-east", "us-east-11", "useast-1", "US-EAST-1", "", "-", "us--east-1"] {
            assert!(!is_well_formed(misspelt), "{misspelt}");
        }
    }

    #[test]
    fn a_misspelt_region_is_not_one() {
        let known = KnownRegions::default();
        assert_eq!(known.find("us-esat-1"), None);
        assert_eq!(known.find("us-east-9"), None);
        assert_eq!(known.find(""), None);
        assert_eq!(known.find(" EU-Central-1 ").unwrap().as_str(), "eu-central-1");
    }

    #[test]
    fn a_region_newer_than_the_list_is_known_once_configured() {
        assert_eq!(KnownRegions::with(["sa-west-1"]).find("sa-west-1").unwrap().as_str(), "sa-west-1");
    }
}
