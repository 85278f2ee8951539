//! Files under names that people's tools make of the right ones: 7-Zip's `train-images.idx3-ubyte`, a browser's `NAME (1).gz`, a file
//! system's `TRAIN-IMAGES-IDX3-UBYTE`, a folder of the file's name with the file in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::noise::is_noise;
use crate::{DataError, DatasetName};

/// Names that a message lists.
const MOST_LISTED: usize = 5;

/// The file of one of these names in `folder`: of the exact one, the first of them first, or of a near one. None when there is none.
///
/// # Errors
/// [`DataError::Io`] when the folder can't be read.
pub fn find(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>, DataError> {
    let exact = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    if exact.is_some() {
        return Ok(exact);
    }
    let entries = listed(folder)?;
    let near = |name: &&str| {
        let key = key(name);
        let mut near = entries.iter().filter(|entry| self::key(entry) == key).map(|entry| folder.join(entry));
        near.find_map(
            |path| if path.is_dir() { inside(&path, names) } else { path.is_file().then_some(path) },
        )
    };
    Ok(names.iter().find_map(near))
}

/// The file in a folder that has its name.
fn inside(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let keys: Vec<String> = names.iter().map(|name| key(name)).collect();
    let entries = listed(folder).ok()?;
    let mut near = entries.iter().filter(|entry| keys.contains(&key(entry))).map(|entry| folder.join(entry));
    near.find(|path| path.is_file())
}

/// Names in a folder, the shortest first: a mark that a tool has added makes a name longer. None of a folder that is not there.
fn listed(folder: &Path) -> Result<Vec<String>, DataError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(DataError::io("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(DataError::io("read", folder))?;
        // A name that is no text is none of ours.
        names.extend(entry.file_name().into_string().ok().filter(|name| !is_noise(name)));
    }
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    Ok(names)
}

/// What names that stand for each other have in common.
fn key(name: &str) -> String {
    let name = name.to_lowercase();
    let separator = |c: char| if matches!(c, '.' | '_' | ' ') { '-' } else { c };
    without_copy_mark(&name).chars().map(separator).collect()
}

/// The name without what a browser or a desktop adds to a second copy, before an ending or at the end: ` (1)`, ` copy`, ` copy 2`,
/// ` - copy`.
fn without_copy_mark(name: &str) -> String {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with('.');
    let number = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut name = name.to_owned();
    if let Some((before, (inner, rest))) =
        name.rsplit_once('(').and_then(|(before, after)| Some((before, after.split_once(')')?)))
        && number(inner)
        && ends(rest)
    {
        name = format!("{}{rest}", before.trim_end());
    }
    if let Some((before, rest)) = name.rsplit_once(" copy") {
        let after =
            rest.strip_prefix(' ').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        if ends(after) {
            name = format!("{}{after}", before.trim_end_matches([' ', '-']));
        }
    }
    name
}

/// What a folder holds, for messages: "holds a, b and 3 more".
#[must_use]
pub fn holds(folder: &Path) -> String {
    // What fetching leaves there is nobody's file.
    let own = |name: &String| name == "fetched.toml" || name.starts_with('.');
    let Ok(mut names) = listed(folder) else { return "can't be read".to_owned() };
    names.retain(|name| !own(name));
    names.sort();
    let shown = |name: &String| name.escape_debug().take(60).collect::<String>();
    let shown: Vec<String> = names.iter().take(MOST_LISTED).map(shown).collect();
    match names.len().saturating_sub(MOST_LISTED) {
        _ if shown.is_empty() => "is empty".to_owned(),
        0 => format!("holds {}", shown.join(", ")),
        more => format!("holds {} and {more} more", shown.join(", ")),
    }
}

/// That a file of a dataset is not there, and what is in its folder instead.
pub(crate) fn missing(dataset: DatasetName, path: PathBuf) -> DataError {
    let folder = path.parent().filter(|folder| folder.is_dir());
    let beside = folder.map(holds).filter(|holds| holds != "is empty");
    let told = |holds| format!("; its folder {holds}; `--from DIR` takes files that you have");
    DataError::Missing { dataset, path, beside: beside.map(told).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const NAME: &str = "train-images-idx3-ubyte";

    fn found(there: &[&str]) -> Option<String> {
        let folder = TempDir::new().unwrap();
        for name in there {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let gz = format!("{NAME}.gz");
        let path = find(folder.path(), &[NAME, &gz]).unwrap()?;
        Some(path.strip_prefix(folder.path()).unwrap().display().to_string())
    }

    #[test]
    fn names_that_tools_make_are_found() {
        for name in [
            NAME,
            "train-images-idx3-ubyte.gz",
            "train-images.idx3-ubyte",
            "train-images.idx3-ubyte.gz",
            "train_images_idx3_ubyte",
            "TRAIN-IMAGES-IDX3-UBYTE.GZ",
            "Train-Images.IDX3-ubyte",
            "train-images-idx3-ubyte (1).gz",
            "train-images-idx3-ubyte(12).gz",
            "train-images-idx3-ubyte.gz (1)",
            "train-images-idx3-ubyte (1)",
            "train-images.idx3-ubyte copy",
            "train-images-idx3-ubyte copy 2.gz",
            "train-images-idx3-ubyte - Copy.gz",
            "train-images-idx3-ubyte - Copy (2).gz",
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-images.idx3-ubyte/train-images.idx3-ubyte",
        ] {
            assert_eq!(found(&[name]).as_deref(), Some(name));
        }
    }

    #[test]
    fn others_are_not() {
        for name in [
            "train-images-idx3-ubyte.zip",
            "train-images-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "train-images-idx3-ubyte (new).gz",
            "train-images-idx3-ubyte (1234).gz",
            "my train-images-idx3-ubyte",
            "deep/train-images-idx3-ubyte",
            "train-images-idx3-ubyte/other",
        ] {
            assert_eq!(found(&[name]), None, "{name}");
        }
    }

    #[test]
    fn the_nearest_is_taken() {
        assert_eq!(found(&["train-images.idx3-ubyte", NAME]).as_deref(), Some(NAME));
        assert_eq!(found(&["train-images.idx3-ubyte", &format!("{NAME}.gz")]).unwrap(), format!("{NAME}.gz"));
        assert_eq!(
            found(&["train-images.idx3-ubyte (1)", "train-images.idx3-ubyte"]).unwrap(),
            "train-images.idx3-ubyte"
        );
    }

    #[test]
    fn what_is_there_is_told_on_one_line() {
        let folder = TempDir::new().unwrap();
        assert_eq!(holds(folder.path()), "is empty");
        assert_eq!(holds(&folder.path().join("none")), "is empty");
        for name in ["fetched.toml", ".fetch-lock", ".DS_Store", "Thumbs.db", "b", "a\n1"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(holds(folder.path()), "holds a\\n1, b");
        for index in 0..5 {
            fs::write(folder.path().join(format!("c{index}")), "").unwrap();
        }
        assert_eq!(holds(folder.path()), "holds a\\n1, b, c0, c1, c2 and 2 more");
    }
}
