//! The kind `exec`: programs of the user, what they are handed, what decides their results, what they
//! may leave behind, and that none runs without permission or outlives its run.

use ablate::digest::Digest;
use ablate::plan;
use ablate::plan::DataFolders;
use ablate::stages::STAGES;
use ablate::store::Sightings;

use crate::processes;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

/// A study in which a script gives images that are augmented; `more` is added below the script's stage.
fn study(command: &str, more: &str) -> String {
    format!(
        r"ablate: 1
name: programs
stages:
  retina: {{kind: load, params: {{fundus: {{train: 10, validation: 5, test: 5}}, size: 8}}}}
  parts: {{kind: split, inputs: {{images: retina}}, params: {{use: given}}}}
  other:
    kind: exec
    inputs: {{images: parts.train}}
    params:
      command: {command}
      inputs: {{images: dataset}}
      outputs: {{fakes: dataset}}
{more}  flipped: {{kind: classic-augment, inputs: {{images: other}}, params: {{passes: [{{vertical_flip: 1.0}}]}}}}
"
    )
}

/// A study whose only program leaves any files, at the output `out`.
fn alone(params: &str) -> String {
    format!(
        "ablate: 1\nname: alone\nstages:\n  made:\n    kind: exec\n    params:\n      outputs: {{out: files}}\n{params}"
    )
}

const COPY: &str = "cp -L {inputs.images}/* {outputs.fakes}/";

/// Returns how many tasks ran, of a run that ends well.
#[track_caller]
fn ran(sandbox: &Sandbox, manifest: &str) -> u64 {
    let output = sandbox.run(&["run", manifest, "--allow-exec", "--format", "json"]).ends_with(0);
    let told: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    told["ran"].as_u64().expect("a number")
}

/// Returns the file that a run of `alone` left.
fn left(sandbox: &Sandbox, name: &str) -> String {
    sandbox.run(&["get", "study.yaml", "made", "-o", "got"]).ends_with(0);
    let path = format!("got/{name}");
    if sandbox.path(&path).exists() {
        sandbox.read(&path)
    } else {
        sandbox.read(&format!("got/out/{name}"))
    }
}

#[test]
fn a_program_runs_again_when_what_decides_it_changes_and_not_otherwise() {
    let sandbox = Sandbox::new();
    let more = "      files: [copy.sh]\n      version: \"1\"\n      params: {a: 1}\n";
    let text = study("[sh, copy.sh]", more);
    sandbox.write("study.yaml", &text);
    sandbox.write("copy.sh", "mkdir -p .read-back/fakes; echo > .read-back/fakes/junk\ncp -L inputs/images/* outputs/fakes/\n");
    assert_eq!(ran(&sandbox, "study.yaml"), 4);
    assert_eq!(ran(&sandbox, "study.yaml"), 0);
    // Where its files lie decides nothing, and neither do names and resources.
    let renamed = text.replace("  other:\n", "  renamed:\n    resources: {cpus: 2, time: 60}\n");
    sandbox.write("elsewhere/study.yaml", renamed.replace("images: other", "images: renamed"));
    sandbox.write("elsewhere/copy.sh", sandbox.read("copy.sh"));
    assert_eq!(ran(&sandbox, "elsewhere/study.yaml"), 0);
    // Another text, and it runs; what it gives is the same, so nothing behind it does.
    sandbox.write("copy.sh", "ln -s outputs .read-back\ncp -L inputs/images/* outputs/fakes/\n");
    assert_eq!(ran(&sandbox, "study.yaml"), 1);
    for (before, after) in [
        ("version: \"1\"", "version: \"2\""),
        ("{a: 1}", "{a: 2}"),
        ("copy.sh]\n      i", "copy.sh, x]\n      i"),
    ] {
        let changed = text.replace(before, after);
        assert_ne!(changed, text);
        sandbox.write("study.yaml", changed);
        assert_eq!(ran(&sandbox, "study.yaml"), 1, "{before} -> {after}");
    }
}

