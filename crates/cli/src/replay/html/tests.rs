//! The page as a whole: well-formed, harmless, bounded, and with the review's own numbers.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::classify::Cause;
use triage_notify::notice::NoticeKind;
use triage_notify::place::HEALTH_PAGE;

use crate::replay::html::chart::causes::{CHARTED, failures};
use crate::replay::html::chart::numbers;
use crate::replay::html::page::{POLICY, SCRIPT, STYLE, page};
use crate::replay::html::shown::{STORIES_MAX, anchor};
use crate::replay::html::testing::{HOSTILE, empty, flood, hostile, month};
use crate::replay::html::words::{self, Number};
use crate::replay::review::{Review, Story};

/// A page of which more would be no page any more.
const PAGE_MAX: usize = 24 << 20;

/// A piece of a page.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Begin { name: &'a str, attributes: Vec<(&'a str, &'a str)>, empty: bool },
    End(&'a str),
    Text(&'a str),
}

/// Reads a page as strictly as an XML parser, and fails where that would.
fn pieces(page: &str) -> Vec<Piece<'_>> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("begins as HTML does");
    let (mut pieces, mut open) = (Vec::new(), Vec::new());
    while let Some(begin) = rest.find('<') {
        if begin > 0 {
            pieces.push(Piece::Text(well_escaped(&rest[..begin])));
        }
        let end = begin + rest[begin..].find('>').expect("a tag is closed");
        let tag = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "elements are nested");
            pieces.push(Piece::End(name));
            continue;
        }
        let (tag, empty) = tag.strip_suffix(" /").map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
        pieces.push(Piece::Begin { name, attributes: attributes_of(attributes), empty });
        if !empty {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    pieces
}

fn attributes_of(mut rest: &str) -> Vec<(&str, &str)> {
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a value is quoted");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
        assert!(!attributes.iter().any(|(other, _)| *other == name), "{name} twice");
        let (value, after) = value.split_once('"').expect("a quote is closed");
        attributes.push((name, well_escaped(value)));
        rest = after.strip_prefix(' ').unwrap_or(after);
        assert!(after.is_empty() || after.len() > rest.len(), "{after}");
    }
    attributes
}

fn well_escaped(text: &str) -> &str {
    for (place, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().any(|known| text[place..].starts_with(known));
        assert!(known, "{}", &text[place..]);
    }
    text
}

fn elements(page: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let begins = |piece| match piece {
        Piece::Begin { name, attributes, .. } => Some((name, attributes)),
        Piece::End(_) | Piece::Text(_) => None,
    };
    pieces(page).into_iter().filter_map(begins).collect()
}

fn value<'a>(attributes: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(attribute, _)| *attribute == name).map(|(_, value)| *value)
}

/// The texts in each row of the table with that id.
fn table(page: &str, id: &str) -> Vec<Vec<String>> {
    let begin = page.find(&format!("id=\"{id}\"")).unwrap();
    let table = &page[begin..begin + page[begin..].find("</table>").unwrap()];
    let text = |cell: &str| {
        let cell = &cell[cell.find('>').unwrap() + 1..];
        cell.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<String>()
    };
    let cells = |row: &str| row.replace("<time", "<i").split("<t").skip(1).map(text).collect();
    table.split("<tr>").skip(1).map(cells).collect()
}

/// Every page, made once.
fn all() -> &'static [(&'static str, String)] {
    static PAGES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
        let reviews = [("month", month()), ("hostile", hostile()), ("empty", empty()), ("flood", flood())];
        reviews.into_iter().map(|(name, review)| (name, page(&review))).collect()
    });
    &PAGES
}

fn made(name: &str) -> &'static str {
    &all().iter().find(|(page, _)| *page == name).unwrap().1
}

#[test]
fn every_page_is_well_formed_and_no_id_is_there_twice() {
    for (name, page) in all() {
        let mut ids: Vec<&str> =
            elements(page).into_iter().filter_map(|(_, attributes)| value(&attributes, "id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}");
    }
}

#[test]
fn every_link_leads_into_the_page_or_to_aws_own_word() {
    for (name, page) in all() {
        let elements = elements(page);
        let is_there = |id: &str| elements.iter().any(|(_, attributes)| value(attributes, "id") == Some(id));
        let links: std::collections::BTreeSet<(&str, &str)> = elements
            .iter()
            .filter_map(|(element, attributes)| value(attributes, "href").map(|link| (*element, link)))
            .collect();
        for (element, link) in links {
            let ours = link.strip_prefix('#').is_some_and(is_there);
            assert!(ours || (element == "a" && link == HEALTH_PAGE), "{name}: {element} {link}");
        }
    }
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    for (name, page) in all() {
        for (element, attributes) in elements(page) {
            for (attribute, value) in attributes {
                assert!(
                    !["src", "srcset", "style", "action", "data", "poster"].contains(&attribute),
                    "{name}: {element}"
                );
                assert!(!attribute.starts_with("on"), "{name}: {element} {attribute}");
                assert!(attribute == "href" || !value.contains("//"), "{name}: {element} {attribute}={value}");
            }
            assert!(
                !["link", "img", "iframe", "object", "embed", "base", "form"].contains(&element),
                "{name}: {element}"
            );
        }
    }
    for ours in [STYLE, SCRIPT] {
        assert!(!ours.contains("http") && !ours.contains("@import") && !ours.contains(['<', '&']));
    }
    let loads = STYLE.split("url(").skip(1);
    assert!(loads.into_iter().all(|load| load.starts_with('#')));
}

#[test]
fn the_page_allows_its_own_style_and_script_and_nothing_else() {
    let hash = |ours: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(ours)));
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    let policy =
        format!("default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'");
    assert_eq!(POLICY, policy, "write these into POLICY");
}

