//! The files of the status page, as whoever serves them needs them.

use crate::status::data::Status;
use crate::status::document::document;
use crate::status::feed::feed;
use crate::status::page::page;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: &'static str,
    pub content_type: &'static str,
    pub body: String,
}

/// Written each time, for the time in them.
pub fn fresh(status: &Status<'_>) -> [File; 2] {
    [
        File { name: "status.json", content_type: "application/json", body: document(status) },
        File { name: "index.html", content_type: "text/html; charset=utf-8", body: page(status) },
    ]
}

/// Written where it is another one than before.
pub fn news(status: &Status<'_>) -> File {
    File { name: "feed.xml", content_type: "application/rss+xml; charset=utf-8", body: feed(status) }
}
