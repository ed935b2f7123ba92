//! Files: written whole, told apart, counted once.

use super::Digest;

#[test]
fn a_written_file_is_whole_and_leaves_no_scratch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/file");
    super::write(&path, b"one").unwrap();
    super::write(&path, b"two").unwrap();
    let names: Vec<String> =
        super::walk(folder.path()).unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["deep/er/file"]);
    assert_eq!(super::read(&path).unwrap(), b"two");
    assert_eq!(&*super::map(&path).unwrap(), b"two");
    assert_eq!(super::digest(&path).unwrap(), Digest::of_bytes(b"two"));
}

#[test]
fn a_scratch_file_of_another_machine_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut names = ["theirs", "theirs", "mine"].map(str::to_owned).into_iter();
    super::write_scratch(&folder.path().join("theirs"), b"half").unwrap();
    let (path, _) = super::create_named(folder.path(), 0o600, || names.next().unwrap()).unwrap();
    assert_eq!(path, folder.path().join("mine"));
    assert_eq!(super::read(&folder.path().join("theirs")).unwrap(), b"half");
}

#[cfg(unix)]
#[test]
fn a_walk_does_not_pass_over_a_link_that_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
    let error = super::walk(folder.path()).unwrap_err();
    assert!(error.is_missing() && error.path.ends_with("link"), "{error}");
    assert!(super::walk(&folder.path().join("none")).is_err());
}

#[test]
fn an_empty_file_can_be_mapped_and_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    super::write(&path, b"").unwrap();
    assert!(super::map(&path).unwrap().is_empty());
    assert_eq!(super::digest(&path).unwrap(), Digest::of_bytes(b""));
}

#[test]
fn an_error_names_the_path_and_the_action() {
    let error = super::read("/no/such/file".as_ref()).unwrap_err();
    assert!(error.is_missing());
    assert!(error.to_string().starts_with("cannot read `/no/such/file`: "), "{error}");
}

#[test]
fn removing_what_is_gone_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    super::remove_file(&folder.path().join("nothing")).unwrap();
    super::remove_folder(&folder.path().join("nothing")).unwrap();
}

#[test]
fn what_is_removed_at_once_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep");
    for changes in 0..3 {
        super::write(&path.join("a"), b"1").unwrap();
        super::write(&path.join("b"), b"2").unwrap();
        super::faults::set(folder.path(), super::faults::Fault::Broken, changes);
        let removed = super::remove_at_once(&path);
        assert_eq!(removed.is_err(), super::faults::clear(folder.path()), "{removed:?}");
        let names = super::names(&path).unwrap();
        match changes {
            0 => assert_eq!(names, ["a", "b"]),
            _ => assert!(!path.exists()),
        }
    }
    super::remove_at_once(&path).unwrap(); // it is gone
    let left = super::names(folder.path()).unwrap();
    assert!(left.len() == 1 && left[0].starts_with(".scratch-"), "{left:?}");
}

#[test]
fn folders_that_nobody_may_write_to_are_removed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    super::write(&deep.join("file"), b"1").unwrap();
    let shut = || std::fs::set_permissions(&deep, PermissionsExt::from_mode(0o500)).unwrap();
    shut();
    super::open_up(&folder.path().join("a")).unwrap();
    let mode = std::fs::metadata(&deep).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    shut();
    super::remove_folder(&folder.path().join("a")).unwrap(); // not tried hard where root runs the test
    assert_eq!(super::names(folder.path()).unwrap(), Vec::<String>::new());
}
