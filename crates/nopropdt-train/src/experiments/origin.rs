//! Where and when a figure was made, so that a page of many runs can say so of each.

use crate::machine::cpu_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The program's commit, the processor, and the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Of the program's source.
    pub commit: String,
    /// The processor.
    #[serde(alias = "machine")]
    pub processor: String,
    /// Year, month and day, UTC.
    pub date: String,
}

impl Origin {
    /// A program of this commit, on this machine, today.
    pub fn here(commit: String) -> Self {
        Self { commit, processor: cpu_name(), date: today() }
    }

    /// The same program on the same machine, today: the source may have moved on since the program was built.
    #[must_use]
    pub fn now(&self) -> Self {
        Self { date: today(), ..self.clone() }
    }
}

/// Sentences about what was made where: "3 cells at commit abc on a computer, 2026-01-01 to 2026-01-03".
pub fn summary(what: &str, origins: &[Origin]) -> Vec<String> {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Origin { commit, processor, date } in origins {
        groups.entry((commit, processor)).or_default().push(date);
    }
    let line = |((commit, processor), mut dates): ((&str, &str), Vec<&str>)| {
        dates.sort_unstable();
        let (first, last) = (dates.first().copied().unwrap_or(""), dates.last().copied().unwrap_or(""));
        let days = if first == last { first.to_owned() } else { format!("{first} to {last}") };
        format!("{} {what} at commit {commit} on {processor}, {days}", dates.len())
    };
    groups.into_iter().map(line).collect()
}

fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date(seconds / 86_400)
}

/// The date `days` after 1970-01-01, counted in years that begin with March, so that a leap day is a year's last.
fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_088, "2024-12-31"),
            (20_089, "2025-01-01"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn origins_are_told_apart() {
        let origin = |commit: &str, date: &str| Origin {
            commit: commit.into(),
            processor: "m".into(),
            date: date.into(),
        };
        let found = summary("cells", &[origin("b", "3"), origin("a", "2"), origin("b", "1")]);
        assert_eq!(found, ["1 cells at commit a on m, 2", "2 cells at commit b on m, 1 to 3"]);
        assert!(summary("cells", &[]).is_empty());
    }
}