#[test]
fn hostile_text_is_nothing_but_text() {
    let page = made("hostile");
    assert!(!page.contains("<img") && !page.contains("alert(1)</script>") && !page.contains('\u{202e}'));
    assert_eq!(page.matches("<script").count(), 1);
    let shown = "&lt;/script&gt;&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;";
    assert!(page.matches(shown).count() > 300, "{}", page.matches(shown).count());
    assert!(HOSTILE.starts_with("</script></style><script>alert(1)</script>"));
}

#[test]
fn a_flood_is_cut_and_says_so() {
    let page = made("flood");
    assert!(page.len() < PAGE_MAX, "{}", page.len());
    let sections = page.matches("class=\"incident\"").count();
    assert!((20..STORIES_MAX).contains(&sections), "{sections}");
    assert!(page.contains(&format!("{} incidents more would have been declared", Number(1200 - sections as u64))));
    assert!(page.contains("more notices between"));
    let few = made("month");
    assert!(few.len() < 300_000, "{}", few.len());
    assert!(!few.contains("more would have been declared"));
}

#[test]
fn bands_and_marks_and_columns_lie_within_the_chart() {
    let mut review = month();
    // A clock ran ahead, and one behind.
    review.incidents[0].began -= SignedDuration::from_hours(9000);
    review.incidents[1].notices[0].at -= SignedDuration::from_hours(9000);
    let page = page(&review);
    let percent = |value: Option<&str>| value.and_then(|value| value.strip_suffix('%')?.parse::<f64>().ok());
    let (mut rectangles, mut marks) = (0, 0);
    for (name, attributes) in elements(&page) {
        let x = percent(value(&attributes, "x")).or_else(|| percent(value(&attributes, "x1")));
        let Some(x) = x else { continue };
        let end = x + percent(value(&attributes, "width")).unwrap_or(0.0);
        assert!(x >= 0.0 && end <= 100.001, "{name} {attributes:?}");
        rectangles += usize::from(name == "rect");
        marks += usize::from(name == "use");
    }
    assert!(rectangles > 300, "{rectangles}");
    assert_eq!(marks, review.notices());
}

#[test]
fn the_numbers_of_the_tables_are_the_accounts() {
    let review = month();
    let page = page(&review);
    let rows = table(&page, "the-causes");
    let count = |name: &str| rows.iter().find(|row| row[0] == name).unwrap()[1].clone();
    for cause in Cause::ALL {
        assert_eq!(count(cause.as_str()), Number(words::count(&review.counts, cause)).to_string());
    }
    assert_eq!(count("served"), Number(review.counts.success).to_string());
    assert_eq!(count("duplicate"), "214");

    let rows = table(&page, "the-numbers");
    let (bins, _) = numbers::rows(&review.chart.bins);
    assert_eq!(rows.len(), bins.len() + 1);
    for (row, bin) in rows[1..].iter().zip(bins) {
        let failures = CHARTED.map(|cause| bin.failures.get(&cause).copied().unwrap_or(0));
        let numbers = failures.into_iter().chain([bin.callers, bin.served]).map(|number| Number(number).to_string());
        let at = bin.at.strftime("%Y-%m-%d %H:%M").to_string();
        assert_eq!(*row, [at].into_iter().chain(numbers).collect::<Vec<_>>());
    }
}

#[test]
fn of_too_many_columns_those_with_the_most_failures_are_listed_in_order_of_time() {
    let review = month();
    let (bins, all) = numbers::rows(&review.chart.bins);
    assert!(all > bins.len() && bins.len() == numbers::ROWS_MAX);
    assert!(bins.is_sorted_by_key(|bin| bin.at));
    let least = bins.iter().map(|bin| failures(bin)).min().unwrap();
    let more = review.chart.bins.iter().filter(|bin| failures(bin) > least).count();
    assert!(more <= bins.len());
}

