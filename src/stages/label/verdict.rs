//! Verdicts: the class that each image gets, or why it gets none, for `label`.
//!
//! Knows opinions and a person's table; does not know who formed the opinions.

use crate::artifact::ImageSet;
use crate::artifact::Table;
use crate::measure::assignment;
use crate::stage::StageError;
use crate::stages::by_image::by_image;

use super::opinion::Opinion;

/// What becomes of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// The class it gets; absent where it is dropped.
    pub(super) label: Option<usize>,
    /// Confidence in that class, or in the most likely one where it is dropped; absent where the label
    /// was there.
    pub(super) confidence: Option<f64>,
    /// Why, in a word or two.
    pub(super) reason: &'static str,
}

/// Decides over every image: unsure ones go first, then what the quotas do not want.
pub(super) fn decide(
    threshold: f64,
    quotas: Option<&[usize]>,
    images: &ImageSet,
    opinions: &[Opinion],
) -> Result<Vec<Verdict>, StageError> {
    let finite = |opinion: &Opinion| opinion.confidences.iter().all(|number| number.is_finite());
    if let Some(index) = opinions.iter().position(|opinion| !finite(opinion)) {
        let problem =
            format!("the classifier's answer for `{}` is no number", images.samples[index].id);
        return Err(StageError::data(problem)
            .help("its training diverged: lower `learning_rate` in `train-classifier`"));
    }
    let confidence = |opinion: &Opinion| opinion.confidences[opinion.class];
    let sure: Vec<usize> =
        (0..opinions.len()).filter(|&index| confidence(&opinions[index]) >= threshold).collect();
    let dropped = |opinion: &Opinion| Verdict {
        label: None,
        confidence: Some(confidence(opinion)),
        reason: "unsure",
    };
    let mut verdicts: Vec<Verdict> = opinions.iter().map(dropped).collect();
    let labels = match quotas {
        None => sure.iter().map(|&index| Some(opinions[index].class)).collect(),
        Some(quotas) => fill(quotas, images, opinions, &sure)?,
    };
    for (&index, label) in sure.iter().zip(labels) {
        let verdict = &mut verdicts[index];
        verdict.label = label;
        verdict.reason = match (label, quotas) {
            (Some(_), None) => "most likely",
            (Some(_), Some(_)) => "quota",
            (None, _) => "beyond quotas",
        };
        if let Some(class) = label {
            verdict.confidence = Some(opinions[index].confidences[class]);
        }
    }
    Ok(verdicts)
}

fn fill(
    quotas: &[usize],
    images: &ImageSet,
    opinions: &[Opinion],
    sure: &[usize],
) -> Result<Vec<Option<usize>>, StageError> {
    if quotas.len() != images.classes.len() {
        let (found, classes) = (quotas.len(), &images.classes);
        let problem =
            format!("{found} `quotas` for {} classes: {}", classes.len(), classes.join(", "));
        return Err(StageError::data(problem).help("give one quota for each class, in this order"));
    }
    let rows: Vec<Vec<f64>> =
        sure.iter().map(|&index| opinions[index].confidences.clone()).collect();
    assignment::assign(&rows, quotas).ok_or_else(|| {
        let unsure = match opinions.len() - sure.len() {
            0 => String::new(),
            unsure => format!("; below `confidence` are {unsure}"),
        };
        let sum: usize = quotas.iter().sum();
        let problem = format!("`quotas` ask for {sum} of {} images{unsure}", opinions.len());
        StageError::data(problem).help("lower `quotas` or `confidence`, or hand in more images")
    })
}

/// Leaves every image the label that it has.
pub(super) fn own(images: &ImageSet) -> Vec<Verdict> {
    let verdict = |label: Option<usize>| {
        let reason = if label.is_some() { "its own" } else { "it has none" };
        Verdict { label, confidence: None, reason }
    };
    images.samples.iter().map(|sample| verdict(sample.label)).collect()
}

/// Reads a person's verdicts: a CSV text with the columns `id` and `label`, a class's name or
/// number. `name` is the file, for errors.
pub(super) fn read(name: &str, text: &[u8], images: &ImageSet) -> Result<Vec<Verdict>, StageError> {
    let help = "write a class's name or its number, or nothing to drop the image";
    let said = |label: &str| class(label, &images.classes).map_err(|problem| (problem, help));
    let verdict = |said: Option<Option<usize>>| {
        let reason = match said {
            None => "not listed",
            Some(None) => "dropped by person",
            Some(Some(_)) => "person",
        };
        Verdict { label: said.flatten(), confidence: None, reason }
    };
    Ok(by_image(name, text, "label", images, said)?.into_iter().map(verdict).collect())
}

/// Returns the class that a text names, by its name first and by its number second; an empty text
/// names none.
fn class(text: &str, classes: &[String]) -> Result<Option<usize>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let named = classes.iter().position(|class| class == text);
    let numbered = || text.parse().ok().filter(|&number: &usize| number < classes.len());
    let problem = || format!("`{text}` is no class; the classes are {}", classes.join(", "));
    named.or_else(numbered).map(Some).ok_or_else(problem)
}

/// Returns the images that got a label, with it.
pub(super) fn labelled(images: &ImageSet, verdicts: &[Verdict]) -> ImageSet {
    let kept = (0..images.len()).filter(|&index| verdicts[index].label.is_some());
    let kept: Vec<usize> = kept.collect();
    let mut labelled = images.pick(&kept);
    for (sample, index) in labelled.samples.iter_mut().zip(kept) {
        sample.label = verdicts[index].label;
    }
    labelled
}

