//! How a dataset is read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{DataError, DatasetSource, Watcher};

/// Values a pixel of a folder's pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// Grey when every picture is grey, else colour.
    #[default]
    Auto,
    /// One: colour pictures become their luma.
    #[serde(alias = "gray")]
    Grey,
    /// Three: grey pictures repeat their value.
    #[serde(alias = "colour", alias = "color")]
    Rgb,
}

/// How to read a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadOptions {
    /// Folder of the fetched datasets.
    pub data_dir: PathBuf,
    /// Height and width of a folder's pictures, which are scaled to cover it and cut at the middle; without it they must
    /// all have one size already.
    pub image_size: Option<(usize, usize)>,
    /// Grey or colour, for a folder.
    pub channels: Channels,
    /// The share of a folder without `train` and `test` that becomes the test set, above 0 and below 1.
    pub split: Option<f64>,
    /// Most bytes of memory that a folder's pictures may take; the others lie in a file of the system's folder for temporary files, as large as they
    /// are. Without it all are in memory.
    pub cache: Option<u64>,
    /// Told how far the pictures of a folder are read.
    pub watcher: Watcher,
}

impl LoadOptions {
    /// From this data folder, with pictures as they are.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), ..Self::default() }
    }

    /// Fails when an option for folders is given with another dataset.
    pub(crate) fn check_for(&self, source: &DatasetSource) -> Result<(), DataError> {
        if matches!(source, DatasetSource::Folder(_)) {
            return Ok(());
        }
        let given = [
            ("image_size", self.image_size.is_some()),
            ("channels", self.channels != Channels::Auto),
            ("split", self.split.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(DataError::FolderOption { option, dataset: source.to_string() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatasetName;

    #[test]
    fn options_for_folders_are_refused_elsewhere() {
        let options = LoadOptions { split: Some(0.1), ..LoadOptions::new("data") };
        let error = options.check_for(&DatasetName::Mnist.into()).unwrap_err().to_string();
        assert_eq!(error, "split: is for folders of pictures; mnist has a fixed form");
    }
}
