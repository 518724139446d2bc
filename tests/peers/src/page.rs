//! The page that keeps the figures: the text between `<!-- NAME -->` and `<!-- end of NAME -->` is replaced.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Puts what a benchmark said in its place, with the date and the kind of machine.
pub(crate) fn write(page: &Path, name: &str, said: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(page)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let place = || format!("{} has no place for `{name}`", page.display());
    let (before, rest) = text.split_once(&begin).ok_or_else(place)?;
    let (_, behind) = rest.split_once(&end).ok_or_else(place)?;
    let (date, machine) = (today(), machine());
    let figures = format!("Measured {date}, {machine}.\n\n```text\n{}\n```\n", said.trim());
    fs::write(page, format!("{before}{begin}{figures}{end}{behind}"))?;
    Ok(())
}

/// The date, UTC.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    // Days since 1 March of the year 0; the years of 400 have 146,097 days.
    let days = now / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) =
        (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + 400 * era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

/// What kind of machine this is, where the system tells.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("processor not told", |(_, model)| model);
    format!("{}, {cores} cores, {model}", std::env::consts::OS)
}
