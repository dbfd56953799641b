//! What lies beside a trail's log files.
//!
//! In: names of folders and files. Out: whether one of them is another service's, or a digest of the trail's; and what was left out
//! like that, in words. AWS puts them side by side: `AWSLogs/<account>/CloudTrail/`, `AWSLogs/<account>/Config/` and so
//! on, of an organization below `AWSLogs/<organization>/`. Nothing of them is opened.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use triage_model::account::is_account;
use triage_notify::words::counted;

use crate::openable::shown;

/// The folder of a trail's log files, and what it is called in their names.
pub const TRAIL: &str = "CloudTrail";

/// What a trail puts beside its log files, wherever these are.
const OF_A_TRAIL: [&str; 3] = ["CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated"];

/// So many are named.
const NAMED_MAX: usize = 20;

/// Where a folder is in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// `AWSLogs`, or an organization below it.
    AwsLogs,
    /// An account's.
    Account,
    Other,
}

impl Folder {
    /// Where the folder is that was asked for. What it is itself does not matter: whoever names it wants it.
    pub fn at(path: &Path) -> Self {
        let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        whole.components().fold(Self::Other, |folder, part| folder.below(part.as_os_str()))
    }

    /// Where the folder of that name in this one is.
    pub fn below(self, name: &OsStr) -> Self {
        let name = name.to_str().unwrap_or_default();
        match self {
            _ if name == "AWSLogs" => Self::AwsLogs,
            Self::AwsLogs if is_account(name.strip_prefix("aws-account-id=").unwrap_or(name)) => Self::Account,
            Self::AwsLogs if name.starts_with("o-") => Self::AwsLogs,
            Self::AwsLogs | Self::Account | Self::Other => Self::Other,
        }
    }

    /// Whether the folder of that name in this one lies beside a trail's log files.
    pub fn has_beside(self, name: &OsStr) -> bool {
        let is_of_another = match self {
            Self::Account => name != TRAIL,
            Self::AwsLogs | Self::Other => false,
        };
        is_of_another || OF_A_TRAIL.iter().any(|own| name == *own)
    }
}

/// Whether a file is named like one of another service's log files: `<account>_<service>_<region>_...`.
pub fn is_named_beside(name: &OsStr) -> bool {
    let mut parts = name.to_str().unwrap_or_default().split('_');
    let (Some(account), Some(service), Some(region), Some(_)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_account(account) && service != TRAIL && is_region(region)
}

/// `us-gov-west-1`: a newer region than we know of is one as well.
pub fn is_region(name: &str) -> bool {
    let mut parts = name.split('-');
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
    let (mut words, is_word) = (parts.peekable(), |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    (2..=4).contains(&first.len())
        && is_word(first)
        && words.peek().is_some()
        && words.all(is_word)
        && !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was left out.
#[derive(Debug, Default)]
pub struct LeftOut {
    folders: usize,
    files: usize,
    named: Vec<String>,
}

impl LeftOut {
    pub fn folder(&mut self, path: &Path) {
        self.folders += 1;
        self.name(path);
    }

    pub fn file(&mut self, path: &Path) {
        self.files += 1;
        self.name(path);
    }

    /// Takes up what was left out elsewhere.
    pub fn append(&mut self, other: Self) {
        self.folders += other.folders;
        self.files += other.files;
        self.named.extend(other.named.into_iter().take(NAMED_MAX.saturating_sub(self.named.len())));
    }

    fn name(&mut self, path: &Path) {
        if self.named.len() < NAMED_MAX {
            // Its last parts tell which it is, and leave room for the others.
            let parts: Vec<_> = path.components().rev().take(2).collect();
            let last: std::path::PathBuf = parts.into_iter().rev().collect();
            self.named.push(shown(&last));
        }
    }

    /// One line for all of it; None where nothing was left out.
    pub fn in_words(&self) -> Option<String> {
        let kinds = [(self.folders, "folder"), (self.files, "file")];
        let counts: Vec<String> =
            kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(count, what)).collect();
        let more = self.folders + self.files - self.named.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (counts, named) = (counts.join(" and "), self.named.join(", "));
        (!counts.is_empty()).then(|| format!("{counts} beside a trail's log files left alone: {named}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_account_s_folder_only_the_trail_is_read() {
        for (path, beside) in [
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/25", None),
            ("AWSLogs/111122223333/Config/us-east-1/2026", Some("Config")),
            ("AWSLogs/o-a1b2c3d4e5/111122223333/GuardDuty/us-east-1", Some("GuardDuty")),
            ("o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/111122223333/vpcflowlogs", Some("vpcflowlogs")),
            ("prefix/AWSLogs/o-a1b2c3d4e5/111122223333/CloudTrail/us-east-1", None),
            ("AWSLogs/111122223333/CloudTrail-Digest/us-east-1", Some("CloudTrail-Digest")),
            ("somewhere/CloudTrail-Insight/us-east-1", Some("CloudTrail-Insight")),
            ("AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs", Some("aws-service=vpcflowlogs")),
            ("somewhere/111122223333/Config", None),
            ("AWSLogs/exported/Config", None),
        ] {
            let mut folder = Folder::Other;
            let found = path.split('/').find(|name| {
                let is_beside = folder.has_beside(name.as_ref());
                folder = folder.below(name.as_ref());
                is_beside
            });
            assert_eq!(found, beside, "{path}");
        }
    }

    #[test]
    fn a_file_is_told_by_its_name_where_nothing_else_is_left_of_its_path() {
        for (name, beside) in [
            ("111122223333_CloudTrail_us-east-1_20261125T0135Z_Xyz.json.gz", false),
            ("111122223333_CloudTrail-Digest_us-east-1_made-up_us-east-1_20261125T013500Z.json.gz", true),
            ("111122223333_Config_us-gov-west-1_ConfigSnapshot_20261125T013500Z_made-up.json.gz", true),
            ("111122223333_vpcflowlogs_us-east-1_fl-1234_20261125T0135Z_made-up.log.gz", true),
            ("111122223333_elasticloadbalancing_ap-southeast-2_app.made-up_20261125T0135Z.log.gz", true),
            ("111122223333_sign-ins_of_november.json", false),
            ("export_of_us-east-1_a.json", false),
        ] {
            assert_eq!(is_named_beside(name.as_ref()), beside, "{name}");
        }
    }

    #[test]
    fn what_was_left_out_is_one_line_and_twenty_are_named() {
        let mut left = LeftOut::default();
        assert_eq!(left.in_words(), None);
        left.folder(Path::new("/made/up/AWSLogs/111122223333/Config"));
        assert_eq!(left.in_words().unwrap(), "1 folder beside a trail's log files left alone: 111122223333/Config");
        for number in 0..30 {
            left.file(&Path::new("AWSLogs").join(format!("{number}.json.gz")));
        }
        let words = left.in_words().unwrap();
        assert!(words.starts_with("1 folder and 30 files beside a trail's log files left alone: "), "{words}");
        assert!(words.ends_with("AWSLogs/18.json.gz and 11 more"), "{words}");
    }
}
