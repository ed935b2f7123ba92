//! The clock, the machine's name and its memory: the only place that asks for any of them.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Returns seconds since 1970 (UTC).
pub(crate) fn seconds_since_1970() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns the name of a run that starts now: `2026-11-22T23-05-07-4711`, in UTC, with the process.
pub(crate) fn run_name(time: u64) -> String {
    let (date, seconds) = (date(time), time % 86_400);
    let (hour, minute, second) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{date}T{hour:02}-{minute:02}-{second:02}-{}", std::process::id())
}

/// Returns the date of a moment, UTC: `2026-11-22`.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
pub(crate) fn date(time: u64) -> String {
    let days = time / 86_400 + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153; // months since March
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Returns this machine's name, where it tells one.
pub(crate) fn machine() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Returns this machine's main memory, MiB, where it tells.
pub(crate) fn memory() -> Option<u64> {
    let total = mebibytes(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = control_groups(&group);
    let limits = limits.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let bytes = limits.filter_map(|text| text.trim().parse::<u64>().ok()); // `max` where there is none
    Some(bytes.map(|bytes| bytes >> 20).fold(total, u64::min))
}

/// Returns the files with the limits of a process's control group and of those that it lies in: what a
/// container or a cluster's scheduler grants. Version 2 of control groups.
fn control_groups(text: &str) -> Vec<String> {
    let Some(own) = text.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Vec::new();
    };
    let mut path = "/sys/fs/cgroup".to_owned();
    let mut limits = vec![format!("{path}/memory.max")];
    for part in own.split('/').filter(|part| !part.is_empty() && *part != "..") {
        path = format!("{path}/{part}");
        limits.push(format!("{path}/memory.max"));
    }
    limits
}

fn mebibytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_read_from_what_linux_writes() {
        let text = "MemTotal:       24689764 kB\nMemFree:        10 kB\n";
        assert_eq!(super::mebibytes(text), Some(24_111));
        assert_eq!(super::mebibytes("MemTotal: much"), None);
    }

    #[test]
    fn limits_are_those_of_all_groups_that_a_process_lies_in() {
        let limits = super::control_groups("0::/slurm/job_7\n");
        assert_eq!(limits.len(), 3);
        assert_eq!(limits[2], "/sys/fs/cgroup/slurm/job_7/memory.max");
        assert!(super::control_groups("4:memory:/old\n").is_empty());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [0, 951_782_400, 1_709_164_800, 1_795_392_307].map(super::date);
        assert_eq!(dates, ["1970-01-01", "2000-02-29", "2024-02-29", "2026-11-23"]);
    }
}
