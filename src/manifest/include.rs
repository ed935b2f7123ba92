//! Loading: a manifest with all that it extends, and with what the command line sets.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::manifest::Content;
use crate::manifest::Document;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Report;
use crate::manifest::Sources;
use crate::manifest::Span;
use crate::manifest::fields::MAP;
use crate::manifest::fields::wrong;
use crate::manifest::merge::merge;
use crate::manifest::overrides;
use crate::manifest::parse::parse;

/// Longest chain of files that extend one another.
const LONGEST_CHAIN: usize = 32;

/// A manifest that was read, with the texts that it came from.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// As it was named.
    pub path: PathBuf,
    /// What it says.
    pub document: Document,
    /// The texts that spans point into.
    pub sources: Sources,
    /// The files that were read: this one and those that it extends.
    pub files: Vec<FileRead>,
}

/// A file that a manifest was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRead {
    /// Where it lies, as an absolute path.
    pub path: PathBuf,
    /// Digest of its text.
    pub digest: Digest,
}

impl Manifest {
    /// Returns problems together with the texts they point into.
    pub fn report(&self, problems: Problems) -> Report {
        let manifest = self.path.display().to_string();
        Report { manifest, problems, sources: self.sources.clone() }
    }
}

/// Reads a manifest, lays it over what it extends, and lays `--set` arguments over the result.
pub fn load(path: &Path, overrides: &[String]) -> Result<Manifest, Report> {
    let mut loader = Loader { sources: Sources::default(), chain: Vec::new(), files: Vec::new() };
    let document = loader
        .file(path, None)
        .and_then(|root| overrides::apply(root, overrides, &mut loader.sources))
        .and_then(|root| Document::read(&root, overrides));
    let Loader { sources, files, .. } = loader;
    match document {
        Ok(document) => Ok(Manifest { path: path.to_owned(), document, sources, files }),
        Err(problems) => Err(Report { manifest: path.display().to_string(), problems, sources }),
    }
}

/// Largest file that is read as a manifest, bytes; a thousand stages take a tenth of one percent.
const LARGEST: u64 = 16 << 20;

