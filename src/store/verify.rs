//! Verification: hashes everything again and says what is damaged, missing or left over.

use std::collections::BTreeSet;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::store::Error;
use crate::store::Store;
use crate::store::objects;

/// A file that a record names and that is not there, or not of its size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// Key of the record.
    pub key: Digest,
    /// Kind of stage.
    pub kind: String,
    /// Output port.
    pub port: String,
    /// Path inside the artifact.
    pub path: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verdict {
    /// Files that were hashed.
    pub objects: usize,
    /// Their size, bytes.
    pub bytes: u64,
    /// Paths of files whose content is not what their name says.
    pub damaged: Vec<String>,
    /// Files that records name and that are not there.
    pub missing: Vec<Missing>,
    /// Paths of whole files that no record names: harmless, left by a run that was cut off.
    pub orphaned: Vec<String>,
}

impl Verdict {
    /// Returns whether every record is whole.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty()
    }
}

impl Store {
    /// Hashes every stored file again, on all cores.
    pub fn verify(&self) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        let named = self.check_records(&mut verdict)?;
        if !self.layout.objects().exists() {
            return Ok(verdict);
        }
        let found = files::walk(&self.layout.objects())?;
        let digests: Vec<Digest> =
            found.par_iter().map(|found| files::digest(&found.path)).collect::<Result<_, _>>()?;
        for (found, digest) in found.iter().zip(digests) {
            verdict.objects += 1;
            verdict.bytes += found.size;
            if objects::digest_of_name(&found.name) != Some(digest) {
                verdict.damaged.push(format!("objects/{}", found.name));
            } else if !named.contains(&digest) {
                verdict.orphaned.push(format!("objects/{}", found.name));
            }
        }
        Ok(verdict)
    }

    /// Removes the damaged files that a verification found, so that what needs them runs again.
    pub fn remove_damaged(&self, verdict: &Verdict) -> Result<(), Error> {
        let paths = verdict.damaged.iter().map(|name| self.folder().join(name));
        Ok(paths.into_iter().try_for_each(|path| files::remove_file(&path))?)
    }

    /// Returns what the records name, and notes what of it is missing.
    fn check_records(&self, verdict: &mut Verdict) -> Result<BTreeSet<Digest>, Error> {
        let mut named = BTreeSet::new();
        for record in self.records()? {
            for (port, output) in &record.outputs {
                named.insert(output.digest);
                for blob in &output.blobs {
                    named.insert(blob.digest);
                    if !objects::is_whole(&self.layout, blob) {
                        verdict.missing.push(Missing {
                            key: record.key_digest(),
                            kind: record.kind().to_owned(),
                            port: port.clone(),
                            path: blob.path.clone(),
                        });
                    }
                }
            }
        }
        verdict.missing.sort();
        Ok(named)
    }
}