/// What the page says of an incident: its row, its section and the name of its band.
fn said(page: &str, place: usize, story: &Story) -> [String; 3] {
    let cut = |begin: &str, end: &str| {
        let from = page.find(begin).unwrap_or_else(|| panic!("{begin}"));
        page[from..from + page[from..].find(end).unwrap()].to_owned()
    };
    let number = place + 1;
    let row = cut(&format!("data-name=\"No.\" data-sort=\"{place}\""), "</tr>");
    let section = cut(&format!("<section id=\"{}\"", anchor(story)), "</section>");
    [row, section, cut(&format!("<title>Incident {number}: "), "</title>")]
}

#[test]
fn how_long_how_many_and_where_is_the_same_in_the_table_in_the_section_and_in_the_chart() {
    let review = month();
    let page = page(&review);
    for (place, story) in review.incidents.iter().enumerate() {
        let all @ [row, section, band] = &said(&page, place, story);
        if let Some(lasted) = story.lasted() {
            assert_eq!(lasted, Duration::try_from(story.latest.unwrap().duration_since(story.began)).unwrap());
            let lasted = words::lasted(story);
            assert!(row.contains(&format!(">{lasted}<")) && section.contains(&format!(" UTC ({lasted}), ")), "{all:?}");
            assert!(band.contains(&format!("lasted {lasted}")), "{band}");
            assert_eq!(section.contains("confirmed over at"), story.proved, "{section}");
            assert_eq!(section.contains("not confirmed, taken as over"), !story.proved, "{section}");
        }
        let callers = words::callers(story);
        let number = callers.trim_end_matches(" callers");
        assert!(row.contains(&format!(">{number}<")) && band.ends_with(&callers), "{all:?}");
        assert!(section.contains(&format!("{callers} hit. ")), "{section}");
        let evidence = section.split("<dt>Callers</dt>").nth(1);
        let listed = format!("<b>{}</b>", Number(story.callers as u64));
        assert!(evidence.is_none_or(|evidence| evidence.contains(&listed)), "{section}");
        let scope = story.scope_in_words().unwrap_or_default();
        assert!(all.iter().all(|said| said.contains(&scope)), "{scope} {all:?}");
    }
    let scoped = review.incidents.iter().filter(|story| story.scope_in_words().is_some()).count();
    assert_eq!(scoped, 2);
}

#[test]
fn what_looks_false_is_said_as_it_is_decided() {
    let mut review = month();
    let story = &mut review.incidents[1];
    assert_eq!((story.diagnosis, story.callers), (Diagnosis::Degraded, 3));
    assert!(words::LOOKS_FALSE.contains("less than 5 minutes, hit fewer than 5 callers"));
    story.callers = 4;
    story.latest = Some(story.began + SignedDuration::from_secs(299));
    assert!(story.looks_false());
    story.callers = 5;
    assert!(!story.looks_false());
    story.callers = 4;
    story.latest = Some(story.began + SignedDuration::from_secs(300));
    assert!(!story.looks_false());
}

#[test]
fn the_verdict_comes_first_and_counts_the_pages() {
    let mut review = month();
    let told = |review: &Review| {
        let page = page(review);
        let begin = page.find("class=\"verdict\"").unwrap();
        page[begin..begin + page[begin..].find("</p>").unwrap()].to_owned()
    };
    assert!(
        told(&review)
            .contains("<strong>11 incidents</strong>; 3 of these pages look false: each was of failures within"),
        "{}",
        told(&review)
    );
    review.incidents.retain(|story| story.severity != Severity::Page);
    assert!(told(&review).ends_with("In 30 days nobody would have been paged."), "{}", told(&review));
    assert!(told(&empty()).ends_with("nobody would have been paged."));
}

#[test]
fn an_empty_history_has_no_chart_and_says_so() {
    let page = made("empty");
    assert!(page.contains("There is nothing to draw") && page.contains("None would have been declared"));
    assert!(!page.contains("<figure") && !page.contains("the-advice"));
}

#[test]
fn an_interruption_is_said_before_anything_else() {
    let page = page(&Review { interrupted: true, ..month() });
    assert!(page.find("Interrupted.").unwrap() < page.find("class=\"verdict\"").unwrap());
    assert!(!made("month").contains("Interrupted."));
}

#[test]
fn every_notice_of_an_incident_is_in_its_section() {
    let review = month();
    let page = page(&review);
    for story in &review.incidents {
        let begin = page.find(&format!("<section id=\"{}\"", anchor(story))).unwrap();
        let section = &page[begin..begin + page[begin..].find("</section>").unwrap()];
        for kind in NoticeKind::ALL {
            let told = story.notices.iter().filter(|notice| notice.kind == kind).count();
            assert_eq!(section.matches(&format!("<li class=\"{}\"", kind.as_str())).count(), told, "{}", story.id);
        }
    }
}

/// For tests in a browser (`make page`), where `OIDC_TRIAGE_PAGES` names a folder.
#[test]
fn the_pages_are_left_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os("OIDC_TRIAGE_PAGES").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    for (name, page) in all() {
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
}
