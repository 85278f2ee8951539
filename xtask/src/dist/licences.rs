//! The licences of all that is linked into the programs.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What of `cargo metadata` is read.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<PathBuf>,
    repository: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// A text with every package from elsewhere that the programs are built of, its licence, and the texts of licences that they bring, each once.
///
/// # Errors
/// When cargo can't tell, or a package names no licence.
pub(super) fn of(programs: &[&str], target: &str) -> Result<String> {
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        target,
        "--features",
        "nopropdt-train/fetch",
    ];
    let output = Command::new("cargo").args(arguments).current_dir(crate::root()).output();
    let output = output.context("cargo metadata: can't be started")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata: can't be read")?;
    told(&metadata, programs, &texts)
}

/// The packages that are linked into the programs, with what they are built of in turn: not what only tests or build scripts want.
fn linked<'m>(metadata: &'m Metadata, programs: &[&str]) -> BTreeMap<(&'m str, &'m str), &'m Package> {
    let packages: HashMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes: HashMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let is_program =
        |package: &&Package| package.source.is_none() && programs.contains(&package.name.as_str());
    let mut left: Vec<&str> =
        metadata.packages.iter().filter(is_program).map(|package| package.id.as_str()).collect();
    let mut seen: HashSet<&str> = left.iter().copied().collect();
    while let Some(id) = left.pop() {
        let deps = nodes.get(id).into_iter().flat_map(|node| &node.deps);
        for dependency in
            deps.filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()))
        {
            if seen.insert(&dependency.pkg) {
                left.push(&dependency.pkg);
            }
        }
    }
    let linked = seen.into_iter().filter_map(|id| packages.get(id).copied());
    let foreign = linked.filter(|package| package.source.is_some());
    foreign.map(|package| ((package.name.as_str(), package.version.as_str()), package)).collect()
}

fn told(
    metadata: &Metadata,
    programs: &[&str],
    texts: &dyn Fn(&Package) -> Result<Vec<String>>,
) -> Result<String> {
    let mut text =
        String::from("Packages that the programs are built of, and their licences; the texts follow.\n\n");
    let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for ((name, version), package) in linked(metadata, programs) {
        let licence = match (&package.license, &package.license_file) {
            (Some(licence), _) => licence.clone(),
            (None, Some(file)) => format!("see {}", file.display()),
            (None, None) => bail!("{name} {version}: must name its licence"),
        };
        let repository = package.repository.as_deref().unwrap_or("no address given");
        writeln!(text, "{name} {version}: {licence} ({repository})")?;
        for licence in texts(package)? {
            users.entry(licence).or_default().insert(name);
        }
    }
    for (licence, users) in users {
        let users: Vec<&str> = users.into_iter().collect();
        write!(text, "\n{}\n{}\n\n{}\n", "-".repeat(80), users.join(", "), licence.trim_end())?;
    }
    Ok(text)
}

/// The texts of licences in a package's folder.
fn texts(package: &Package) -> Result<Vec<String>> {
    let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        let is_text = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_text && path.is_file() {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        }
    }
    texts.sort();
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(licence: Option<&str>) -> Metadata {
        let package = |name: &str, source: Option<&str>, license: Option<&str>| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": license, "license_file": null, "repository": null,
                   "manifest_path": format!("{name}/Cargo.toml"), "source": source})
        };
        let node = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<_> =
                deps.iter().map(|(pkg, kind)| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]})).collect();
            json!({"id": id, "deps": deps})
        };
        serde_json::from_value(json!({
            "packages": [package("program", None, Some("MIT")), package("ours", None, Some("MIT")),
                         package("linked", Some("elsewhere"), licence), package("tested", Some("elsewhere"), Some("MIT")),
                         package("building", Some("elsewhere"), Some("MIT")), package("apart", Some("elsewhere"), Some("MIT"))],
            "resolve": {"nodes": [
                node("program", &[("ours", None), ("tested", Some("dev"))]),
                node("ours", &[("linked", None), ("building", Some("build"))]),
                node("linked", &[]), node("tested", &[]), node("building", &[]), node("apart", &[])]}
        }))
        .unwrap()
    }

    #[test]
    fn what_is_linked_is_told_and_nothing_else() {
        let texts = |package: &Package| Ok(vec![format!("Text of {}\n", package.name)]);
        let text = told(&metadata(Some("MIT OR Apache-2.0")), &["program"], &texts).unwrap();
        assert!(text.contains("\nlinked 1.0.0: MIT OR Apache-2.0 (no address given)\n"), "{text}");
        assert!(text.ends_with("linked\n\nText of linked\n"), "{text}");
        for other in ["program 1", "ours", "tested", "building", "apart"] {
            assert!(!text.contains(other), "{other}: {text}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let error = told(&metadata(None), &["program"], &|_| Ok(Vec::new())).unwrap_err().to_string();
        assert_eq!(error, "linked 1.0.0: must name its licence");
    }
}
