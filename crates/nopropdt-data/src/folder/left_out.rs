//! A list of what is left out, in a few bytes however many files that is.

use std::collections::BTreeMap;
use std::path::Path;

use crate::note::{FileKind, LeftOutReason, Note};

/// Longest ending that is one: a point in a name need not begin one.
const MOST_EXTENSION: usize = 12;

/// Files that are left out, counted by reason and ending, with an example of each.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftOut {
    /// Of each reason and ending: how many, and the first by name.
    kinds: BTreeMap<(LeftOutReason, String), (usize, String)>,
}

impl LeftOut {
    /// Adds a file by its path below the dataset's folder.
    pub(super) fn add(&mut self, reason: LeftOutReason, path: &Path) {
        let is_plain = |text: &&str| text.len() <= MOST_EXTENSION && text.chars().all(char::is_alphanumeric);
        let extension = path.extension().and_then(|extension| extension.to_str()).filter(is_plain);
        let key = (reason, extension.unwrap_or_default().to_lowercase());
        // Names may hold line feeds, and need not be text.
        let shown = || path.to_string_lossy().replace(char::is_control, "\u{fffd}");
        let (count, example) = self.kinds.entry(key).or_insert_with(|| (0, shown()));
        *count += 1;
        // Folders are listed in no order.
        let name = shown();
        if name < *example {
            *example = name;
        }
    }

    /// Adds those of another list.
    pub(super) fn append(&mut self, other: Self) {
        for (key, (more, first)) in other.kinds {
            let (count, example) = self.kinds.entry(key).or_insert_with(|| (0, first.clone()));
            *count += more;
            if first < *example {
                *example = first;
            }
        }
    }

    /// The files left out for a reason, the most frequent kind first.
    pub(super) fn files(&self, wanted: LeftOutReason) -> Vec<FileKind> {
        let kinds = self.kinds.iter().filter(|((reason, _), _)| *reason == wanted);
        let mut kinds: Vec<FileKind> = kinds
            .map(|((_, extension), (count, example))| FileKind {
                extension: extension.clone(),
                count: *count,
                example: example.clone(),
            })
            .collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        kinds
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        let reasons = [LeftOutReason::NoPicture, LeftOutReason::Unreadable, LeftOutReason::OutsideClasses];
        let notes = reasons.map(|reason| Note::LeftOut { reason, files: self.files(reason) });
        notes
            .into_iter()
            .filter(|note| !matches!(note, Note::LeftOut { files, .. } if files.is_empty()))
            .collect()
    }
}
