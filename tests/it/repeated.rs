//! Runs that were run before: with the receipts of earlier runs and without them, each says the same, whatever
//! was edited in between.

use std::time::Duration;

use crate::sandbox::Output;
use crate::sandbox::Sandbox;

const BASE: &str = r#"ablate: 1
name: base
axes: {arm: [one, two]}
stages:
  read:
    kind: exec
    params: {command: [sh, -c, "cat data.txt > outputs/out/copy"], files: [data.txt], outputs: {out: files}}
  join:
    kind: exec
    inputs: {from: read}
    params:
      command: [sh, -c, "cat inputs/from/* > outputs/out/${axis.arm}"]
      inputs: {from: {type: files, role: pass}}
      outputs: {out: files}
"#;

/// One sandbox whose runs leave receipts, and one from which they are taken before each run.
struct Pair([Sandbox; 2]);

impl Pair {
    fn new() -> Self {
        Self([Sandbox::new(), Sandbox::new()])
    }

    fn write(&self, name: &str, text: &str) {
        for sandbox in &self.0 {
            sandbox.write(name, text);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test takes away what it needs not")]
    fn remove(&self, name: &str) {
        for path in self.0.each_ref().map(|sandbox| sandbox.path(name)) {
            if path.is_dir() {
                std::fs::remove_dir_all(path).expect("a folder");
            } else {
                std::fs::remove_file(path).expect("a file");
            }
        }
    }

    /// Runs in both; returns what was said, which is the same.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let [with, without] = &self.0;
        let receipts = without.path("cache/receipts");
        if receipts.exists() {
            #[expect(clippy::disallowed_methods, reason = "a test takes away what it needs not")]
            std::fs::remove_dir_all(receipts).expect("a folder of receipts");
        }
        let arguments = [&["run", "study.yaml", "-v"], arguments].concat();
        let told = [with, without].map(|sandbox| {
            let Output { code, stdout, stderr } = sandbox.run(&arguments);
            // What runs beside one another may end in any order, and takes its time.
            let text = sandbox.redact(&stderr);
            let lines = text.lines().map(|line| line.split(" in ").next().unwrap_or_default());
            let mut lines: Vec<&str> = lines.collect();
            lines.sort_unstable();
            (code, stdout, lines.join("\n"))
        });
        assert_eq!(told[0], told[1], "{arguments:?}");
        let [(_, _, text), _] = told;
        text
    }

    fn has_receipt(&self) -> bool {
        self.0[0].path("cache/receipts").exists()
    }
}

#[test]
fn a_run_with_receipts_says_what_one_without_says() {
    let pair = Pair::new();
    pair.write("base.yaml", BASE);
    pair.write("study.yaml", "extends: base.yaml\nname: study\n");
    pair.write("data.txt", "one\n");
    let allowed = ["--allow-exec"];
    assert!(pair.run(&allowed).contains("3 ran, 0 cached"));
    std::thread::sleep(Duration::from_secs(4)); // what is younger is not known by its look
    let cached = pair.run(&allowed);
    assert!(cached.contains("0 ran, 3 cached") && pair.has_receipt(), "{cached}");
    assert_eq!(pair.run(&allowed), cached);
    assert_eq!(pair.run(&[]), cached, "what is cached needs no permission");
    assert!(pair.run(&["join[arm=one]"]).contains("0 ran, 2 cached"));
    assert!(pair.run(&["join[arm=one]"]).contains("0 ran, 2 cached"));
    assert!(pair.run(&["joan"]).contains("joan"));
    // What changes nothing, and what changes something, in each of the files.
    pair.write("base.yaml", &format!("{BASE}# a word\n"));
    assert_eq!(pair.run(&allowed), cached);
    pair.write("data.txt", "two\n");
    assert!(pair.run(&[]).contains("--allow-exec"));
    assert!(pair.run(&allowed).contains("3 ran, 0 cached"));
    pair.write("data.txt", "one\n");
    assert_eq!(pair.run(&allowed), cached);
    pair.write("base.yaml", &BASE.replace("[one, two]", "[one, two, three]"));
    assert!(pair.run(&allowed).contains("1 ran, 3 cached"));
    pair.write("base.yaml", BASE);
    assert_eq!(pair.run(&allowed), cached);
    assert_eq!(pair.run(&allowed), cached);
    assert!(pair.run(&["--allow-exec", "--set", "name=other"]).contains("0 ran, 3 cached"));
    // Another folder of data that comes before, first without the file.
    pair.write("before/other.txt", "");
    assert_eq!(pair.run(&["--allow-exec", "--data", "before"]), cached);
    pair.write("before/data.txt", "six\n");
    assert!(pair.run(&["--allow-exec", "--data", "before"]).contains("3 ran, 0 cached"));
    // What the cache lost is made again, and what was never made is missed.
    pair.remove("cache/records");
    assert!(pair.run(&allowed).contains("3 ran, 0 cached"));
    pair.remove("data.txt");
    assert!(pair.run(&allowed).contains("data.txt"));
    pair.remove("study.yaml");
    assert!(pair.run(&allowed).contains("study.yaml"));
}

#[test]
fn a_receipt_is_what_the_second_run_goes_by() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", BASE);
    sandbox.write("data.txt", "one\n");
    sandbox.run(&["run", "study.yaml", "--allow-exec"]).ends_with(0);
    std::thread::sleep(Duration::from_secs(4));
    sandbox.run(&["run", "study.yaml"]).ends_with(0);
    let names = std::fs::read_dir(sandbox.path("cache/receipts")).expect("a folder of receipts");
    let names: Vec<_> = names.map(|entry| entry.expect("an entry").file_name()).collect();
    let [name] = &names[..] else { panic!("{names:?}") };
    let name = format!("cache/receipts/{}", name.to_str().expect("digits"));
    let text = sandbox.read(&name);
    sandbox.write(&name, text.replace("\"label\":\"read\"", "\"label\":\"told\""));
    let told = sandbox.run(&["run", "study.yaml", "-v"]).ends_with(0).stderr;
    assert!(told.contains("told: cached"), "{told}");
    // JSON tells of records, and is told after a plan.
    let told = sandbox.run(&["run", "study.yaml", "--format", "json"]).ends_with(0).stdout;
    assert!(told.contains("\"task\": \"read\"") && !told.contains("told"), "{told}");
}
