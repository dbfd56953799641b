//! How near a name is to another, so that an answer to a typo names the likely intention.

/// At most this many letters may be wrong, and no more than one in [`LETTERS_PER_SLIP`].
const SLIPS_MAX: usize = 3;
const LETTERS_PER_SLIP: usize = 4;

/// How many typos a name of that length may have. A short name may have none: any two names of three letters are near.
pub fn slips_allowed(letters: usize) -> usize {
    (letters / LETTERS_PER_SLIP).min(SLIPS_MAX)
}

/// How many letters must be inserted, removed or changed (Levenshtein).
pub fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, against) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != against);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// The name that was probably meant; None where it is like none of them.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|name| (distance(wanted, name), name));
    let near = near.filter(|(slips, name)| *slips <= slips_allowed(name.len()));
    near.min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// The time zone that was probably meant: after a typing error, or without the continent. `names` are those of the IANA
/// database.
pub fn nearest_zone(wanted: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let wanted = wanted.to_ascii_lowercase().replace(' ', "_");
    let slips = |known: &str| {
        let known = known.to_ascii_lowercase();
        let city = known.rsplit_once('/').map(|(_, city)| distance(&wanted, city));
        city.into_iter().chain([distance(&wanted, &known)]).min().unwrap_or(usize::MAX)
    };
    let near = names.map(|known| (slips(&known), known));
    near.min().filter(|(slips, _)| *slips <= slips_allowed(wanted.len())).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_letters() {
        for (one, other, slips) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("ab", "ba", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), slips, "{one} {other}");
            assert_eq!(distance(other, one), slips, "{other} {one}");
        }
    }

    #[test]
    fn a_longer_name_may_have_more_typos_up_to_a_limit() {
        assert_eq!([0, 3, 4, 8, 12, 100].map(slips_allowed), [0, 0, 1, 2, 3, 3]);
    }
}
