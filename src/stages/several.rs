//! Several things in one line of text: the first few, and how many more there are.

/// Things that are named one by one; of more, the count is said.
const LISTED: usize = 5;

/// Returns the first few texts and how many more there are.
pub(super) fn listed(texts: &[String]) -> String {
    let shown = texts[..texts.len().min(LISTED)].join("; ");
    match texts.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn of_many_the_first_are_named_and_the_rest_are_counted() {
        let texts = |count: usize| (0..count).map(|text| text.to_string()).collect::<Vec<_>>();
        assert_eq!(listed(&texts(0)), "");
        assert_eq!(listed(&texts(5)), "0; 1; 2; 3; 4");
        assert_eq!(listed(&texts(7)), "0; 1; 2; 3; 4; and 2 more");
    }
}
