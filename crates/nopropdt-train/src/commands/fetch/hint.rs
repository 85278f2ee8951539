//! How to train on what was fetched.

use std::path::{Path, PathBuf};

use nopropdt_data::DatasetName;
use nopropdt_fetch::{FetchReport, ManifestDataset};

/// What to tell a user for whom training looks into the folder `usual`; nothing when the dataset's name is enough.
pub(super) fn hint(dataset: &ManifestDataset, report: &FetchReport, usual: &Path) -> Option<String> {
    let name = &dataset.name;
    if DatasetName::ALL.iter().any(|known| known.files() == name) {
        let data_dir = report.folder.parent().filter(|folder| !is_same(folder, usual))?;
        return Some(format!("to train on it: --dataset {name} --data-dir {}", data_dir.display()));
    }
    // A dataset that somebody added: the program knows no such name, but it can read a folder of pictures.
    let folder = pictures(&report.folder, &report.roots)?;
    Some(format!("if these are class folders of pictures: --dataset folder:{}", folder.display()))
}

fn is_same(folder: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(folder).is_some() && whole(folder) == whole(other)
}

/// The folder to read: the only one that came out, or the one that holds `train` and `test`, or the classes.
fn pictures(folder: &Path, roots: &[String]) -> Option<PathBuf> {
    let folders: Vec<&String> = roots.iter().filter(|root| folder.join(root).is_dir()).collect();
    match folders[..] {
        [] => None,
        [only] => Some(folder.join(only)),
        _ => Some(folder.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nopropdt_fetch::{FetchOptions, Fetcher, Manifest};
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_folder_of_the_pictures_is_told() {
        let data = TempDir::new().unwrap();
        let folder = data.path();
        for name in ["flowers", "train", "test", "rose"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        fs::write(folder.join("README.txt"), "hi").unwrap();
        let told = |roots: &[&str]| {
            pictures(folder, &roots.iter().map(|root| (*root).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(told(&["flowers"]), Some(folder.join("flowers")));
        assert_eq!(told(&["README.txt", "flowers"]), Some(folder.join("flowers")));
        assert_eq!(told(&["test", "train"]), Some(folder.to_owned()));
        assert_eq!(told(&["README.txt", "flowers", "rose"]), Some(folder.to_owned()));
        assert_eq!((told(&["README.txt"]), told(&[])), (None, None));
    }

    #[test]
    fn another_data_folder_than_the_usual_is_told() {
        let project = TempDir::new().unwrap();
        let data = project.path().join("data");
        fs::create_dir_all(data.join("mnist")).unwrap();
        let manifest = Manifest::embedded().unwrap();
        let mnist = manifest.dataset("mnist").unwrap();
        let none = ManifestDataset { files: Vec::new(), ..mnist.clone() };
        let report = Fetcher::new(FetchOptions::new(&data)).fetch(&none, &mut |_| ()).unwrap();
        assert_eq!(hint(mnist, &report, &data), None);
        // The same by another way.
        assert_eq!(hint(mnist, &report, &data.join("mnist/..")), None);
        let line = format!("to train on it: --dataset mnist --data-dir {}", data.display());
        for usual in ["docs/data", "mnist"] {
            let usual = project.path().join(usual);
            assert_eq!(hint(mnist, &report, &usual), Some(line.clone()));
            fs::create_dir_all(&usual).unwrap();
            assert_eq!(hint(mnist, &report, &usual), Some(line.clone()));
        }
    }
}
