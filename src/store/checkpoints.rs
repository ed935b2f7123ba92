//! Checkpoints as a verification sees them: folders that say the digests of their files.
//!
//! Knows nothing of trainings, nor which checkpoint is of use to whom.

use std::path::Path;

use serde::Deserialize;

use crate::digest::Digest;
use crate::files;
use crate::files::plain;
use crate::files::plain::Sort;
use crate::store::Error;
use crate::store::layout::Layout;

/// What says the digests of the others.
const ABOUT: &str = "checkpoint.json";
/// Longest such file that is read, bytes.
const LONGEST_ABOUT: u64 = 1 << 28;

/// Digests of the files beside it.
#[derive(Deserialize)]
struct About {
    state: Digest,
    history: Digest,
}

/// Returns the path below the cache's folder of each checkpoint that is not what it says, and why. Hashes
/// all of them.
pub(super) fn damaged(layout: &Layout) -> Result<Vec<(String, String)>, Error> {
    let mut damaged = Vec::new();
    for way in files::names(&layout.checkpoints())? {
        let folder = layout.checkpoints().join(&way);
        if !is_folder(&folder) {
            continue;
        }
        for name in files::names(&folder)?.into_iter().filter(|name| !name.starts_with('.')) {
            let checkpoint = folder.join(&name);
            if !is_folder(&checkpoint) {
                continue;
            }
            if let Err(why) = check(&checkpoint)
                && is_folder(&checkpoint)
            // else it is no longer wanted
            {
                damaged.push((format!("checkpoints/{way}/{name}"), why));
            }
        }
    }
    Ok(damaged)
}

fn check(folder: &Path) -> Result<(), String> {
    let text = plain::read(&folder.join(ABOUT), LONGEST_ABOUT);
    let text = text.map_err(|error| format!("`{ABOUT}`: {}", error.source))?;
    let about: About =
        serde_json::from_slice(&text).map_err(|error| format!("`{ABOUT}`: {error}"))?;
    for (name, expected) in [("state.safetensors", about.state), ("history.csv", about.history)] {
        match plain::digest(&folder.join(name)) {
            Ok(found) if found == expected => {}
            Ok(_) => return Err(format!("the content of `{name}` is not what `{ABOUT}` says")),
            Err(error) => return Err(format!("`{name}`: {}", error.source)),
        }
    }
    Ok(())
}

fn is_folder(path: &Path) -> bool {
    plain::look(path).is_some_and(|(sort, _)| sort == Sort::Folder)
}
