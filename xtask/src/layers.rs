//! `cargo xtask layers`: fails when a crate or module uses one beside or above it.

use anyhow::{Context, Result, bail};
use clap::Args;
use nopropdt_train::commands::print;
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `layers`: none.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Each crate and the ones of ours it may depend on.
const CRATES: [(&str, &[&str]); 6] = [
    ("crates/nopropdt-tensor", &[]),
    ("crates/nopropdt-data", &[]),
    ("crates/nopropdt-fetch", &["nopropdt-data"]),
    ("crates/nopropdt-blocks", &["nopropdt-tensor"]),
    ("crates/nopropdt-train", &["nopropdt-tensor", "nopropdt-data", "nopropdt-fetch", "nopropdt-blocks"]),
    ("xtask", &["nopropdt-tensor", "nopropdt-data", "nopropdt-blocks", "nopropdt-train"]),
];

/// Folders of source and what their files must not name.
const MODULES: [(&str, &[&str]); 3] = [
    (
        "crates/nopropdt-tensor/src/kernels",
        &[
            "crate::{",
            "crate::tensor",
            "crate::tape",
            "crate::layers",
            "crate::parameters",
            "crate::optim",
            "crate::measure",
        ],
    ),
    ("crates/nopropdt-tensor/src/tape", &["crate::optim"]),
    (
        "crates/nopropdt-tensor/src/optim",
        &["crate::tape", "crate::layers", "crate::kernels", "crate::measure"],
    ),
];

/// The only folder whose files may hold `unsafe`.
const UNSAFE_HOME: &str = "crates/nopropdt-tensor/src/kernels";

pub fn run(_: Arguments) -> Result<()> {
    let found = violations(&crate::root())?;
    if !found.is_empty() {
        bail!("layers: every crate and module uses only those below it\n  {}", found.join("\n  "));
    }
    print(&format!("layers: {} crates and {} module rules hold", CRATES.len(), MODULES.len()))
}

fn violations(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (folder, allowed) in CRATES {
        let manifest = root.join(folder).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
        let used = text.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let upward = used.filter(|name| name.starts_with("nopropdt-") && !allowed.contains(name));
        found.extend(upward.map(|name| format!("{folder}/Cargo.toml: depends on {name}")));
    }
    for file in rust_files(root)? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let path = file.strip_prefix(root).unwrap_or(&file);
        for (folder, forbidden) in MODULES.iter().filter(|(folder, _)| path.starts_with(folder)) {
            let named = forbidden.iter().filter(|name| code_lines(&text).any(|line| line.contains(**name)));
            found.extend(named.map(|name| format!("{}: {folder} must not use {name}", path.display())));
        }
        let is_unsafe = |line: &str| {
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"].iter().any(|word| line.contains(word))
        };
        if !path.starts_with(UNSAFE_HOME) && !path.starts_with("xtask") && code_lines(&text).any(is_unsafe) {
            found.push(format!("{}: unsafe outside {UNSAFE_HOME}", path.display()));
        }
    }
    Ok(found)
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// Every .rs file of the crates' sources.
fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = CRATES.iter().map(|(folder, _)| root.join(folder).join("src")).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_keeps_its_layers() {
        assert_eq!(violations(&crate::root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn upward_uses_are_found() {
        let root = tempfile::tempdir().unwrap();
        for (folder, _) in CRATES {
            fs::create_dir_all(root.path().join(folder).join("src/kernels")).unwrap();
            fs::write(root.path().join(folder).join("Cargo.toml"), "nopropdt-train.workspace = true\n")
                .unwrap();
        }
        let kernels = root.path().join("crates/nopropdt-tensor/src/kernels");
        fs::write(kernels.join("gemm.rs"), "use crate::tensor::Tensor;\n// crate::tape in prose is fine\n")
            .unwrap();
        let data = root.path().join("crates/nopropdt-data/src");
        fs::write(data.join("lib.rs"), "fn f() { unsafe { g() } }\n").unwrap();
        let found = violations(root.path()).unwrap().join("\n");
        for expected in [
            "crates/nopropdt-tensor/Cargo.toml: depends on nopropdt-train",
            "crates/nopropdt-train/Cargo.toml: depends on nopropdt-train",
            "gemm.rs: crates/nopropdt-tensor/src/kernels must not use crate::tensor",
            "crates/nopropdt-data/src/lib.rs: unsafe outside crates/nopropdt-tensor/src/kernels",
        ] {
            assert!(found.contains(expected), "{expected} not in\n{found}");
        }
        assert!(!found.contains("crate::tape") && !found.contains("xtask/Cargo.toml"), "{found}");
    }
}
