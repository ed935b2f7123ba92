//! A file's look: what the file system says of it without reading it, and what every write changes.
//!
//! Two equal looks of one path, the first of them old enough, mean one content. Does not know what
//! anybody makes of that.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::Deserialize;
use serde::Serialize;

/// Seconds within which two writes may give a file the same times, on the coarsest of file systems.
const COARSEST: i64 = 2;

/// What the file system says of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Size in bytes.
    pub size: u64,
    /// Number of the file on its file system.
    pub inode: u64,
    /// When its content was written, as its writer may set it: seconds since 1970, nanoseconds.
    pub modified: (i64, i64),
    /// When anything about it was changed, which nobody can set: seconds since 1970, nanoseconds.
    pub changed: (i64, i64),
}

impl Look {
    /// Returns what is said of a file.
    pub fn of(about: &Metadata) -> Self {
        Self {
            size: about.len(),
            inode: about.ino(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// Returns whether a write at a time, seconds since 1970, or later would show.
    pub fn is_settled(&self, time: u64) -> bool {
        let latest = self.modified.0.max(self.changed.0);
        i64::try_from(time).is_ok_and(|time| latest.saturating_add(COARSEST) < time)
    }

    /// Returns all of it as bytes, for a digest.
    pub fn bytes(&self) -> [u8; 48] {
        let times = [self.modified.0, self.modified.1, self.changed.0, self.changed.1];
        let times = times.map(i64::cast_unsigned);
        let numbers = [self.size, self.inode, times[0], times[1], times[2], times[3]];
        let mut bytes = [0; 48];
        for (room, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            room.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    use super::Look;

    fn look(path: &std::path::Path) -> Look {
        Look::of(&std::fs::metadata(path).unwrap())
    }

    #[test]
    fn a_write_that_hides_behind_size_and_time_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        crate::files::write(&path, b"one").unwrap();
        let (before, about) = (look(&path), std::fs::metadata(&path).unwrap());
        assert_eq!(before, look(&path));
        std::thread::sleep(Duration::from_millis(20)); // longer than the kernel's clock stands still
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, b"two")?;
                file.set_modified(about.modified()?)
            })
            .unwrap();
        let after = look(&path);
        assert_eq!((before.size, before.modified), (after.size, after.modified));
        assert!(before != after && before.bytes() != after.bytes());
    }

    #[test]
    fn what_was_written_just_now_may_be_written_again_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        crate::files::write(&path, b"one").unwrap();
        let written = std::fs::metadata(&path).unwrap().ctime().cast_unsigned();
        let settled = [0, 2, 3, 90].map(|later| look(&path).is_settled(written + later));
        assert_eq!(settled, [false, false, true, true]);
        assert!(!look(&path).is_settled(0) && !look(&path).is_settled(u64::MAX));
    }
}
