//! `ablate cache stats`: what the cache holds, by kind, by study and by age.

use crate::cli::clock;
use crate::cli::words;
use crate::store::Pile;
use crate::store::Statistics;

/// Returns statistics as tables.
pub(crate) fn told(statistics: &Statistics) -> String {
    let count = words::count;
    let mut lines = vec![format!("{:18} {:>8} {:>10}", "kind", "records", "size")];
    for (kind, held) in &statistics.kinds {
        lines.push(format!(
            "{kind:18} {:>8} {:>10}",
            count(held.records),
            words::bytes(held.bytes)
        ));
    }
    let head = ("study", "records", "size", "its alone", "last run");
    lines.push(String::new());
    lines.push(format!("{:18} {:>8} {:>10} {:>10}  {}", head.0, head.1, head.2, head.3, head.4));
    for (study, held) in &statistics.studies {
        let study = words::printable(study);
        lines.push(format!(
            "{study:18} {:>8} {:>10} {:>10}  {}",
            count(held.records),
            words::bytes(held.bytes),
            words::bytes(held.own_bytes),
            clock::date(held.last_use)
        ));
    }
    if statistics.unnoted.records > 0 {
        let held = statistics.unnoted;
        let (records, bytes) = (count(held.records), words::bytes(held.bytes));
        lines.push(format!("{:18} {records:>8} {bytes:>10}", "(not noted)"));
    }
    lines.push(String::new());
    lines.push(format!("{:18} {:>8} {:>10}", "last used", "records", "size"));
    let mut since = 0;
    for age in &statistics.ages {
        let name = match (since, age.days) {
            (0, Some(1)) => "within a day".to_owned(),
            (since, Some(days)) => format!("{since} to {days} days ago"),
            (_, None) => "longer ago".to_owned(),
        };
        since = age.days.unwrap_or_default();
        lines.push(format!("{name:18} {:>8} {:>10}", count(age.records), words::bytes(age.bytes)));
    }
    lines.push(String::new());
    lines.push(format!(
        "{}, {}, {}",
        words::many(statistics.records, "record"),
        words::many(statistics.objects, "file"),
        words::bytes(statistics.bytes)
    ));
    let pile = |pile: Pile, text: &str| {
        (pile.count > 0).then(|| {
            text.replace("{n}", &count(pile.count)).replace("{size}", &words::bytes(pile.bytes))
        })
    };
    lines.extend(pile(statistics.checkpoints, "checkpoints: {size}, of {n} trainings"));
    lines.extend(pile(statistics.downloads, "downloads: {size}, of {n} sources"));
    lines.extend(pile(statistics.runs, "journals and logs: {size}, of {n} runs"));
    lines.extend(pile(statistics.orphans, "named by no record: {n} files, {size}"));
    lines.extend(pile(statistics.scratch, "in the making, or left by the dead: {n} files, {size}"));
    lines.extend(pile(statistics.sightings, "what {n} sources looked like: {size}"));
    lines.join("\n")
}
