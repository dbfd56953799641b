//! The page as a whole: well-formed, harmless, bounded, and with the review's own numbers.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::classify::Cause;
use triage_notify::notice::NoticeKind;
use triage_notify::place::HEALTH_PAGE;

use crate::replay::answer::HeadCount;
use crate::replay::html::chart::causes::{CHARTED, failed};
use crate::replay::html::chart::numbers::{self, ROWS_MAX, Row};
use crate::replay::html::page::{POLICY, SCRIPT, STYLE, page};
use crate::replay::html::scale::ceiling;
use crate::replay::html::shown::{PRINTED_MAX, STORIES_MAX, anchor};
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
    let cards = page.matches("class=\"incident\"").count();
    assert!((20..STORIES_MAX).contains(&cards), "{cards}");
    assert!(page.contains(&format!("{} incidents more have no card here", Number(1200 - cards as u64))));
    assert!(page.contains("more notices between"));
    let few = made("month");
    assert!(few.len() < 600_000, "{}", few.len());
    assert!(!few.contains("more have no card here"));
}

#[test]
fn everything_lies_within_its_chart() {
    let mut review = month();
    // A clock ran ahead, and one behind.
    review.incidents[0].began -= SignedDuration::from_hours(9000);
    review.incidents[1].notices[0].at -= SignedDuration::from_hours(9000);
    let page = page(&review);
    let percent = |value: Option<&str>| value.and_then(|value| value.strip_suffix('%')?.parse::<f64>().ok());
    let (mut bars, mut marks) = (0, 0);
    for (name, attributes) in elements(&page) {
        if let (Some(path), "path") = (value(&attributes, "d"), name)
            && ["served", "failed", "affected"].map(Some).contains(&value(&attributes, "class"))
        {
            let along = path.split(['M', 'H', 'V', 'Z']).filter(|part| !part.is_empty());
            assert!(
                along.flat_map(|part| part.split(' ')).all(|number| (0.0..=1000.0).contains(&number.parse().unwrap()))
            );
            bars += path.matches('H').count();
        }
        let Some(x) = percent(value(&attributes, "x")).or_else(|| percent(value(&attributes, "x1"))) else { continue };
        let end = x + percent(value(&attributes, "width")).unwrap_or(0.0);
        assert!(x >= 0.0 && end <= 100.001, "{name} {attributes:?}");
        marks += usize::from(name == "use");
    }
    assert!(bars > 2000, "{bars}");
    assert!(marks > review.incidents.len(), "{marks}");
}

#[test]
fn each_cause_has_a_panel_with_a_scale_of_its_own_and_with_all_of_its_numbers() {
    let review = month();
    let page = page(&review);
    let chart = &page[page.find("class=\"chart period\"").unwrap()..];
    for cause in CHARTED {
        let values: Vec<u64> = review.chart.bins.iter().map(|bin| failed(bin, cause)).collect();
        let (sum, most) = (values.iter().sum::<u64>(), values.iter().max().unwrap());
        let name = words::failures_of(cause);
        let begin = chart.find(&format!(">{name}: {}<", Number(sum))).unwrap_or_else(|| panic!("{name}"));
        let panel = &chart[begin..begin + chart[begin..].find("</g>").unwrap()];
        assert!(panel.contains(&format!(">{}</text>", Number(ceiling(*most)))), "{name}");
        let values = values.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        assert!(panel.contains(&format!("data-values=\"{values}\"")), "{name}");
    }
}

