//! What is asked about: pictures, and images of files that hold many.

use crate::commands::indices::Indices;
use crate::commands::{PredictArguments, UsageError, complain};
use crate::predictor::{PredictError, Predictor};
use anyhow::Result;
use nopropdt_data::{ImageFile, pictures_below};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One image.
pub(super) enum Source {
    /// A file of its own.
    Picture(PathBuf),
    /// One of many in a file.
    Image(Arc<ImageFile>, usize),
}

impl Source {
    /// Its file.
    pub(super) fn file(&self) -> String {
        match self {
            Self::Picture(path) => path.display().to_string(),
            Self::Image(file, _) => file.path().display().to_string(),
        }
    }

    /// Its place in a file with many.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Self::Picture(_) => None,
            Self::Image(_, index) => Some(*index),
        }
    }

    /// Its values as the network takes them.
    pub(super) fn values(&self, predictor: &Predictor) -> Result<Vec<f32>, PredictError> {
        match self {
            Self::Picture(path) => predictor.picture(path),
            Self::Image(file, index) => predictor.image_of(file, *index),
        }
    }
}

/// `digit.png`, or `test.npz[7]`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file())?;
        self.index().map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

/// Every image that the paths name, in their order.
pub(super) fn sources(arguments: &PredictArguments) -> Result<Vec<Source>> {
    let PredictArguments { paths, index, array, .. } = arguments;
    let mut all = Vec::new();
    let mut files = 0;
    for path in paths {
        if !path.exists() {
            return Err(UsageError(format!("{}: there is no such file or folder", path.display())).into());
        }
        if path.is_dir() {
            all.extend(below(path)?.into_iter().map(Source::Picture));
        } else if ImageFile::is_one(path).unwrap_or(false) {
            files += 1;
            let file = Arc::new(ImageFile::read(path, array.as_deref())?);
            all.extend(
                chosen(&file, index.as_ref())?
                    .into_iter()
                    .map(|index| Source::Image(Arc::clone(&file), index)),
            );
        } else {
            // One that can't be read is told when it is.
            all.push(Source::Picture(path.clone()));
        }
    }
    let given = [("--index", index.is_some()), ("--array", array.is_some())];
    if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given && files == 0) {
        let rule = "is for IDX and NumPy files, which hold many images; none is among the paths";
        return Err(UsageError(format!("{flag}: {rule}")).into());
    }
    Ok(all)
}

/// The pictures in a folder, of which there must be one.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let found = pictures_below(folder)?;
    found.notes.iter().for_each(|note| complain(&note.to_string()));
    if found.pictures.is_empty() {
        let rule = "must hold PNG, JPEG, BMP or WebP pictures; found none";
        return Err(UsageError(format!("{}: {rule}", folder.display())).into());
    }
    Ok(found.pictures)
}

/// The images asked for, or all.
fn chosen(file: &ImageFile, asked: Option<&Indices>) -> Result<Vec<usize>, UsageError> {
    let Some(asked) = asked else { return Ok((0..file.len()).collect()) };
    asked.among(file.len()).map_err(|beyond| {
        let (path, count) = (file.path().display(), file.len());
        UsageError(format!("--index: {path} has the images 0 to {}; found {beyond}", count.saturating_sub(1)))
    })
}
