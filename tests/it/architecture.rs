//! The house rules that a machine can see: size and header of files, who touches the outside.

use crate::source;
use crate::source::Source;

/// Longest file, in lines.
const LONGEST: usize = 500;

/// Something that only some files may say.
struct Reserved {
    words: &'static [&'static str],
    to: &'static [&'static str],
    /// Whether tests beneath the code may say it too.
    in_tests: bool,
    why: &'static str,
}

/// Each is spelled in two halves, so that this file does not accuse itself.
const RESERVED: &[Reserved] = &[
    Reserved {
        words: &[concat!("tch", "::")],
        to: &["src/ml/"],
        in_tests: false,
        why: "only `ml` knows libtorch",
    },
    Reserved {
        words: &[concat!("ure", "q::"), concat!("Tcp", "Stream")],
        to: &["src/fetch/"],
        in_tests: true,
        why: "only `fetch` talks to a network",
    },
    Reserved {
        words: &[
            concat!("print", "!("),
            concat!("println", "!("),
            concat!("eprint", "!("),
            concat!("eprintln", "!("),
        ],
        to: &["src/cli/", "src/main.rs", "src/worker_main.rs"],
        in_tests: true,
        why: "the library returns data; `cli` makes words",
    },
    Reserved {
        words: &[
            concat!("env", "::var"),
            concat!("env", "::args"),
            concat!("SystemTime", "::now"),
            concat!("process", "::exit"),
        ],
        to: &["src/cli/", "src/main.rs", "src/worker_main.rs"],
        in_tests: true,
        why: "only `cli` knows the process around it",
    },
    Reserved {
        words: &[
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
            concat!("to", "do!("),
            concat!("unimpl", "emented!("),
            concat!("#[", "ignore"),
        ],
        to: &[],
        in_tests: false,
        why: "work is finished before it lands",
    },
    Reserved {
        words: &[concat!("pick", "le"), concat!("Tensor::", "load")],
        to: &[],
        in_tests: false,
        why: "what is read must not run code; weights are `.safetensors`",
    },
    Reserved {
        words: &[concat!("CMod", "ule")],
        to: &["src/ml/named.rs"],
        in_tests: false,
        why: "a program of the user is started with permission alone",
    },
    Reserved {
        words: &[concat!("Hash", "Map"), concat!("Hash", "Set")],
        to: &[],
        in_tests: false,
        why: "their order would leak into keys and reports",
    },
];

/// What the schedule, a pure state machine, may not name.
const IMPURE: &[&str] = &["std::thread", "std::time", "std::fs", "crate::files", "std::sync"];

/// Names of files that say nothing.
const NOUNLESS: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "types", "misc", "base", "imp"];

fn all_rust() -> Vec<Source> {
    let mut all = source::below("src", &["rs"]);
    all.extend(source::below("tests", &["rs"]));
    all
}

/// Returns the lines, comments included, in which a file says what is reserved to others.
fn trespasses(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for rule in
        RESERVED.iter().filter(|rule| !rule.to.iter().any(|place| source.path.starts_with(place)))
    {
        let text = if rule.in_tests { source.before_tests() } else { &source.text };
        for (index, line) in text.lines().enumerate() {
            if rule.words.iter().any(|word| says(line, word)) {
                found.push(format!("{}:{}: {}", source.path, index + 1, rule.why));
            }
        }
    }
    found
}

/// Returns whether a line has a word that does not go on to the left.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

/// Returns what is wrong with a file as a whole.
fn malformed(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if !source.text.starts_with("//! ") {
        found.push(format!("{}: starts without a `//!` header", source.path));
    }
    let lines = source.text.lines().count();
    if lines > LONGEST {
        found.push(format!("{}: {lines} lines, at most {LONGEST}", source.path));
    }
    let name = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if NOUNLESS.contains(&name) {
        found.push(format!("{}: `{name}` is no noun", source.path));
    }
    found
}

/// Returns the share of `lengths` below `limit`.
fn share_below(lengths: &[usize], limit: usize) -> f64 {
    lengths.iter().filter(|length| **length < limit).count() as f64 / lengths.len() as f64
}

