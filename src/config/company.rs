//! What a company adds to its notices: its runbook, its status page, its contact, its time zone.
//!
//! In: variables. Out: a [`Company`], and their errors, which the caller reports together with the rest. All of it goes
//! into every notice, so each value must suit every form of one: a link, one line, a known time zone.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use triage_engine::settings::given;
use triage_model::link::link;
use triage_model::redact::{SHOWN_NAME_MAX, is_harmless, one_line};
use triage_model::spelling::nearest_zone;
use triage_notify::place::Company;

/// Fits on one line of a mail beside its label. In characters.
const CONTACT_MAX: usize = 120;
/// The names of UTC.
const UTC: [&str; 8] = ["UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu"];
/// An example for an operator who does not know the form of such a name.
const TIME_ZONE_EXAMPLE: &str = "Europe/Berlin";

pub fn read(variable: &impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Company {
    Company {
        runbook: setting(variable, "OIDC_TRIAGE_RUNBOOK_URL", link, problems),
        status_page: setting(variable, "OIDC_TRIAGE_STATUS_PAGE_URL", link, problems),
        contact: setting(variable, "OIDC_TRIAGE_CONTACT", contact, problems),
        time_zone: setting(variable, "OIDC_TRIAGE_TIME_ZONE", time_zone, problems).flatten(),
    }
}

/// None where the variable is unset, or wrong: then its error is added to `problems`.
fn setting<T>(
    variable: &impl Fn(&str) -> Option<String>,
    name: &str,
    parse: impl Fn(&str, String) -> Result<T, String>,
    problems: &mut Vec<String>,
) -> Option<T> {
    let parsed = parse(name, given(variable, name)?);
    parsed.map_err(|problem| problems.push(problem)).ok()
}

fn contact(name: &str, value: String) -> Result<String, String> {
    match () {
        () if value.chars().count() > CONTACT_MAX => Err(format!("{name} is longer than {CONTACT_MAX} characters")),
        () if !value.chars().all(is_harmless) => Err(format!("{name} must be one line of printable text")),
        () => Ok(value),
    }
}

/// By the names of the IANA database, in any letter case. The database is linked: Lambda's own system has none. None for
/// UTC, in which times are shown anyway.
fn time_zone(name: &str, value: String) -> Result<Option<TimeZone>, String> {
    let database = TimeZoneDatabase::bundled();
    let is_utc = |zone: &TimeZone| zone.iana_name().is_some_and(|name| UTC.contains(&name));
    let zone = database.get(&value).map_err(|_| {
        let shown = one_line(&value, SHOWN_NAME_MAX);
        match nearest_zone(&value, database.available().map(|known| known.as_str().to_owned())) {
            Some(near) => format!("{name} is {shown:?}, which is no time zone; did you mean {near}?"),
            None => format!("{name} is {shown:?}, which is no time zone: name one as {TIME_ZONE_EXAMPLE}"),
        }
    })?;
    Ok(Some(zone).filter(|zone| !is_utc(zone)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use triage_model::link::LINK_MAX;

    use super::*;

    fn read_one(name: &str, value: &str) -> Result<Company, Vec<String>> {
        let mut problems = Vec::new();
        let company = read(&|asked: &str| (asked == name).then(|| value.to_owned()), &mut problems);
        if problems.is_empty() { Ok(company) } else { Err(problems) }
    }

    fn problem(name: &str, value: &str) -> String {
        let problems = read_one(name, value).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    }

    #[test]
    fn nothing_is_added_where_nothing_is_set() {
        for value in ["", " "] {
            assert_eq!(read_one("OIDC_TRIAGE_TIME_ZONE", value), Ok(Company::default()));
        }
    }

    #[test]
    fn a_link_is_kept_as_it_is() {
        for link in [
            "https://wiki.example.com",
            "https://wiki.example.com:8443/runbooks/sign-in?view=full#step-1",
            "https://example.com/a_(b)/%C3%A9,;=@x",
        ] {
            let runbook = read_one("OIDC_TRIAGE_RUNBOOK_URL", link).unwrap().runbook;
            let status_page = read_one("OIDC_TRIAGE_STATUS_PAGE_URL", link).unwrap().status_page;
            assert_eq!((runbook.as_deref(), status_page.as_deref()), (Some(link), Some(link)));
        }
        let longest = format!("https://example.com/{}", "x".repeat(LINK_MAX - "https://example.com/".len()));
        assert!(read_one("OIDC_TRIAGE_RUNBOOK_URL", &longest).is_ok());
        assert!(problem("OIDC_TRIAGE_RUNBOOK_URL", &format!("{longest}x")).contains("longer than 200"));
    }

    #[test]
    fn a_link_that_would_break_or_mislead_in_a_notice_is_refused() {
        for wrong in [
            "http://wiki.example.com",
            "wiki.example.com",
            "HTTPS://wiki.example.com",
            "https://",
            "https:///runbook",
            "https://user:password@example.com/",
            "https://example.com:/",
            "https://example.com:port/",
            "https://example.com/a b",
            "https://example.com/a\nb",
            "https://example.com/a|b",
            "https://example.com/<b>",
            "https://example.com/\"b\"",
            "https://ex\u{e4}mple.com/",
            "https://example.com/\u{202e}moc",
        ] {
            for name in ["OIDC_TRIAGE_RUNBOOK_URL", "OIDC_TRIAGE_STATUS_PAGE_URL"] {
                assert!(problem(name, wrong).starts_with(name), "{wrong}");
            }
        }
        assert!(!problem("OIDC_TRIAGE_RUNBOOK_URL", "https://user:hunter2@example.com/").contains("hunter2"));
    }

    #[test]
    fn a_contact_is_one_line() {
        let contact = |value: &str| read_one("OIDC_TRIAGE_CONTACT", value).map(|company| company.contact);
        for value in
            ["#identity-on-call", "Service desk, +49 30 1234567 (6\u{2013}22 h)", &"\u{e9}".repeat(CONTACT_MAX)]
        {
            assert_eq!(contact(value), Ok(Some(value.to_owned())));
        }
        assert!(problem("OIDC_TRIAGE_CONTACT", &"x".repeat(CONTACT_MAX + 1)).contains("longer than 120"));
        for wrong in ["a\nb", "a\tb", "a\u{1b}[31mb", "a\u{202e}b", "a\u{2028}b"] {
            assert!(problem("OIDC_TRIAGE_CONTACT", wrong).contains("one line"), "{wrong:?}");
        }
    }

    #[test]
    fn a_time_zone_is_known_by_its_name() {
        let offset = |name: &str, at: &str| {
            let zone = read_one("OIDC_TRIAGE_TIME_ZONE", name).unwrap().time_zone.unwrap();
            zone.to_offset(at.parse::<Timestamp>().unwrap()).seconds() / 60
        };
        for (name, winter, summer) in [
            ("Europe/Berlin", 60, 120),
            ("europe/berlin", 60, 120),
            ("America/New_York", -300, -240),
            ("Asia/Kolkata", 330, 330),
            ("Australia/Lord_Howe", 660, 630),
        ] {
            let found = (offset(name, "2027-01-15T08:00:00Z"), offset(name, "2027-07-15T08:00:00Z"));
            assert_eq!(found, (winter, summer), "{name}");
        }
    }

    #[test]
    fn utc_adds_nothing() {
        for name in UTC.into_iter().chain(["utc", "etc/utc"]) {
            assert_eq!(read_one("OIDC_TRIAGE_TIME_ZONE", name), Ok(Company::default()), "{name}");
        }
    }

    #[test]
    fn a_time_zone_with_a_slip_is_answered_with_the_one_that_is_meant() {
        for (wrong, right) in [
            ("Europe/Berln", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("Europa/Berlin", "Europe/Berlin"),
            ("America/New York", "America/New_York"),
            ("Asia/Calcuta", "Asia/Calcutta"),
            ("sydney", "Australia/Sydney"),
        ] {
            let problem = problem("OIDC_TRIAGE_TIME_ZONE", wrong);
            assert!(problem.ends_with(&format!("did you mean {right}?")), "{problem}");
        }
        for wrong in ["XYZ", "+02:00", "Middle-earth/Mordor", "\u{e9}\u{1f600}", &"x".repeat(4000)] {
            assert!(problem("OIDC_TRIAGE_TIME_ZONE", wrong).ends_with(TIME_ZONE_EXAMPLE), "{wrong}");
        }
    }
}
