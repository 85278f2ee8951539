//! Tiny ImageNet: `train/WNID/images/*.JPEG`, and `val/images/*.JPEG` with `val/val_annotations.txt`, which serves as the
//! test set, since the labels of the real one were never published.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use crate::folder::{Decoding, Pictures, decode_all, pictures_by_class};
use crate::{Channels, DataError, Dataset, DatasetName, Watcher, near_name, plain_file};

/// Folder inside the archive.
const INNER: &str = "tiny-imagenet-200";
/// Longest list of names or annotations.
const MOST_TEXT: u64 = 16 << 20;
/// Longest file name of usual file systems.
const MOST_NAME: usize = 255;

/// Reads the pictures in `folder`, or in the archive's folder inside it.
pub(crate) fn load(folder: &Path) -> Result<Dataset, DataError> {
    let inner = folder.join(INNER);
    let folder = if inner.is_dir() { &inner } else { folder };
    let train = folder.join("train");
    if !train.is_dir() {
        return Err(near_name::missing(DatasetName::TinyImagenet, train));
    }
    let (ids, train) = pictures_by_class(&train)?;
    let name = DatasetName::TinyImagenet;
    if ids.len() != name.classes() {
        let rule = format!("must hold {} classes", name.classes());
        return Err(DataError::in_file(&folder.join("train"), rule, format!("found {}", ids.len())));
    }
    let test = annotated(&folder.join("val"), &ids)?;
    let shape = name.image_shape();
    // A few photographs are grey.
    let watcher = Watcher::default();
    let how = Decoding { scale: false, channels: Channels::Rgb, cache: None, watcher: &watcher };
    let lists = decode_all([train.mixed(), test], None, how)?;
    let [train, test] = lists;
    if *train.shape() != shape {
        let found = format!("found {}", train.shape());
        return Err(DataError::in_file(folder, format!("images must be {shape}"), found));
    }
    Dataset::new(name.as_str(), class_names(&folder.join("words.txt"), &ids)?, train, test)
}

/// The pictures that `val_annotations.txt` lists: name, class and box, tab-separated, a picture a line.
fn annotated(folder: &Path, ids: &[String]) -> Result<Pictures, DataError> {
    let path = folder.join("val_annotations.txt");
    let text = read_text(&path)?;
    let by_id: HashMap<&str, usize> = ids.iter().zip(0..).map(|(id, label)| (id.as_str(), label)).collect();
    // One folder holds the pictures of all classes.
    let mut pictures = Pictures::new(vec![folder.join("images"); ids.len()]);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let mut columns = line.split('\t');
        let (file, id) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        let wrong = |found| {
            let rule = format!(
                "line {}: must be a file name of at most {MOST_NAME} bytes, a tab and a class",
                index + 1
            );
            DataError::in_file(&path, rule, found)
        };
        let bad = |c: char| c.is_control() || c == '/' || c == '\\';
        if file.is_empty() || file.len() > MOST_NAME || file.contains(bad) || file.starts_with('.') {
            return Err(wrong(format!("the name is {}", quoted(file))));
        }
        let label = *by_id.get(id).ok_or_else(|| wrong(format!("there is no class {}", quoted(id))))?;
        pictures.add(label, file)?;
    }
    Ok(pictures)
}

/// The first word or words of each class by `words.txt`, or its identifier where that is missing.
fn class_names(path: &Path, ids: &[String]) -> Result<Vec<String>, DataError> {
    if !path.exists() {
        return Ok(ids.to_vec());
    }
    let text = read_text(path)?;
    let words: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let name = |id: &String| match words.get(id.as_str()) {
        Some(words) => words.split(',').next().unwrap_or(words).trim().to_owned(),
        None => id.clone(),
    };
    Ok(ids.iter().map(name).collect())
}

/// The beginning of a text, on one line.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

fn read_text(path: &Path) -> Result<String, DataError> {
    let (file, length) = plain_file::open(path)?;
    if length > MOST_TEXT {
        return Err(DataError::in_file(
            path,
            format!("must have at most {MOST_TEXT} bytes"),
            format!("found {length}"),
        ));
    }
    let mut text = String::new();
    file.take(MOST_TEXT).read_to_string(&mut text).map_err(DataError::io("read", path))?;
    Ok(text)
}

#[cfg(test)]
mod tests;
