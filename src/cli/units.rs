//! Sizes and ages as people type them: `50GB`, `500MiB`, `30d`, `12h`.

/// What a size may end in, and the bytes that it stands for.
const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// What an age may end in, and the seconds that it stands for.
const AGES: [(&str, u64); 4] = [("min", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];

/// Returns the bytes that a size stands for.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    read(text, &SIZES, "a size such as `50GB` or `500MiB`")
}

/// Returns the seconds that an age stands for.
pub(crate) fn age(text: &str) -> Result<u64, String> {
    read(text, &AGES, "an age such as `30d`, `12h` or `2w`")
}

fn read(text: &str, units: &[(&str, u64)], what: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim();
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let number: f64 = match number.parse() {
        Ok(number) => number,
        Err(_) => return Err(format!("expected {what}")),
    };
    if unit.is_empty() {
        return Err(format!("it has no unit: expected {what}; units are {}", names.join(", ")));
    }
    let known = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let Some((_, factor)) = known else {
        return Err(format!(
            "`{unit}` is no unit: expected {what}; units are {}",
            names.join(", ")
        ));
    };
    Ok((number * *factor as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::age;
    use super::size;

    #[test]
    fn sizes_and_ages_are_read_with_their_units() {
        let sizes = ["0B", "500MiB", "50GB", "1.5 gb", "2TB"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [0, 524_288_000, 50_000_000_000, 1_500_000_000, 2_000_000_000_000]);
        let ages = ["90min", "12h", "30d", "2w"].map(|text| age(text).unwrap());
        assert_eq!(ages, [5_400, 43_200, 2_592_000, 1_209_600]);
    }

    #[test]
    fn what_is_no_size_or_age_is_told_from_what_is() {
        let told = |answer: Result<u64, String>| answer.unwrap_err();
        insta::assert_snapshot!(told(size("much")), @"expected a size such as `50GB` or `500MiB`");
        insta::assert_snapshot!(told(size("-1GB")), @"expected a size such as `50GB` or `500MiB`");
        insta::assert_snapshot!(told(size("50")), @"it has no unit: expected a size such as `50GB` or `500MiB`; units are B, kB, MB, GB, TB, KiB, MiB, GiB, TiB");
        insta::assert_snapshot!(told(age("3m")), @"`m` is no unit: expected an age such as `30d`, `12h` or `2w`; units are min, h, d, w");
    }
}
