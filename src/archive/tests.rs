//! Archives of every sort: what they hold, and what is done about those that lie.

use std::io::Cursor;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::Archive;
use super::LinksOut;
use super::Member;
use crate::files;

/// Names and contents, in no order.
const FILES: [(&str, &[u8]); 4] =
    [("b/2.png", b"two"), ("table.csv", b"a,b\n1,2\n"), ("b/1.png", b""), ("a/9.png", b"nine")];

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("b", SimpleFileOptions::default()).unwrap();
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Writes the name as it is, which the library would refuse to do for some.
fn header(name: &str, size: usize, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size as u64);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header("b/", 0, tar::EntryType::Directory), &b""[..]).unwrap();
    for (name, content) in files {
        let header = header(name, content.len(), tar::EntryType::Regular);
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    files::write(&folder.join(name), bytes).unwrap();
    folder.join(name)
}

fn open(bytes: &[u8]) -> Result<Box<dyn Archive>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "archive", bytes);
    super::open(&path, LinksOut::Refused)
        .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "."))
}

/// Returns every file's name and content, or what is said of it.
fn contents(archive: &dyn Archive, longest: u64) -> Vec<(String, Result<Vec<u8>, String>)> {
    let all: Vec<usize> = (0..archive.members().len()).collect();
    let read = Mutex::new(Vec::new());
    archive
        .each(&all, longest, &|number, content| read.lock().unwrap().push((number, content)))
        .unwrap();
    let mut read = read.into_inner().unwrap();
    read.sort_by_key(|(number, _)| *number);
    let name = |number: usize| archive.members()[number].name.clone();
    read.into_iter().map(|(number, content)| (name(number), content)).collect()
}

#[test]
fn every_sort_of_archive_holds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in FILES {
        write(&folder.path().join("folder"), name, content);
    }
    let (zip, tar) = (zip(&FILES), tar(&FILES));
    for (name, bytes) in [("x.zip", &zip), ("x.tar", &tar), ("x.tar.gz", &gzip(&tar))] {
        write(folder.path(), name, bytes);
    }
    let mut expected = FILES.map(|(name, content)| (name.to_owned(), Ok(content.to_vec())));
    expected.sort();
    for name in ["folder", "x.zip", "x.tar", "x.tar.gz"] {
        let archive = super::open(&folder.path().join(name), LinksOut::Refused).unwrap();
        assert_eq!(contents(&*archive, 100), expected, "{name}");
        let sizes: Vec<u64> = archive.members().iter().map(|member: &Member| member.size).collect();
        assert_eq!(sizes, [4, 0, 3, 8], "{name}");
        assert_eq!(super::read(&*archive, 3, 8).unwrap(), b"a,b\n1,2\n", "{name}");
        let error = super::read(&*archive, 3, 7).unwrap_err();
        assert_eq!(error.to_string(), "`table.csv`: it is longer than 7 bytes", "{name}");
    }
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../a", "b/../../a", "/etc/a", "C:\\a", "a/..", "a\nb"] {
        for bytes in [zip(&[(name, b"x")]), tar(&[(name, b"x")]), gzip(&tar(&[(name, b"x")]))] {
            assert!(open(&bytes).is_err(), "{name:?}");
        }
    }
    insta::assert_snapshot!(open(&tar(&[("../a", b"")])).err().unwrap(), @"`./archive`: the name `../a` leads out of the archive");
    insta::assert_snapshot!(open(&zip(&[("a\nb", b"")])).err().unwrap(), @r#"`./archive`: the name "a\nb" has control characters"#);
    let archive = open(&tar(&[("./a//b\\c.png", b"x")])).unwrap();
    assert_eq!(archive.members()[0].name, "a/b/c.png");
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let twice: [(&str, &[u8]); 2] = [("a", b"1"), ("./a", b"2")];
    insta::assert_snapshot!(open(&tar(&twice)).err().unwrap(), @"`./archive`: it holds `a` twice");
    assert!(open(&zip(&twice)).is_err());
}

