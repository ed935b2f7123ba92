//! A cache from elsewhere, with every nasty thing in it that somebody may think of: nothing outside is
//! read or changed, nothing hangs or panics, and what is bad is computed again.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use ablate::digest::Digest;
use ablate::files;
use serde_json::Value;
use serde_json::json;

use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

const STUDY: &str = "
ablate: 1
name: small
stages:
  retina: {kind: load, params: {fundus: {train: 6, validation: 2, test: 2}, size: 8}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
";
const SECRET: &str = "the secret of the house";

/// Something nasty that is done to a cache, and what `verify` says of it.
type Claim = (fn(&House), &'static str);
/// Something nasty that is put into a place, and what `verify` says of it.
type Plant = (fn(&Path, &House), &'static str);

/// A study that has run, and a secret outside its cache.
struct House {
    sandbox: Sandbox,
    cache: PathBuf,
}

impl House {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("study.yaml", STUDY);
        sandbox.write("outside/secret", SECRET);
        sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
        let cache = sandbox.path("cache");
        Self { sandbox, cache }
    }

    /// Returns the record of the stage `retina`, and where it lies.
    fn record(&self) -> (PathBuf, Value) {
        let records = paths(&self.cache.join("records")).expect("records");
        let read = |path: PathBuf| {
            let value: Value = {
                let bytes = files::read(&path).expect("a record");
                serde_json::from_slice(&bytes).expect("JSON")
            };
            (path, value)
        };
        let mut all = records.into_iter().map(read);
        all.find(|(_, record)| record["key"]["kind"] == "load").expect("it was made")
    }

    fn object(&self, digest: &Value) -> PathBuf {
        let digest = digest.as_str().expect("a digest");
        self.cache.join(format!("objects/{}/{}", &digest[..2], &digest[2..]))
    }

    /// Runs a command that must end soon, without a panic, and without a word of the secret.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.sandbox.command(arguments);
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("it starts");
        waited(|| child.try_wait().expect("it can be asked"));
        let output = Output::of_child(child);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(!said.contains(SECRET) && !said.contains('\u{1b}'), "{said}");
        assert!([0, 1, 2, 3].contains(&output.code), "{}: {said}", output.code);
        assert!(!said.contains("panicked"), "{said}");
        output
    }

    /// Runs whatever reads a cache, and looks for traces outside it. Returns what `verify` found.
    #[track_caller]
    fn visit(&self) -> Output {
        let verdict = self.run(&["cache", "verify"]);
        for command in [
            &["cache", "stats"][..],
            &["plan", "study.yaml"],
            &["explain", "study.yaml", "retina"],
            &["show", "study.yaml", "retina"],
            &["get", "study.yaml", "retina", "-o", "out"],
            &["report", "study.yaml", "-o", "out/report.html"],
            &["run", "study.yaml", "-q"],
        ] {
            self.run(command);
        }
        self.assert_untouched();
        verdict
    }

    #[track_caller]
    fn assert_untouched(&self) {
        let names = |folder: &str| -> Vec<String> {
            let names = files::names(&self.sandbox.path(folder)).expect("a folder");
            names.into_iter().filter(|name| name != "out").collect()
        };
        assert_eq!(names("."), ["cache", "outside", "study.yaml"]);
        assert_eq!(names("outside"), ["secret"]);
        assert_eq!(self.sandbox.read("outside/secret"), SECRET);
    }

    /// Asserts that what is bad is found, can be removed, and is computed again.
    #[track_caller]
    fn assert_healed(&self) {
        self.run(&["cache", "verify", "--repair"]).ends_with(0);
        self.run(&["cache", "verify"]).ends_with(0);
        self.run(&["run", "study.yaml", "retina", "-q"]).ends_with(0);
        self.run(&["show", "study.yaml", "retina"]).ends_with(0);
        self.run(&["cache", "verify"]).ends_with(0);
        self.assert_untouched();
    }

    fn secret(&self) -> PathBuf {
        self.sandbox.path("outside/secret")
    }
}

/// Changes a record's first artifact as somebody would who knows how digests are made.
fn forge(house: &House, change: impl FnOnce(&mut Value)) {
    let (path, mut record) = house.record();
    let output = &mut record["outputs"]["images"];
    change(output);
    let blobs = output["blobs"].clone();
    output["digest"] = json!(Digest::of_value(&blobs));
    put(&house.object(&output["digest"]), blobs.to_string().as_bytes());
    replace(&path, record.to_string().as_bytes());
}

/// Lets the first file of an artifact have another path, and says that it has.
fn rename(house: &House, path: &str) {
    forge(house, |output| output["blobs"][0]["path"] = json!(path));
}

/// Returns the paths of what lies in a folder.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, files::Error> {
    Ok(files::names(folder)?.iter().map(|name| folder.join(name)).collect())
}

