//! A folder, as an archive.

use std::path::Path;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::archive::Archive;
use crate::archive::Error;
use crate::archive::LinksOut;
use crate::archive::Member;
use crate::archive::Work;
use crate::archive::too_long;
use crate::files;
use crate::files::Found;

/// All files below a folder.
pub(super) struct Folder {
    found: Vec<Found>,
    links_out: LinksOut,
    members: Vec<Member>,
}

impl Folder {
    pub(super) fn open(path: &Path, links_out: LinksOut) -> Result<Self, Error> {
        let found = files::walk(path)?;
        let member = |it: &Found| Member { name: it.name.clone(), size: it.look.size };
        let members = found.iter().map(member).collect();
        Ok(Self { found, links_out, members })
    }
}

impl Archive for Folder {
    fn members(&self) -> &[Member] {
        &self.members
    }

    fn each(&self, wanted: &[usize], longest: u64, work: &Work<'_>) -> Result<(), Error> {
        wanted.par_iter().for_each(|&number| {
            let it = &self.found[number];
            let content = if it.is_outside && self.links_out == LinksOut::Refused {
                Err("it is a link that leads out of the folder".to_owned())
            } else if it.look.size > longest {
                Err(too_long(longest))
            } else {
                files::read(&it.path).map_err(|error| error.source.to_string())
            };
            work(number, content);
        });
        Ok(())
    }
}
