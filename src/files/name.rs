//! Names of files that are made from other texts, such as the label of a task.

use crate::digest::Digest;

/// Longest name that is made, bytes: room for an ending below the 255 that file systems take.
const LONGEST: usize = 200;
/// Digits of the text's digest that tell names apart which would otherwise be the same.
const DIGITS: usize = 8;

/// Returns a text as the name of one file: everything but letters, digits and a few signs becomes `_`, and
/// a name that is not the text itself ends in digits of its digest, so that no two texts share one.
pub fn file_name(text: &str) -> String {
    let is_kept = |c: char| c.is_alphanumeric() || "-_+=,[].".contains(c);
    let name: String = text.chars().map(|c| if is_kept(c) { c } else { '_' }).collect();
    if name == text && name.len() <= LONGEST && !name.starts_with('.') && !name.is_empty() {
        return name;
    }
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let digits = Digest::of_bytes(text.as_bytes()).to_string();
    format!("{}-{}", name[..end].trim_start_matches('.'), &digits[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::file_name;
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::proptest;

    #[test]
    fn usual_labels_stay_as_they_are() {
        for label in ["fit", "fit[arm=classic+gan,seed=1]", "fit[rate=0.001]"] {
            assert_eq!(file_name(label), label);
        }
        insta::assert_snapshot!(file_name("../fit[arm=a/b]"), @"_fit[arm=a_b]-a0c5c651");
        assert_ne!(file_name("a/b"), file_name("a_b"));
    }

    proptest! {
        #[test]
        fn no_text_leads_out_of_its_folder(text in any::<String>()) {
            let name = file_name(&text);
            prop_assert!(!name.is_empty() && !name.starts_with('.') && name.len() < 255);
            prop_assert!(!name.contains(['/', '\\', '\0', '\n']));
        }
    }
}
