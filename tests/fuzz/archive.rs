//! Any bytes as a packed archive: files by names that lead nowhere out of it, none longer than it may be,
//! or a reason.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use ablate::archive;
use ablate::archive::LinksOut;
use libfuzzer_sys::fuzz_target;

const LONGEST: u64 = 1 << 16;

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    tempfile::tempdir().expect("a temporary folder can be made").keep().join("archive")
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*PLACE, bytes).expect("it can be written");
    let Ok(archive) = archive::open(&PLACE, LinksOut::Refused) else { return };
    let members = archive.members();
    assert!(members.is_sorted_by(|one, next| one.name < next.name));
    for member in members {
        let leads_out = |part: &str| matches!(part, "" | "." | "..");
        assert!(!member.name.split('/').any(leads_out), "{:?}", member.name);
    }
    let all: Vec<usize> = (0..members.len()).collect();
    let _ = archive.each(&all, LONGEST, &|number, content| {
        assert!(number < members.len());
        if let Ok(content) = content {
            assert!(content.len() as u64 <= LONGEST);
        }
    });
});
