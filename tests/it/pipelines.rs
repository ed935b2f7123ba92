//! The studies in `pipelines/`: each is a right manifest, and the paper's counts are known before
//! anything runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use ablate::manifest;
use ablate::plan;
use ablate::plan::DataFolders;
use ablate::plan::Plan;
use ablate::stages::STAGES;
use zip::write::SimpleFileOptions;

/// Writes a MedMNIST archive of black images with the counts of RetinaMNIST.
fn write_archive(path: &Path) {
    let file = std::fs::File::create_new(path).expect("the folder is new");
    let mut archive = zip::ZipWriter::new(file);
    let classes = [[486, 128, 206, 194, 66], [54, 12, 28, 20, 6], [174, 46, 92, 68, 20]];
    for (part, counts) in ["train", "val", "test"].iter().zip(classes) {
        let labels: Vec<u8> = (0_u8..)
            .zip(counts)
            .flat_map(|(class, count)| std::iter::repeat_n(class, count))
            .collect();
        let images = vec![0; labels.len() * 28 * 28 * 3];
        let shape = format!("({}, 28, 28, 3)", labels.len());
        for (name, shape, bytes) in
            [("images", shape, images), ("labels", format!("({}, 1)", labels.len()), labels)]
        {
            archive
                .start_file(format!("{part}_{name}.npy"), SimpleFileOptions::default())
                .expect("the archive is open");
            archive.write_all(&npy(&shape, &bytes)).expect("the archive is open");
        }
    }
    archive.finish().expect("the disk has room");
}

/// Returns an array of bytes in NumPy's format, version 1.0.
fn npy(shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).expect("headers are short").to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

fn build(name: &str, data: &Path) -> Plan {
    build_with(name, data, &[])
}

/// Plans a study on an archive that only has the counts of the published one.
fn build_on_counts(name: &str, data: &Path) -> Plan {
    build_with(
        name,
        data,
        &["url", "md5"].map(|param| format!("stages.retina.params.{param}=null")),
    )
}

fn build_with(name: &str, data: &Path, overrides: &[String]) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name);
    let manifest = manifest::load(&path, overrides).unwrap_or_else(|report| panic!("{report}"));
    let data = DataFolders::new([data.to_owned()], &path);
    plan::build(&manifest.document, STAGES, &data)
        .unwrap_or_else(|problems| panic!("{}", manifest.report(problems)))
}

#[test]
fn every_study_can_be_planned_without_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut planned = 0;
    for place in ["", "ablations/", "exec/"] {
        let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(place);
        for entry in std::fs::read_dir(pipelines).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|extension| extension == "yaml") {
                let plan = build(&format!("{place}{name}"), folder.path());
                assert!(plan.tasks.iter().any(|task| task.kind.name == "evaluate"), "{name}");
                // One study leaks on purpose; see below.
                let leaks = plan.tasks.iter().any(|task| !task.leaks.is_empty());
                assert_eq!(leaks, name == "controls.yaml", "{name}");
                planned += 1;
            }
        }
    }
    assert!(planned >= 8, "{planned}");
}

#[test]
fn controls_differ_in_what_they_say_and_leak_only_where_they_say_it() {
    let folder = tempfile::tempdir().unwrap();
    let plan = build("controls.yaml", folder.path());
    let leaking = plan.tasks.iter().filter(|task| !task.leaks.is_empty());
    let leaking: BTreeSet<String> = leaking
        .map(|task| match task.cell.get("arm") {
            Some(arm) => format!("{} of {arm}", task.stage),
            None => task.stage.clone(),
        })
        .collect();
    let wanted = [
        "fit of leaky-copies",
        "fit of leaky-gan",
        "leaky-augmented",
        "leaky-fakes",
        "leaky-gan",
        "leaky-kept",
        "leaky-likeness",
        "score of leaky-copies",
        "score of leaky-gan",
    ];
    assert_eq!(leaking.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    let steps: BTreeSet<String> = plan
        .tasks
        .iter()
        .filter(|task| task.stage == "fit")
        .map(|task| task.params.value()["steps"].to_string())
        .collect();
    assert_eq!(steps.len(), 1, "{steps:?}");
}

#[test]
fn one_gan_for_each_class_reaches_the_training_on_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let plan = build("ablations/gan-per-class.yaml", folder.path());
    let tasks = |stage: &'static str| plan.tasks.iter().filter(move |task| task.stage == stage);
    let classes: Vec<_> =
        tasks("gan").map(|task| task.params.value()["classes"][0].clone()).collect();
    assert_eq!(classes, ["0", "1", "2", "3", "4"]);
    let sets = |task: &plan::Task| task.inputs.get("images").unwrap().iter().count();
    let fits: Vec<usize> = tasks("fit").map(sets).collect();
    assert_eq!(fits, [1, 1, 1, 1, 6, 6]);
    assert_eq!(tasks("graded").count(), 0);
}

