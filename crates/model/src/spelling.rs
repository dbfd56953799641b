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
