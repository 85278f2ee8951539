//! What is said of a run's images: that they are there, and what they are.

use super::UsageError;
use crate::class_balance::is_unequal;
use crate::config::RunConfig;
use crate::images::with_home;
use nopropdt_data::{Dataset, DatasetSource, Examples, Split};
use std::path::Path;

/// Names of classes told in one line.
const MOST_NAMES: usize = 5;
/// Classes whose images are counted in one line.
const MOST_COUNTS: usize = 20;

/// Refuses a folder of pictures or a file that is no longer where it was; `remedy` is what to do, up to the flag that says where it is.
pub(super) fn must_be_there(source: &DatasetSource, remedy: &str) -> Result<(), UsageError> {
    let found = with_home(source);
    let (Some(path), Some(found)) = (source.place(), found.place().map(Path::new)) else { return Ok(()) };
    if found.exists() {
        return Ok(());
    }
    let seen = if found.is_relative() { ", seen from the current folder" } else { "" };
    let form = source.form();
    Err(UsageError(format!("{path}: the images are not there{seen}; {remedy} --dataset {form}")))
}

/// What a user should know of a run's images before it begins, line by line.
pub(super) fn introduction(config: &RunConfig, data: &Dataset, is_new: bool) -> Vec<String> {
    // Those of a known dataset are known, too; those of a file are numbers.
    let names = match config.data.dataset {
        DatasetSource::Folder(_) => format!(": {}", first_names(&data.class_names)),
        DatasetSource::Known(_) | DatasetSource::Npz(_) | DatasetSource::Own(_) => String::new(),
    };
    let first = format!(
        "{}: {} training and {} test {} of {}, {} classes{names}",
        data.name,
        data.train.len(),
        data.test.len(),
        data.shape().noun(),
        data.shape(),
        data.classes(),
    );
    let counts = config.data.dataset.known().is_none().then(|| class_counts(config, data, is_new));
    let notes = data.notes.iter().map(ToString::to_string);
    [first].into_iter().chain(counts).chain(notes).chain(warnings(config, data)).collect()
}

/// How many training images each class has; of many classes, the smallest and the largest. A new run may still weigh them.
fn class_counts(config: &RunConfig, data: &Dataset, is_new: bool) -> String {
    let counts = data.train.class_counts(data.classes());
    let advice = match is_new && is_unequal(&counts) && config.training.class_weights.is_none() {
        true => "; with --class-weights balanced all classes count the same",
        false => "",
    };
    told_counts(data, &counts) + advice
}

fn told_counts(data: &Dataset, counts: &[usize]) -> String {
    let noun = data.shape().noun();
    let told = |class: usize| format!("{}: {}", shown(&data.class_names[class]), counts[class]);
    if counts.len() <= MOST_COUNTS {
        let all: Vec<String> = (0..counts.len()).map(told).collect();
        return format!("training {noun} of each class: {}", all.join(", "));
    }
    // The first of several that are as small, or as large.
    let smallest = (0..counts.len()).min_by_key(|&class| counts[class]).map(told).unwrap_or_default();
    let largest = (0..counts.len()).rev().max_by_key(|&class| counts[class]).map(told).unwrap_or_default();
    format!("training {noun} of a class: from {smallest} to {largest}")
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
            "warning: no {part} {} of {} of the {} classes{flags}: {}",
            images.shape().noun(),
            names.len(),
            data.classes(),
            first_names(&names)
        );
        (!names.is_empty()).then_some(line)
    };
    parts.into_iter().filter_map(warning).collect()
}

/// The first few names: `cat, cow, dog, …`.
pub(super) fn first_names(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| shown(name)).collect();
    if names.len() > MOST_NAMES {
        shown.push("…".into());
    }
    shown.join(", ")
}

/// A name as it is, or in quotes where its end would be unclear.
fn shown(name: &str) -> String {
    let is_plain =
        name.trim() == name && !name.is_empty() && ![", ", ": "].iter().any(|end| name.contains(end));
    if is_plain { name.to_owned() } else { format!("{name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_data::ImageShape;

    #[test]
    fn the_images_of_each_class_are_counted() {
        let told = |names: &[&str], labels: &[u16]| {
            let shape = ImageShape { height: 1, width: 1, channels: 1 };
            let split = Split::new(shape, vec![0; labels.len()], labels.to_vec()).unwrap();
            let names = names.iter().map(|&name| name.to_owned()).collect();
            let data = Dataset::new("toy", names, split.clone(), split).unwrap();
            told_counts(&data, &data.train.class_counts(data.classes()))
        };
        assert_eq!(
            told(&["cat", "a: b", "dog"], &[0, 2, 2]),
            "training images of each class: cat: 1, \"a: b\": 0, dog: 2"
        );
        let names: Vec<String> = (0..21).map(|class| class.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let labels = [&(0..21).collect::<Vec<u16>>()[..], &[7, 9, 9, 7]].concat();
        assert_eq!(told(&names, &labels), "training images of a class: from 0: 1 to 7: 3");
        assert!(told(&names[..20], &[3]).ends_with("18: 0, 19: 0"));
    }
}