/// Returns one row an image: `id,label,confidence,kept,reason`.
pub(super) fn table(images: &ImageSet, verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&["id", "label", "confidence", "kept", "reason"]);
    for (sample, verdict) in images.samples.iter().zip(verdicts) {
        let label = verdict.label.map(|class| images.classes[class].clone());
        table.push(vec![
            sample.id.clone(),
            label.unwrap_or_default(),
            verdict.confidence.map(|number| number.to_string()).unwrap_or_default(),
            if verdict.label.is_some() { "yes" } else { "no" }.to_owned(),
            verdict.reason.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::ImageSet;
    use super::Opinion;
    use super::StageError;
    use super::Verdict;
    use super::decide;
    use super::labelled;
    use super::own;
    use super::read;
    use super::table;
    use crate::stages::trial::sample;

    fn images(count: usize) -> ImageSet {
        let mut images = ImageSet::empty(1, 1, vec!["healthy".into(), "ill".into()]);
        for index in 0..count {
            images.push(sample("gan", index, None), &[index as u8; 3]);
        }
        images
    }

    fn opinions(first: &[f64]) -> Vec<Opinion> {
        let opinion = |&first: &f64| Opinion {
            class: usize::from(first < 0.5),
            confidences: vec![first, 1.0 - first],
        };
        first.iter().map(opinion).collect()
    }

    fn rows(verdicts: &[Verdict]) -> String {
        let table = table(&images(verdicts.len()), verdicts);
        table.rows.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n")
    }

    fn words(error: &StageError) -> String {
        format!("{error}; {}", error.remedy().unwrap_or_default())
    }

    #[test]
    fn unsure_images_are_dropped() {
        let verdicts = decide(0.75, None, &images(3), &opinions(&[0.75, 0.5, 0.0])).unwrap();
        insta::assert_snapshot!(rows(&verdicts), @"
        gan/0,healthy,0.75,yes,most likely
        gan/1,,0.5,no,unsure
        gan/2,ill,1,yes,most likely
        ");
        let kept = labelled(&images(3), &verdicts);
        let facts: Vec<_> = kept.samples.iter().map(|s| (s.id.as_str(), s.label)).collect();
        assert_eq!(facts, [("gan/0", Some(0)), ("gan/2", Some(1))]);
        assert_eq!(kept.image(1), [2; 3]);
    }

    #[test]
    fn quotas_are_filled_by_the_surest() {
        let opinions = opinions(&[0.75, 1.0, 0.875, 0.5]);
        let verdicts = decide(0.0, Some(&[2, 1]), &images(4), &opinions).unwrap();
        insta::assert_snapshot!(rows(&verdicts), @"
        gan/0,,0.75,no,beyond quotas
        gan/1,healthy,1,yes,quota
        gan/2,healthy,0.875,yes,quota
        gan/3,ill,0.5,yes,quota
        ");
    }

    #[test]
    fn quotas_that_cannot_be_filled_are_said_with_a_remedy() {
        let opinions = opinions(&[0.75, 0.5]);
        let error = decide(0.6, Some(&[1, 1]), &images(2), &opinions).unwrap_err();
        insta::assert_snapshot!(words(&error), @"`quotas` ask for 2 of 2 images; below `confidence` are 1; lower `quotas` or `confidence`, or hand in more images");
        let error = decide(0.0, Some(&[1, 1, 1]), &images(2), &opinions).unwrap_err();
        insta::assert_snapshot!(words(&error), @"3 `quotas` for 2 classes: healthy, ill; give one quota for each class, in this order");
    }

    #[test]
    fn an_image_may_keep_the_label_that_it_has() {
        let mut images = images(2);
        images.samples[1].label = Some(1);
        insta::assert_snapshot!(rows(&own(&images)), @"
        gan/0,,,no,it has none
        gan/1,ill,,yes,its own
        ");
    }

    #[test]
    fn a_person_names_classes_or_numbers_them() {
        let text = b"note,id,label\nnice,gan/2, ill\n,gan/0,0\nblurred,gan/1,\n";
        insta::assert_snapshot!(rows(&read("l.csv", text, &images(4)).unwrap()), @"
        gan/0,healthy,,yes,person
        gan/1,,,no,dropped by person
        gan/2,ill,,yes,person
        gan/3,,,no,not listed
        ");
    }

    #[test]
    fn a_person_s_slips_are_said_with_a_remedy() {
        let slip = |text: &str| words(&read("l.csv", text.as_bytes(), &images(2)).unwrap_err());
        insta::assert_snapshot!(slip("image,label\ngan/0,ill\n"), @"`l.csv` has no column `id`; it has `image`, `label`; start the file with the line `id,label`");
        insta::assert_snapshot!(slip("id,label\ngan/7,ill\n"), @"`l.csv`, line 2: `gan/7` is not among the images; list the images of this very stage's input, or remove the row");
        insta::assert_snapshot!(slip("id,label\ngan/0,il\n"), @"`l.csv`, line 2: `il` is no class; the classes are healthy, ill; write a class's name or its number, or nothing to drop the image");
        insta::assert_snapshot!(slip("id,label\ngan/0,ill\ngan/0,ill\n"), @"`l.csv`, line 3: `gan/0` comes once more; remove one of its rows");
        insta::assert_snapshot!(slip("id,label\ngan/0\n"), @"`l.csv`, line 2: nothing stands below `label`, not even an empty cell; end the line with a comma where nothing is to be said");
    }
}
