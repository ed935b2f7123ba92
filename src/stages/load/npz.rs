//! NumPy archives in `MedMNIST`'s layout: images and labels of three parts.

use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use rayon::iter::IndexedParallelIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use crate::artifact::CHANNELS;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::artifact::Spill;
use crate::files;
use crate::imaging::npz::Array;
use crate::imaging::npz::Bytes;
use crate::imaging::npz::Npz;
use crate::imaging::resize::Filter;
use crate::imaging::resize::resize;
use crate::imaging::rgb::Rgb;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Progress;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::preparation::Preparation;

const PARTS: [(&str, Partition); 3] =
    [("train", Partition::Train), ("val", Partition::Validation), ("test", Partition::Test)];
const EXPECTED: &str = "`train_images` and `train_labels`, and the same for `val` and `test` where \
                        there are such parts";
const AGAIN: &str = "fetch the file again, and compare its size or digest with the publisher's";
/// Most classes that are believed; labels beyond are a mistake.
const MOST_CLASSES: i64 = 10_000;

type Archive = Npz<BufReader<File>>;

/// One part, all but its pixels.
struct Part {
    name: &'static str,
    partition: Partition,
    /// `[n, height, width]`.
    shape: [usize; 3],
    grey: bool,
    labels: Vec<i64>,
}

/// Counts images by part, and tells their size, from the headers alone.
pub(super) fn counts(path: &Path) -> Result<Counts, StageError> {
    let mut archive = open(path)?;
    let mut counts = Counts::default();
    for (name, partition) in parts(path, &archive)? {
        let member = format!("{name}_images");
        let header = archive.header(&member).map_err(|problem| wrong(path, &member, &problem))?;
        let ([images, height, width], _) = image_shape(path, &member, &header.shape)?;
        let part = Counts::of(partition, images).sized(Some((height, width)));
        counts = counts.plus(&part);
    }
    Ok(counts)
}

/// Reads every part.
pub(super) fn load(cx: &Context<'_>, path: &Path, params: &Params) -> Result<ImageSet, StageError> {
    let mut archive = open(path)?;
    let mut parts_read = Vec::new();
    for (name, partition) in parts(path, &archive)? {
        parts_read.push(read_part(path, &mut archive, name, partition)?);
    }
    let classes = classes(path, params, &parts_read)?;
    let [_, height, width] = parts_read[0].shape;
    if let Some(other) = parts_read.iter().find(|part| part.shape[1..] != [height, width]) {
        let [_, h, w] = other.shape;
        let first = parts_read[0].name;
        let problem = format!("images of {w} x {h} pixels beside `{first}` of {width} x {height}");
        return Err(wrong(path, &format!("{}_images", other.name), &problem));
    }
    let count = parts_read.iter().map(|part| part.shape[0]).sum();
    let prepare = params.prepare.as_ref();
    let own = prepare.and_then(|prepare| prepare.size((height, width))).unwrap_or((height, width));
    let size = params.size.map_or(own.into(), |side| [side, side]);
    let loading = Loading {
        preparation: prepare.map(|prepare| Preparation::new(Some(prepare))),
        filter: params.resize,
        size,
        spill: Spill::new(&cx.folder.join("spilled"), count, size),
        progress: Progress::new(cx, "images", count),
    };
    let mut first = 0;
    for part in &parts_read {
        let member = format!("{}_images", part.name);
        let refused = |problem: String| wrong(path, &member, &problem);
        let pixels = archive.bytes(&member).map_err(refused)?;
        cx.on_threads(|| loading.take(part, first, pixels, &refused))??;
        first += part.shape[0];
    }
    let samples = parts_read.iter().flat_map(Part::samples).enumerate().collect();
    Ok(loading.spill.finish(classes, samples)?)
}

/// Bytes of an array that are read at once: enough images for every core, little beside a program.
const PIECE: usize = 8 << 20;

/// Images on their way from the file to where the set keeps them.
struct Loading<'a> {
    preparation: Option<Preparation>,
    filter: Filter,
    size: [usize; 2],
    spill: Spill,
    progress: Progress<'a>,
}

impl Loading<'_> {
    /// Takes all images of a part; the first of them has the given index in the set.
    fn take<R: Read + Send>(
        &self,
        part: &Part,
        mut first: usize,
        mut pixels: Bytes<'_, R>,
        refused: &(impl Fn(String) -> StageError + Sync),
    ) -> Result<(), StageError> {
        let size = part.bytes_per_image();
        let most = (PIECE / size).max(1) * size;
        let mut read = || pixels.next(most).map_err(refused);
        let mut piece = read()?;
        while let Some(images) = piece {
            // While some are worked on, the next are unpacked.
            let images = &images;
            let (next, done) = rayon::join(&mut read, || {
                if self.keeps(part) {
                    return self.put_all(first, images, size);
                }
                let each = images.par_chunks_exact(size).enumerate();
                each.try_for_each(|(index, image)| self.put(part, first + index, image))
            });
            done?;
            first += images.len() / size;
            piece = next?;
        }
        Ok(())
    }

    /// Returns whether the set keeps images just as the part has them.
    fn keeps(&self, part: &Part) -> bool {
        !part.grey && part.shape[1..] == self.size && self.preparation.is_none()
    }

    fn put_all(&self, first: usize, pixels: &[u8], size: usize) -> Result<(), StageError> {
        (0..pixels.len() / size).try_for_each(|_| self.progress.advance())?;
        Ok(self.spill.put(first, pixels)?)
    }

    fn put(&self, part: &Part, index: usize, pixels: &[u8]) -> Result<(), StageError> {
        self.progress.advance()?;
        let [_, height, width] = part.shape;
        let image = if part.grey {
            Rgb::from_grey(height, width, pixels)
        } else {
            Rgb::new(height, width, pixels.to_vec())
        };
        let image = match &self.preparation {
            Some(preparation) => preparation.apply(image),
            None => image,
        };
        let [height, width] = self.size;
        Ok(self.spill.put(index, &resize(&image, height, width, self.filter).pixels)?)
    }
}

