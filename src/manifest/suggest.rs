//! Suggestions: the known name that a wrong one was meant to be.

/// Returns `did you mean ...?` for the nearest known name, if one is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let nearness = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
    known
        .into_iter()
        .map(|known| (nearness(known), known))
        .filter(|(nearness, _)| *nearness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("did you mean `{known}`?"))
}

/// Returns names in backticks, separated by commas; `none` where there is none.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["train", "validation", "test"];
        assert_eq!(did_you_mean("tran", known), Some("did you mean `train`?".to_owned()));
        assert_eq!(did_you_mean("Validaton", known), Some("did you mean `validation`?".to_owned()));
        assert_eq!(did_you_mean("gan", known), None);
    }
}
