//! `s3://BUCKET/PREFIX`, as the AWS CLI has it.

use std::path::Path;

/// A bucket, and what the keys begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub bucket: String,
    pub prefix: String,
}

impl Place {
    /// None where the path is none of S3; an error where it is, and no bucket can have that name.
    pub fn of(path: &Path) -> Option<Result<Self, &'static str>> {
        let rest = path.to_str()?.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let place = Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        Some(if is_name(bucket) { Ok(place) } else { Err("write s3://BUCKET/PREFIX, with the name of a bucket") })
    }
}

/// By S3's rules for names of buckets.
fn is_name(bucket: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (3..=63).contains(&bucket.len()) && bucket.bytes().all(is_allowed) && !bucket.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() {
        let place = |text: &str| Place::of(Path::new(text));
        let of = |bucket: &str, prefix: &str| Some(Ok(Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() }));
        assert_eq!(place("s3://made-up/AWSLogs/1/"), of("made-up", "AWSLogs/1/"));
        assert_eq!(place("s3://made-up/"), of("made-up", ""));
        assert_eq!(place("s3://made.up"), of("made.up", ""));
        assert_eq!(place("s3:/made-up"), None);
        assert_eq!(place("AWSLogs/s3://made-up"), None);
        for wrong in ["s3://", "s3:///x", "s3://Made-Up/x", "s3://a", "s3://a..b", "s3://a b/x", "s3://x?y=z"] {
            assert!(matches!(place(wrong), Some(Err(_))), "{wrong}");
        }
    }
}
