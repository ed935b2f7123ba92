//! Other processes: their children, how much they worked, their end. Linux only.

use std::time::Duration;
use std::time::Instant;

/// Returns the children of a process but its guard.
pub(crate) fn children_of(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let listed = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let listed: Vec<String> = listed.collect();
    let children = listed.iter().flat_map(|text| text.split_whitespace());
    let children = children.filter_map(|child| child.parse().ok());
    // One that was just forked has its parent's line, then none (so that what was read in two steps is the
    // beginning of its parent's), and may become the guard.
    let (own, lines) = (command_line(process), children.map(|child| (child, command_line(child))));
    let started = lines.filter(|(_, line)| !own.starts_with(line));
    let others = started.filter(|(_, line)| line.split('\0').nth(1) != Some("guard"));
    others.map(|(child, _)| child).collect()
}

fn command_line(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// Returns whether a process has used this much of a processor, in seconds.
pub(crate) fn has_worked(process: u32, seconds: f64) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let mut fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.nth(11).and_then(|ticks| ticks.parse::<f64>().ok());
    ticks.is_some_and(|ticks| ticks / 100.0 > seconds)
}

/// Returns whether a process runs: one that has ended and waits to be heard of does not.
pub(crate) fn is_running(process: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state =
        text.rsplit(')').next().unwrap_or_default().split_whitespace().next().unwrap_or("X");
    !matches!(state, "X" | "Z")
}

/// Sends a signal to a process; one that has ended meanwhile is no error.
pub(crate) fn signal(name: &str, process: u32) {
    let mut command = std::process::Command::new("kill");
    let sent = command.args([&format!("-{name}"), &process.to_string()]);
    sent.stderr(std::process::Stdio::null()).status().expect("kill starts");
}

/// Ends a process at once; one that has ended meanwhile is no error.
pub(crate) fn kill(process: u32) {
    signal("KILL", process);
}

/// Asks again and again until there is an answer.
pub(crate) fn waited<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "nothing happened for a minute");
        std::thread::yield_now();
    }
}
