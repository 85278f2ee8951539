//! CIFAR-10 as pictures in class folders, from a folder or an archive.

use crate::WrongUse;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

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
    let unpacked = target.join("cifar10-jpeg");
    if unpacked.is_dir() {
        return Ok(Some(unpacked));
    }
    let unfinished = target.join("cifar10-jpeg.unfinished");
    std::fs::remove_dir_all(&unfinished).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    std::fs::create_dir_all(&unfinished)?;
    eprintln!("unpacking {}", path.display());
    let status = Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(&path)
        .arg("--directory")
        .arg(&unfinished)
        .status();
    let status = status.context("tar: can't be started")?;
    if !status.success() {
        bail!("{}: can't be unpacked by tar: {status}", path.display());
    }
    std::fs::rename(&unfinished, &unpacked)?;
    Ok(Some(unpacked))
}