fn put(path: &Path, bytes: &[u8]) {
    if !path.exists() {
        files::write(path, bytes).expect("the test may write it");
    }
}

fn replace(path: &Path, bytes: &[u8]) {
    files::remove(path).expect("the test may remove it");
    files::write(path, bytes).expect("the test may write it");
}

fn pipe(path: &Path) {
    files::remove(path).expect("the test may remove it");
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo starts").success());
}

fn link(path: &Path, to: &Path) {
    files::remove(path).expect("the test may remove it");
    symlink(to, path).expect("the test may link");
}

#[test]
fn a_path_that_leads_out_of_the_cache_is_damage_and_never_followed() {
    for (path, why) in [
        ("../../escape", "leads out of its folder"),
        ("/etc/hostname", "is absolute"),
        ("a/../../b", "leads out of its folder"),
        ("a\nb\u{1b}[2J", "has a backslash or a control character"),
        ("..\\..\\escape", "has a backslash or a control character"),
        ("set.json", "is not in its order"),
    ] {
        let house = House::new();
        rename(&house, path);
        let verdict = house.visit();
        assert_eq!(verdict.code, 3, "{path:?}: {}", verdict.stdout);
        assert!(verdict.stdout.contains("damaged   records/"), "{}", verdict.stdout);
        assert!(verdict.stdout.contains(why), "{path:?}: {}", verdict.stdout);
        house.assert_healed();
    }
}

#[test]
fn no_claim_of_a_record_is_believed() {
    let claims: [Claim; 7] = [
        (
            |house| {
                forge(house, |output| {
                    output["blobs"][0]["size"] = json!(1_u64 << 63);
                    output["blobs"][1]["size"] = json!(1_u64 << 63);
                });
            },
            "the sizes come to more than any disk holds",
        ),
        (
            |house| forge(house, |output| output["bytes"] = json!(u64::MAX)),
            "the size of `images` is not that of its files",
        ),
        (
            |house| {
                let (path, mut record) = house.record();
                record["outputs"]["../images"] = record["outputs"]["images"].clone();
                replace(&path, record.to_string().as_bytes());
            },
            "leads out of its folder",
        ),
        (
            |house| {
                let (path, mut record) = house.record();
                record["outputs"]["images"]["digest"] = json!(Digest::of_bytes(b"other"));
                replace(&path, record.to_string().as_bytes());
            },
            "the digest of `images` is not that of its files",
        ),
        (
            |house| {
                let (path, record) = house.record();
                let mut other = record.clone();
                other["key"]["seed"] = json!(99);
                replace(&path, other.to_string().as_bytes());
            },
            "it is the record of another key",
        ),
        (
            |house| {
                let (path, record) = house.record();
                let text = record.to_string();
                replace(&path, &text.as_bytes()[..text.len() / 2]);
            },
            "it is no record: EOF",
        ),
        (
            |house| {
                let (path, _) = house.record();
                let depth = format!("{{\"key\":{}", "[".repeat(100_000));
                replace(&path, depth.as_bytes());
            },
            "it is no record: recursion limit exceeded",
        ),
    ];
    for (plant, why) in claims {
        let house = House::new();
        plant(&house);
        let verdict = house.visit();
        assert_eq!(verdict.code, 3, "{}", verdict.stdout);
        assert!(verdict.stdout.contains(why), "{why}: {}", verdict.stdout);
        house.assert_healed();
    }
}

