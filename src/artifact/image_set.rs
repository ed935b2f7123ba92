//! An image set: photographs of one size, and a row of facts about each.
//!
//! Files: `images-0000.npy`, ... (`uint8 [n, height, width, 3]`, at most 1,024 images each),
//! `samples.csv` (`id,label,partition,group,origin`) and `set.json` (classes, size).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Partition;
use crate::artifact::Tree;
use crate::artifact::pixels::Pixels;
use crate::artifact::pixels::SHARD;
use crate::artifact::pixels::Shard;
use crate::files;

const SAMPLES: &str = "samples.csv";
const COLUMNS: [&str; 5] = ["id", "label", "partition", "group", "origin"];
const SET: &str = "set.json";

/// Red, green and blue.
pub const CHANNELS: usize = 3;

/// Facts about one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Unique in its set and stable between runs: `train/17`, `train/17+vertical-flip`, `gan/412`.
    pub id: String,
    /// Class, 0-based; absent where nobody has labelled the image yet.
    pub label: Option<usize>,
    /// The part of the data set it belongs to, or that it was made from.
    pub partition: Partition,
    /// What belongs together and may not be torn apart by a split: a patient, an eye.
    pub group: Option<String>,
    /// Where it comes from: `file`, `rendered`, `classic`, `gan`.
    pub origin: String,
}

/// Images of one size with a row of facts about each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Names of the classes; a sample's label is an index into them.
    pub classes: Vec<String>,
    /// One row for each image, in the order of the images.
    pub samples: Vec<Sample>,
    pixels: Pixels,
}

#[derive(Serialize, Deserialize)]
struct Set {
    height: usize,
    width: usize,
    classes: Vec<String>,
}

impl ImageSet {
    /// Returns the empty set of the given size and classes.
    pub fn empty(height: usize, width: usize, classes: Vec<String>) -> Self {
        let pixels = Pixels::empty(height * width * CHANNELS);
        Self { height, width, classes, samples: Vec::new(), pixels }
    }

    /// Returns the set with these images in the place of its own: `[n, height, width, 3]`, a row for
    /// each of the `samples`.
    #[must_use]
    pub fn filled(self, samples: Vec<Sample>, pixels: Vec<u8>) -> Self {
        let pixels = Pixels::of_bytes(self.bytes_per_image(), pixels);
        self.with_pixels(samples, pixels)
    }

    pub(super) fn with_pixels(self, samples: Vec<Sample>, pixels: Pixels) -> Self {
        assert_eq!(pixels.len(), samples.len(), "a row for each image");
        Self { samples, pixels, ..self }
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Returns whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Returns the bytes of one image: `height * width * 3`.
    pub fn bytes_per_image(&self) -> usize {
        self.height * self.width * CHANNELS
    }

    /// Returns one image's pixels: `[height, width, 3]`.
    pub fn image(&self, index: usize) -> &[u8] {
        self.pixels.image(index)
    }

    /// Adds an image.
    pub fn push(&mut self, sample: Sample, pixels: &[u8]) {
        assert_eq!(pixels.len(), self.bytes_per_image(), "an image of another size than its set");
        self.samples.push(sample);
        self.pixels.push(pixels);
    }

    /// Returns the set of the images at the given indices, in that order.
    #[must_use]
    pub fn pick(&self, indices: &[usize]) -> Self {
        let samples = indices.iter().map(|&index| self.samples[index].clone()).collect();
        let pixels = self.pixels.pick(indices);
        Self { samples, pixels, classes: self.classes.clone(), ..*self }
    }

    /// Joins sets one behind the other; says what differs where size or classes are not the same.
    pub fn join(sets: Vec<Self>) -> Result<Self, String> {
        let mut sets = sets.into_iter();
        let mut joined = sets.next().ok_or("no image set to join")?;
        for set in sets {
            if (set.height, set.width) != (joined.height, joined.width) {
                return Err(format!(
                    "images of {} x {} beside images of {} x {} pixels",
                    joined.width, joined.height, set.width, set.height
                ));
            }
            if set.classes != joined.classes {
                return Err(format!(
                    "classes {:?} beside classes {:?}",
                    joined.classes, set.classes
                ));
            }
            joined.samples.extend(set.samples);
            joined.pixels.extend(set.pixels);
        }
        Ok(joined)
    }

    /// Returns every image's class, or the id of the first image that has none.
    pub fn labels(&self) -> Result<Vec<usize>, &str> {
        self.samples.iter().map(|sample| sample.label.ok_or(sample.id.as_str())).collect()
    }

    /// Returns how many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for label in self.samples.iter().filter_map(|sample| sample.label) {
            counts[label] += 1;
        }
        counts
    }

    /// Returns how many images each part has.
    pub fn partition_counts(&self) -> BTreeMap<Partition, usize> {
        let mut counts = BTreeMap::new();
        for sample in &self.samples {
            *counts.entry(sample.partition).or_default() += 1;
        }
        counts
    }
}

