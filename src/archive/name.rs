//! Names of archives, and of the files in them.

/// Longest name of a file, bytes.
const LONGEST: usize = 4096;
/// How archives end, lower case.
const ENDINGS: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];

/// Returns whether a file name ends as an archive's does.
pub fn is_packed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns a name as archives write it with parts joined by `/` and none that says nothing; refuses one
/// that leads out of the archive, or that no terminal should show.
pub(super) fn plain(name: &str) -> Result<String, String> {
    if name.len() > LONGEST {
        return Err(format!("a name of {} bytes; at most {LONGEST} expected", name.len()));
    }
    if name.contains(char::is_control) {
        return Err(format!("the name {name:?} has control characters"));
    }
    let name = name.replace('\\', "/");
    let is_drive =
        name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || is_drive || name.split('/').any(|part| part == "..") {
        return Err(format!("the name `{name}` leads out of the archive"));
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() { Err("a file without a name".to_owned()) } else { Ok(parts.join("/")) }
}
