//! What a bucket has, page by page (`ListObjectsV2`).
//!
//! In: a question, and S3's answer in XML. Out: the question as a path, and a [`Page`] of keys.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use crate::s3::escaped;

/// Which keys are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    pub prefix: String,
    /// Only keys behind this one.
    pub after: Option<String>,
    /// Not what is below the next `/`, but the name up to it.
    pub is_flat: bool,
    /// At most so many.
    pub most: Option<u32>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    /// In bytes.
    pub size: u64,
}

/// Up to a thousand keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub objects: Vec<Listed>,
    /// What keys have in common up to the next `/`, with it.
    pub folders: Vec<String>,
}

pub fn path(question: &Question, next: Option<&str>) -> String {
    let Question { prefix, after, is_flat, most } = question;
    let most = most.map(|most| most.to_string());
    let named = [
        ("prefix", Some(prefix.as_str()).filter(|prefix| !prefix.is_empty())),
        ("delimiter", is_flat.then_some("/")),
        ("start-after", after.as_deref()),
        ("continuation-token", next),
        ("max-keys", most.as_deref()),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
    named.fold("?list-type=2".to_owned(), |path, (name, value)| {
        // A slash need not, but may be escaped in a query; SigV4 has it so.
        format!("{path}&{name}={}", escaped(value).replace('/', "%2F"))
    })
}

/// The page, and the token of the next one.
pub fn page_of(body: &[u8]) -> Result<(Page, Option<String>), XmlDecodeError> {
    let text = str::from_utf8(body).map_err(XmlDecodeError::unhandled)?;
    let mut document = Document::new(text);
    let mut root = document.root_element()?;
    // The decoder takes what is cut off for the end.
    if root.start_el().local() != "ListBucketResult" || !text.trim_end().ends_with("</ListBucketResult>") {
        return Err(XmlDecodeError::custom("it is no whole ListBucketResult"));
    }
    let (mut page, mut next, mut goes_on) = (Page::default(), None, false);
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "Contents" => page.objects.push(listed(&mut tag)?),
            "CommonPrefixes" => page.folders.extend(text_of(&mut tag, "Prefix")?),
            "NextContinuationToken" => next = Some(try_data(&mut tag)?.into_owned()),
            "IsTruncated" => goes_on = try_data(&mut tag)? == "true",
            _ => {}
        }
    }
    if goes_on && next.is_none() {
        return Err(XmlDecodeError::custom("it goes on, and does not say where"));
    }
    Ok((page, next))
}

fn listed(tag: &mut ScopedDecoder<'_, '_>) -> Result<Listed, XmlDecodeError> {
    let (mut key, mut size) = (None, None);
    while let Some(mut inner) = tag.next_tag() {
        match inner.start_el().local() {
            "Key" => key = Some(try_data(&mut inner)?.into_owned()),
            "Size" => size = Some(try_data(&mut inner)?.parse().map_err(XmlDecodeError::unhandled)?),
            _ => {}
        }
    }
    match key.zip(size) {
        Some((key, size)) if !String::is_empty(&key) => Ok(Listed { key, size }),
        Some(_) | None => Err(XmlDecodeError::custom("an object has no key or no size")),
    }
}

fn text_of(tag: &mut ScopedDecoder<'_, '_>, name: &str) -> Result<Option<String>, XmlDecodeError> {
    let mut text = None;
    while let Some(mut inner) = tag.next_tag() {
        if inner.start_el().local() == name {
            text = Some(try_data(&mut inner)?.into_owned());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_path_that_s3_reads_back() {
        let all = Question { prefix: "AWSLogs/a b/".to_owned(), ..Question::default() };
        assert_eq!(path(&all, None), "?list-type=2&prefix=AWSLogs%2Fa%20b%2F");
        let some = Question { after: Some("x/y".to_owned()), is_flat: true, most: Some(1), ..Question::default() };
        assert_eq!(
            path(&some, Some("1+/=")),
            "?list-type=2&delimiter=%2F&start-after=x%2Fy&continuation-token=1%2B%2F%3D&max-keys=1"
        );
    }

    #[test]
    fn a_page_is_read_whatever_else_is_in_it() {
        let page = |inner: &str| {
            page_of(format!("<?xml version=\"1.0\"?><ListBucketResult>{inner}</ListBucketResult>").as_bytes())
        };
        let (found, next) = page(
            "<Name>b</Name><Contents><Key>a&amp;b/c.json</Key><LastModified>x</LastModified><Size>7</Size><Owner><ID>1</ID></Owner>\
             </Contents><CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>n</NextContinuationToken>",
        )
        .unwrap();
        assert_eq!(found.objects, [Listed { key: "a&b/c.json".to_owned(), size: 7 }]);
        assert_eq!((found.folders, next.as_deref()), (vec!["d/".to_owned()], Some("n")));
        assert_eq!(page("").unwrap(), (Page::default(), None));
        for wrong in [
            "<Contents><Key>a</Key><Size>many</Size></Contents>",
            "<IsTruncated>true</IsTruncated>",
            "<Contents><Key>a</Key></Contents>",
            "<Contents><Key/><Size>1</Size></Contents>",
        ] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
        for wrong in
            [b"" as &[u8], b"<html/>", b"\xff", b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Conte"]
        {
            assert!(page_of(wrong).is_err());
        }
    }
}
