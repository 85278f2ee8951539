//! What stands in for the readers of pictures in a build without the feature `pictures`: one clear error.

use std::path::Path;

use crate::{DataError, Dataset, ImageShape, LoadOptions, Note, Split, Watcher};

fn unread(dataset: String) -> DataError {
    DataError::PicturesLeftOut { dataset }
}

pub(crate) mod folder {
    use super::*;

    /// A folder that was looked through: here there is none.
    #[derive(Clone, Debug)]
    pub(crate) enum OpenedFolder {}

    pub(crate) fn open(path: &Path, _: &LoadOptions) -> Result<OpenedFolder, DataError> {
        Err(unread(format!("folder:{}", path.display())))
    }

    pub(crate) fn load_test(
        path: &Path,
        options: &LoadOptions,
        _: &[String],
    ) -> Result<(Split, Vec<Note>), DataError> {
        match open(path, options)? {}
    }

    impl OpenedFolder {
        pub(crate) fn class_names(&self) -> &[String] {
            match *self {}
        }

        pub(crate) fn notes(&self) -> &[Note] {
            match *self {}
        }

        pub(crate) fn first_shape(&self) -> ImageShape {
            match *self {}
        }

        pub(crate) fn shape(&self) -> ImageShape {
            match *self {}
        }

        pub(crate) fn counts(&self) -> (usize, usize) {
            match *self {}
        }

        pub(crate) fn image_bytes(&self) -> u64 {
            match *self {}
        }

        pub(crate) fn keep_within(&mut self, _: u64) {
            match *self {}
        }

        pub(crate) fn watch(&mut self, _: Watcher) {
            match *self {}
        }

        pub(crate) fn load(self, _: &str) -> Result<Dataset, DataError> {
            match self {}
        }
    }
}

pub(crate) mod tiny_imagenet {
    use super::*;
    use crate::DatasetName;

    pub(crate) fn load(_: &Path) -> Result<Dataset, DataError> {
        Err(unread(DatasetName::TinyImagenet.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{DatasetName, DatasetSource, LoadOptions, load_from, load_test};

    #[test]
    fn pictures_are_refused_and_why_is_told() {
        let sources = [DatasetSource::Folder("flowers".into()), DatasetName::TinyImagenet.into()];
        for (source, name) in sources.into_iter().zip(["folder:flowers", "tiny-imagenet"]) {
            let expected = format!(
                "{name}: reading pictures wants the feature `pictures` of nopropdt-data; this program was built without it"
            );
            let options = LoadOptions::new("data");
            assert_eq!(load_from(&source, &options).unwrap_err().to_string(), expected);
            assert_eq!(load_test(&source, &options, &[]).unwrap_err().to_string(), expected);
        }
    }
}
