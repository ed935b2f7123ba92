//! Parquet files, as one archive of images: each row is a file of it, named by its file and its number.

use std::path::Path;
use std::path::PathBuf;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::archive::Archive;
use crate::archive::Error;
use crate::archive::MOST_MEMBERS;
use crate::archive::Member;
use crate::archive::Work;
use crate::archive::shard::Image;
use crate::archive::shard::Shard;
use crate::files;

/// The ending of their names.
const ENDING: &str = ".parquet";

/// Parquet files with an image in each row.
pub struct Shards {
    /// Name without the ending, path, content; by name.
    files: Vec<(String, PathBuf, Shard)>,
    /// Column of the images.
    image: String,
    members: Vec<Member>,
}

impl Shards {
    /// Opens a file, or all those below a folder whose names end in `.parquet`; reads what they say of
    /// themselves, and no row. `image` is the column of the images.
    pub fn open(path: &Path, image: &str) -> Result<Self, Error> {
        let mut found: Vec<(String, PathBuf)> = if path.is_dir() {
            let files = files::walk(path)?.into_iter();
            files
                .filter_map(|it| Some((it.name.strip_suffix(ENDING)?.to_owned(), it.path)))
                .collect()
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            vec![(name.trim_end_matches(ENDING).to_owned(), path.to_owned())]
        };
        if found.is_empty() {
            return Err(Error::broken(path, "no file below it has a name that ends in `.parquet`"));
        }
        // The order of their rows' names.
        found.sort_by_cached_key(|(name, _)| format!("{name}/"));
        let (mut files, mut members) = (Vec::new(), Vec::new());
        for (name, path) in found {
            let shard = Shard::open(&path).map_err(|problem| Error::broken(&path, problem))?;
            if members.len() + shard.rows() > MOST_MEMBERS {
                let problem =
                    format!("more than {MOST_MEMBERS} rows, in this file and those before");
                return Err(Error::broken(&path, problem));
            }
            let member = |row| Member { name: format!("{name}/{row:08}"), size: 0 };
            members.extend((0..shard.rows()).map(member));
            files.push((name, path, shard));
        }
        Ok(Self { files, image: image.to_owned(), members })
    }

    /// Returns the files: name without the ending, and number of rows.
    pub fn shards(&self) -> impl Iterator<Item = (&str, usize)> {
        self.files.iter().map(|(name, _, shard)| (name.as_str(), shard.rows()))
    }

    /// Returns the names of a column's classes as the first file has them that says them.
    pub fn classes(&self, column: &str) -> Option<Vec<String>> {
        self.files.iter().find_map(|(_, _, shard)| shard.classes(column))
    }

    /// Returns what a column has in each row of all files.
    pub fn words(&self, column: &str) -> Result<Vec<Option<String>>, Error> {
        let mut all = Vec::with_capacity(self.members.len());
        for (_, path, shard) in &self.files {
            all.extend(shard.words(column).map_err(|problem| Error::broken(path, problem))?);
        }
        Ok(all)
    }
}

impl Archive for Shards {
    fn members(&self) -> &[Member] {
        &self.members
    }

    fn each(&self, wanted: &[usize], longest: u64, work: &Work<'_>) -> Result<(), Error> {
        let mut first = 0;
        for (_, path, shard) in &self.files {
            let end = first + shard.rows();
            let [from, to] = [first, end].map(|row| wanted.partition_point(|number| *number < row));
            let rows: Vec<usize> = wanted[from..to].iter().map(|number| number - first).collect();
            let hand_on = |images: Vec<Image>| {
                images.into_par_iter().for_each(|(row, image)| work(first + row, image));
            };
            let read = shard.images(&self.image, &rows, longest, &hand_on);
            read.map_err(|problem| Error::broken(path, problem))?;
            first = end;
        }
        Ok(())
    }
}