#[test]
fn the_numbers_of_the_tables_are_the_accounts() {
    let review = month();
    let page = page(&review);
    let rows = table(&page, "the-causes");
    let count = |name: &str| rows.iter().find(|row| row[0] == name).unwrap()[1].clone();
    for cause in Cause::ALL {
        assert_eq!(count(words::failures_of(cause)), Number(words::count(&review.counts, cause)).to_string());
    }
    assert_eq!(count("Calls that worked"), Number(review.counts.success).to_string());
    assert_eq!(count("Duplicates"), "214");

    let rows = table(&page, "the-numbers");
    assert_eq!(rows.len(), ROWS_MAX + 1);
    for row in &rows[1..] {
        let bin = review.chart.bins.iter().find(|bin| bin.at.strftime("%Y-%m-%d %H:%M").to_string() == row[0]).unwrap();
        let numbers = CHARTED.map(|cause| failed(bin, cause)).into_iter().chain([bin.callers, bin.served]);
        assert_eq!(row[1..], numbers.map(|number| Number(number).to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn of_too_many_rows_those_with_the_most_failures_are_listed_in_order_of_time() {
    let at = |second: usize| Timestamp::from_second(second as i64).unwrap();
    let row = |second: usize| Row { at: at(second), numbers: vec![0], weight: (second as u64 % 7, 0) };
    let all: Vec<Row> = (0..700).map(row).collect();
    let (rows, count) = numbers::rows(all);
    assert_eq!((rows.len(), count), (ROWS_MAX, 600));
    assert!(rows.is_sorted_by_key(|row| row.at));
    assert!(rows.iter().all(|row| row.weight.0 >= 5));
}

/// What the page says of an incident: its row and its card.
fn said(page: &str, place: usize, story: &Story) -> [String; 2] {
    let cut = |begin: &str, end: &str| {
        let from = page.find(begin).unwrap_or_else(|| panic!("{begin}"));
        page[from..from + page[from..].find(end).unwrap()].to_owned()
    };
    let row = cut(&format!("data-name=\"No.\" data-sort=\"{place}\""), "</tr>");
    [row, cut(&format!("<section id=\"{}\"", anchor(story)), "</section>")]
}

#[test]
fn how_long_how_many_and_where_is_the_same_in_the_table_and_on_the_card() {
    let review = month();
    let page = page(&review);
    for (place, story) in review.incidents.iter().enumerate() {
        let all @ [row, card] = &said(&page, place, story);
        if let Some(lasted) = story.lasted() {
            assert_eq!(lasted, Duration::try_from(story.latest.unwrap().duration_since(story.began)).unwrap());
            let lasted = words::lasted(story);
            assert!(row.contains(&format!(">{lasted}<")) && card.contains(&format!("<bdi>{lasted}</bdi>")), "{all:?}");
            assert_eq!(card.contains("Recovery confirmed at"), story.proved, "{card}");
            assert_eq!(card.contains("Quiet, not confirmed: closed at"), !story.proved, "{card}");
        }
        let count = HeadCount::of(story);
        assert!(row.contains(&format!(">{}<", words::head_count(&count))), "{row}");
        assert!(card.contains(&format!("<bdi>{}</bdi>", Number(count.affected as u64))), "{card}");
        assert!(card.contains(&format!("of {} who called then or shortly before", count.active.unwrap())), "{card}");
        let share = words::share(story.close_up.during).unwrap();
        assert!(row.contains(&share) && card.contains(&format!("<bdi>{share}</bdi>")), "{all:?}");
        let scope = story.scope_in_words().unwrap_or_default();
        assert!(all.iter().all(|said| said.contains(&scope)), "{scope} {all:?}");
    }
    let scoped = review.incidents.iter().filter(|story| story.scope_in_words().is_some()).count();
    assert_eq!(scoped, 2);
}

#[test]
fn the_ids_of_people_are_folded_away() {
    let review = month();
    let names: std::collections::BTreeSet<&str> = review
        .incidents
        .iter()
        .flat_map(|story| &story.notices)
        .flat_map(|notice| notice.impact.names.iter().map(String::as_str))
        .collect();
    assert!(!names.is_empty());
    let page = made("month");
    let mut depth = 0;
    let mut folded = 0;
    for piece in pieces(page) {
        match piece {
            Piece::Begin { name: "details", attributes, .. } => {
                assert_eq!(value(&attributes, "open"), None);
                depth += 1;
            }
            Piece::End("details") => depth -= 1,
            Piece::Text(text) if names.contains(text) => {
                assert!(depth > 0, "{text}");
                folded += 1;
            }
            Piece::Begin { .. } | Piece::End(_) | Piece::Text(_) => {}
        }
    }
    assert!(folded >= review.incidents.len(), "{folded}");
}

#[test]
fn what_looks_false_is_said_as_it_is_decided() {
    let mut review = month();
    let story = &mut review.incidents[1];
    assert_eq!((story.diagnosis, story.callers), (Diagnosis::Degraded, 3));
    assert!(words::LOOKS_FALSE.contains("less than 5 minutes, affected fewer than 5 callers"));
    story.callers = 4;
    story.latest = Some(story.began + SignedDuration::from_secs(299));
    assert!(story.looks_false());
    story.callers = 5;
    assert!(!story.looks_false());
    story.callers = 4;
    story.latest = Some(story.began + SignedDuration::from_secs(300));
    assert!(!story.looks_false());
}

/// The first sentence, and the numbers below it.
fn answered(review: &Review) -> (String, String) {
    let page = page(review);
    let cut = |begin: &str, end: &str| {
        let from = page.find(begin).map(|from| from + begin.len());
        from.map(|from| page[from..from + page[from..].find(end).unwrap()].to_owned()).unwrap_or_default()
    };
    (cut("class=\"verdict\">", "</p>"), cut("id=\"the-answer\">", "</dl>"))
}

#[test]
fn the_answer_comes_first() {
    let review = month();
    let page = page(&review);
    let places = ["class=\"verdict\"", "id=\"the-answer\"", "id=\"the-incidents\"", "id=\"the-chart\""];
    assert!(places.map(|place| page.find(place).unwrap()).is_sorted());
    let (sentence, numbers) = answered(&review);
    assert!(sentence.starts_with("AWS sign-in was down for "), "{sentence}");
    assert!(
        sentence.ends_with(" In all, 233 of 1\u{202f}402 people could not sign in.") && sentence.contains(" Besides, "),
        "{sentence}"
    );
    for name in ["Minutes down", "People affected", "Calls that worked", "Whose fault", "Noticed"] {
        assert!(numbers.contains(&format!("<dt>{name}</dt>")), "{name}");
    }
    assert!(numbers.contains("<bdi>13%</bdi>") && numbers.contains("<bdi>1 minute</bdi>"), "{numbers}");
    assert!(page.contains("14 incidents: 11 would have paged on-call, 3 would not. 3 of these pages look false"));
}

#[test]
fn the_answer_is_of_the_worst_that_there_was() {
    let mut review = month();
    review.incidents.retain(|story| story.diagnosis == Diagnosis::Degraded);
    assert!(answered(&review).0.starts_with("AWS sign-in was degraded for "), "{}", answered(&review).0);
    let mut review = month();
    review.incidents.retain(|story| story.severity != Severity::Page);
    let (sentence, numbers) = answered(&review);
    assert!(sentence.starts_with("A part of AWS sign-in failed for "), "{sentence}");
    assert!(numbers.contains("<bdi>301</bdi>"), "{numbers}");
    review.incidents.clear();
    let sentence = answered(&review).0;
    assert!(sentence.starts_with("AWS sign-in had no incident in 30 days. "), "{sentence}");
    assert!(answered(&empty()).0.starts_with("Nothing was read that could be evaluated"));
}

#[test]
fn one_incident_is_answered_with_its_day_and_its_hours() {
    let mut review = month();
    review.incidents.retain(|story| story.callers == 118);
    let (sentence, _) = answered(&review);
    let expected = "AWS sign-in was down for 2 h 45 min in us-east-1 on 28 December 2026, from 13:00 to 15:45 UTC. 118 of 158 \
                    people could not sign in.";
    assert_eq!(sentence, expected);
    let card = &page(&review)[..];
    // Its card does not say the same again.
    assert!(!card.contains("class=\"answer small\"") && !card.contains("class=\"incidents\""));
}

#[test]
fn an_estimate_is_called_one_only_where_nothing_better_is_known() {
    let mut review = month();
    review.incidents.retain(|story| story.callers == 118);
    review.incidents[0].close_up.affected = Some(121);
    assert!(answered(&review).0.ends_with("121 of 158 people could not sign in."), "{}", answered(&review).0);
    review.incidents[0].close_up.affected = None;
    assert!(answered(&review).0.ends_with("About 118 of 158 people could not sign in."), "{}", answered(&review).0);
    review.incidents[0].close_up.active = None;
    let (sentence, numbers) = answered(&review);
    assert!(sentence.ends_with("About 118 people could not sign in."), "{sentence}");
    assert!(numbers.contains("<bdi>Not known</bdi>"), "{numbers}");
}

#[test]
fn an_empty_history_has_no_chart_and_says_so() {
    let page = made("empty");
    assert!(page.contains("There is nothing to draw"));
    assert!(!page.contains("<figure") && !page.contains("the-advice") && !page.contains("the-incidents"));
}

#[test]
fn an_interruption_is_said_before_anything_else() {
    let page = page(&Review { interrupted: true, ..month() });
    assert!(page.find("Interrupted.").unwrap() < page.find("class=\"verdict\"").unwrap());
    assert!(!made("month").contains("Interrupted."));
}

#[test]
fn no_sentence_calls_the_page_free_of_scripts() {
    for (name, page) in all() {
        let lower = page[..page.find("<style>").unwrap()].to_lowercase()
            + &page[page.find("</style>").unwrap()..].to_lowercase();
        for claim in ["no script", "without script", "script-free", "needs no script"] {
            let words = lower.split("<script>").next().unwrap();
            assert!(!words.contains(claim), "{name}: {claim}");
        }
    }
}

#[test]
fn every_notice_of_an_incident_is_on_its_card() {
    let review = month();
    let page = page(&review);
    for story in &review.incidents {
        let begin = page.find(&format!("<section id=\"{}\"", anchor(story))).unwrap();
        let card = &page[begin..begin + page[begin..].find("</section>").unwrap()];
        for kind in NoticeKind::ALL {
            let sent = story.notices.iter().filter(|notice| notice.kind == kind).count();
            assert_eq!(card.matches(&format!("<li class=\"{}\"", kind.as_str())).count(), sent, "{}", story.id);
        }
    }
}

#[test]
fn of_many_notices_the_first_and_the_last_are_printed() {
    let mut review = month();
    let story = &mut review.incidents[4];
    let (reminder, last) = (story.notices[2].clone(), story.notices.pop().unwrap());
    story.notices.extend(std::iter::repeat_n(reminder, 20));
    story.notices.push(last);
    let (count, anchor) = (story.notices.len(), anchor(story));
    let page = page(&review);
    let begin = page.find(&format!("<section id=\"{anchor}\"")).unwrap();
    let card = &page[begin..begin + page[begin..].find("</section>").unwrap()];
    assert_eq!(card.matches(" screen\">").count(), count - PRINTED_MAX);
    assert!(card.contains("<li class=\"resolved\">") && card.contains("<li class=\"opened\">"));
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
