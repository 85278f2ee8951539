//! What mends a dataset, in the words of this program: the library says what is wrong, and knows no flags and no commands.

use super::UsageError;
use super::fetch::COMMAND;
use crate::home::variable;
use anyhow::anyhow;
use nopropdt_data::{DataError, DatasetSource, ShareFault};

/// What is wrong with a dataset and what mends it: wrong use where a flag does, or the lack of one; else bad data.
pub(super) fn failure(source: &DatasetSource, error: DataError) -> anyhow::Error {
    let wrong_use = |text| anyhow::Error::from(UsageError(text));
    match &error {
        DataError::FolderOption { option, dataset } => wrong_use(format!(
            "--{}: is for folder:PATH only; {dataset} has a fixed form; leave it out",
            option.replace('_', "-")
        )),
        DataError::FolderSplit { fault, .. } => wrong_use(format!("{error}{}", share_remedy(fault))),
        DataError::PictureSize { .. } => wrong_use(format!("{error}; set --image-size")),
        DataError::TooManyPictures { .. } => anyhow!("{error}; set a smaller --image-size"),
        DataError::ValidationCount { .. } => wrong_use(format!("--{error}")),
        DataError::NotReadable { .. } | DataError::PicturesLeftOut { .. } => wrong_use(error.to_string()),
        DataError::Missing { dataset, beside, .. } => {
            let fetch = format!("`{COMMAND} {}", dataset.files());
            let from = |holds| format!("; its folder {holds}; {fetch} --from DIR` takes files that you have");
            let beside = beside.as_ref().map(from).unwrap_or_default();
            anyhow!(
                "{error}; run {fetch}`, name the folder that has it with --data-dir, or use `--dataset digits`, which needs no file{beside}"
            )
        }
        DataError::Damaged { dataset, .. } => {
            anyhow!("{error}; delete it and run `{COMMAND} {}`", dataset.files())
        }
        DataError::NoFolder { .. } | DataError::NoFile { .. } => {
            let typed = source.to_string();
            let what = if matches!(error, DataError::NoFile { .. }) { "file" } else { "folder" };
            let hint = variable(&typed)
                .map(|name| format!("; {name} was not replaced by the shell: leave out the quotes"));
            wrong_use(format!("--dataset {typed}: there is no such {what}{}", hint.unwrap_or_default()))
        }
        _ => error.into(),
    }
}

/// What mends the share of a folder's pictures that is to be held out for testing.
fn share_remedy(fault: &ShareFault) -> String {
    match fault {
        ShareFault::Missing => "; set --split 0.1 to hold out a tenth of its pictures for testing".to_owned(),
        ShareFault::MissingForTest => {
            "; set --split 1 to test on all of its pictures, or to the share that training held out"
                .to_owned()
        }
        ShareFault::Needless => "; leave out --split".to_owned(),
        ShareFault::OutOfRange => "; change --split".to_owned(),
        ShareFault::TestPicturesAlone(folder) => {
            format!("; to train on its pictures too take {} with --split 0.1", folder.display())
        }
        // Where they are is told already.
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_data::{DatasetName, LoadOptions, load_from};
    use std::path::PathBuf;

    fn told(error: DataError) -> (String, bool) {
        let error = failure(&DatasetName::Mnist.into(), error);
        (error.to_string(), error.is::<UsageError>())
    }

    #[test]
    fn what_is_to_be_fetched_is_named_with_the_command() {
        let missing = |dataset, beside| DataError::Missing { dataset, path: "data/x".into(), beside };
        assert_eq!(
            told(missing(DatasetName::Cifar100Coarse, None)),
            (
                format!(
                    "data/x: file not found; run `{COMMAND} cifar100`, name the folder that has it with --data-dir, or use `--dataset digits`, which needs no file"
                ),
                false
            )
        );
        let (text, _) = told(missing(DatasetName::Mnist, Some("holds mnist.zip".to_owned())));
        let end = format!(
            "needs no file; its folder holds mnist.zip; `{COMMAND} mnist --from DIR` takes files that you have"
        );
        assert!(text.ends_with(&end), "{text}");
        let (dataset, file) = (DatasetName::Svhn, "data/x".to_owned());
        let damaged =
            DataError::Damaged { dataset, file, rule: "must be whole".into(), found: "it is not".into() };
        let expected = format!("data/x: must be whole; it is not; delete it and run `{COMMAND} svhn`");
        assert_eq!(told(damaged), (expected, false));
    }

    #[test]
    fn every_fault_of_a_share_has_its_flag() {
        for (fault, end) in [
            (
                ShareFault::Missing,
                "train and test; seen; set --split 0.1 to hold out a tenth of its pictures for testing",
            ),
            (
                ShareFault::MissingForTest,
                "folder test; seen; set --split 1 to test on all of its pictures, or to the share that training held out",
            ),
            (ShareFault::Needless, "without test pictures; seen; leave out --split"),
            (ShareFault::OutOfRange, "above 0 and below 1; seen; change --split"),
            (
                ShareFault::TestPicturesAlone(PathBuf::from("d/val")),
                "train and test; seen; to train on its pictures too take d/val with --split 0.1",
            ),
            (ShareFault::FurtherIn, "train and test; seen"),
        ] {
            let (text, is_wrong_use) =
                told(DataError::FolderSplit { folder: "d".into(), fault, found: "seen".into() });
            assert!(text.starts_with("d: ") && text.ends_with(end) && is_wrong_use, "{text}");
        }
    }

    #[test]
    fn options_are_named_by_their_flags() {
        let options = LoadOptions { image_size: Some((8, 8)), ..LoadOptions::new("data") };
        let (text, is_wrong_use) = told(load_from(&DatasetName::Mnist.into(), &options).unwrap_err());
        assert_eq!(text, "--image-size: is for folder:PATH only; mnist has a fixed form; leave it out");
        let size =
            DataError::PictureSize { file: "a.png".into(), rule: "one size".into(), found: "two".into() };
        assert_eq!(told(size), ("a.png: one size; two; set --image-size".to_owned(), is_wrong_use));
        let many = DataError::TooManyPictures { images: 9, bytes: 192 };
        assert!(told(many).0.ends_with("9 of 192 bytes do not; set a smaller --image-size"));
    }
}
