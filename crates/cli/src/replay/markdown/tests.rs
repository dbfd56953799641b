//! The post-mortem as a whole: it has the review's own numbers, and text of others is nothing but text.

use crate::replay::answer::HeadCount;
use crate::replay::html::testing::{HOSTILE, empty, flood, hostile, month};
use crate::replay::html::words;

use super::*;

/// A document of which more would be no post-mortem any more.
const BYTES_MAX: usize = 4 << 20;

fn document(review: &Review) -> String {
    let mut out = Vec::new();
    print(review, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What a reader of Markdown may take for markup: the text without code and without what is escaped.
fn markup(document: &str) -> String {
    let mut out = String::new();
    let mut rest = document;
    while let Some(begin) = rest.find(['`', '\\']) {
        out.push_str(&rest[..begin]);
        rest = &rest[begin..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            rest = &escaped[escaped.chars().next().map_or(0, char::len_utf8)..];
            continue;
        }
        let fence = rest.len() - rest.trim_start_matches('`').len();
        let inside = &rest[fence..];
        let end = inside.find(&rest[..fence]).expect("code is closed");
        assert!(!inside[..end].contains('\n'), "{inside}");
        rest = inside[end + fence..].trim_start_matches('`');
    }
    out + rest
}

#[test]
fn each_incident_has_its_impact_its_timeline_and_its_cause() {
    let review = month();
    let document = document(&review);
    let parts: Vec<&str> = document.split("\n## Incident ").skip(1).collect();
    assert_eq!(parts.len(), review.incidents.len());
    for (part, story) in parts.iter().zip(&review.incidents) {
        for heading in ["### Impact", "### Timeline", "### Cause and evidence"] {
            assert_eq!(part.matches(heading).count(), 1, "{heading}");
        }
        let head_count = words::head_count(&HeadCount::of(story));
        assert!(part.contains(&format!("affected:** {head_count} who called then or shortly before")), "{part}");
        assert!(part.contains(&format!(" {} first failed call", in_zone(story.began, None))), "{part}");
        assert!(part.contains(&format!("Whose fault: {}. ", in_words(&Fault::of(story)))), "{part}");
        for notice in &story.notices {
            assert!(part.contains(&in_zone(notice.at, None)), "{part}");
        }
    }
}

#[test]
fn the_summary_says_what_the_page_says() {
    let review = month();
    let document = document(&review);
    let said = in_a_sentence(&review, Answer::of(&review).as_ref());
    assert!(document.contains(&format!("## Summary\n\n{said}\n")), "{document}");
    assert!(document.contains("- **People affected:** 233 of 1\u{202f}402 people who called then or shortly before\n"));
    assert!(document.starts_with("# Post-mortem: AWS sign-in, 16 December 2026 to 14 January 2027\n"));
}

#[test]
fn the_timeline_is_in_order_of_time() {
    for part in document(&month()).split("### Timeline\n\n").skip(1) {
        let lines =
            part.lines().skip_while(|line| !line.starts_with("- 20")).take_while(|line| line.starts_with("- 20"));
        let times: Vec<&str> = lines.map(|line| &line[2..21]).collect();
        assert!(times.len() >= 3 && times.is_sorted(), "{times:?}");
    }
}

#[test]
fn what_only_people_know_is_left_to_be_filled_in() {
    let document = document(&month());
    assert!(document.matches("- [ ] ").count() >= 5 && document.contains("| Action | Owner | Due |"));
    let quiet = self::document(&empty());
    assert!(!quiet.contains("- [ ] ") && quiet.contains("Nothing was read that could be evaluated"), "{quiet}");
}

#[test]
fn text_of_others_is_nothing_but_text() {
    let document = document(&hostile());
    assert!(document.contains("alert") && HOSTILE.contains("<img"));
    let markup = markup(&document);
    for forbidden in ["<", "](", "![", "://", "@", "\u{202e}"] {
        assert!(!markup.contains(forbidden), "{forbidden}: {markup}");
    }
    // And none of it begins a line of its own.
    assert!(document.lines().all(|line| !line.starts_with("\\<")));
}

#[test]
fn a_flood_is_cut_and_says_so() {
    let document = document(&flood());
    assert!(document.len() < BYTES_MAX, "{}", document.len());
    assert_eq!(document.matches("\n## Incident ").count(), CLOSE_UPS_MAX);
    assert!(document.contains("1\u{202f}000 incidents more: `--format json` has all of them."));
    assert!(document.contains("- and 10 more notices\n"));
}
