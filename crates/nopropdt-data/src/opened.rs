//! Datasets in two steps: first what they are, then their images.

use std::path::{Path, PathBuf};

use crate::{
    DataError, Dataset, DatasetName, DatasetSource, InputShape, LoadOptions, Note, Split, Watcher, folder,
    load, npz,
};

/// A dataset that was looked through, before its images are read. Of a known one nothing is looked at; of a folder all names are, and
/// one picture; of a file its labels, and what it says of its images.
#[derive(Clone, Debug)]
pub struct Opened {
    name: String,
    images: Images,
}

#[derive(Clone, Debug)]
enum Images {
    Known {
        name: DatasetName,
        data_dir: PathBuf,
    },
    Folder(folder::OpenedFolder),
    Npz(Box<npz::OpenedNpz>),
    /// In memory already.
    Read(Box<Dataset>),
}

impl From<Dataset> for Opened {
    fn from(dataset: Dataset) -> Self {
        Self { name: dataset.name.clone(), images: Images::Read(Box::new(dataset)) }
    }
}

/// Looks through a dataset.
///
/// # Errors
/// What is wrong with a folder, its first picture, a file or an option; [`DataError::NotReadable`] for images that another program makes.
pub fn open(source: &DatasetSource, options: &LoadOptions) -> Result<Opened, DataError> {
    options.check_for(source)?;
    let images = match source {
        DatasetSource::Known(name) => Images::Known { name: *name, data_dir: options.data_dir.clone() },
        DatasetSource::Folder(path) => Images::Folder(folder::open(Path::new(path), options)?),
        DatasetSource::Npz(path) => Images::Npz(Box::new(npz::open(Path::new(path))?)),
        DatasetSource::Own(name) => return Err(DataError::NotReadable { name: name.clone() }),
    };
    Ok(Opened { name: source.short_name(), images })
}

impl Opened {
    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        match &self.images {
            Images::Known { name, .. } => name.classes(),
            Images::Folder(folder) => folder.class_names().len(),
            Images::Npz(file) => file.class_names().len(),
            Images::Read(dataset) => dataset.classes(),
        }
    }

    /// Names of a folder's or file's classes; those of a known dataset may lie in its files.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.images {
            Images::Known { .. } => None,
            Images::Folder(folder) => Some(folder.class_names()),
            Images::Npz(file) => Some(file.class_names()),
            Images::Read(dataset) => Some(&dataset.class_names),
        }
    }

    /// What its user should know of how it is read.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        match &self.images {
            Images::Known { .. } => &[],
            Images::Folder(folder) => folder.notes(),
            Images::Npz(file) => file.notes(),
            Images::Read(dataset) => &dataset.notes,
        }
    }

    /// The shape of the first image: that of all of them, but for the channels where these are as the pictures are
    /// ([`Channels::Auto`](crate::Channels::Auto)) and the first one is grey.
    #[must_use]
    pub fn first_shape(&self) -> InputShape {
        match &self.images {
            Images::Known { name, .. } => name.image_shape().into(),
            Images::Folder(folder) => folder.first_shape().into(),
            Images::Npz(file) => file.shape().into(),
            Images::Read(dataset) => dataset.shape().clone(),
        }
    }

    /// The shape of all images. Where the first picture of a folder does not tell, the others are looked at for colour.
    #[must_use]
    pub fn shape(&self) -> InputShape {
        match &self.images {
            Images::Known { name, .. } => name.image_shape().into(),
            Images::Folder(folder) => folder.shape().into(),
            Images::Npz(file) => file.shape().into(),
            Images::Read(dataset) => dataset.shape().clone(),
        }
    }

    /// Number of training and of test images, whose files need not be there where the dataset is a known one.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        match &self.images {
            Images::Known { name, .. } => name.counts(),
            Images::Folder(folder) => folder.counts(),
            Images::Npz(file) => file.counts(),
            Images::Read(dataset) => (dataset.train.len(), dataset.test.len()),
        }
    }

    /// Bytes that the images of a folder or file take in memory, at the least; 0 for a known dataset, of which nothing was looked at.
    #[must_use]
    pub fn image_bytes(&self) -> u64 {
        match &self.images {
            // What is in memory already takes no more.
            Images::Known { .. } | Images::Read(_) => 0,
            Images::Folder(folder) => folder.image_bytes(),
            Images::Npz(file) => file.image_bytes(),
        }
    }

    /// Whether it comes with images for validation.
    #[must_use]
    pub fn has_validation(&self) -> bool {
        match &self.images {
            Images::Known { .. } | Images::Folder(_) => false,
            Images::Npz(file) => file.has_validation(),
            Images::Read(dataset) => dataset.validation.is_some(),
        }
    }

    /// The same without the images for validation that the dataset comes with: they will not be read.
    #[must_use]
    pub fn without_validation(self) -> Self {
        let images = match self.images {
            Images::Npz(file) => Images::Npz(Box::new(file.without_validation())),
            others => others,
        };
        Self { images, ..self }
    }

    /// The same, whose pictures, if it is a folder of them, are counted for `watcher` as they are read.
    #[must_use]
    pub fn watched(self, watcher: Watcher) -> Self {
        let mut opened = self;
        if let Images::Folder(folder) = &mut opened.images {
            folder.watch(watcher);
        }
        opened
    }

    /// The same, whose pictures, if it is a folder of them, take at most so many bytes of memory; see [`LoadOptions::cache`].
    #[must_use]
    pub fn within(self, cache: u64) -> Self {
        let mut opened = self;
        if let Images::Folder(folder) = &mut opened.images {
            folder.keep_within(cache);
        }
        opened
    }

    /// Reads all images.
    ///
    /// # Errors
    /// [`DataError::Missing`] when a file has not been fetched; otherwise what is wrong with which file.
    pub fn load(self) -> Result<Dataset, DataError> {
        match self.images {
            Images::Known { name, data_dir } => load(name, &data_dir),
            Images::Folder(folder) => folder.load(&self.name),
            Images::Npz(file) => file.load(&self.name),
            Images::Read(dataset) => Ok(*dataset),
        }
    }
}

/// Reads any dataset that can be read: a known one, a folder of pictures, or a file.
///
/// # Errors
/// As [`load`]; for a folder or file, what is wrong with which picture, array or option; [`DataError::NotReadable`] for images that
/// another program makes.
pub fn load_from(source: &DatasetSource, options: &LoadOptions) -> Result<Dataset, DataError> {
    open(source, options)?.load()
}

/// Reads the test images of a dataset, labelled by their classes' places in `class_names`, such as a model's; also what the user
/// should know of how they were read.
///
/// A folder needs no training pictures for that, nor all of the classes; of one that isn't divided [`LoadOptions::split`] says which
/// share is the test set, 1 for all of it. A file needs neither; its classes are the numbers from 0 on.
///
/// # Errors
/// As [`load_from`]; [`DataError::Invalid`] when a known dataset has other classes than those, or a folder or file has one that is none
/// of those.
pub fn load_test(
    source: &DatasetSource,
    options: &LoadOptions,
    class_names: &[String],
) -> Result<(Split, Vec<Note>), DataError> {
    if let DatasetSource::Folder(path) = source {
        return folder::load_test(Path::new(path), options, class_names);
    }
    if let DatasetSource::Npz(path) = source {
        options.check_for(source)?;
        return Ok((npz::load_test(Path::new(path), class_names)?, Vec::new()));
    }
    load_from(source, options)?.into_test(class_names)
}
