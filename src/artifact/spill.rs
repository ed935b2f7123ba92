//! An image set whose images are made in any order, by many threads, and go straight into files: as
//! much memory for a million images as for one.
//!
//! Knows the files of an image set; does not know where the images come from.

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::artifact::CHANNELS;
use crate::artifact::Error;
use crate::artifact::ImageSet;
use crate::artifact::Sample;
use crate::artifact::pixels::Pixels;
use crate::artifact::pixels::SHARD;
use crate::artifact::pixels::Shard;
use crate::files::Placed;
use crate::imaging::npy;

/// Files that are held open: images that are made one after the other mostly go into the same.
const OPEN: usize = 8;

/// An image set in the making.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    count: usize,
    height: usize,
    width: usize,
    open: Mutex<VecDeque<(usize, Arc<Placed>)>>,
}

impl Spill {
    /// Makes room for images in a scratch folder that outlives the set.
    pub fn new(folder: &Path, count: usize, [height, width]: [usize; 2]) -> Self {
        let (folder, open) = (folder.to_owned(), Mutex::new(VecDeque::new()));
        Self { folder, count, height, width, open }
    }

    /// Keeps images that follow each other: `[n, height, width, 3]`. Their indices are below the count.
    pub fn put(&self, first: usize, pixels: &[u8]) -> Result<(), Error> {
        let size = self.bytes_per_image();
        let images = pixels.len() / size;
        assert_eq!(pixels.len(), images * size, "images of another size than their set");
        assert!(first + images <= self.count, "an image beyond the last");
        let (mut index, mut rest) = (first, pixels);
        while !rest.is_empty() {
            let (shard, place) = (index / SHARD, index % SHARD);
            let (these, others) = rest.split_at(rest.len().min((SHARD - place) * size));
            let start = npy::head(&self.shape(shard)).len() + place * size;
            self.file(shard)?.write(start as u64, these)?;
            (index, rest) = (index + these.len() / size, others);
        }
        Ok(())
    }

    /// Returns the set of the images with a sample, in rising order of their indices.
    pub fn finish(
        self,
        classes: Vec<String>,
        samples: Vec<(usize, Sample)>,
    ) -> Result<ImageSet, Error> {
        let mut shards = Vec::new();
        for shard in 0..self.count.div_ceil(SHARD) {
            drop(self.file(shard)?); // none of its images may have been kept
            shards.push(Shard::own(&self.path(shard))?);
        }
        let pixels = Pixels::of_shards(self.bytes_per_image(), shards);
        let (kept, samples): (Vec<usize>, Vec<Sample>) = samples.into_iter().unzip();
        assert!(kept.is_sorted_by(|one, next| one < next), "images in another order");
        let set = ImageSet::empty(self.height, self.width, classes);
        Ok(set.with_pixels(samples, pixels.pick(&kept)))
    }

    fn bytes_per_image(&self) -> usize {
        self.height * self.width * CHANNELS
    }

    fn path(&self, shard: usize) -> PathBuf {
        self.folder.join(format!("shard-{shard}.npy"))
    }

    fn shape(&self, shard: usize) -> [usize; 4] {
        [SHARD.min(self.count - shard * SHARD), self.height, self.width, CHANNELS]
    }

    /// Opens a file, if it is not open, and closes the one that was opened first.
    fn file(&self, shard: usize) -> Result<Arc<Placed>, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = open.iter().find(|(number, _)| *number == shard) {
            return Ok(Arc::clone(file));
        }
        let shape = self.shape(shard);
        let head = npy::head(&shape);
        let length = head.len() + shape.iter().product::<usize>();
        let file = Arc::new(Placed::open(&self.path(shard), length as u64)?);
        file.write(0, &head)?;
        open.truncate(OPEN - 1);
        open.push_front((shard, Arc::clone(&file)));
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert;
    use proptest::proptest;

    use super::ImageSet;
    use super::SHARD;
    use super::Sample;
    use super::Spill;
    use crate::artifact::Artifact;
    use crate::artifact::Partition;
    use crate::artifact::Tree;

    fn sample(index: usize) -> Sample {
        Sample {
            id: index.to_string(),
            label: None,
            partition: Partition::Whole,
            group: None,
            origin: "file".to_owned(),
        }
    }

    fn pixels(index: usize) -> [u8; 6] {
        [index as u8, (index >> 8) as u8, 3, 4, 5, 6]
    }

    #[test]
    fn files_are_the_same_whether_images_were_made_in_memory_or_in_any_order_on_disk() {
        proptest!(|(count in 1..3 * SHARD, step in 0_usize..50, gap in 2_usize..9)| {
            let step = [7919, 104_729, 1, 3][step % 4]; // coprime to most counts
            let folder = tempfile::tempdir().unwrap();
            let spill = Spill::new(&folder.path().join("scratch"), count, [1, 2]);
            let is_kept = |index: &usize| !index.is_multiple_of(gap);
            for index in (0..count).map(|number| number * step % count).filter(is_kept) {
                spill.put(index, &pixels(index)).unwrap();
            }
            for index in (0..count).filter(is_kept) {
                spill.put(index, &pixels(index)).unwrap();
            }
            let kept: Vec<_> = (0..count).filter(is_kept).map(|index| (index, sample(index))).collect();
            let mut expected = ImageSet::empty(1, 2, vec![]);
            for (index, sample) in &kept {
                expected.push(sample.clone(), &pixels(*index));
            }
            let found = spill.finish(vec![], kept).unwrap();
            prop_assert!(found == expected);
            found.write(&folder.path().join("one")).unwrap();
            expected.write(&folder.path().join("two")).unwrap();
            let read = |name: &str| Tree::of_folder(&folder.path().join(name)).unwrap();
            for name in read("two").0.keys() {
                prop_assert!(read("one").read(name).unwrap() == read("two").read(name).unwrap());
            }
            prop_assert!(read("one").0.len() == read("two").0.len());
        });
    }

    #[test]
    fn a_whole_file_is_given_away_and_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(&folder.path().join("scratch"), SHARD + 1, [1, 2]);
        (0..=SHARD).for_each(|index| spill.put(index, &pixels(index)).unwrap());
        let samples = (0..=SHARD).map(|index| (index, sample(index))).collect();
        let set = spill.finish(vec![], samples).unwrap();
        set.write(&folder.path().join("set")).unwrap();
        let names = |path: &str| {
            let about = std::fs::metadata(folder.path().join(path)).unwrap();
            std::os::unix::fs::MetadataExt::nlink(&about)
        };
        assert_eq!([names("set/images-0000.npy"), names("set/images-0001.npy")], [2, 2]);
        set.pick(&[1, 0]).write(&folder.path().join("turned")).unwrap();
        assert_eq!(names("turned/images-0000.npy"), 1);
    }
}
