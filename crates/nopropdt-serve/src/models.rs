//! Models that are asked: the one that was named, and those of runs, read when they are first asked and kept while they stay as they are.

use crate::plane::Plane;
use crate::reply::Refusal;
use nopropdt_train::predictor::{PredictError, Predictor};
use nopropdt_train::registry::Registry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Models of runs that are kept in memory.
const MOST_KEPT: usize = 4;

/// A model that can be asked.
pub(crate) struct Asked {
    /// What it is called: its run, or its file.
    pub(crate) name: String,
    pub(crate) predictor: Predictor,
    /// Where its latents are shown.
    pub(crate) plane: Plane,
}

impl Asked {
    /// Reads a model file.
    ///
    /// # Errors
    /// As [`Predictor::load_in`].
    pub(crate) fn load(name: &str, file: &Path, registry: &Registry) -> Result<Self, PredictError> {
        let predictor = Predictor::load_in(file, registry)?;
        let model = predictor.model();
        let embeddings = model.network.embedding_matrix(&model.weights);
        let plane = Plane::of(embeddings.data(), embeddings.shape()[1]);
        Ok(Self { name: name.to_owned(), predictor, plane })
    }

    /// Where the class embeddings lie in the plane `[m][2]`.
    pub(crate) fn classes_in_plane(&self) -> Vec<[f32; 2]> {
        let model = self.predictor.model();
        let embeddings = model.network.embedding_matrix(&model.weights);
        embeddings.data().chunks_exact(embeddings.shape()[1]).map(|row| self.plane.place(row)).collect()
    }
}

/// A file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    file: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

impl Version {
    /// The file as it is now.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn of(file: &Path) -> std::io::Result<Self> {
        let found = fs::metadata(file)?;
        Ok(Self { file: file.to_owned(), length: found.len(), modified: found.modified().ok() })
    }
}

/// A few values of files, the one asked last at the end.
pub(crate) struct Kept<T> {
    most: usize,
    values: Mutex<Vec<(Version, Arc<T>)>>,
}

impl<T> Kept<T> {
    pub(crate) fn of_at_most(most: usize) -> Self {
        Self { most, values: Mutex::default() }
    }

    /// What is kept of this version, else what `make` makes of it. Two that ask at once may both make it.
    pub(crate) fn get<E>(&self, version: Version, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(kept) = self.take(&version) {
            self.put(version, Arc::clone(&kept));
            return Ok(kept);
        }
        let made = Arc::new(make()?);
        self.put(version, Arc::clone(&made));
        Ok(made)
    }

    fn take(&self, version: &Version) -> Option<Arc<T>> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let at = values.iter().position(|(kept, _)| kept == version)?;
        Some(values.remove(at).1)
    }

    fn put(&self, version: Version, value: Arc<T>) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|(kept, _)| kept.file != version.file);
        values.push((version, value));
        let beyond = values.len().saturating_sub(self.most);
        values.drain(..beyond);
    }
}

/// The models of runs.
pub(crate) struct Models(Kept<Asked>);

impl Models {
    pub(crate) fn none() -> Self {
        Self(Kept::of_at_most(MOST_KEPT))
    }

    /// The model of the run called `name`, whose file is `file`.
    pub(crate) fn of_run(&self, name: &str, file: &Path, registry: &Registry) -> Result<Arc<Asked>, Refusal> {
        let version =
            Version::of(file).map_err(|_| Refusal::absent(format!("run {name:?}: has no model yet")))?;
        self.0.get(version, || Asked::load(name, file, registry).map_err(Refusal::failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_while_its_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            Version::of(&path).unwrap()
        };
        let kept = Kept::of_at_most(2);
        let made = |version: Version, value: u32| *kept.get(version, || Ok::<_, ()>(value)).unwrap();
        assert_eq!(made(file("a", "1"), 1), 1);
        assert_eq!(made(Version::of(&folder.path().join("a")).unwrap(), 9), 1);
        assert_eq!(made(file("a", "22"), 2), 2, "another length is another file");
        assert_eq!((made(file("b", ""), 3), made(Version::of(&folder.path().join("a")).unwrap(), 9)), (3, 2));
        // The one that was asked last longest ago makes room.
        assert_eq!((made(file("c", ""), 4), made(Version::of(&folder.path().join("a")).unwrap(), 9)), (4, 2));
        assert_eq!(made(Version::of(&folder.path().join("b")).unwrap(), 5), 5);
        assert!(kept.get(file("d", ""), || Err(())).is_err());
    }
}