#[test]
fn a_size_that_no_file_has_is_a_loss() {
    let house = House::new();
    forge(&house, |output| {
        let size = output["blobs"][0]["size"].as_u64().expect("a size");
        output["blobs"][0]["size"] = json!(1_u64 << 62);
        output["bytes"] = json!(output["bytes"].as_u64().expect("a size") - size + (1 << 62));
    });
    let verdict = house.visit();
    assert!(verdict.stdout.contains("missing   images-0000.npy of `images`"), "{}", verdict.stdout);
    house.assert_healed();
}

#[test]
fn links_pipes_and_sockets_are_never_opened() {
    let largest =
        |house: &House| house.object(&house.record().1["outputs"]["images"]["blobs"][0]["digest"]);
    let list = |house: &House| house.object(&house.record().1["outputs"]["images"]["digest"]);
    let record = |house: &House| house.record().0;
    let recipe = |house: &House| {
        let recipe = house.record().1["recipe"].as_str().expect("a recipe").to_owned();
        house.cache.join(format!("recipes/{recipe}.json"))
    };
    let places: [fn(&House) -> PathBuf; 4] = [largest, list, record, recipe];
    let plants: [Plant; 6] = [
        (|path, house| link(path, &house.secret()), "it is a symbolic link"),
        (|path, _| link(path, Path::new("/dev/zero")), "it is a symbolic link"),
        (|path, _| link(path, Path::new("nowhere")), "it is a symbolic link"),
        (|path, _| pipe(path), "it is a pipe, socket or device"),
        (
            |path, _| {
                files::remove(path).expect("the test may remove it");
                drop(UnixListener::bind(path).expect("a socket"));
            },
            "it is a pipe, socket or device",
        ),
        (
            |path, _| {
                files::remove(path).expect("the test may remove it");
                fs::File::create_new(path).and_then(|file| file.set_len(1 << 40)).expect("a file");
            },
            "",
        ),
    ];
    for place in places {
        for (plant, why) in plants {
            let house = House::new();
            let path = place(&house);
            if why.is_empty() && path.starts_with(house.cache.join("objects")) {
                continue; // a terabyte of nothing would be hashed, and that takes its time
            }
            plant(&path, &house);
            let verdict = house.visit();
            assert_eq!(verdict.code, 3, "{}", verdict.stdout);
            let name = path.strip_prefix(&house.cache).expect("it lies in the cache");
            let told = format!("damaged   {}: {why}", name.display());
            assert!(verdict.stdout.contains(&told), "{told}: {}", verdict.stdout);
            house.assert_healed();
        }
    }
}

#[test]
fn a_folder_of_the_cache_that_is_a_link_is_refused_and_the_cache_itself_may_be_one() {
    for name in
        ["objects", "records", "recipes", "sightings", "locks", "scratch", "checkpoints", "runs"]
    {
        let house = House::new();
        link(&house.cache.join(name), &house.sandbox.path("outside"));
        let verdict = house.visit();
        assert_eq!(verdict.code, 3, "{name}: {}", verdict.stderr);
        assert!(
            verdict.stderr.contains(&format!("{name}` is a symbolic link; ")),
            "{}",
            verdict.stderr
        );
        assert!(verdict.stderr.contains("help: remove it"), "{}", verdict.stderr);
        house.run(&["run", "study.yaml", "-q"]).ends_with(3);
    }
    let house = House::new();
    let shelf = paths(&house.cache.join("objects")).expect("objects").remove(0);
    link(&shelf, &house.sandbox.path("outside"));
    assert_eq!(house.visit().code, 3);

    let house = House::new();
    let elsewhere = Sandbox::new();
    files::rename(&house.cache, &elsewhere.path("cache")).expect("the test may move it");
    symlink(elsewhere.path("cache"), &house.cache).expect("the test may link");
    house.run(&["cache", "verify"]).ends_with(0);
    let told = house.run(&["run", "study.yaml", "--format", "json"]).ends_with(0).stdout;
    assert!(told.contains("\"cached\": 2"), "{told}");
}

