//! `cargo xtask dist`: an archive to give away, with the programs, what shells and readers want of them, and every licence.

mod licences;

use crate::command::run as run_command;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use nopropdt_train::commands::{print, typed_path};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of `dist`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder of the archive [default: target/dist]
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Programs, and the features they are built with.
const PROGRAMS: [(&str, &[&str]); 2] =
    [("nopropdt-train", &["--features", "fetch"]), ("nopropdt-serve", &[])];
/// Largest program, in bytes.
const MOST: u64 = 20 << 20;
/// Files of the project that go along.
const FILES: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];
/// Shells that a program can be completed in, and what they want before and after its name in that of its file.
const SHELLS: [(&str, &str, &str); 5] = [
    ("bash", "", ""),
    ("zsh", "_", ""),
    ("fish", "", ".fish"),
    ("powershell", "", ".ps1"),
    ("elvish", "", ".elv"),
];

/// Builds the archive and its checksum.
///
/// # Errors
/// When a build fails, a program is too large, a dependency has no licence, or a file can't be written.
pub fn run(arguments: Arguments) -> Result<()> {
    let out = arguments.out.unwrap_or_else(|| crate::root().join("target/dist"));
    let target = host()?;
    let name = format!("nopropdt-{}-{target}", env!("CARGO_PKG_VERSION"));
    let folder = out.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    for part in ["", "completions", "man"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).with_context(|| part.display().to_string())?;
    }
    for (program, features) in PROGRAMS {
        let built = build(program, features)?;
        copy(&built, &folder.join(built.file_name().context("a program has a name")?))?;
    }
    for file in FILES {
        copy(&crate::root().join(file), &folder.join(file))?;
    }
    describe(&folder)?;
    write(
        &folder.join("LICENCES.txt"),
        licences::of(&PROGRAMS.map(|(program, _)| program), &target)?.as_bytes(),
    )?;
    let archive = out.join(format!("{name}.tar.gz"));
    pack(&folder, &name, &archive)?;
    let bytes = fs::read(&archive).with_context(|| archive.display().to_string())?;
    let sums = format!("{}  {name}.tar.gz\n", hexadecimal(&Sha256::digest(&bytes)));
    write(&out.join("SHA256SUMS"), sums.as_bytes())?;
    print(&format!("{}: {:.1} MB\n{}", archive.display(), bytes.len() as f64 / 1e6, sums.trim_end()))
}

/// The target that rustc builds for.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc -vV: can't be started")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV: must tell the host")?.to_owned())
}

/// Builds a program without symbols, and refuses one that is too large.
fn build(program: &str, features: &[&str]) -> Result<PathBuf> {
    let arguments = [&["build", "--release", "--locked", "--package", program], features].concat();
    let small = [("CARGO_PROFILE_RELEASE_STRIP", "symbols"), ("CARGO_PROFILE_RELEASE_DEBUG", "none")];
    run_command("cargo", &arguments, &small)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(crate::root().join("target"), PathBuf::from);
    let path = target.join("release").join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    let size = path.metadata().with_context(|| path.display().to_string())?.len();
    ensure!(size <= MOST, "{}: must have at most {MOST} bytes; found {size}", path.display());
    Ok(path)
}

/// What shells complete by, and manual pages, both as the programs themselves write them.
fn describe(folder: &Path) -> Result<()> {
    let program = |name: &str| Command::new(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)));
    for (shell, before, after) in SHELLS {
        for (name, flag) in [("nopropdt-train", "completions"), ("nopropdt-serve", "--completions")] {
            let file = folder.join("completions").join(format!("{before}{name}{after}"));
            write(&file, &said(program(name).args([flag, shell]))?)?;
        }
    }
    let man = folder.join("man");
    write(&man.join("nopropdt-serve.1"), &said(program("nopropdt-serve").arg("--man"))?)?;
    said(program("nopropdt-train").args(["man", "--out"]).arg(man)).map(drop)
}

fn said(command: &mut Command) -> Result<Vec<u8>> {
    let line = format!("{command:?}");
    let output = command.output().with_context(|| format!("{line}: can't be started"))?;
    if !output.status.success() {
        bail!("{line}: {}", output.status);
    }
    Ok(output.stdout)
}

/// Packs a folder under `name`, its files in the order of their names and without the time and owner of this machine.
fn pack(folder: &Path, name: &str, archive: &Path) -> Result<()> {
    let failed = || archive.display().to_string();
    let file = fs::File::create(archive).with_context(failed)?;
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::best()));
    tar.mode(tar::HeaderMode::Deterministic);
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    for file in files {
        let inside = Path::new(name).join(file.strip_prefix(folder).context("a file lies in its folder")?);
        tar.append_path_with_name(&file, inside).with_context(failed)?;
    }
    tar.into_inner().and_then(GzEncoder::finish).with_context(failed).map(drop)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| from.display().to_string()).map(drop)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn an_archive_is_the_same_whenever_it_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        fs::create_dir_all(files.join("man")).unwrap();
        write(&files.join("b"), b"two").unwrap();
        write(&files.join("man/a"), b"one").unwrap();
        let packed = |name: &str| {
            let archive = folder.path().join(name);
            pack(&files, "nopropdt", &archive).unwrap();
            fs::read(archive).unwrap()
        };
        let first = packed("first");
        write(&files.join("b"), b"two").unwrap();
        assert_eq!(first, packed("second"));
        let mut archive = tar::Archive::new(GzDecoder::new(&first[..]));
        let names: Vec<PathBuf> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, ["nopropdt/b", "nopropdt/man/a"].map(PathBuf::from));
    }

    #[test]
    fn bytes_are_written_as_checksums_are() {
        assert_eq!(hexadecimal(&[0, 15, 255]), "000fff");
    }
}