/// Returns the text of a manifest, or why it is none.
pub fn text_of(path: &Path) -> Result<String, Problem> {
    let blame = |message: String| {
        Problem::nowhere(message).help("name a manifest, such as `pipelines/quickstart.yaml`")
    };
    let bytes = files::read_up_to(path, LARGEST + 1).map_err(|error| blame(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("`{}` is larger than 16 MiB, and no manifest", path.display());
        return Err(blame(message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        blame(format!("`{}` is no text: byte {at} is not UTF-8", path.display()))
    })
}

/// Returns whether these files are there with the texts that were read from them. A pipe is not: its text can be
/// read once.
pub fn is_unchanged(files: &[FileRead]) -> bool {
    files.iter().all(|file| {
        let text = file.path.is_file().then(|| text_of(&file.path).ok()).flatten();
        text.is_some_and(|text| Digest::of_bytes(text.as_bytes()) == file.digest)
    })
}

struct Loader {
    sources: Sources,
    files: Vec<FileRead>,
    /// Files that are being read: each extends the next.
    chain: Vec<PathBuf>,
}

impl Loader {
    /// Reads a file and all that it extends. `named_at` is where another file names it.
    fn file(&mut self, path: &Path, named_at: Option<Span>) -> Result<Node, Problems> {
        let text = text_of(path).map_err(|problem| located(problem, named_at))?;
        let file = self.sources.add(path.display().to_string(), text.as_str());
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.files.push(FileRead { path: absolute, digest: Digest::of_bytes(text.as_bytes()) });
        let root = parse(file, &text)?;
        if !matches!(root.content, Content::Map(_)) {
            let mut problems = Problems::default();
            wrong(&root, "the manifest", "a map", MAP, &mut problems);
            return Err(problems);
        }
        // The same file may be named in several ways.
        self.chain.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        let extended = self.extend(path, root);
        self.chain.pop();
        extended
    }

    fn extend(&mut self, path: &Path, mut root: Node) -> Result<Node, Problems> {
        let named = root.get("extends").cloned();
        if let Content::Map(entries) = &mut root.content {
            entries.retain(|entry| entry.key.value != "extends");
        }
        let Some(named) = named.filter(|named| !named.is_null()) else { return Ok(root) };
        let names = match &named.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&named),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut base: Option<Node> = None;
        let mut problems = Problems::default();
        for name in names {
            let Some(text) = name.text() else {
                let instead = "`extends: other.yaml`, or a list of such paths";
                wrong(
                    name,
                    "an entry of `extends`",
                    "the path of a manifest",
                    instead,
                    &mut problems,
                );
                continue;
            };
            match self.extended(&tidy(&folder.join(text)), name.span) {
                Ok(node) => base = Some(base.map_or(node.clone(), |base| merge(base, node))),
                Err(found) => problems.extend(found),
            }
        }
        let merged = base.map_or(root.clone(), |base| merge(base, root));
        problems.or(merged)
    }

    fn extended(&mut self, path: &Path, named_at: Span) -> Result<Node, Problems> {
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(at) = self.chain.iter().position(|known| *known == canonical) {
            let name = |path: &PathBuf| {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            };
            let mut names: Vec<String> = self.chain[at..].iter().map(name).collect();
            names.push(name(&canonical));
            let message =
                format!("manifests extend one another in a circle: {}", names.join(" -> "));
            let help = "take one of these `extends` away";
            return Err(Problem::at(named_at, message).help(help).into());
        }
        if self.chain.len() >= LONGEST_CHAIN {
            let message = format!("more than {LONGEST_CHAIN} manifests extend one another");
            let help = "let studies extend their common base instead of one another";
            return Err(Problem::at(named_at, message).help(help).into());
        }
        self.file(path, Some(named_at))
    }
}

/// Puts a problem of a file to the place where another names it.
fn located(problem: Problem, named_at: Option<Span>) -> Problem {
    match named_at {
        Some(_) => Problem { span: named_at, ..problem }
            .help("paths are relative to the file that names them"),
        None => problem,
    }
}

/// Returns a path without `folder/..`, for people to read.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        let last = tidied.components().next_back();
        match (part, last) {
            (std::path::Component::ParentDir, Some(std::path::Component::Normal(_))) => {
                tidied.pop();
            }
            (std::path::Component::CurDir, _) => {}
            _ => tidied.push(part),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_unchanged;
    use super::load;
    use crate::manifest::Manifest;

    const BASE: &str = "ablate: 1\nname: base\nseed: 1\nstages:\n  a:\n    kind: x\n    params: {rate: 1, list: [{n: 1}, {n: 2}], old: 3}\n";

    fn write(folder: &Path, name: &str, text: &str) {
        crate::files::write(&folder.join(name), text.as_bytes()).unwrap();
    }

    fn read(folder: &Path, name: &str, overrides: &[&str]) -> Result<Manifest, String> {
        let overrides: Vec<String> = overrides.iter().map(|&one| one.to_owned()).collect();
        load(&folder.join(name), &overrides)
            .map_err(|report| report.to_string().replace(&folder.display().to_string(), "."))
    }

    fn params(manifest: &Manifest) -> String {
        manifest.document.stages[0].params.to_json().to_string()
    }

    #[test]
    fn a_manifest_is_laid_over_those_it_extends_and_set_over_all() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "base.yaml", BASE);
        write(folder.path(), "more.yaml", "seed: 2\nstages: {a: {params: {more: true}}}\n");
        let over = "extends: [../base.yaml, ../more.yaml]\nname: over\nstages: {a: {params: {rate: 2, old: null}}}\n";
        write(folder.path(), "deep/over.yaml", over);
        let manifest = read(folder.path(), "deep/over.yaml", &[]).unwrap();
        assert_eq!((manifest.document.name.as_str(), manifest.document.seed), ("over", 2));
        assert_eq!(params(&manifest), r#"{"list":[{"n":1},{"n":2}],"more":true,"rate":2}"#);
        let sets = [
            "stages.a.params.list.1.n=5",
            "stages.a.params.more=",
            "seed=9",
            "stages.a.params.new.deep=[1, x]",
        ];
        let manifest = read(folder.path(), "deep/over.yaml", &sets).unwrap();
        assert_eq!(manifest.document.seed, 9);
        assert_eq!(manifest.document.overrides, sets);
        assert_eq!(
            params(&manifest),
            r#"{"list":[{"n":1},{"n":5}],"new":{"deep":[1,"x"]},"rate":2}"#
        );
    }

    #[test]
    fn whether_any_of_the_files_that_were_read_has_changed_is_known() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "base.yaml", BASE);
        write(folder.path(), "over.yaml", "extends: base.yaml\nname: over\n");
        let files = read(folder.path(), "over.yaml", &["seed=2"]).unwrap().files;
        assert_eq!(files.len(), 2);
        assert!(is_unchanged(&files));
        write(folder.path(), "base.yaml", &format!("{BASE} # new\n"));
        assert!(!is_unchanged(&files));
        write(folder.path(), "base.yaml", BASE);
        assert!(is_unchanged(&files));
        crate::files::remove(&folder.path().join("over.yaml")).unwrap();
        assert!(!is_unchanged(&files));
        let pipe = folder.path().join("over.yaml");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(!is_unchanged(&files)); // and does not wait for a writer
    }

    #[test]
    fn a_value_keeps_the_place_where_it_was_written_last() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "base.yaml", BASE);
        write(
            folder.path(),
            "over.yaml",
            "extends: base.yaml\nstages: {a: {params: {rate: two}}}\n",
        );
        let manifest = read(folder.path(), "over.yaml", &["stages.a.params.old=[4]"]).unwrap();
        let params = &manifest.document.stages[0].params;
        let written = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
            let span = params.span_at(&path, false);
            let text = manifest.sources.text(span.file);
            let name = manifest.sources.name(span.file).rsplit('/').next().unwrap();
            format!("{name}: {}", &text[span.offset..span.offset + span.length])
        };
        assert_eq!(written(&["rate"]), "over.yaml: two");
        assert_eq!(written(&["list", "0", "n"]), "base.yaml: 1");
        assert_eq!(written(&["old", "0"]), "--set: 4");
    }

    #[test]
    fn what_cannot_be_read_is_said_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "base.yaml", BASE);
        write(folder.path(), "a.yaml", "extends: b.yaml\n");
        write(folder.path(), "b.yaml", "extends: [base.yaml, ./a.yaml]\n");
        write(folder.path(), "lost.yaml", "extends: [gone.yaml, 3]\n");
        crate::files::write(&folder.path().join("noise.yaml"), b"a: \xff").unwrap();
        let fault = |name: &str, sets: &[&str]| read(folder.path(), name, sets).unwrap_err();
        insta::assert_snapshot!(fault("a.yaml", &[]), @"./b.yaml:1:22: manifests extend one another in a circle: a.yaml -> b.yaml -> a.yaml (help: take one of these `extends` away)");
        insta::assert_snapshot!(fault("lost.yaml", &[]), @"
        ./lost.yaml:1:11: cannot read `./gone.yaml`: No such file or directory (os error 2) (help: paths are relative to the file that names them)
        ./lost.yaml:1:22: an entry of `extends` is `3`; the path of a manifest expected (help: write `extends: other.yaml`, or a list of such paths)
        ");
        insta::assert_snapshot!(fault("none.yaml", &[]), @"./none.yaml: cannot read `./none.yaml`: No such file or directory (os error 2) (help: name a manifest, such as `pipelines/quickstart.yaml`)");
        insta::assert_snapshot!(fault("noise.yaml", &[]), @"./noise.yaml: `./noise.yaml` is no text: byte 3 is not UTF-8 (help: name a manifest, such as `pipelines/quickstart.yaml`)");
        let sets =
            ["seed", "stages..a=1", "stages.a.params.list.2.n=1", "stages.a.kind.x=1", "seed=[1"];
        insta::assert_snapshot!(fault("base.yaml", &sets), @"
        --set:1:1: `seed` sets nothing: it has no `=` (help: write `--set stages.NAME.params.PARAM=VALUE`)
        --set:1:1: `stages..a` is no path: a name is empty (help: write `--set stages.NAME.params.PARAM=VALUE`)
        --set:1:22: `2` is no place in a list of 2 (help: places count from 0 to 1)
        --set:1:15: `x` lies below `x`, which is no map
        --set:1:6: no valid YAML: unclosed bracket '[' (help: close it with `]` or `}`, and put a slice in quotes)
        ");
    }
}
