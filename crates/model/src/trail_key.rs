//! The key of a CloudTrail file in a bucket: which account's and region's records are in it.
//!
//! In: a key as S3 has it, decoded. Out: a [`TrailKey`], or nothing for any other object (digests, Insights, Config). A file's
//! name repeats its folders, so a key that contradicts itself is none.

use crate::account::is_account;
use crate::region::is_well_formed;

/// `[prefix/]AWSLogs/[o-organization/]<account>/CloudTrail/<region>/YYYY/MM/DD/<account>_CloudTrail_<region>_<time>_<id>.json.gz`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailKey<'a> {
    /// What the trail puts before `AWSLogs`: empty, or with a `/` at its end.
    pub prefix: &'a str,
    /// Of an organization's trail.
    pub organization: Option<&'a str>,
    pub account: &'a str,
    /// As it is spelt: of a region's form, and perhaps none that exists.
    pub region: &'a str,
    /// The day of its folder: `YYYY/MM/DD`.
    pub day: &'a str,
    /// When CloudTrail made the file, to the minute: `YYYYMMDDTHHMMZ`.
    pub time: &'a str,
}

const ROOT: &str = "AWSLogs";
const KIND: &str = "CloudTrail";
const ENDING: &str = ".json.gz";

impl<'a> TrailKey<'a> {
    /// None for the key of anything else.
    pub fn of(key: &'a str) -> Option<Self> {
        let (folder, file) = key.rsplit_once('/')?;
        let day = folder.get(folder.len().checked_sub("YYYY/MM/DD".len())?..)?;
        let folder = folder.strip_suffix(day)?.strip_suffix('/')?;
        let (folder, region) = folder.rsplit_once('/')?;
        let (folder, account) = folder.strip_suffix(KIND)?.strip_suffix('/')?.rsplit_once('/')?;
        let (organization, folder) = match folder.rsplit_once('/') {
            Some((before, name)) if is_organization(name) => (Some(name), before),
            _ => (None, folder),
        };
        let prefix = folder.strip_suffix(ROOT)?;
        let rest = file.strip_prefix(account)?.strip_prefix('_')?.strip_prefix(KIND)?.strip_prefix('_')?;
        let rest = rest.strip_prefix(region)?.strip_prefix('_')?.strip_suffix(ENDING)?;
        let (time, id) = rest.split_once('_')?;
        let is_sound = is_prefix(prefix)
            && is_account(account)
            && is_well_formed(region)
            && has_form(day, "9999/99/99")
            && has_form(time, "99999999T9999Z")
            && !id.is_empty()
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_sound.then_some(Self { prefix, organization, account, region, day, time })
    }
}

fn is_organization(name: &str) -> bool {
    let id = name.strip_prefix("o-");
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Empty, or folders. None that an HTTP client or a proxy may take for another one.
fn is_prefix(prefix: &str) -> bool {
    prefix.strip_suffix('/').map_or(prefix.is_empty(), |folders| {
        folders.split('/').all(|folder| !matches!(folder, "" | "." | "..") && !folder.contains(char::is_control))
    })
}

/// Whether the text is as long as the form, with a digit for each 9 and the same letter for each other.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'9' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "111122223333_CloudTrail_us-east-1_20261122T1155Z_aB3dE5fG7hJ9kL1m.json.gz";

    fn key(before: &str) -> String {
        format!("{before}AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/22/{FILE}")
    }

    #[test]
    fn a_key_names_its_account_and_region() {
        let plain = TrailKey {
            prefix: "",
            organization: None,
            account: "111122223333",
            region: "us-east-1",
            day: "2026/11/22",
            time: "20261122T1155Z",
        };
        assert_eq!(TrailKey::of(&key("")), Some(plain));
        assert_eq!(TrailKey::of(&key("o-a1b2c3d4e5/")), Some(TrailKey { prefix: "o-a1b2c3d4e5/", ..plain }));
        assert_eq!(TrailKey::of(&key("AWSLogs/x y/")), Some(TrailKey { prefix: "AWSLogs/x y/", ..plain }));
        let of_organization =
            format!("o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/111122223333/CloudTrail/us-east-1/2026/11/22/{FILE}");
        let found = TrailKey { prefix: "o-a1b2c3d4e5/", organization: Some("o-a1b2c3d4e5"), ..plain };
        assert_eq!(TrailKey::of(&of_organization), Some(found));
    }

    #[test]
    fn the_key_of_anything_else_is_none() {
        let good = key("");
        for (part, other) in [
            ("AWSLogs", "awslogs"),
            ("/CloudTrail/", "/CloudTrail-Digest/"),
            ("/CloudTrail/", "/CloudTrail-Insight/"),
            ("/CloudTrail/", "/Config/"),
            ("_CloudTrail_", "_CloudTrail-Digest_"),
            ("_CloudTrail_", "_elasticloadbalancing_"),
            ("AWSLogs/111122223333", "AWSLogs/444455556666"),
            ("/111122223333_", "/444455556666_"),
            ("/us-east-1/", "/eu-west-1/"),
            ("us-east-1", "us-east"),
            ("us-east-1", "US-EAST-1"),
            ("2026/11/22", "2026/11"),
            ("2026/11/22", "2026/11/2x"),
            ("20261122T1155Z", "20261122"),
            ("_aB3dE5fG7hJ9kL1m", ""),
            ("_aB3dE5fG7hJ9kL1m", "_a/b"),
            (".json.gz", ".json"),
            (".json.gz", ".json.gz.bak"),
            ("111122223333", "11112222333"),
        ] {
            assert!(good.contains(part), "{part}");
            assert_eq!(TrailKey::of(&good.replace(part, other)), None, "{part}: {other}");
        }
        for before in ["/", "../", "a/../", "a//", "./", "a\n/", "x", "o-a1b2c3d4e5"] {
            assert_eq!(TrailKey::of(&key(before)), None, "{before}");
        }
        for none in ["", "/", "a", &"/".repeat(40), "AWSLogs/", FILE, "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}/a"] {
            assert_eq!(TrailKey::of(none), None, "{none}");
        }
    }

    proptest! {
        /// No text makes it fail, and each that is taken can be put together again out of its parts.
        #[test]
        fn what_is_taken_is_whole(key in "([a-z./o-]{0,6}/)?(AWSLogs/)?(o-[a-z0-9]{0,3}/)?[0-9]{11,12}/CloudTrail/[a-z]{2}-(east|west)-[0-9]/2026/11/2[0-9]/.{0,9}_CloudTrail_.{0,60}") {
            if let Some(found) = TrailKey::of(&key) {
                let TrailKey { prefix, organization, account, region, day, .. } = found;
                let organization = organization.map(|id| format!("{id}/")).unwrap_or_default();
                let start = format!("{prefix}AWSLogs/{organization}{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_");
                prop_assert!(key.starts_with(&start), "{}", start);
            }
        }
    }
}