#[test]
fn a_version_that_is_newer_or_none_is_refused() {
    let plants: [fn(&Path, &House); 6] = [
        |path, _| replace(path, b"2\n"),
        |path, _| replace(path, b"\x1b[2Jnone\n"),
        |path, _| replace(path, &[b'1'; 100]),
        |path, _| replace(path, b"0"),
        |path, house| link(path, &house.secret()),
        |path, _| pipe(path),
    ];
    for plant in plants {
        let house = House::new();
        plant(&house.cache.join("VERSION"), &house);
        house.visit();
        for command in [&["cache", "verify"][..], &["run", "study.yaml"], &["cache", "stats"]] {
            let told = house.run(command).ends_with(3).stderr;
            assert!(told.contains("VERSION") || told.contains("has format"), "{told}");
        }
    }
}

#[test]
fn locks_and_checkpoints_lead_nowhere() {
    let plants: [fn(&Path, &House); 3] = [
        |path, house| link(path, &house.sandbox.path("outside/new")),
        |path, house| link(path, &house.secret()),
        |path, _| pipe(path),
    ];
    for plant in plants {
        let house = House::new();
        let (path, _) = house.record();
        let key = path.file_stem().expect("a key").to_string_lossy().into_owned();
        files::remove_file(&path).expect("the test may remove it");
        files::create_folder(&house.cache.join("locks")).expect("a folder");
        files::create_folder(&house.cache.join(format!("checkpoints/{key}"))).expect("a folder");
        plant(&house.cache.join(format!("locks/{key}.lock")), &house);
        plant(&house.cache.join(format!("checkpoints/{key}/epoch-000001")), &house);
        house.run(&["run", "study.yaml", "-q"]).ends_with(0);
        house.assert_untouched();
        house.run(&["cache", "verify"]).ends_with(0);
    }
}

#[test]
fn what_a_record_tells_is_not_obeyed_and_its_log_is_not_read() {
    let house = House::new();
    let (path, mut record) = house.record();
    record["log"] = json!(house.secret());
    record["seconds"] = json!(-1e300);
    record["finished"] = json!(u64::MAX);
    record["device"] = json!("cpu\u{1b}[2J");
    record["outputs"]["images"]["summary"] =
        json!({"images": u64::MAX, "a\u{1b}]0;b": "\u{1b}[31m"});
    replace(&path, record.to_string().as_bytes());
    assert_eq!(house.visit().code, 0, "nothing of that is damage");
    house.assert_untouched();
}

#[test]
fn a_flipped_byte_is_noticed_before_anything_is_made_of_it() {
    let house = House::new();
    let (retina, record) = house.record();
    let object = house.object(&record["outputs"]["images"]["blobs"][0]["digest"]);
    let mut bytes = files::read(&object).expect("an object");
    *bytes.last_mut().expect("a byte") ^= 1;
    replace(&object, &bytes);
    for record in paths(&house.cache.join("records")).expect("records") {
        if record != retina {
            files::remove_file(&record).expect("the test may remove it");
        }
    }
    let told = house.run(&["run", "study.yaml", "-q"]).ends_with(1).stderr;
    assert!(told.contains("is damaged") && told.contains("verify --repair"), "{told}");
    let told = house.run(&["get", "study.yaml", "retina", "-o", "out"]).ends_with(3).stderr;
    assert!(told.contains("is damaged"), "{told}");
    house.assert_healed();
}