#[test]
fn nothing_runs_without_permission_and_what_is_cached_needs_none() {
    let sandbox = Sandbox::new();
    let text =
        study(&format!("[sh, -c, \"touch {}; {COPY}\"]", sandbox.path("mark").display()), "");
    sandbox.write("study.yaml", &text);
    let refused = sandbox.run(&["run", "study.yaml"]).ends_with(2);
    let told = sandbox.redact(&refused.stderr);
    assert!(
        told.contains("stage `other` runs a program: `sh -c 'touch [folder]/mark; cp -L"),
        "{told}"
    );
    assert!(told.contains("study.yaml:7:11") && told.contains("--allow-exec"), "{told}");
    for command in [
        ["plan", "study.yaml", ""],
        ["check", "study.yaml", ""],
        ["graph", "study.yaml", ""],
        ["explain", "study.yaml", "flipped"],
        ["run", "study.yaml", "--dry-run"],
    ] {
        let words: Vec<&str> = command.into_iter().filter(|word| !word.is_empty()).collect();
        let output = sandbox.run(&words).ends_with(0);
        assert!(
            output.stderr.contains("`ablate run` refuses without `--allow-exec`"),
            "{words:?}: {}",
            output.stderr
        );
    }
    // A manifest cannot permit itself.
    for line in ["allow-exec: true", "allow_exec: true"] {
        sandbox
            .write("bold.yaml", text.replace("name: programs", &format!("name: programs\n{line}")));
        sandbox.run(&["run", "bold.yaml"]).ends_with(2);
    }
    sandbox.run(&["run", "study.yaml", "--set", "allow_exec=true"]).ends_with(2);
    assert!(!sandbox.path("mark").exists());
    // What does not need the program runs.
    sandbox.run(&["run", "study.yaml", "parts"]).ends_with(0);
    assert_eq!(ran(&sandbox, "study.yaml"), 2);
    assert!(sandbox.path("mark").exists());
    sandbox.run(&["run", "study.yaml"]).ends_with(0);
    // What comes behind what is cached needs no permission either.
    sandbox
        .run(&["run", "study.yaml", "--set", "stages.flipped.params.passes.0.vertical_flip=0.5"])
        .ends_with(0);
}

