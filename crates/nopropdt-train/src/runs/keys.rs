//! By which names runs are sorted and chosen.

use super::record::RunRecord;
use crate::config::fields::field_names;
use crate::config::known::all_settings;
use crate::metrics::Summary;

/// The columns of a table of runs: `accuracy` is that of the answer that counts, `chain` the paper's.
pub const COLUMNS: [&str; 9] =
    ["name", "method", "block", "dataset", "accuracy", "chain", "consensus", "epochs", "seconds"];

/// Keys that a message names.
const MOST_NEAR: usize = 5;

/// A key that no run has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key:?}: must be a column, a key of summary.json or a setting; {}", told(near))]
pub struct UnknownKey {
    /// The key.
    pub key: String,
    /// Keys that are spelled nearly like it, the nearest first.
    pub near: Vec<String>,
}

fn told(near: &[String]) -> String {
    match near {
        [] => format!("columns are {}", COLUMNS.join(", ")),
        near => format!("near are {}", near.join(", ")),
    }
}

/// Refuses a key that is no column, no key of `summary.json`, and no setting, neither of `runs` nor one with a flag.
///
/// # Errors
/// [`UnknownKey`], with near ones.
pub fn check_key(key: &str, runs: &[RunRecord]) -> Result<(), UnknownKey> {
    let mut known: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    known.extend(field_names::<Summary>().iter().map(|&name| name.to_owned()));
    for setting in all_settings() {
        known.push(setting.flag.to_owned());
        known.extend(setting.alias.map(str::to_owned));
        known.push(format!("{}.{}", setting.section, setting.key));
    }
    known.extend(runs.iter().flat_map(|run| run.settings.keys().cloned()));
    if known.iter().any(|known| known == key) {
        return Ok(());
    }
    known.sort();
    known.dedup();
    let mut near: Vec<(usize, String)> =
        known.into_iter().filter_map(|known| Some((farness(key, &known)?, known))).collect();
    near.sort();
    near.truncate(MOST_NEAR);
    Err(UnknownKey { key: key.to_owned(), near: near.into_iter().map(|(_, known)| known).collect() })
}

/// How far a known key is from what was typed; none when it is far. One holds the other, or few letters differ.
fn farness(typed: &str, known: &str) -> Option<usize> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let (typed, known) = (plain(typed), plain(known));
    // Of `section.key` the section is easily mistaken or left out.
    let last = known.rsplit('.').next().unwrap_or(&known);
    let typed_last = typed.rsplit('.').next().unwrap_or(&typed);
    let edits = edits(&typed, &known).min(edits(typed_last, last));
    let close = edits <= (typed_last.chars().count() / 3).clamp(1, 2);
    let holds =
        typed_last.len() > 2 && (known.contains(typed_last) || typed_last.contains(last) && last.len() > 2);
    (close || holds).then_some(edits)
}

/// Letters to put in, take out or replace to make one text of the other.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, &against) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != against);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::known::canonical;

    #[test]
    fn distances_between_words() {
        for (one, other, wanted) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("lr", "lr", 0)] {
            assert_eq!((edits(one, other), edits(other, one)), (wanted, wanted));
        }
    }

    #[test]
    fn near_keys_are_named() {
        for known in
            ["accuracy", "chain", "lr", "training.lr", "steps", "blocks", "seed", "train_seconds", "isa"]
        {
            assert_eq!(check_key(known, &[]), Ok(()));
        }
        for (typed, near) in [
            ("acuracy", "accuracy"),
            ("data.lr", "lr"),
            ("traning.lr", "training.lr"),
            ("peak-rss-bytes", "peak_rss_bytes"),
            ("batch", "batch-size"),
        ] {
            let UnknownKey { near: found, .. } = check_key(typed, &[]).unwrap_err();
            assert!(found.iter().any(|known| known == near), "{typed}: {found:?}");
        }
        let message = check_key("xyzzy", &[]).unwrap_err().to_string();
        assert!(
            message.starts_with(
                "\"xyzzy\": must be a column, a key of summary.json or a setting; columns are name,"
            ),
            "{message}"
        );
    }

    #[test]
    fn a_flag_is_a_setting() {
        assert_eq!((canonical("lr"), canonical("blocks")), ("training.lr".into(), "method.steps".into()));
        assert_eq!((canonical("block.hidden"), canonical("x")), ("block.hidden".into(), "x".into()));
    }
}