impl Artifact for ImageSet {
    const TYPE: &'static str = "images";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let set: Set = tree.json(SET)?;
        let table = tree.read(SAMPLES)?;
        let mut table = csv::Reader::from_reader(table.as_slice());
        refuse_other_columns(&mut table)?;
        let samples: Vec<Sample> = table
            .deserialize()
            .collect::<Result<_, _>>()
            .map_err(|error| Error::malformed(SAMPLES, error.to_string()))?;
        let sides = [set.height, set.width, CHANNELS];
        let size = sides.iter().try_fold(1_usize, |size, side| size.checked_mul(*side));
        if size.is_none_or(|size| size == 0 && !samples.is_empty()) {
            let (height, width) = (set.height, set.width);
            return Err(Error::malformed(SET, format!("no image has {width} x {height} pixels")));
        }
        let classes = set.classes.len();
        if let Some(stray) = samples.iter().find(|s| s.label.is_some_and(|label| label >= classes))
        {
            let problem = format!("`{}` has a label beyond its {classes} classes", stray.id);
            return Err(Error::malformed(SAMPLES, problem));
        }
        let mut shards = Vec::new();
        for first in (0..samples.len()).step_by(SHARD) {
            let name = shard_name(first / SHARD);
            let wrong = |problem| Error::malformed(&name, problem);
            let (shard, shape) = Shard::of(tree.map(&name)?).map_err(wrong)?;
            let rows = SHARD.min(samples.len() - first);
            if shape != [&[rows], &sides[..]].concat() {
                return Err(wrong(format!("shape {shape:?} is not {rows} of the set's images")));
            }
            shards.push(shard);
        }
        let pixels = Pixels::of_shards(size.unwrap_or_default(), shards);
        Ok(Self { height: set.height, width: set.width, classes: set.classes, samples, pixels })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let set = Set { height: self.height, width: self.width, classes: self.classes.clone() };
        let set = serde_json::to_vec(&set).expect("names and numbers serialise");
        files::write_scratch(&folder.join(SET), &set)?;
        let mut table = csv::Writer::from_writer(Vec::new());
        for sample in &self.samples {
            table.serialize(sample).map_err(|e| Error::malformed(SAMPLES, e.to_string()))?;
        }
        let table = table.into_inner().map_err(|e| Error::malformed(SAMPLES, e.to_string()))?;
        files::write_scratch(&folder.join(SAMPLES), &table)?;
        for first in (0..self.len()).step_by(SHARD) {
            let path = folder.join(shard_name(first / SHARD));
            self.pixels.write_shard(first, [self.height, self.width, CHANNELS], &path)?;
        }
        Ok(())
    }

    fn summary(&self) -> serde_json::Value {
        let counts = self.class_counts();
        let labelled: usize = counts.iter().sum();
        let classes: serde_json::Map<_, _> =
            self.classes.iter().cloned().zip(counts.into_iter().map(Into::into)).collect();
        let parts: serde_json::Map<_, _> = self
            .partition_counts()
            .into_iter()
            .map(|(partition, count)| (partition.name().to_owned(), count.into()))
            .collect();
        let mut summary = json!({
            "images": self.len(), "height": self.height, "width": self.width,
            "labelled": labelled, "classes": classes, "partitions": parts,
        });
        let groups = groups(&self.samples.iter().collect::<Vec<_>>());
        if groups > 0 {
            summary["groups"] = groups.into();
        }
        if self.partition_counts().len() > 1 {
            summary["by_partition"] = self.by_partition();
        }
        summary
    }
}

impl ImageSet {
    /// Returns how many images of each class, and how many groups, each part has.
    fn by_partition(&self) -> serde_json::Value {
        let mut parts = serde_json::Map::new();
        for partition in self.partition_counts().into_keys() {
            let of = |sample: &&Sample| sample.partition == partition;
            let samples: Vec<&Sample> = self.samples.iter().filter(of).collect();
            let mut counts = vec![0; self.classes.len()];
            samples.iter().filter_map(|sample| sample.label).for_each(|label| counts[label] += 1);
            let classes: serde_json::Map<_, _> =
                self.classes.iter().cloned().zip(counts.into_iter().map(Into::into)).collect();
            let mut part = json!({"classes": classes});
            let groups = groups(&samples);
            if groups > 0 {
                part["groups"] = groups.into();
            }
            parts.insert(partition.name().to_owned(), part);
        }
        parts.into()
    }
}

/// Returns how many groups images are of.
fn groups(samples: &[&Sample]) -> usize {
    samples.iter().filter_map(|sample| sample.group.as_deref()).collect::<BTreeSet<&str>>().len()
}

