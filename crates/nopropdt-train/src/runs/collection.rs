//! The runs below a folder.

use super::record::{RecordError, RunRecord};
use crate::registry::Registry;
use crate::run_folder::is_begun;
use std::io;
use std::path::{Component, Path, PathBuf};

/// How deep below a folder runs are looked for: `runs/sweep/part/run` and more.
const DEPTH: usize = 8;

/// The runs below a folder: those that could be read, and what is wrong with the others.
#[derive(Debug)]
pub struct Collection {
    /// By name.
    pub runs: Vec<RunRecord>,
    /// What is wrong with each that can't be read; the error names the file.
    pub broken: Vec<RecordError>,
}

impl Collection {
    /// Reads the runs below `folder`, or the one in it, with the names of `registry`.
    ///
    /// # Errors
    /// When `folder` can't be read.
    pub fn read(folder: &Path, registry: &Registry) -> io::Result<Self> {
        let mut found = Self { runs: Vec::new(), broken: Vec::new() };
        for path in find(folder)? {
            match RunRecord::read(&path, &name(folder, &path), registry) {
                Ok(run) => found.runs.push(run),
                Err(error) => found.broken.push(error),
            }
        }
        super::order::Order::new("name").sort(&mut found.runs);
        Ok(found)
    }
}

/// What a run's folder is called, seen from `folder`.
fn name(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    match below.as_os_str().is_empty() {
        true => {
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into())
        }
        false => below.display().to_string(),
    }
}

/// The folder of the run that [`Collection::read`] calls `name`; none where `folder` has no such run. Whatever the name is, nothing
/// outside of `folder` is looked at but what links in it lead to.
pub fn named(folder: &Path, wanted: &str) -> Option<PathBuf> {
    let below = Path::new(wanted);
    let is_shown = |part: Component<'_>| match part {
        Component::Normal(part) => !part.to_string_lossy().starts_with('.'),
        _ => false,
    };
    let is_below = below.components().all(is_shown) && below.components().count() <= DEPTH;
    let path = folder.join(below);
    match is_below && is_begun(&path) && name(folder, &path) == wanted {
        true => Some(path),
        false => Some(folder.to_owned()).filter(|own| is_begun(own) && name(folder, own) == wanted),
    }
}

/// Folders of runs below `folder`, itself among them: those with a `config.toml` or a `checkpoint.bin`, to a depth of 8. Hidden folders
/// are passed over, and so are those that can't be read. A link to a run's folder counts; others are not followed.
///
/// # Errors
/// When `folder` itself can't be read.
pub fn find(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    std::fs::read_dir(folder)?;
    walk(folder, DEPTH, &mut found);
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if is_begun(folder) {
        found.push(folder.to_owned());
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, found);
        } else if kind.is_symlink() && is_begun(&path) {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "b/config.toml",
            "sweep/a/config.toml",
            "sweep/a/x/checkpoint.bin",
            ".git/config.toml",
            "models/model.safetensors",
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("sweep/a", folder.path().join("best")).unwrap();
            std::os::unix::fs::symlink(".", folder.path().join("sweep/circle")).unwrap();
        }
        let found: Vec<String> =
            find(folder.path()).unwrap().iter().map(|path| name(folder.path(), path)).collect();
        let links: &[&str] = if cfg!(unix) { &["best"] } else { &[] };
        assert_eq!(found, [&["b"], links, &["sweep/a", "sweep/a/x"]].concat());
        for name in &found {
            assert_eq!(named(folder.path(), name), Some(folder.path().join(name)));
        }
        let below = folder.path().join("sweep/a");
        assert_eq!(named(&below, "a"), Some(below.clone()));
        assert_eq!(named(&below, "x"), Some(below.join("x")));
        for name in ["", ".", "..", "../a", "../a/x", "/", "x/../x", "x/", ".git", "none", "models"] {
            assert_eq!(named(&below, name), None, "{name:?}");
            assert_eq!(named(folder.path(), name), None, "{name:?}");
        }
        assert_eq!(named(folder.path(), &folder.path().join("b").display().to_string()), None);
        assert_eq!(find(&folder.path().join("b")).unwrap().len(), 1);
        assert_eq!(name(Path::new("runs/b"), Path::new("runs/b")), "b");
        assert!(find(&folder.path().join("none")).is_err());
    }
}
