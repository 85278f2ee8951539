//! What is said of a run's images: that they are there, and what they are.

use super::UsageError;
use crate::config::RunConfig;
use crate::images::with_home;
use nopropdt_data::{Dataset, DatasetSource, Split};
use std::path::Path;

/// Names of classes told in one line.
const MOST_NAMES: usize = 5;

/// Refuses a folder of pictures that is no longer where it was; `remedy` says what to do.
pub(super) fn must_be_there(source: &DatasetSource, remedy: &str) -> Result<(), UsageError> {
    match (source, with_home(source)) {
        (DatasetSource::Folder(path), DatasetSource::Folder(found)) if !Path::new(&found).exists() => {
            let seen = if Path::new(&found).is_relative() { ", seen from the current folder" } else { "" };
            Err(UsageError(format!("{path}: the pictures are not there{seen}; {remedy}")))
        }
        _ => Ok(()),
    }
}

/// What a user should know of a run's images before it begins, line by line.
pub(super) fn introduction(config: &RunConfig, data: &Dataset) -> Vec<String> {
    // Those of a known dataset are known, too.
    let names = match config.data.dataset {
        DatasetSource::Folder(_) => format!(": {}", first_names(&data.class_names)),
        DatasetSource::Known(_) | DatasetSource::Own(_) => String::new(),
    };
    let first = format!(
        "{}: {} training and {} test images of {}, {} classes{names}",
        data.name,
        data.train.len(),
        data.test.len(),
        data.shape(),
        data.classes(),
    );
    let notes = data.notes.iter().map(ToString::to_string);
    [first].into_iter().chain(notes).chain(warnings(config, data)).collect()
}

/// Classes of which a share or a limit left no images.
fn warnings(config: &RunConfig, data: &Dataset) -> Vec<String> {
    let flags = |flags: &[(&str, bool)]| {
        let given: Vec<&str> = flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
        if given.is_empty() { String::new() } else { format!(" (with {})", given.join(", ")) }
    };
    let split = ("--split", config.data.split.is_some());
    let of_training = [
        ("--limit-train", config.data.limit_train.is_some()),
        ("--validation", config.data.validation > 0),
        split,
    ];
    let of_tests = [("--limit-test", config.data.limit_test.is_some()), split];
    let parts = [("training", &data.train, flags(&of_training)), ("test", &data.test, flags(&of_tests))];
    let warning = |(part, images, flags): (&str, &Split, String)| {
        let missing = images.missing_classes(data.classes());
        let names: Vec<String> = missing.iter().map(|&class| data.class_names[class].clone()).collect();
        let line = format!(
            "warning: no {part} images of {} of the {} classes{flags}: {}",
            names.len(),
            data.classes(),
            first_names(&names)
        );
        (!names.is_empty()).then_some(line)
    };
    parts.into_iter().filter_map(warning).collect()
}

/// The first few names: `cat, cow, dog, …`.
fn first_names(names: &[String]) -> String {
    let is_plain = |name: &str| name.trim() == name && !name.is_empty() && !name.contains(", ");
    let shown = names.iter().take(MOST_NAMES).map(|name| match is_plain(name) {
        true => name.clone(),
        false => format!("{name:?}"),
    });
    let mut shown: Vec<String> = shown.collect();
    if names.len() > MOST_NAMES {
        shown.push("…".into());
    }
    shown.join(", ")
}
