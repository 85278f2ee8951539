//! How people call the folders of training and test pictures.

/// What a folder's pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Training,
    Test,
    /// Serves as test pictures where there are no others.
    Validation,
}

const TRAINING: [&str; 3] = ["train", "training", "trn"];
const TEST: [&str; 3] = ["test", "testing", "tst"];
const VALIDATION: [&str; 7] = ["val", "valid", "validation", "eval", "evaluation", "dev", "development"];
/// Words beside these that change nothing.
const FILLERS: [&str; 17] = [
    "data", "dataset", "folder", "images", "image", "imgs", "img", "part", "photos", "pics", "pictures",
    "samples", "seg", "set", "sets", "split", "subset",
];

/// A folder's name, read as that of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) part: Part,
    /// The other words of the name, fillers apart; with some, the name is that of a part only beside another part of the same ones.
    pub(super) rest: String,
}

/// Reads a name as that of a part, whatever its case: `train`, `Training`, `train_set`, `TrainImages`, `seg_train`, `flowers-train`.
pub(super) fn part(name: &str) -> Option<Spelling> {
    let (mut found, mut rest) = (None, Vec::new());
    for word in words(name) {
        match part_word(&word) {
            // A name of two parts, such as `trainval`, is that of neither.
            Some(_) if found.is_some() => return None,
            Some(part) => found = Some(part),
            None if FILLERS.contains(&word.as_str()) => {}
            None => rest.push(word),
        }
    }
    found.map(|part| Spelling { part, rest: rest.join(" ") })
}

/// The part that a word tells, alone or grown together with a filler.
fn part_word(word: &str) -> Option<Part> {
    [(Part::Training, &TRAINING[..]), (Part::Test, &TEST[..]), (Part::Validation, &VALIDATION[..])]
        .into_iter()
        .find(|(_, names)| {
            names.iter().any(|name| {
                let suffix = word.strip_prefix(name);
                suffix.is_some_and(|suffix| suffix.is_empty() || FILLERS.contains(&suffix))
            })
        })
        .map(|(part, _)| part)
}

/// Runs of letters and runs of digits in lower case; `TrainSet` is two words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        let starts = !before.is_alphanumeric()
            || before.is_numeric() != c.is_numeric()
            || (before.is_lowercase() && c.is_uppercase());
        if c.is_alphanumeric() {
            if starts {
                words.push(String::new());
            }
            words.last_mut().expect("the first letter starts a word").extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_spellings_are_read() {
        use Part::{Test, Training, Validation};
        for (part_is, names) in [
            (
                Training,
                "train training Training TRAIN seg_train train_set trainset TrainSet train-images training_data \
                 Train_Images images_train TRAINING_SET trn traindata \
                 imgs.train",
            ),
            (Test, "test testing Testing TEST seg_test test_set testset Test-Images tst testdata"),
            (
                Validation,
                "val valid Valid validation VALIDATION validation_set val_images valset eval dev evaluation",
            ),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(part(name), Some(Spelling { part: part_is, rest: String::new() }), "{name}");
            }
        }
    }

    #[test]
    fn other_words_are_kept_and_other_names_are_none() {
        for (name, rest) in
            [("asl_alphabet_train", "asl alphabet"), ("train2017", "2017"), ("steam train", "steam")]
        {
            assert_eq!(part(name).unwrap().rest, rest, "{name}");
        }
        for name in [
            "",
            "cat",
            "trainval",
            "train_val",
            "strain",
            "trainer",
            "contest",
            "valley",
            "seg_pred",
            "devil",
        ] {
            assert_eq!(part(name), None, "{name}");
        }
    }
}