/// A column under another name would pass for one that is empty. A set without images has no columns.
fn refuse_other_columns(table: &mut csv::Reader<&[u8]>) -> Result<(), Error> {
    let found = table.headers().map_err(|error| Error::malformed(SAMPLES, error.to_string()))?;
    let found: Vec<&str> = found.iter().collect();
    if found.is_empty() || COLUMNS.iter().all(|name| found.contains(name)) {
        return Ok(());
    }
    let (found, wanted) = (found.join(","), COLUMNS.join(","));
    Err(Error::malformed(SAMPLES, format!("found the columns {found}, expected {wanted}")))
}

fn shard_name(shard: usize) -> String {
    format!("images-{shard:04}.npy")
}

#[cfg(test)]
mod tests {
    use super::Artifact;
    use super::ImageSet;
    use super::Partition;
    use super::Sample;
    use super::Tree;

    fn set(count: usize) -> ImageSet {
        let mut set = ImageSet::empty(2, 1, vec!["healthy".into(), "ill, badly".into()]);
        for index in 0..count {
            let sample = Sample {
                id: format!("train/{index}"),
                label: (index % 3 < 2).then_some(index % 3),
                partition: Partition::Train,
                group: (index % 2 == 0).then(|| "patient \"7\", left".to_owned()),
                origin: "file".to_owned(),
            };
            set.push(sample, &[index as u8; 6]);
        }
        set
    }

    #[test]
    fn a_set_survives_its_files() {
        for count in [0, 1, 1024, 1025] {
            let folder = tempfile::tempdir().unwrap();
            let set = set(count);
            set.write(folder.path()).unwrap();
            let tree = Tree::of_folder(folder.path()).unwrap();
            assert_eq!(ImageSet::read(&tree).unwrap(), set);
        }
    }

    #[test]
    fn a_set_that_claims_what_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        set(3).write(folder.path()).unwrap();
        let tree = Tree::of_folder(folder.path()).unwrap();
        let refused = |name: &str, text: &str| {
            let before = crate::files::read(tree.path(name).unwrap()).unwrap();
            crate::files::write(tree.path(name).unwrap(), text.as_bytes()).unwrap();
            let error = ImageSet::read(&tree).unwrap_err().to_string();
            crate::files::write(tree.path(name).unwrap(), &before).unwrap();
            error
        };
        let size =
            |side: u64| format!(r#"{{"height": {side}, "width": {side}, "classes": ["a", "b"]}}"#);
        insta::assert_snapshot!(refused("set.json", &size(1 << 60)), @"`set.json` is malformed: no image has 1152921504606846976 x 1152921504606846976 pixels");
        insta::assert_snapshot!(refused("set.json", &size(1 << 30)), @"`images-0000.npy` is malformed: shape [3, 2, 1, 3] is not 3 of the set's images");
        insta::assert_snapshot!(refused("set.json", &size(0)), @"`set.json` is malformed: no image has 0 x 0 pixels");
        let none = r#"{"height": 2, "width": 1, "classes": []}"#;
        insta::assert_snapshot!(refused("set.json", none), @"`samples.csv` is malformed: `train/0` has a label beyond its 0 classes");
        let row = "id,label,partition,group,origin\na,0,train,,file\n";
        insta::assert_snapshot!(refused("samples.csv", row), @"`images-0000.npy` is malformed: shape [3, 2, 1, 3] is not 1 of the set's images");
    }

    #[test]
    fn picking_and_joining_keep_rows_beside_their_images() {
        let set = set(5);
        let picked = set.pick(&[4, 0]);
        assert_eq!(picked.samples[0].id, "train/4");
        assert_eq!(picked.image(0), set.image(4));
        let joined = ImageSet::join(vec![picked, set.clone()]).unwrap();
        assert_eq!(joined.len(), 7);
        assert_eq!(joined.image(2), set.image(0));
        assert!(ImageSet::join(vec![set, ImageSet::empty(2, 2, vec![])]).is_err());
    }

    #[test]
    fn a_summary_counts_images_by_part_class_and_group() {
        let mut set = set(5);
        set.samples[4].partition = Partition::Test;
        let summary = set.summary();
        assert_eq!((&summary["images"], &summary["groups"]), (&5.into(), &1.into()));
        insta::assert_snapshot!(summary["by_partition"], @r#"{"test":{"classes":{"healthy":0,"ill, badly":1},"groups":1},"train":{"classes":{"healthy":2,"ill, badly":1},"groups":1}}"#);
        assert!(ImageSet::empty(1, 1, vec![]).summary().get("by_partition").is_none());
    }

    #[test]
    fn a_missing_label_names_its_image() {
        assert_eq!(set(3).labels(), Err("train/2"));
        assert_eq!(set(3).class_counts(), [1, 1]);
    }
}