#[test]
fn how_often_a_checkpoint_is_written_changes_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = |change: &str| -> Vec<_> {
        let plan = build_with("quickstart.yaml", folder.path(), &[change.to_owned()]);
        plan.tasks.iter().map(|task| task.recipe.unwrap()).collect()
    };
    let usual = recipes("name=quickstart");
    for stage in ["gan", "fit"] {
        assert_eq!(recipes(&format!("stages.{stage}.params.checkpoints.every=3")), usual);
    }
    assert_ne!(recipes("stages.gan.params.batch_size=3"), usual);
}

#[test]
fn the_counts_of_the_paper_are_known_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    write_archive(&folder.path().join("retinamnist.npz"));
    let plan = build_on_counts("cheng-ye-2021.yaml", folder.path());
    assert_eq!(plan.missing_sources(), []);
    let count = |text: &str, port: &str| {
        let task = plan.task(*plan.select(text).unwrap().tasks.first().unwrap());
        task.counts.get(port).map(ablate::stage::Counts::total)
    };
    let outputs = [
        ("retina", "images", 1600),
        ("parts", "train", 1080),
        ("parts", "validation", 120),
        ("parts", "test", 400),
        ("classic", "images", 4320),
        ("fakes", "images", 2000),
        ("kept", "images", 443),
        ("graded", "images", 443),
        ("fakes-augmented", "images", 1329),
    ];
    for (stage, port, images) in outputs {
        assert_eq!(count(stage, port), Some(images), "{stage}.{port}");
    }
    let mut training = BTreeMap::new();
    for task in plan.tasks.iter().filter(|task| task.stage == "fit") {
        assert!(task.recipe.is_some());
        let images = task
            .inputs
            .get("images")
            .unwrap()
            .iter()
            .filter_map(|input| plan.task(input.task).counts.get(&*input.port))
            .map(ablate::stage::Counts::total);
        training.insert(task.cell["arm"].clone(), images.sum::<usize>());
    }
    let expected = [("classic", 4320), ("classic+gan", 5649), ("none", 1080)];
    assert_eq!(training, expected.map(|(arm, images)| (arm.to_owned(), images)).into());
    assert_eq!(plan.select("fit").unwrap().tasks.len(), 30);
}

#[test]
fn an_ablation_changes_the_recipes_it_reaches_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    write_archive(&folder.path().join("retinamnist.npz"));
    let paper = build_on_counts("cheng-ye-2021.yaml", folder.path());
    let ablation = build_on_counts("ablations/gradient-penalty.yaml", folder.path());
    let changed: Vec<String> = paper
        .tasks
        .iter()
        .zip(&ablation.tasks)
        .filter(|(before, after)| before.recipe != after.recipe)
        .map(|(task, _)| task.stage.clone())
        .collect();
    for stage in ["gan", "fakes", "kept", "graded", "fakes-augmented"] {
        assert_eq!(changed.iter().filter(|name| *name == stage).count(), 1, "{stage}");
    }
    for stage in ["fit", "score"] {
        assert_eq!(changed.iter().filter(|name| *name == stage).count(), 10, "{stage}");
    }
    assert_eq!(changed.len(), 25);
}

#[test]
fn a_cross_validation_tests_every_image_once_a_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let plan = build("ablations/cross-validation.yaml", folder.path());
    let parts = plan.select("parts").unwrap().tasks;
    assert_eq!(parts.len(), 10);
    let seeds: BTreeSet<u64> = parts.iter().map(|task| plan.task(*task).seed).collect();
    assert_eq!(seeds.len(), 1, "all folds come from one draw");
    for repeat in ["0", "1"] {
        let tests = parts.iter().map(|task| plan.task(*task));
        let tests = tests.filter(|task| task.cell["repeat"] == repeat);
        let counts = tests.map(|task| task.counts.get("test").unwrap().total());
        assert_eq!(counts.sum::<usize>(), 460);
    }
    assert_eq!(plan.select("score").unwrap().tasks.len(), 20);
}

#[test]
fn the_four_ways_of_augmentation_are_four_trainings_a_seed() {
    let folder = tempfile::tempdir().unwrap();
    let plan = build("ablations/online.yaml", folder.path());
    let fits = plan.select("fit").unwrap().tasks;
    assert_eq!(fits.len(), 8);
    let told = |task: &plan::TaskId| {
        let task = plan.task(*task);
        let params = task.params.value();
        (task.cell["arm"].clone(), ["online", "cutmix"].map(|name| params.get(name).is_some()))
    };
    let told: BTreeMap<_, _> = fits.iter().map(told).collect();
    let said: Vec<_> = told.iter().map(|(arm, said)| format!("{arm}: {said:?}")).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    classic: [false, false]
    cutmix: [false, true]
    none: [false, false]
    online: [true, false]
    ");
}
