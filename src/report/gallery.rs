//! Galleries: real images beside those that each GAN made (Figure 1).

use std::collections::BTreeSet;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::imaging::rgb::Rgb;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::report::Gallery;
use crate::report::GalleryRow;
use crate::report::study::Finder;
use crate::report::study::artifact_of;
use crate::report::study::outputs_of;

/// Examples in a row.
pub(super) const EXAMPLES: usize = 8;
/// What images without a class are called.
pub(super) const UNLABELLED: &str = "unlabelled";
/// Most GANs of which images are shown, so that a page stays readable.
const GANS: usize = 6;

/// Reads the images on which each GAN was trained, once, and those that came of each GAN.
pub(super) fn read(plan: &Plan, find: &Finder<'_>) -> Result<Vec<Gallery>, Error> {
    let mut galleries = Vec::new();
    let mut shown = BTreeSet::new();
    for gan in outputs_of(plan, Gan::TYPE).take(GANS) {
        let inputs = plan.task(gan.task).all_inputs().map(|(_, input)| input);
        let real = inputs.filter(|input| artifact_of(plan, *input) == ImageSet::TYPE);
        for real in real.filter(|real| shown.insert((real.task, real.port))) {
            if let Some(found) = find(real) {
                let set = ImageSet::read(&found.tree)?;
                galleries.push(gallery("real images", plan, real, &set));
            }
        }
        galleries.extend(synthetic(plan, gan, find)?);
    }
    Ok(galleries)
}

/// Returns the last image set that holds nothing but what the GAN drew, copies left out.
fn synthetic(plan: &Plan, gan: InputRef, find: &Finder<'_>) -> Result<Option<Gallery>, Error> {
    let mut made = BTreeSet::from([gan.task]);
    let mut last = None;
    for output in outputs_of(plan, ImageSet::TYPE) {
        if !comes_of(plan, output.task, &made) {
            continue;
        }
        made.insert(output.task);
        let Some(found) = find(output) else { continue };
        let set = ImageSet::read(&found.tree)?;
        if !set.is_empty() && set.samples.iter().all(|sample| sample.origin == "gan") {
            last = Some(gallery("images of the GAN", plan, output, &set));
        }
    }
    Ok(last)
}

fn comes_of(plan: &Plan, task: TaskId, made: &BTreeSet<TaskId>) -> bool {
    plan.task(task).all_inputs().any(|(_, input)| made.contains(&input.task))
}

fn gallery(title: &str, plan: &Plan, output: InputRef, set: &ImageSet) -> Gallery {
    let row = |class: String, label: Option<usize>| {
        let is = |index: &usize| set.samples[*index].label == label;
        let members: Vec<usize> = (0..set.len()).filter(is).collect();
        let example = |&index: &usize| Rgb::new(set.height, set.width, set.image(index).to_vec());
        let examples = members.iter().take(EXAMPLES).map(example).collect();
        GalleryRow { class, images: members.len(), examples }
    };
    let mut rows: Vec<GalleryRow> = set
        .classes
        .iter()
        .enumerate()
        .map(|(label, name)| row(name.clone(), Some(label)))
        .collect();
    rows.push(row(UNLABELLED.to_owned(), None));
    rows.retain(|row| row.images > 0);
    let task = plan.task(output.task).to_string();
    Gallery { title: title.to_owned(), task, images: set.len(), rows }
}
