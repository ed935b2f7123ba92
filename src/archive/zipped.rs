//! A `.zip`, as an archive: its files are read side by side.

use std::io::Cursor;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use zip::ZipArchive;

use crate::archive::Archive;
use crate::archive::Error;
use crate::archive::MOST_MEMBERS;
use crate::archive::Member;
use crate::archive::Work;
use crate::archive::name;
use crate::archive::sorted;
use crate::archive::too_long;
use crate::files;
use crate::files::Mapped;

/// A mapped file that many readers share.
#[derive(Clone)]
struct Shared(Arc<Mapped>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A `.zip`.
pub(super) struct Zip {
    /// Cheap to clone: the list of files is shared.
    reader: ZipArchive<Cursor<Shared>>,
    members: Vec<Member>,
    /// Number of each file within the zip.
    places: Vec<usize>,
}

impl Zip {
    pub(super) fn open(path: &Path, mapped: Mapped) -> Result<Self, Error> {
        let broken = |problem: String| Error::broken(path, problem);
        // An entry of the list takes 46 bytes at least: more than that allows are not made room for.
        let zip = ZipArchive::new(Cursor::new(Shared(Arc::new(mapped))))
            .map_err(|error| broken(format!("no zip, or a damaged one: {error}")))?;
        if zip.len() > MOST_MEMBERS {
            return Err(broken(format!("{} files; at most {MOST_MEMBERS} expected", zip.len())));
        }
        let mut reader = zip;
        let mut found = Vec::new();
        for place in 0..reader.len() {
            let file = reader.by_index_raw(place);
            let file = file.map_err(|error| broken(format!("file {place}: {error}")))?;
            if !file.is_dir() {
                let name = name::plain(file.name()).map_err(broken)?;
                found.push((Member { name, size: file.size() }, place));
            }
        }
        let (members, places) = sorted(path, found)?;
        Ok(Self { reader, members, places })
    }
}

impl Archive for Zip {
    fn members(&self) -> &[Member] {
        &self.members
    }

    fn each(&self, wanted: &[usize], longest: u64, work: &Work<'_>) -> Result<(), Error> {
        wanted.par_iter().for_each_with(self.reader.clone(), |zip, &number| {
            work(number, content(zip, self.places[number], longest));
        });
        Ok(())
    }
}

fn content(
    zip: &mut ZipArchive<Cursor<Shared>>,
    place: usize,
    longest: u64,
) -> Result<Vec<u8>, String> {
    let file = zip.by_index(place).map_err(|error| error.to_string())?;
    if file.is_symlink() {
        return Err("it is a link".to_owned());
    }
    let longest = longest.min(files::most_unpacked(file.compressed_size()));
    if file.size() > longest {
        return Err(too_long(longest));
    }
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > longest { Err(too_long(longest)) } else { Ok(bytes) }
}