impl Part {
    fn bytes_per_image(&self) -> usize {
        self.shape[1] * self.shape[2] * if self.grey { 1 } else { CHANNELS }
    }

    fn samples(&self) -> impl Iterator<Item = Sample> {
        self.labels.iter().enumerate().map(|(index, label)| Sample {
            id: format!("{}/{index}", self.partition),
            label: usize::try_from(*label).ok(),
            partition: self.partition,
            group: None,
            origin: "file".to_owned(),
        })
    }
}

fn open(path: &Path) -> Result<Archive, StageError> {
    let file = File::open(path).map_err(|source| files::Error {
        action: "open",
        path: path.to_owned(),
        source,
    })?;
    Npz::open(BufReader::new(file))
        .map_err(|problem| StageError::data(format!("`{}`: {problem}", path.display())).help(AGAIN))
}

/// Returns the parts that the archive has; training images must be among them.
fn parts(path: &Path, archive: &Archive) -> Result<Vec<(&'static str, Partition)>, StageError> {
    let names = archive.names();
    let has = |name: &str| names.iter().any(|known| known.starts_with(&format!("{name}_")));
    let found: Vec<_> = PARTS.into_iter().filter(|(name, _)| has(name)).collect();
    if found.first().is_none_or(|(name, _)| *name != "train") {
        let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let listed = if list.is_empty() { "no array".to_owned() } else { list.join(", ") };
        let problem = format!("`{}` has {listed}; expected {EXPECTED}", path.display());
        return Err(StageError::data(problem));
    }
    Ok(found)
}

fn read_part(
    path: &Path,
    archive: &mut Archive,
    name: &'static str,
    partition: Partition,
) -> Result<Part, StageError> {
    let member = format!("{name}_images");
    let header = archive.header(&member).map_err(|problem| wrong(path, &member, &problem))?;
    let (shape, grey) = image_shape(path, &member, &header.shape)?;
    let member = format!("{name}_labels");
    let labels = archive.integers(&member).map_err(|problem| wrong(path, &member, &problem))?;
    let labels = plain_labels(path, &member, labels, shape[0])?;
    Ok(Part { name, partition, shape, grey, labels })
}

/// Returns `[n, height, width]` and whether the images are grey.
fn image_shape(
    path: &Path,
    member: &str,
    shape: &[usize],
) -> Result<([usize; 3], bool), StageError> {
    let (found, grey) = match *shape {
        [n, height, width] | [n, height, width, 1] => ([n, height, width], true),
        [n, height, width, CHANNELS] => ([n, height, width], false),
        [_, depth, height, width] | [_, depth, height, width, 1] if depth > 4 => {
            let problem = format!(
                "its shape is {shape:?}: volumes of {depth} x {height} x {width} voxels; flat images expected"
            );
            let help = "networks here see flat images: take one of the flat sets, or export slices as a folder";
            return Err(StageError::data(said(path, member, &problem)).help(help));
        }
        _ => {
            let problem = format!(
                "its shape is {shape:?}; expected [n, height, width, 3], or [n, height, width] for grey images"
            );
            return Err(wrong(path, member, &problem));
        }
    };
    if found.contains(&0) {
        return Err(wrong(path, member, &format!("its shape {shape:?} holds no image")));
    }
    Ok((found, grey))
}

fn plain_labels(
    path: &Path,
    member: &str,
    labels: Array<i64>,
    images: usize,
) -> Result<Vec<i64>, StageError> {
    let shape = &labels.shape;
    if let [count, several] = *shape.as_slice()
        && count == images
        && several > 1
    {
        let problem =
            format!("it has {several} labels for each image; one class an image expected");
        let help = "a set of several labels at once is no study of classes: choose one of them, and write it as a column of a CSV";
        return Err(StageError::data(said(path, member, &problem)).help(help));
    }
    if !matches!(shape.as_slice(), [_] | [_, 1]) {
        let problem = format!("its shape is {shape:?}; expected [{images}, 1], one class an image");
        return Err(wrong(path, member, &problem));
    }
    if shape[0] != images {
        let problem = format!("it has {} labels for {images} images", shape[0]);
        return Err(wrong(path, member, &problem));
    }
    Ok(labels.data)
}

/// Returns the names of the classes, after looking at every label.
fn classes(path: &Path, params: &Params, read: &[Part]) -> Result<Vec<String>, StageError> {
    let limit = params.classes.as_ref().map_or(MOST_CLASSES, |names| names.len() as i64);
    for part in read {
        let stray = part.labels.iter().enumerate().find(|(_, label)| !(0..limit).contains(*label));
        if let Some((index, label)) = stray {
            let member = format!("{}_labels", part.name);
            let problem =
                format!("label {label} at index {index} is out of range 0 to {}", limit - 1);
            return Err(wrong(path, &member, &problem));
        }
    }
    let largest = read.iter().flat_map(|part| &part.labels).max().copied().unwrap_or(0);
    let numbered = || (0..=largest).map(|class| class.to_string()).collect();
    Ok(params.classes.clone().unwrap_or_else(numbered))
}

fn wrong(path: &Path, member: &str, problem: &str) -> StageError {
    StageError::data(said(path, member, problem)).help(
        "expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them",
    )
}

fn said(path: &Path, member: &str, problem: &str) -> String {
    format!("`{}`, array `{member}`: {problem}", path.display())
}