#[test]
fn links_and_devices_are_named_and_never_followed() {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind) in [
        ("link", tar::EntryType::Symlink),
        ("hard", tar::EntryType::Link),
        ("pipe", tar::EntryType::Fifo),
    ] {
        let mut header = header(name, 0, kind);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    for bytes in [gzip(&bytes), bytes] {
        let said: Vec<String> = contents(&*open(&bytes).unwrap(), 100)
            .into_iter()
            .map(|(name, content)| format!("{name}: {}", content.unwrap_err()))
            .collect();
        insta::allow_duplicates! { insta::assert_snapshot!(said.join("\n"), @r"
        hard: it is a link; a plain file expected
        link: it is a link; a plain file expected
        pipe: it is a pipe, a device or something unknown; a plain file expected
        "); }
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let archive = open(&writer.finish().unwrap().into_inner()).unwrap();
    assert_eq!(contents(&*archive, 100)[0].1, Err("it is a link".to_owned()));
}

#[test]
fn links_out_of_a_folder_are_followed_on_request_only() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let far = write(other.path(), "far", b"far");
    std::os::unix::fs::symlink(&far, folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink(write(folder.path(), "near", b"near"), folder.path().join("own"))
        .unwrap();
    let read = |links_out: LinksOut| {
        let archive = super::open(folder.path(), links_out).unwrap();
        contents(&*archive, 100).into_iter().map(|(_, content)| content).collect::<Vec<_>>()
    };
    let own = || [Ok(b"near".to_vec()), Ok(b"near".to_vec())];
    let refused = Err("it is a link that leads out of the folder".to_owned());
    assert_eq!(read(LinksOut::Refused), [&[refused][..], &own()].concat());
    assert_eq!(read(LinksOut::Followed), [&[Ok(b"far".to_vec())][..], &own()].concat());
}

#[test]
fn a_file_that_unpacks_to_more_than_is_read_stays_packed() {
    let zeros = vec![0; 10 << 20];
    let files: [(&str, &[u8]); 2] = [("bomb", &zeros), ("small", b"1")];
    for bytes in [zip(&files), gzip(&tar(&files))] {
        assert!(bytes.len() < 200_000);
        let found = contents(&*open(&bytes).unwrap(), 1 << 20);
        assert_eq!(found[0].1, Err("it is longer than 1048576 bytes".to_owned()));
        assert_eq!(found[1].1, Ok(b"1".to_vec()));
    }
}

#[test]
fn what_is_packed_far_too_well_stays_packed_even_if_much_is_wanted() {
    let zeros = vec![0; 65 << 20];
    let files: [(&str, &[u8]); 2] = [("bomb", &zeros), ("small", b"1")];
    for bytes in [zip(&files), gzip(&tar(&files))] {
        let found = contents(&*open(&bytes).unwrap(), u64::MAX);
        assert_eq!(found[0].1, Err("it is longer than 67108864 bytes".to_owned()));
        assert_eq!(found[1].1, Ok(b"1".to_vec()));
    }
}

#[test]
fn headers_without_end_are_refused() {
    // A long name is a file of its own kind, which must be read to know what follows.
    let name = vec![b'a'; 5 << 20];
    let mut builder = tar::Builder::new(Vec::new());
    let long = header("././@LongLink", name.len(), tar::EntryType::GNULongName);
    builder.append(&long, &name[..]).unwrap();
    builder.append(&header("a", 0, tar::EntryType::Regular), &b""[..]).unwrap();
    let bytes = gzip(&builder.into_inner().unwrap());
    insta::assert_snapshot!(open(&bytes).err().unwrap(), @"`./archive`: it cannot be read as an archive: headers of more than 1048576 bytes");
}

#[test]
fn what_is_cut_off_anywhere_is_no_archive_or_one_that_says_so() {
    let tar = tar(&FILES);
    for whole in [zip(&FILES), gzip(&tar), tar] {
        for end in (0..whole.len()).step_by(7) {
            let Ok(archive) = open(&whole[..end]) else { continue };
            for (name, content) in contents(&*archive, 100) {
                let (_, expected) = FILES.iter().find(|(known, _)| *known == name).unwrap();
                assert!(content.is_err() || content.unwrap() == *expected, "{name} at {end}");
            }
        }
    }
}

#[test]
fn what_is_no_archive_is_refused_in_words() {
    insta::assert_snapshot!(open(b"").err().unwrap(), @"`./archive`: no folder, .zip, .tar or .tar.gz: its content begins as none");
    insta::assert_snapshot!(open(b"PK and no more").err().unwrap(), @"`./archive`: no zip, or a damaged one: invalid Zip archive: Could not find EOCD");
    insta::assert_snapshot!(open(b"\x1f\x8b and no more").err().unwrap(), @"`./archive`: it cannot be read as an archive: invalid gzip header");
    insta::assert_snapshot!(open(&[b'x'; 2000]).err().unwrap(), @"`./archive`: no folder, .zip, .tar or .tar.gz: its content begins as none");
}
