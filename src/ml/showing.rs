//! Images drawn anew for each batch, made on threads of their own while the network is busy with others.

use std::sync::Arc;
use std::sync::mpsc;

use rayon::ThreadPool;
use rayon::ThreadPoolBuilder;
use rayon::iter::IndexedParallelIterator;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;

use crate::artifact::ImageSet;
use crate::augment::Online;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;
use crate::stage::StageError;

/// Batches that wait for the network at most.
const AHEAD: usize = 2;

/// A set whose images look another way each time they are shown.
#[derive(Debug, Clone)]
pub(in crate::ml) struct Showing<'a> {
    set: &'a ImageSet,
    online: &'a Online,
    seed: Seed,
    pool: Arc<ThreadPool>,
}

impl<'a> Showing<'a> {
    /// Prepares a set to be shown, with so many threads to draw its images.
    pub(in crate::ml) fn new(
        set: &'a ImageSet,
        online: &'a Online,
        seed: Seed,
        threads: usize,
    ) -> Result<Self, StageError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let refused = |error| StageError::data(format!("no threads to draw images on: {error}"));
        Ok(Self { set, online, seed, pool: Arc::new(pool.map_err(refused)?) })
    }

    /// Hands over each of some batches with its pixels, `[batch, height, width, 3]`, in order. `draw` numbers, for
    /// each batch, the draw of an image's looks: with the same number it looks the same.
    pub(in crate::ml) fn each(
        &self,
        draw: impl Fn(usize) -> usize + Send,
        batches: &[Vec<usize>],
        mut take: impl FnMut(usize, &[u8]) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let (send, made) = mpsc::sync_channel(AHEAD);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for (number, indices) in batches.iter().enumerate() {
                    if send.send(self.batch(draw(number), indices)).is_err() {
                        return; // nobody takes it any more
                    }
                }
            });
            (0..batches.len()).zip(made).try_for_each(|(number, pixels)| take(number, &pixels))
        })
    }

    /// Draws images: what an image looks like depends on the number of the draw and on its id, and, where it is in
    /// the batch already, on how often.
    fn batch(&self, draw: usize, indices: &[usize]) -> Vec<u8> {
        let size = self.set.bytes_per_image();
        let mut batch = vec![0; indices.len() * size];
        let seed = self.seed.number(draw as u64);
        let images = indices.par_iter().enumerate();
        self.pool.install(|| {
            batch.par_chunks_exact_mut(size).zip(images).for_each(|(to, (place, index))| {
                let sample = &self.set.samples[*index];
                let pixels = self.set.image(*index).to_vec();
                let mut image = Rgb::new(self.set.height, self.set.width, pixels);
                let before = indices[..place].iter().filter(|other| *other == index).count();
                let (classes, seed) = (&self.set.classes, seed.named(&sample.id));
                let seed = if before == 0 { seed } else { seed.number(before as u64) };
                self.online.show(&mut image, sample.label, classes, seed);
                to.copy_from_slice(&image.pixels);
            });
        });
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::ImageSet;
    use super::Online;
    use super::Seed;
    use super::Showing;
    use super::StageError;
    use crate::artifact::Partition;
    use crate::artifact::Sample;

    fn set(count: usize) -> ImageSet {
        let mut set = ImageSet::empty(4, 4, vec!["well".to_owned()]);
        for index in 0..count {
            let id = format!("image {index}");
            let (label, partition, group) = (Some(0), Partition::Train, None);
            let sample = Sample { id, label, partition, group, origin: "made".to_owned() };
            let levels: Vec<u8> = (0..48).map(|place| (place * 5 + index % 7) as u8).collect();
            set.push(sample, &levels);
        }
        set
    }

    /// Shows batches of an epoch; returns their pixels.
    fn shown(threads: usize, epoch: usize, batches: &[Vec<usize>]) -> Vec<Vec<u8>> {
        let (set, online) = (set(40), Online::default());
        let showing = Showing::new(&set, &online, Seed(1), threads).unwrap();
        let mut all = Vec::new();
        let mut take = |number: usize, pixels: &[u8]| {
            assert_eq!(number, all.len());
            all.push(pixels.to_vec());
            Ok(())
        };
        showing.each(|_| epoch, batches, &mut take).unwrap();
        all
    }

    #[test]
    fn an_image_looks_the_same_on_any_thread_and_in_any_batch_of_an_epoch() {
        let batches: Vec<Vec<usize>> =
            (0..40).collect::<Vec<_>>().chunks(7).map(<[_]>::to_vec).collect();
        let first = shown(1, 0, &batches);
        assert!(first == shown(3, 0, &batches));
        let turned: Vec<usize> = (0..40).rev().collect();
        let mut images: Vec<u8> = Vec::new();
        shown(2, 0, &[turned])[0].rchunks_exact(48).for_each(|image| images.extend(image));
        assert!(first.concat() == images);
        assert!(first != shown(1, 1, &batches), "the next epoch draws anew");
    }

    #[test]
    fn an_image_that_is_in_a_batch_twice_looks_another_way() {
        let twice = shown(1, 0, &[vec![3, 3, 3]]);
        let [one, two, three] = [0, 1, 2].map(|place| &twice[0][place * 48..][..48]);
        assert!(one != two && two != three && one != three);
        assert!(one == shown(1, 0, &[vec![3]])[0]);
    }

    #[test]
    fn what_fails_on_the_way_ends_the_epoch() {
        let (set, online) = (set(40), Online::default());
        let showing = Showing::new(&set, &online, Seed(1), 2).unwrap();
        let batches = vec![vec![0]; 100];
        let mut taken = 0;
        let end = showing.each(
            |_| 0,
            &batches,
            |_, _| {
                taken += 1;
                if taken == 3 { Err(StageError::data("enough")) } else { Ok(()) }
            },
        );
        assert_eq!((end.unwrap_err().to_string(), taken), ("enough".to_owned(), 3));
    }
}
