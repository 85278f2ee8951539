//! The book that mdBook makes of `docs`, complete in one folder: what it links to outside of `docs` is laid beside it.

use crate::command::run as run_command;
use anyhow::{Context, Result, bail, ensure};
use nopropdt_train::commands::print;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Folder of the book for files of the repository that are no pages of it.
const BESIDE: &str = "repository";

/// Makes the book in a folder, which is replaced.
///
/// # Errors
/// When mdBook is missing or fails, or a link leads nowhere.
pub fn build(out: &Path) -> Result<()> {
    if Command::new("mdbook").arg("--version").output().is_err() {
        bail!(
            "mdbook: must be installed; `cargo install --locked --no-default-features --features search mdbook`"
        );
    }
    let out = std::path::absolute(out)?;
    let target = out.to_str().context("--out: must be UTF-8")?;
    run_command("mdbook", &["build", "docs/guide", "--dest-dir", target], &[])?;
    let mut book = Book { out, anchors: BTreeMap::new(), copied: BTreeSet::new() };
    let pages = book.pages()?;
    ensure!(pages.len() >= super::chapters()?.len(), "the book has fewer pages than docs/SUMMARY.md");
    let mut wrong = Vec::new();
    for page in &pages {
        wrong.append(&mut book.complete(page)?);
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let copied = book.copied.len();
    print(&format!(
        "{}: {} pages, {copied} files beside them\n",
        book.out.join("index.html").display(),
        pages.len()
    ))
}

struct Book {
    out: PathBuf,
    /// What can be linked to in each page that was asked for.
    anchors: BTreeMap<PathBuf, BTreeSet<String>>,
    /// From the root of the repository.
    copied: BTreeSet<PathBuf>,
}

impl Book {
    fn pages(&self) -> Result<Vec<PathBuf>> {
        let (mut found, mut folders) = (Vec::new(), vec![self.out.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                match path.extension() {
                    _ if path.is_dir() => folders.push(path),
                    Some(end) if end == "html" => found.push(path),
                    _ => (),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Checks the links of a page, and brings what they lead to. The links that lead nowhere, each in a line.
    fn complete(&mut self, page: &Path) -> Result<Vec<String>> {
        let text = super::read(page)?;
        let (mut whole, mut rest, mut wrong) = (String::with_capacity(text.len()), &text[..], Vec::new());
        while let Some(start) =
            ["href=\"", "src=\""].iter().filter_map(|mark| Some(rest.find(mark)? + mark.len())).min()
        {
            let (before, after) = rest.split_at(start);
            let end = after.find('"').context("a quote is closed")?;
            whole.push_str(before);
            match self.lead(page, &after[..end])? {
                Some(link) => whole.push_str(&link),
                None => {
                    let place = page.strip_prefix(&self.out).unwrap_or(page).display();
                    wrong.push(format!("{place}: {} leads nowhere", &after[..end]));
                }
            }
            rest = &after[end..];
        }
        whole.push_str(rest);
        if whole != text {
            fs::write(page, whole).with_context(|| page.display().to_string())?;
        }
        Ok(wrong)
    }

    /// The link as it should stand in the page; None when it leads nowhere.
    fn lead(&mut self, page: &Path, link: &str) -> Result<Option<String>> {
        if link.contains("://")
            || ["mailto:", "data:", "javascript:"].iter().any(|start| link.starts_with(start))
        {
            return Ok(Some(link.to_owned()));
        }
        let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
        let folder = page.parent().context("a page is in a folder")?;
        let target = if file.is_empty() { page.to_owned() } else { plain(&folder.join(file)) };
        if target.exists() && target.starts_with(&self.out) {
            let there =
                anchor.is_none_or(|anchor| anchor.is_empty() || self.anchors(&target).contains(anchor));
            return Ok(there.then(|| link.to_owned()));
        }
        // A page of the book lies in it as its source lies in docs.
        let source = plain(&crate::root().join("docs").join(folder.strip_prefix(&self.out)?).join(file));
        // mdBook takes every link to Markdown for one to a page.
        let candidates = [source.clone(), source.with_extension("md"), source.join("README.md")];
        let found = candidates.into_iter().find(|path| path.is_file() && path.starts_with(crate::root()));
        let Some(found) = found else { return Ok(None) };
        let inside = found.strip_prefix(crate::root())?.to_owned();
        // As text, which any browser shows.
        let copy = Path::new(BESIDE).join(format!("{}.txt", inside.display()));
        let path = self.out.join(&copy);
        fs::create_dir_all(path.parent().context("a copy is in a folder")?)?;
        fs::copy(&found, &path).with_context(|| path.display().to_string())?;
        self.copied.insert(inside);
        let up = folder.strip_prefix(&self.out)?.components().count();
        Ok(Some(format!("{}{}", "../".repeat(up), copy.display())))
    }

    fn anchors(&mut self, page: &Path) -> &BTreeSet<String> {
        self.anchors.entry(page.to_owned()).or_insert_with(|| {
            let text = fs::read_to_string(page).unwrap_or_default();
            text.split(" id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
        })
    }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => (),
            part => plain.push(part),
        }
    }
    plain
}
