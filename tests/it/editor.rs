//! What helps to write manifests: the schema before a validator, `init`, `fmt` and completions.

use std::path::Path;
use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::Value;

use crate::sandbox::Sandbox;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the YAML files of a folder of the project, by name.
fn manifests(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("it is part of the project");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    let mut paths: Vec<PathBuf> = paths.filter(is_yaml).collect();
    paths.sort();
    paths
}

fn good() -> Vec<PathBuf> {
    let mut paths = manifests("pipelines");
    paths.extend(manifests("pipelines/ablations"));
    paths.push(root().join("src/cli/init.yaml"));
    assert!(paths.len() >= 8, "{paths:?}");
    paths
}

/// Returns a validator of the committed schema, which another test keeps equal to the program's.
fn validator() -> Validator {
    let text =
        std::fs::read_to_string(root().join("docs/manifest.schema.json")).expect("it is there");
    let schema: Value = serde_json::from_str(&text).expect("it is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("it is a schema of draft 2020-12");
    jsonschema::draft202012::new(&schema).expect("it can be compiled")
}

/// Returns a manifest as editors read it; nothing where it is no YAML.
fn read(path: &Path) -> Option<Value> {
    serde_yaml::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[test]
fn the_schema_takes_every_manifest_of_the_project() {
    let validator = validator();
    for path in good() {
        let value = read(&path).expect("it is YAML");
        let problems: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_is_wrong_in_structure_and_takes_what_only_a_plan_can_tell() {
    let validator = validator();
    let (mut refused, mut taken, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    for path in manifests("tests/manifests/bad") {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        match read(&path) {
            None => unread.push(name),
            Some(value) if validator.is_valid(&value) => taken.push(name),
            Some(_) => refused.push(name),
        }
    }
    let told = [
        ("refused", refused),
        ("taken, since they are wrong in what they mean", taken),
        ("no YAML", unread),
    ];
    let told = told.map(|(what, names)| format!("{what}: {}", names.join(", ")));
    insta::assert_snapshot!(told.join("\n\n"), @"
    refused: a-list, a-text, axis-empty, axis-is-no-list, axis-value-map-without-name, axis-value-twice, by-within-by, device-unknown, empty, extends-is-a-map, field-unknown, format-missing, format-of-the-future, input-empty-list, input-is-a-number, input-list-where-one, input-missing, input-port-misspelt, kind-misspelt, kind-unknown, name-is-a-list, name-missing, only-a-comment, param-deep-in-a-list, param-is-a-map, param-misspelt, param-of-no-choice, param-of-wrong-type, param-too-large, param-too-small, placeholder-nested, placeholder-not-closed, resource-of-wrong-type, resource-unknown, retries-too-many, seed-negative, seed-not-a-number, several-faults-of-every-sort, slice-not-closed, stage-field-unknown, stage-is-a-text, stage-name-with-blank, stage-without-kind, stages-is-a-list, stages-missing, vars-is-a-list

    taken, since they are wrong in what they mean: by-misses-a-value, by-unknown-axis, by-value-misspelt, counts-above-what-there-is, crosses-unknown-axis, cycle-of-one, cycle-of-three, exclude-leaves-nothing, exclude-unknown-axis, exclude-unknown-value, extends-a-file-with-a-fault, extends-and-leaks, extends-deletes-what-is-needed, extends-itself, extends-missing-file, filter-by-critic-without-gan, fractions-above-one, image-too-small-for-densenet, input-of-wrong-type, input-output-misspelt, input-stage-misspelt, inputs-of-different-slices, keeps-more-than-there-are, measured-on-another-split, only-unknown-value, param-missing, params-that-exclude-each-other, placeholder-of-wrong-type, placeholder-unknown-axis, placeholder-unknown-field, placeholder-unknown-var, range-backwards, slice-of-axis-not-spanned, slice-of-unknown-axis, slice-of-unknown-value, source-is-a-place, spans-unknown-axis, table-of-a-stage-without-scores, table-of-unknown-stage, table-with-an-axis-twice, table-with-unknown-axis, table-with-unknown-measure, test-images-select, test-images-train-after-three-stages, test-images-train, two-sources, undivided-images-train, url-of-a-folder, url-to-no-server, url-without-digest, validation-images-train, vars-that-repeat-vars

    no YAML: param-infinite, param-not-a-number, yaml-anchor-unknown, yaml-bracket-not-closed, yaml-indentation-off, yaml-key-twice, yaml-no-colon, yaml-quote-not-closed, yaml-slice-without-quotes, yaml-stage-twice, yaml-tab-as-indentation, yaml-two-documents
    ");
}

#[test]
fn a_new_manifest_is_right_and_overwrites_nothing() {
    let sandbox = Sandbox::new();
    sandbox.run(&["init"]).ends_with(0);
    sandbox.run(&["init", "my other.yaml"]).ends_with(0);
    for name in ["study.yaml", "my other.yaml"] {
        sandbox.run(&["check", name]).ends_with(0);
        sandbox.run(&["fmt", "--check", name]).ends_with(0);
    }
    let told = sandbox.run(&["check", "my other.yaml"]).ends_with(0).stdout;
    assert!(told.starts_with("my other: 5 stages, 15 tasks, no problem\n"), "{told}");
    assert!(told.ends_with("one thing at a time: along arm\n"), "{told}");
    let schema = std::fs::read_to_string(sandbox.path("manifest.schema.json"));
    let committed = std::fs::read_to_string(root().join("docs/manifest.schema.json"));
    assert!(schema.expect("it was written") == committed.expect("it is there"));
    let told = sandbox.run(&["init"]).ends_with(2).stderr;
    insta::assert_snapshot!(told, @"
    error: `study.yaml` exists already
    help: name another file: `ablate init FILE`
    ");
}

#[test]
fn manifests_of_the_project_are_in_the_canonical_layout() {
    let sandbox = Sandbox::new();
    for path in good() {
        sandbox.run(&["fmt", "--check", &path.to_string_lossy()]).ends_with(0);
    }
}

#[test]
fn what_is_laid_out_otherwise_is_listed_or_rewritten_and_what_is_wrong_is_left() {
    let sandbox = Sandbox::new();
    let text = "name: x # a study\nablate:   1\nstages: {a: {kind: load, params: {fundus: {train: 2, test: 2}}}}\n";
    sandbox.write("a.yaml", text);
    sandbox.write("wrong.yaml", "ablate: [1\n");
    let told = sandbox.run(&["fmt", "--check", "a.yaml"]).ends_with(2);
    assert_eq!(told.stdout, "a.yaml\n");
    let read = |name: &str| std::fs::read_to_string(sandbox.path(name)).expect("it is there");
    assert_eq!(read("a.yaml"), text);
    assert_eq!(sandbox.run(&["fmt", "a.yaml"]).ends_with(0).stdout, "a.yaml\n");
    insta::assert_snapshot!(read("a.yaml"), @"
    ablate: 1
    name: x # a study
    stages: {a: {kind: load, params: {fundus: {train: 2, test: 2}}}}
    ");
    assert_eq!(sandbox.run(&["fmt", "a.yaml"]).ends_with(0).stdout, "");
    let told = sandbox.run(&["fmt", "wrong.yaml"]).ends_with(2).stderr;
    assert!(told.contains("no valid YAML") && told.contains("wrong.yaml:1:9"), "{told}");
    assert_eq!(read("wrong.yaml"), "ablate: [1\n");
}

#[test]
fn a_shell_takes_the_completions_that_are_made_for_it() {
    let sandbox = Sandbox::new();
    let script = sandbox.run(&["completions", "bash"]).ends_with(0).stdout;
    assert!(script.contains("explain") && script.contains("--fail-fast"), "{script}");
    sandbox.write("ablate.bash", &script);
    let asked = "source ./ablate.bash; COMP_WORDS=(ablate expl); COMP_CWORD=1; _ablate ablate expl ablate; echo ${COMPREPLY[@]}";
    let output = std::process::Command::new("bash")
        .args(["-c", asked])
        .current_dir(sandbox.path(""))
        .output()
        .expect("bash is there");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "explain\n", "{output:?}");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).ends_with(0).stdout;
        assert!(script.contains("explain"), "{shell}: {script}");
    }
}

#[test]
fn an_ensemble_of_one_network_under_two_names_is_told() {
    let sandbox = Sandbox::new();
    let manifest = |second: &str, both: &str| {
        format!(
            "
ablate: 1
name: twice
stages:
  retina: {{kind: load, params: {{fundus: {{train: 30, validation: 10, test: 10}}, size: 32}}}}
  parts: {{kind: split, inputs: {{images: retina}}, params: {{use: given}}}}
  one: {{kind: train-classifier, inputs: {{images: parts.train}}, params: {{network: resnet18, epochs: 2}}}}
  other: {{kind: train-classifier, inputs: {{images: parts.train}}, params: {{network: resnet18, epochs: {second}}}}}
  named: {{kind: label, inputs: {{images: parts.train, classifier: {both}}}, params: {{by: classifier}}}}
"
        )
    };
    let told = |second, both| {
        sandbox.write("study.yaml", manifest(second, both));
        sandbox.run(&["check", "study.yaml"]).ends_with(0).stdout
    };
    let note = "note: `classifier` of `named` takes the same twice: `one` and `other` come of the same inputs and params";
    assert!(told("2", "[one, other]").lines().any(|line| line == note));
    let note = note.replace("`other`", "`one`");
    assert!(told("3", "[one, one]").lines().any(|line| line == note));
    assert!(!told("3", "[one, other]").contains("takes the same twice"));
}
