//! CIFAR-10 as pictures in class folders, from a folder or an archive.

use crate::WrongUse;
use anyhow::{Context, Result, bail};
use nopropdt_train::commands::complain;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where it lies when nobody says.
const DEFAULT: &str = "../shared/datasets/cifar10-jpeg.tar.xz";

/// The folder with train/ and test/; None when there is neither folder nor archive. An archive is unpacked below `target`, once.
pub(super) fn folder(given: Option<&Path>, target: &Path) -> Result<Option<PathBuf>> {
    let path = given.map_or_else(|| crate::root().join(DEFAULT), Path::to_path_buf);
    if !path.exists() {
        if given.is_some() {
            let rule =
                format!("--cifar10-jpeg: must be a folder or an archive; {} is not there", path.display());
            return Err(WrongUse(rule).into());
        }
        return Ok(None);
    }
    if path.is_dir() {
        return Ok(Some(path));
    }
    // Beside the folder, so that nothing but pictures is in it.
    let (unpacked, note) = (target.join("cifar10-jpeg"), target.join("cifar10-jpeg.of"));
    let archive = description(&path)?;
    if unpacked.is_dir() && fs::read_to_string(&note).is_ok_and(|noted| noted == archive) {
        return Ok(Some(unpacked));
    }
    let unfinished = target.join("cifar10-jpeg.unfinished");
    unpack(&path, &unfinished)?;
    let place = || -> std::io::Result<()> {
        remove(&unpacked)?;
        fs::rename(&unfinished, &unpacked)?;
        fs::write(&note, archive)
    };
    place().with_context(|| unpacked.display().to_string())?;
    Ok(Some(unpacked))
}

/// What tells an archive from another and from its own later version.
fn description(archive: &Path) -> Result<String> {
    let read = || -> std::io::Result<_> {
        let facts = archive.metadata()?;
        Ok((archive.canonicalize()?, facts.len(), facts.modified()?))
    };
    let (path, length, modified) = read().with_context(|| archive.display().to_string())?;
    let modified = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}\n{} bytes\n{} s\n", path.display(), length, modified.as_secs()))
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    remove(folder).and_then(|()| fs::create_dir_all(folder)).with_context(|| folder.display().to_string())?;
    complain(&format!("unpacking {}", archive.display()));
    let mut tar = Command::new("tar");
    let status = tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder).status();
    let status = status.context("tar: can't be started")?;
    if !status.success() {
        bail!("{}: can't be unpacked by tar: {status}", archive.display());
    }
    Ok(())
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> std::io::Result<()> {
    fs::remove_dir_all(folder).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_unpacked_once_and_another_one_takes_its_place() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("target");
        let archive = |name: &str| {
            let folder = place.path().join(name);
            fs::create_dir_all(folder.join("train")).unwrap();
            fs::write(folder.join("train").join(name), name).unwrap();
            let archive = place.path().join(format!("{name}.tar"));
            let mut tar = Command::new("tar");
            let status =
                tar.arg("--create").arg("--file").arg(&archive).arg("--directory").arg(&folder).arg("train");
            assert!(status.status().unwrap().success());
            archive
        };
        let unpacked = |archive: &Path| folder(Some(archive), &target).unwrap().unwrap().join("train");
        let (first, second) = (archive("first"), archive("second"));
        let train = unpacked(&first);
        fs::write(train.join("mark"), "").unwrap();
        assert!(unpacked(&first).join("mark").exists() && train.join("first").exists());
        assert!(unpacked(&second).join("second").exists());
        assert!(!train.join("mark").exists() && !train.join("first").exists());
        assert!(unpacked(&first).join("first").exists());
    }

    #[test]
    fn what_tar_refuses_leaves_what_was_there() {
        let place = tempfile::tempdir().unwrap();
        let no_archive = place.path().join("no.tar");
        fs::write(&no_archive, "no archive").unwrap();
        fs::create_dir_all(place.path().join("cifar10-jpeg/train")).unwrap();
        let error = folder(Some(&no_archive), place.path()).unwrap_err();
        assert!(error.to_string().contains("no.tar: can't be unpacked by tar"), "{error}");
        assert!(place.path().join("cifar10-jpeg/train").is_dir());
    }
}
