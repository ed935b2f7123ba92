//! Pixels of many images of one size, in blocks that sets share: taking or joining sets copies none.
//!
//! Knows bytes; does not know what is on the images.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::artifact::Error;
use crate::files;
use crate::files::Mapped;
use crate::imaging::npy;
use crate::imaging::npy::ByteArray;

/// Most images of a block, and of a file.
pub(super) const SHARD: usize = 1024;

/// Pixels of many images of one size.
#[derive(Debug, Clone)]
pub(super) struct Pixels {
    /// Bytes of one image.
    size: usize,
    blocks: Vec<Arc<Block>>,
    /// Where each image lies.
    places: Vec<Place>,
}

/// An image within a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    block: usize,
    index: usize,
}

/// Images one behind the other.
#[derive(Debug)]
enum Block {
    /// In memory.
    Made(Vec<u8>),
    /// In a file, which is read where it is looked at.
    Filed(Shard),
}

/// A file of images: `uint8 [n, height, width, 3]`.
#[derive(Debug)]
pub(super) struct Shard {
    mapped: Mapped,
    /// Bytes before the first image.
    start: usize,
    images: usize,
    /// Where the file lies, if it was made for this very set and may be given away.
    own: Option<PathBuf>,
}

impl Shard {
    /// Takes an array of images in `.npy` format; returns it with its shape.
    pub(super) fn of(mapped: Mapped) -> Result<(Self, Vec<usize>), String> {
        let array = npy::decode(&mapped)?;
        let (start, images) = (mapped.len() - array.data.len(), array.shape.first().copied());
        let shape = array.shape;
        Ok((Self { mapped, start, images: images.unwrap_or_default(), own: None }, shape))
    }

    /// Takes a file that was made for this very set.
    pub(super) fn own(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let malformed = |problem| Error::malformed(&name, problem);
        let (shard, _) = Self::of(files::map(path)?).map_err(malformed)?;
        Ok(Self { own: Some(path.to_owned()), ..shard })
    }
}

impl Block {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Made(bytes) => bytes,
            Self::Filed(shard) => &shard.mapped[shard.start..],
        }
    }
}

impl Pixels {
    /// Returns those of no image.
    pub(super) fn empty(size: usize) -> Self {
        Self { size, blocks: Vec::new(), places: Vec::new() }
    }

    /// Returns those of all images of files, one behind the other.
    pub(super) fn of_shards(size: usize, shards: Vec<Shard>) -> Self {
        let mut pixels = Self::empty(size);
        for shard in shards {
            let block = pixels.blocks.len();
            pixels.places.extend((0..shard.images).map(|index| Place { block, index }));
            pixels.blocks.push(Arc::new(Block::Filed(shard)));
        }
        pixels
    }

    /// Returns those of images that lie one behind the other in memory.
    pub(super) fn of_bytes(size: usize, bytes: Vec<u8>) -> Self {
        let count = bytes.len().checked_div(size).unwrap_or_default();
        let places = (0..count).map(|index| Place { block: 0, index }).collect();
        Self { size, blocks: vec![Arc::new(Block::Made(bytes))], places }
    }

    /// Returns the number of images.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the pixels of one image.
    pub(super) fn image(&self, index: usize) -> &[u8] {
        let place = self.places[index];
        &self.blocks[place.block].bytes()[place.index * self.size..][..self.size]
    }

    /// Adds an image.
    pub(super) fn push(&mut self, image: &[u8]) {
        let room = self.blocks.last_mut().and_then(Arc::get_mut).and_then(|block| match block {
            Block::Made(bytes) if bytes.len() < SHARD * self.size => Some(bytes),
            _ => None,
        });
        let mut index = 0;
        if let Some(bytes) = room {
            bytes.extend_from_slice(image);
            index = bytes.len() / self.size - 1;
        } else {
            self.blocks.push(Arc::new(Block::Made(image.to_vec())));
        }
        self.places.push(Place { block: self.blocks.len() - 1, index });
    }

    /// Returns the images at the given indices, in that order.
    pub(super) fn pick(&self, indices: &[usize]) -> Self {
        let places = indices.iter().map(|&index| self.places[index]).collect();
        Self { size: self.size, blocks: self.blocks.clone(), places }
    }

    /// Adds the images of another set, of the same size.
    pub(super) fn extend(&mut self, other: Self) {
        let shift = self.blocks.len();
        self.blocks.extend(other.blocks);
        let moved = |place: Place| Place { block: place.block + shift, ..place };
        self.places.extend(other.places.into_iter().map(moved));
    }

    /// Writes a file with the images from `first` on, at most [`SHARD`] of them, as an array of images
    /// `[height, width, channels]`.
    pub(super) fn write_shard(
        &self,
        first: usize,
        image: [usize; 3],
        path: &Path,
    ) -> Result<(), Error> {
        let places = &self.places[first..self.len().min(first + SHARD)];
        if let Some(own) = self.own_file(places)
            && files::link(own, path).is_ok_and(|made| made)
        {
            return Ok(());
        }
        let mut data = Vec::with_capacity(places.len() * self.size);
        (first..first + places.len()).for_each(|index| data.extend_from_slice(self.image(index)));
        let shape = [&[places.len()], &image[..]].concat();
        Ok(files::write_scratch(path, &npy::encode(&ByteArray { shape, data: &data }))?)
    }

    /// Returns the file that holds exactly these images, if it may be given away.
    fn own_file(&self, places: &[Place]) -> Option<&Path> {
        let block = places.first()?.block;
        let Block::Filed(shard) = &*self.blocks[block] else { return None };
        let all = (0..shard.images).map(|index| Place { block, index });
        shard.own.as_deref().filter(|_| all.eq(places.iter().copied()))
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && (0..self.len()).all(|index| self.image(index) == other.image(index))
    }
}

impl Eq for Pixels {}

#[cfg(test)]
mod tests {
    use super::Pixels;

    fn images(numbers: impl IntoIterator<Item = u8>) -> Pixels {
        let mut pixels = Pixels::empty(2);
        numbers.into_iter().for_each(|number| pixels.push(&[number, number]));
        pixels
    }

    #[test]
    fn what_is_taken_and_joined_stays_when_more_is_added() {
        let mut pixels = images(0..200);
        let mut picked = pixels.pick(&[7, 3]);
        pixels.push(&[9, 8]);
        picked.push(&[1, 2]);
        picked.extend(pixels.clone());
        picked.push(&[4, 5]);
        let found: Vec<&[u8]> = [0, 1, 2, 3, 203, 204].map(|index| picked.image(index)).to_vec();
        assert_eq!(found, [&[7, 7], &[3, 3], &[1, 2], &[0, 0], &[9, 8], &[4, 5]] as [&[u8; 2]; 6]);
        assert_eq!((pixels.len(), pixels.image(200)), (201, &[9, 8][..]));
    }

    #[test]
    fn a_set_is_what_its_images_are_wherever_they_lie() {
        let all = images(0..5);
        assert!(all == Pixels::of_bytes(2, vec![0, 0, 1, 1, 2, 2, 3, 3, 4, 4]));
        assert!(all.pick(&[1, 0]) == images([1, 0]) && all != images(0..4));
        assert!(all.pick(&[1, 0]) != images([0, 1]));
    }
}