/// Returns the files beside a `main.rs` that it does not list.
fn unlisted(main: &str, names: &[&str]) -> Vec<String> {
    let listed = |name: &str| main.lines().any(|line| line.trim() == format!("mod {name};"));
    names
        .iter()
        .filter(|name| **name != "main" && !listed(name))
        .map(|name| (*name).to_owned())
        .collect()
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_has_a_header_a_noun_and_a_bounded_length() {
    assert_none(&all_rust().iter().flat_map(malformed).collect::<Vec<_>>());
}

#[test]
fn most_files_are_short() {
    let lengths: Vec<_> =
        source::below("src", &["rs"]).iter().map(|source| source.text.lines().count()).collect();
    assert!(share_below(&lengths, 200) > 0.5, "the median file has 200 lines or more");
    assert!(share_below(&lengths, 400) >= 0.9, "more than a tenth of the files have 400 lines");
}

#[test]
fn what_is_reserved_to_a_module_stays_in_it() {
    assert_none(&source::below("src", &["rs"]).iter().flat_map(trespasses).collect::<Vec<_>>());
}

#[test]
fn no_test_is_unfinished() {
    let unfinished =
        RESERVED.iter().find(|rule| rule.why.starts_with("work")).expect("a rule on work");
    for source in source::below("tests", &["rs"]) {
        for word in unfinished.words {
            assert!(!source.text.lines().any(|line| says(line, word)), "{}: {word}", source.path);
        }
    }
}

#[test]
fn the_schedule_starts_no_thread_reads_no_clock_and_touches_no_file() {
    for source in source::below("src/engine", &["rs"]) {
        if source.path.ends_with("/schedule.rs") {
            for word in IMPURE {
                assert!(!source.text.contains(word), "{}: `{word}`", source.path);
            }
        }
    }
}

#[test]
fn every_test_file_is_listed() {
    for folder in ["tests/it", "tests/torch"] {
        let sources = source::below(folder, &["rs"]);
        let main = source::file(&format!("{folder}/main.rs"));
        let names: Vec<_> = sources
            .iter()
            .filter_map(|source| source.path.strip_prefix(folder)?.strip_prefix('/'))
            .filter_map(|name| name.strip_suffix("/mod.rs").or_else(|| name.strip_suffix(".rs")))
            .filter(|name| !name.contains('/'))
            .collect();
        assert!(names.contains(&"main"));
        assert_eq!(unlisted(&main.text, &names), Vec::<String>::new(), "{folder}/main.rs");
    }
}

#[test]
fn a_file_without_header_noun_or_end_is_found() {
    let faults = malformed(&Source::new("src/plan/utils.rs", &"// a\n".repeat(LONGEST + 1)));
    assert_eq!(faults.len(), 3, "{faults:?}");
    let long = Source::new("src/plan/key.rs", &format!("//! Keys.\n{}", "\n".repeat(LONGEST - 1)));
    assert_none(&malformed(&long));
}

#[test]
fn a_trespass_is_found() {
    for rule in RESERVED {
        for word in rule.words {
            let text = format!("a\n    {word}x");
            let stranger = Source::new("src/plan/key.rs", &text);
            assert_eq!(
                trespasses(&stranger),
                [format!("src/plan/key.rs:2: {}", rule.why)],
                "{word}"
            );
            for place in rule.to {
                assert_none(&trespasses(&Source::new(&format!("{place}a.rs"), &text)));
            }
        }
    }
    assert_none(&trespasses(&Source::new(
        "src/plan/key.rs",
        "let patch::x = epatch::y; sprint!();",
    )));
}

#[test]
fn an_unlisted_test_is_found() {
    assert_eq!(unlisted("mod a;\nmod c;\n", &["a", "b", "c", "main"]), ["b"]);
}

#[test]
fn shares_are_counted() {
    assert!((share_below(&[1, 200, 3, 4], 200) - 0.75).abs() < 1e-9);
}
