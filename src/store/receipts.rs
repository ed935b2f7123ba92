//! Receipts: what a run that found everything leaves for the next run that is asked the same, and whether what it
//! names still lies there as it did.
//!
//! A receipt only ever saves looking: one that is lost, old or of no use costs a plan. Each user has receipts of their
//! own: nobody else can write one that counts. Does not know what a run is asked.

use std::os::unix::fs::MetadataExt;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::digest::Digest;
use crate::files;
use crate::files::Look;
use crate::files::plain;
use crate::store::Error;
use crate::store::Record;
use crate::store::Store;
use crate::store::cache::named_by_digests;
use crate::store::objects;

/// Longest receipt, bytes: some hundred thousand tasks.
const LONGEST: u64 = 64 << 20;

impl Store {
    /// Returns the receipt that this user has for what was asked.
    pub fn receipt(&self, asked: Digest) -> Option<Vec<u8>> {
        let path = self.layout.receipt(own(asked));
        let is_own = plain::about(&path)?.uid() == user();
        is_own.then(|| plain::read(&path, LONGEST).ok()).flatten()
    }

    /// Keeps a receipt for what was asked, in the place of the one before; one that is too long to be read is
    /// not kept.
    pub fn keep_receipt(&self, asked: Digest, receipt: &[u8]) -> Result<(), Error> {
        if receipt.len() as u64 > LONGEST {
            return Ok(());
        }
        self.prepare()?;
        let path = self.layout.receipt(own(asked));
        objects::clear_way(&path)?;
        Ok(files::write(&path, receipt)?)
    }

    /// Returns a digest of what the file system says of the records of these keys; nothing where one is not there,
    /// or so young at a time, seconds since 1970, that it might be written again without a trace. Two equal ones
    /// mean the same records.
    pub fn looks_of_records(&self, keys: &[Digest], now: u64) -> Option<Digest> {
        let look = |key: &Digest| Some(Look::of(&plain::about(&self.layout.record(*key))?));
        let looks: Vec<_> = keys.par_iter().map(look).collect::<Option<_>>()?;
        let settled = looks.iter().all(|look| look.is_settled(now));
        settled.then(|| Digest::of_parts(looks.iter().map(|look| look.bytes().to_vec())))
    }

    /// Returns whether all of these stored files are there, each of its size: what [`Store::find`] asks of those that
    /// a record names.
    pub fn has_objects(&self, objects: &[(Digest, u64)]) -> bool {
        let is_there =
            |(digest, size): &(Digest, u64)| objects::is_there(&self.layout.object(*digest), *size);
        objects.par_iter().all(is_there)
    }

    /// Removes every receipt: after a collection none may hold, and the next run writes what does.
    pub(super) fn drop_receipts(&self) -> Result<(), Error> {
        for (_, path) in named_by_digests(&self.layout.receipts())? {
            files::remove_file(&path)?;
        }
        Ok(())
    }
}

/// Returns the number of the user whose rights this process has.
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns what stands for a question of this user.
fn own(asked: Digest) -> Digest {
    Digest::of_value(&(asked, user()))
}

impl Record {
    /// Returns every stored file that the record needs, with its size in bytes: the list of each output and what that
    /// names.
    pub fn objects(&self) -> impl Iterator<Item = (Digest, u64)> {
        self.outputs.values().flat_map(|output| {
            let list = (output.digest, output.blobs.text().len() as u64);
            std::iter::once(list).chain(output.blobs.iter().map(|blob| (blob.digest, blob.size)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use super::Store;
    use super::files;

    /// A time at which everything that was written in a test is old.
    const LATER: u64 = 1 << 40;

    #[test]
    fn a_receipt_is_found_by_what_was_asked_and_gone_after_a_collection() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let [asked, other] = [b"one", b"two"].map(|text| Digest::of_bytes(text));
        assert_eq!(store.receipt(asked), None);
        store.drop_receipts().unwrap();
        store.keep_receipt(asked, b"old").unwrap();
        store.keep_receipt(asked, b"new").unwrap();
        assert_eq!((store.receipt(asked), store.receipt(other)), (Some(b"new".to_vec()), None));
        store.drop_receipts().unwrap();
        assert_eq!(store.receipt(asked), None);
    }

    #[test]
    fn records_that_were_written_again_look_otherwise_and_those_just_written_like_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let keys = [b"one", b"two"].map(|text| Digest::of_bytes(text));
        let write = |key: &Digest| files::write(&store.layout.record(*key), b"{}").unwrap();
        assert_eq!(store.looks_of_records(&keys, LATER), None);
        keys.iter().for_each(write);
        let before = store.looks_of_records(&keys, LATER);
        assert!(before.is_some() && before == store.looks_of_records(&keys, LATER));
        assert_ne!(before, store.looks_of_records(&keys[..1], LATER));
        assert_eq!(store.looks_of_records(&keys, 0), None);
        std::thread::sleep(std::time::Duration::from_millis(20)); // longer than the kernel's clock stands still
        write(&keys[0]);
        assert_ne!(before, store.looks_of_records(&keys, LATER));
    }

    #[test]
    fn a_stored_file_counts_where_it_is_there_with_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let content = Digest::of_bytes(b"content");
        files::write(&store.layout.object(content), b"content").unwrap();
        let has = |objects: &[(Digest, u64)]| store.has_objects(objects);
        assert!(has(&[]) && has(&[(content, 7)]));
        assert!(!has(&[(content, 6)]) && !has(&[(content, 7), (Digest::of_bytes(b""), 0)]));
    }
}