#[test]
fn a_program_is_handed_a_job_a_clean_environment_and_nothing_else() {
    let sandbox = Sandbox::new();
    let script = "env | sed s/=.*// | sort > outputs/out/names\ncp job.json outputs/out/\nmktemp -d | grep \"^$PWD/\" && cd \"$HOME\" && pwd > outputs/out/place\nread line || echo closed > outputs/out/stdin\n";
    sandbox.write("run.sh", script);
    sandbox.write("study.yaml", alone("      command: [./run.sh]\n      files: [run.sh]\n      params: {epochs: 3, deep: {a: [1]}}\n"));
    let mut command = sandbox.command(&["run", "study.yaml", "--allow-exec"]);
    command.env("SECRET_TOKEN", "hunter2").env("PYTHONPATH", "/tmp");
    Output::of(&mut command).ends_with(0);
    // What a shell sets by itself stands beside what it was handed.
    let names = left(&sandbox, "names");
    let own = ["_", "OLDPWD", "PWD", "SHLVL", "LD_LIBRARY_PATH"];
    let names: Vec<&str> = names.lines().filter(|name| !own.contains(name)).collect();
    assert_eq!(
        names,
        [
            "ABLATE_JOB",
            "CUDA_VISIBLE_DEVICES",
            "HOME",
            "LANG",
            "LC_ALL",
            "OMP_NUM_THREADS",
            "PATH",
            "TMPDIR",
            "TZ"
        ]
    );
    assert_eq!(left(&sandbox, "stdin"), "closed\n");
    assert!(left(&sandbox, "place").contains("/cache/scratch/"));
    let job: serde_json::Value = serde_json::from_str(&left(&sandbox, "job.json")).unwrap();
    insta::assert_snapshot!(job, @r#"{"device":"cpu","inputs":{},"outputs":{"out":"outputs/out"},"params":{"deep":{"a":[1]},"epochs":3},"seed":0,"threads":1}"#);
    let scratches = std::fs::read_dir(sandbox.path("cache/scratch")).unwrap().count();
    assert_eq!(scratches, 0, "a scratch folder goes with its task");
}

#[test]
fn arguments_reach_the_program_as_they_are_but_for_names_in_braces() {
    let sandbox = Sandbox::new();
    let text = alone(
        r#"      command: [sh, -c, 'printf "%s\n" "$@" > outputs/out/words', sh, "; touch mark", "$(touch mark)", "*", "{outputs.out}", "{params.rate}/{seed}", "{threads} {device}", "{print $1} {x}", 3]
      params: {rate: 0.5}
"#,
    );
    sandbox.write("study.yaml", &text);
    assert_eq!(ran(&sandbox, "study.yaml"), 1);
    insta::assert_snapshot!(left(&sandbox, "words"), @"
    ; touch mark
    $(touch mark)
    *
    outputs/out
    0.5/0
    1 cpu
    {print $1} {x}
    3
    ");
    for (before, after) in [
        ("{params.rate}", "{params.rat}"),
        ("{outputs.out}", "{outputs.outt}"),
        ("{print $1}", "{inputs.images}"),
    ] {
        sandbox.write("study.yaml", text.replace(before, after));
        let output = sandbox.run(&["check", "study.yaml"]).ends_with(2);
        assert!(output.stderr.contains(&format!("`{after}` names no")), "{}", output.stderr);
    }
}

/// Returns what is said of a program that fails; `script` runs in a shell.
fn failure(script: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("run.sh", script);
    sandbox.write("study.yaml", study("[sh, run.sh]", "      files: [run.sh]\n"));
    let output = sandbox.run(&["run", "study.yaml", "--allow-exec"]).ends_with(1);
    assert_eq!(sandbox.run(&["show", "study.yaml", "other"]).code, 2, "nothing is published");
    let told = sandbox.redact(&output.stderr);
    let keeps = |line: &&str| {
        let is_word = line.trim_start().starts_with('|');
        is_word || line.contains("output `fakes`") || line.contains("`sh run.sh`")
    };
    let lines = told.lines().filter(keeps);
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_a_program_leaves_is_read_back_before_it_is_published() {
    let with = |then: &str| {
        failure(&format!("cp -L inputs/images/* outputs/fakes/\ncd outputs/fakes\n{then}\n"))
    };
    insta::assert_snapshot!(failure("exit 0"), @"ERROR other: output `fakes`: found no file");
    insta::assert_snapshot!(with("rm samples.csv"), @"ERROR other: output `fakes`: the artifact has no file `samples.csv`");
    insta::assert_snapshot!(with("sed -i 1s/label/grade/ samples.csv"), @"ERROR other: output `fakes`: `samples.csv` is malformed: found the columns id,grade,partition,group,origin, expected id,label,partition,group,origin");
    insta::assert_snapshot!(with("sed -i '2s/,[0-4],/,7,/' samples.csv"), @"ERROR other: output `fakes`: `samples.csv` is malformed: `train/0` has a label beyond its 5 classes");
    insta::assert_snapshot!(with("sed -i '$d' samples.csv"), @"ERROR other: output `fakes`: `images-0000.npy` is malformed: shape [10, 8, 8, 3] is not 9 of the set's images");
    insta::assert_snapshot!(with("echo '{\"height\": 9, \"width\": 8, \"classes\": []}' > set.json"), @"ERROR other: output `fakes`: `samples.csv` is malformed: `train/0` has a label beyond its 0 classes");
    insta::assert_snapshot!(with("echo '{\"height\": 1000000000000, \"width\": 1000000000000, \"classes\": []}' > set.json"), @"ERROR other: output `fakes`: `set.json` is malformed: no image has 1000000000000 x 1000000000000 pixels");
    insta::assert_snapshot!(with("sed -i '1s/|u1/|i1/' images-0000.npy"), @"ERROR other: output `fakes`: `images-0000.npy` is malformed: elements are `|i1`; bytes (`|u1`) expected");
    insta::assert_snapshot!(with("echo > notes.txt"), @"ERROR other: output `fakes`: `notes.txt` is none of its files; another output of type `files` takes it");
    insta::assert_snapshot!(with("rm set.json; ln -s ../../inputs/images/set.json set.json"), @"ERROR other: output `fakes`: `set.json` is a symbolic link, expected plain files");
    insta::assert_snapshot!(with("cd ../..; mkdir o; mv outputs o; ln -s o/outputs outputs"), @"ERROR other: output `fakes`: the program removed or replaced the folder that it lies in");
    insta::assert_snapshot!(with("mkfifo pipe"), @"ERROR other: output `fakes`: `pipe` is a pipe, socket or device, expected plain files");
    insta::assert_snapshot!(with("sed -i 3s/^[^,]*/train\\\\/0/ samples.csv"), @"ERROR other: output `fakes`: `samples.csv` has the id `train/0` twice");
}

#[test]
fn a_program_that_fails_is_told_with_its_last_words() {
    insta::assert_snapshot!(failure("echo to stdout; echo to stderr >&2; exit 3"), @"
    ERROR other: `sh run.sh` ended with exit code 3, expected 0
    | to stdout
    | to stderr
    ");
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", study("[no-such-program]", ""));
    let told = sandbox.run(&["run", "study.yaml", "--allow-exec"]).ends_with(1).stderr;
    assert!(told.contains("there is no program `no-such-program` in PATH"), "{told}");
}

/// Starts a study whose program starts another, and returns both processes once they run.
fn two_that_wait(
    sandbox: &Sandbox,
    resources: &str,
    sleep: &str,
) -> (std::process::Child, [u32; 2]) {
    let pids = sandbox.path("pids");
    let script =
        format!("{sleep} 1000 &\necho $$ $! > {0}.new\nmv {0}.new {0}\nwait\n", pids.display());
    sandbox.write("run.sh", script);
    sandbox.write(
        "study.yaml",
        alone("      command: [sh, run.sh]\n      files: [run.sh]\n")
            .replace("    params:", &format!("{resources}    params:")),
    );
    let mut command = sandbox.command(&["run", "study.yaml", "--allow-exec"]);
    let pipes = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let engine = pipes.spawn().expect("the program starts");
    let numbers = processes::waited(|| pids.exists().then(|| sandbox.read("pids")));
    let numbers: Vec<u32> =
        numbers.split_whitespace().map(|one| one.parse().expect("a number")).collect();
    (engine, [numbers[0], numbers[1]])
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let sandbox = Sandbox::new();
    let (engine, started) = two_that_wait(&sandbox, "    resources: {time: 1}\n", "sleep");
    let output = Output::of_child(engine).ends_with(1);
    assert!(output.stderr.contains("the stage ran past its limit of 1 s"), "{}", output.stderr);
    assert!(started.into_iter().all(|one| !processes::is_running(one)));
}

#[test]
fn a_run_that_is_interrupted_leaves_no_process() {
    let sandbox = Sandbox::new();
    let (engine, started) = two_that_wait(&sandbox, "", "sleep");
    let mut command = std::process::Command::new("kill");
    command.args(["-INT", &engine.id().to_string()]).status().expect("kill starts");
    Output::of_child(engine).ends_with(130);
    assert!(started.into_iter().all(|one| !processes::is_running(one)));
}

#[test]
fn a_program_dies_with_an_engine_that_is_killed() {
    for sleep in ["sleep", "setsid sleep"] {
        let sandbox = Sandbox::new();
        let (engine, started) = two_that_wait(&sandbox, "", sleep);
        processes::kill(engine.id());
        Output::of_child(engine).ends_with(137);
        for one in started {
            processes::waited(|| (!processes::is_running(one)).then_some(()));
        }
    }
}

#[test]
fn what_a_program_leaves_running_is_ended_when_it_ends() {
    let sandbox = Sandbox::new();
    let pid = sandbox.path("pid");
    let script = format!("sleep 1000 &\necho $! > {}\necho done > outputs/out/a\n", pid.display());
    sandbox.write("run.sh", script);
    sandbox.write("study.yaml", alone("      command: [sh, run.sh]\n      files: [run.sh]\n"));
    assert_eq!(ran(&sandbox, "study.yaml"), 1);
    let left: u32 = sandbox.read("pid").trim().parse().unwrap();
    processes::waited(|| (!processes::is_running(left)).then_some(()));
}

#[test]
fn test_images_do_not_reach_a_training_through_a_program() {
    let sandbox = Sandbox::new();
    let fit = "  fit: {kind: train-classifier, inputs: {images: other}, params: {network: resnet18, epochs: 1}}\n";
    let told = |role: &str, from: &str| {
        let text = study("[\"true\"]", "")
            .replace("parts.train}", from)
            .replace("{images: dataset}", role)
            + fit;
        sandbox.write("study.yaml", text);
        let output = sandbox.run(&["check", "study.yaml"]);
        (output.code, output.stderr)
    };
    for role in
        ["{images: {type: dataset, role: pass}}", "{images: {type: dataset, role: measure}}"]
    {
        let (code, stderr) = told(role, "[parts.test]}");
        assert!(code == 2 && stderr.contains("retina -> parts.test -> other -> fit"), "{stderr}");
    }
    let (code, stderr) = told("{images: dataset}", "parts.test}");
    assert!(
        code == 2 && stderr.contains("test images reach stage `other`, which fits"),
        "{stderr}"
    );
    assert!(stderr.contains("retina -> parts.test -> other"), "{stderr}");
    assert_eq!(told("{images: {type: dataset, role: pass}}", "parts.train}").0, 0);
    // Images of a program that takes none come from outside: nobody knows their part.
    let bare = "ablate: 1\nname: x\nstages:\n  other: {kind: exec, params: {command: [\"true\"], outputs: {fakes: dataset}}}\n";
    sandbox.write("study.yaml", format!("{bare}{fit}"));
    let output = sandbox.run(&["check", "study.yaml"]).ends_with(2);
    assert!(
        output.stderr.contains("images that were never divided reach stage `fit`"),
        "{}",
        output.stderr
    );
}

#[test]
fn files_lie_beside_the_manifest_and_hold_no_images_of_the_study() {
    let sandbox = Sandbox::new();
    sandbox.write("x", "x");
    let told = |files: &str| {
        let loads = "  table: {kind: load, params: {csv: t.csv, image_root: x}}\n";
        sandbox.write(
            "deep/study.yaml",
            alone(&format!("      command: [sh]\n      files: [{files}]\n{loads}")),
        );
        sandbox.run(&["check", "deep/study.yaml"]).ends_with(2).stderr
    };
    assert!(told("../x").contains("`../x` leads out of the data folders"));
    assert!(told("/etc/passwd").contains("`/etc/passwd` leads out of the data folders"));
    assert!(told("job.json").contains("`job.json` cannot be laid into the program's folder"));
    assert!(
        told("t.csv").contains("`t.csv` enters stage `made` as a file, and stage `table` loads it")
    );
}

#[test]
fn ports_of_every_sort_are_declared_and_their_faults_told() {
    let sandbox = Sandbox::new();
    let text = r#"ablate: 1
name: chain
stages:
  retina: {kind: load, params: {fundus: {train: 10, validation: 5, test: 5}, size: 8}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  one:
    kind: exec
    inputs: {images: [parts.train, parts.train]}
    params:
      command: [sh, -c, "ls {inputs.images} > {outputs.list}/a; ls {inputs.none} >> {outputs.list}/a; echo > {outputs.more}/b"]
      inputs: {images: {type: dataset, many: true}, none: {type: gan, optional: true}}
      outputs: {list: files, more: files}
  two:
    kind: exec
    inputs: {list: one.list, images: parts.test}
    params:
      command: [sh, -c, 'cat inputs/list/a; printf "%s" "{\"classes\": [\"a\", \"b\"]}" > outputs/scores/scores.json; printf "id,group,label,predicted,p0,p1\nx,,0,0,0.7,0.3\ny,,1,0,0.6,0.4\n" > outputs/scores/predictions.csv']
      inputs: {list: files, images: {type: dataset, role: measure}}
      outputs: {scores: scores}
"#;
    sandbox.write("study.yaml", text);
    assert_eq!(ran(&sandbox, "study.yaml"), 4);
    assert!(sandbox.run(&["table", "study.yaml"]).ends_with(0).stdout.contains("50.00 %"));
    let shown = sandbox.run(&["show", "study.yaml", "two"]).ends_with(0).stdout;
    for measure in ablate::measure::Measure::ALL.map(ablate::measure::Measure::name) {
        let table = sandbox.run(&["table", "study.yaml", "--value", measure]).ends_with(0).stdout;
        // Of two classes none is a grade to be referred.
        assert_eq!(table.contains(" 1 of 2\n"), !measure.starts_with("referable"), "{table}");
        assert!(shown.contains(&format!("{measure}: ")), "{shown}");
    }
    assert!(
        shown.contains("intervals: ") && shown.contains("confusion: [1, 0], [1, 0]"),
        "{shown}"
    );
    let log =
        std::fs::read_dir(sandbox.path("cache/runs")).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read_to_string(log.join("logs/two.log")).unwrap();
    assert_eq!(log.split_whitespace().collect::<Vec<_>>(), ["0", "1"]);
    let told = |before: &str, after: &str| {
        let changed = text.replace(before, after);
        assert_ne!(changed, text, "{before}");
        sandbox.write("study.yaml", changed);
        let stderr = sandbox.run(&["check", "study.yaml"]).ends_with(2).stderr;
        let keeps = |line: &&str| line.contains('×') || line.contains("help:");
        stderr.lines().filter(keeps).map(str::trim).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told("one.list", "one"), @"
    × stage `one` declares several outputs; one is to be named
    help: write `one.list`, `one.more`
    ");
    insta::assert_snapshot!(told("one.list", "parts.train"), @"
    × `parts.train` is an `images`, but input `list` of stage `two` takes a `files`
    help: a `files` is given by `one`, `one.more`
    ");
    insta::assert_snapshot!(told("{list: one.list", "{lst: one.list"), @"
    × kind `exec` has no input `lst`
    help: did you mean `list`?
    ");
    insta::assert_snapshot!(told("{list: files, more", "{list: flies, more"), @"
    × stage `one`, param `outputs.list`: found `flies`, expected one of `dataset`, `model`, `gan`, `scores`, `files`
    help: did you mean `files`?
    ");
    insta::assert_snapshot!(told("{list: files, more", "{list: \"${vars.x}\", more").replace("${vars.x}", "[var]"), @"
    × stage `one`: `params.outputs` declares ports with a `${...}`
    help: write names and types of ports out: they are the same in every cell
    × there is no `vars.x`
    help: write `vars: {x: ...}` at the top of the manifest
    ");
    insta::assert_snapshot!(told("{list: files, more: files}", "{list: files, More: files}"), @"
    × stage `one`, param `command.2`: `{outputs.more}` names no output; there are `More`, `list`
    help: `ablate kinds exec` tells what may stand in an argument
    × stage `one`, param `outputs.More`: `More` is no name of a port
    help: up to 31 lower-case letters, digits, `-` and `_`, a letter first
    ");
    insta::assert_snapshot!(told("many: true", "many: true, role: select"), @"
    × stage `one`, param `inputs.images.role`: found `select`, expected one of `fit`, `measure`, `pass`
    help: `ablate kinds exec` lists its params
    ");
}

#[test]
fn a_file_that_changes_while_its_program_runs_publishes_nothing() {
    let sandbox = Sandbox::new();
    let own = sandbox.path("run.sh");
    sandbox.write("run.sh", format!("echo >> {}\necho > outputs/out/a\n", own.display()));
    sandbox.write("study.yaml", alone("      command: [sh, run.sh]\n      files: [run.sh]\n"));
    let output = sandbox.run(&["run", "study.yaml", "--allow-exec"]).ends_with(1);
    assert!(output.stderr.contains("`run.sh` changed while the study ran"), "{}", output.stderr);
    assert_eq!(std::fs::read_dir(sandbox.path("cache/records")).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_not_what_it_looks_like_publishes_nothing_and_is_read_the_next_time() {
    let sandbox = Sandbox::new();
    sandbox.write("run.sh", "echo true > outputs/out/a\n");
    sandbox.write("study.yaml", alone("      command: [sh, run.sh]\n      files: [run.sh]\n"));
    let run = ["run", "study.yaml", "--allow-exec"];
    sandbox.run(&run).ends_with(0);
    // A cache that claims to have seen this file, long ago and with another content.
    let study = sandbox.path("study.yaml");
    let manifest = ablate::manifest::load(&study, &[]).expect("it is right");
    let folders =
        DataFolders::new([], &study).with_sightings(Sightings::of(&sandbox.path("cache"), 1 << 40));
    plan::build(&manifest.document, STAGES, &folders).expect("it is right");
    let names = std::fs::read_dir(sandbox.path("cache/sightings")).expect("a folder");
    let paths: Vec<_> = names.map(|entry| entry.expect("an entry").path()).collect();
    let [sighting] = paths.as_slice() else { panic!("{paths:?}") };
    let text = std::fs::read_to_string(sighting).expect("text");
    let [was, other] = [&b"echo true > outputs/out/a\n"[..], b"other"].map(Digest::of_bytes);
    assert!(text.contains(&was.to_string()), "{text}");
    let text = text.replace(&was.to_string(), &other.to_string());
    ablate::files::write(sighting, text.as_bytes()).expect("it can be written");
    let output = sandbox.run(&run).ends_with(1);
    assert!(output.stderr.contains("`run.sh` changed while the study ran"), "{}", output.stderr);
    let records = || std::fs::read_dir(sandbox.path("cache/records")).expect("a folder").count();
    assert_eq!(records(), 1, "nothing was recorded");
    assert_eq!(ran(&sandbox, "study.yaml"), 0, "the first result, which is right, is taken");
}
