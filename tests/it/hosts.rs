//! Engines that take themselves for engines on different machines: one folder mounted twice, so that a lock taken
//! in one mount is not seen in the other, and a kernel's name for each. Only their pulses tell them of each other.
//!
//! Takes two minutes, so `make soak` runs it; needs `bindfs`, and the right to mount.

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::processes::kill;
use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

/// Two views of one cache.
struct Hosts {
    sandbox: Sandbox,
    mounts: Vec<Child>,
}

const NAMES: [&str; 2] = ["first", "second"];

impl Hosts {
    /// Mounts the cache twice; nothing where this machine does not let us.
    fn new() -> Option<Self> {
        let sandbox = Sandbox::new();
        sandbox.write("real/.seen", "");
        let mount = |name: &str| {
            Command::new("mkdir").arg(sandbox.path(name)).status().ok()?;
            let mut command = Command::new("bindfs");
            command.arg("-f").arg(sandbox.path("real")).arg(sandbox.path(name));
            command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().ok()
        };
        let mounts = NAMES.into_iter().filter_map(mount).collect();
        let hosts = Self { sandbox, mounts };
        let start = Instant::now();
        while !NAMES.iter().all(|name| hosts.sandbox.path(name).join(".seen").exists()) {
            if start.elapsed() > Duration::from_secs(5) {
                return None;
            }
            std::thread::yield_now();
        }
        let can_rename_kernel =
            hosts.on(0, &["true"]).status().is_ok_and(|status| status.success());
        can_rename_kernel.then_some(hosts)
    }

    /// Returns a command that finds another kernel's name on each host.
    fn on(&self, host: usize, arguments: &[&str]) -> Command {
        let name = format!("kernel-{host}");
        self.sandbox
            .write(&name, format!("{host}{host}{host}{host}1111-2222-3333-4444-555555555555\n"));
        let script = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(self.sandbox.path(&name)).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir(self.sandbox.path(""));
        command.env_remove("ABLATE_CACHE").env_remove("ABLATE_DATA");
        command
    }

    fn run(&self, host: usize, manifest: &str) -> Child {
        let program = env!("CARGO_BIN_EXE_ablate");
        let rest = ["--allow-exec", "--format", "json", "--cache", NAMES[host]];
        let arguments = [&[program, "run", manifest][..], &rest].concat();
        self.on(host, &arguments).spawn().expect("it starts")
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for (mount, name) in self.mounts.iter_mut().zip(NAMES) {
            let path = self.sandbox.path(name);
            let _ = Command::new("umount").args(["--lazy", "--quiet"]).arg(path).status();
            kill(mount.id());
            let _ = mount.wait();
        }
    }
}

/// Stages of programs that each note when they run, and take a while.
fn study(name: &str, stages: std::ops::Range<usize>, command: &str) -> String {
    let mut text = format!("ablate: 1\nname: {name}\nstages:\n");
    for stage in stages {
        let command = command.replace("NUMBER", &stage.to_string());
        let stage = format!(
            "  s{stage}:\n    kind: exec\n    params: {{command: [sh, -c, \"{command}\"], outputs: {{out: files}}}}\n"
        );
        text.push_str(&stage);
    }
    text
}

fn told(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).expect("JSON on stdout")
}

#[test]
fn engines_on_machines_that_do_not_see_each_others_locks_compute_each_task_once() {
    if std::env::var_os("ABLATE_SOAK").is_none() {
        println!("skipped: takes two minutes; `make soak` runs it");
        return;
    }
    let Some(hosts) = Hosts::new() else {
        println!("skipped: there is no `bindfs`, or no right to mount");
        return;
    };
    let tally = hosts.sandbox.path("tally");
    let command =
        format!("echo NUMBER >> {}; sleep 1; echo NUMBER > outputs/out/x", tally.display());
    hosts.sandbox.write("one.yaml", study("one", 0..8, &command));
    hosts.sandbox.write("two.yaml", study("two", 0..12, &command));
    let engines = [hosts.run(0, "one.yaml"), hosts.run(1, "two.yaml")];
    let [one, two] = engines.map(|engine| told(&Output::of_child(engine).ends_with(0)));
    let count = |name: &str| [&one, &two].map(|told| told[name].as_u64().expect("a number"));
    assert_eq!(count("ran").iter().sum::<u64>(), 12, "{one}\n{two}");
    assert_eq!(count("cached").iter().sum::<u64>(), 8);
    let mut ran: Vec<usize> =
        hosts.sandbox.read("tally").lines().map(|line| line.parse().expect("a number")).collect();
    ran.sort_unstable();
    assert_eq!(ran, (0..12).collect::<Vec<_>>());
    hosts.sandbox.run(&["cache", "verify", "--cache", "real"]).ends_with(0);

    // One is killed in the middle of a task: the other waits for its pulse, and then no longer.
    let slow = format!(
        "test -e {} || sleep 600; touch outputs/out/x",
        hosts.sandbox.path("fast").display()
    );
    hosts.sandbox.write("slow.yaml", study("slow", 0..1, &slow));
    let mut dead = hosts.run(0, "slow.yaml");
    let locks = hosts.sandbox.path("real/locks");
    let is_held = || {
        let names = std::fs::read_dir(&locks).into_iter().flatten().flatten();
        let count =
            names.filter(|entry| entry.file_name().to_string_lossy().ends_with(".lock")).count();
        (count >= 2).then_some(()) // that of the run and that of the task
    };
    waited(is_held);
    kill(dead.id());
    dead.wait().expect("it ends");
    hosts.sandbox.write("fast", "");
    let start = Instant::now();
    let other = told(&Output::of_child(hosts.run(1, "slow.yaml")).ends_with(0));
    let waited = start.elapsed();
    assert_eq!(other["ran"], 1);
    // Had it seen the lock, it would not have waited; had it not felt the pulse, neither.
    let patience = Duration::from_secs(85)..Duration::from_mins(2);
    assert!(patience.contains(&waited), "{waited:?}");
    println!(
        "two machines: each of 12 tasks once; a dead one was waited for {} s",
        waited.as_secs()
    );
}
