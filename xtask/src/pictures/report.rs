//! A picture of a run's report: the digits are trained as the README says, and Chromium photographs the page.

use anyhow::{Context, Result, bail};
use nopropdt_train::commands::complain;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The picture's file.
pub(super) const FILE: &str = "report.png";

/// Names under which systems have Chromium.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// The sections of the page that the picture shows.
const SHOWN: [&str; 4] = ["headline", "training", "blocks", "chains"];

/// The look of the page in the picture: two images on their way from noise to answer, and no long table.
const LOOK: &str = ".chain:nth-child(n+3) { display: none } h2 { margin-top: 22px } .tall { max-height: 329px; overflow: hidden }";

/// Width and height of the picture, in pixels: the telling part fills it.
const SIZE: (u32, u32) = (1100, 1625);

/// The first Chromium in `path`, a list of folders as the system writes it.
pub(super) fn find_chromium(path: Option<&OsStr>) -> Result<PathBuf> {
    let folders: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let named = NAMES.iter().flat_map(|name| {
        folders.iter().map(move |folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
    });
    let mut there = named.filter(|program| program.is_file());
    there.next().with_context(|| {
        format!(
            "{FILE}: needs Chromium; none of {} is on the PATH (--chromium PATH names one)",
            NAMES.join(", ")
        )
    })
}

/// Trains the digits, and writes a picture of the report.
pub(super) fn photograph(chromium: &Path, picture: &Path) -> Result<()> {
    let place = tempfile::tempdir().context("a temporary folder")?;
    let run = place.path().join("digits");
    let trainer = crate::command::trainer()?;
    let mut training = Command::new(&trainer);
    training.args(["--seed", "0", "--no-progress", "--out"]).arg(&run);
    // Lines of a training are no result of this command.
    training.stdout(std::io::stderr());
    complain("training the digits");
    let status = training.status().with_context(|| format!("{}: can't be started", trainer.display()))?;
    if !status.success() {
        bail!("{}: {status}", trainer.display());
    }
    let report = run.join("report.html");
    let page = std::fs::read_to_string(&report).with_context(|| report.display().to_string())?;
    std::fs::write(&report, telling_part(&page)?).with_context(|| report.display().to_string())?;
    // Chromium writes the picture before the old one is replaced.
    let fresh = place.path().join(FILE);
    let mut browser = Command::new(chromium);
    // The sandbox protects against foreign pages, and can't be had by root; this page is ours.
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    browser.arg(format!("--window-size={},{}", SIZE.0, SIZE.1));
    browser.arg(format!("--user-data-dir={}", place.path().join("profile").display()));
    browser.arg(format!("--screenshot={}", fresh.display())).arg(format!("file://{}", report.display()));
    let output = browser.output().with_context(|| format!("{}: can't be started", chromium.display()))?;
    if !output.status.success() || !fresh.is_file() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("and said nothing");
        bail!("{}: made no picture ({}): {last}", chromium.display(), output.status);
    }
    std::fs::copy(&fresh, picture).with_context(|| picture.display().to_string())?;
    Ok(())
}

/// The page with the sections that are shown, and no other.
fn telling_part(page: &str) -> Result<String> {
    let named = SHOWN.map(|name| format!("<section id=\"{name}\""));
    for name in named.iter().map(String::as_str).chain(["class=\"chains\"", "</head>"]) {
        if !page.contains(name) {
            bail!("report.html: must hold {name}; it has none");
        }
    }
    let hidden = SHOWN.map(|name| format!(":not(#{name})")).concat();
    let style = format!("<style>section{hidden} {{ display: none }} {LOOK}</style></head>");
    Ok(page.replacen("</head>", &style, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chromium_is_looked_for_on_the_path() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (place.path().join("first"), place.path().join("second"));
        for folder in [&first, &second] {
            std::fs::create_dir(folder).unwrap();
        }
        let path = std::env::join_paths([&first, &second]).unwrap();
        let error = find_chromium(Some(&path)).unwrap_err().to_string();
        assert!(error.starts_with("report.png: needs Chromium; none of chromium, "), "{error}");
        assert!(!error.contains('\n') && find_chromium(None).is_err());
        let program = second.join(format!("google-chrome{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&program, "").unwrap();
        assert_eq!(find_chromium(Some(&path)).unwrap(), program);
    }

    #[test]
    fn only_a_report_is_cut() {
        let page = "<head></head><section id=\"headline\"><section id=\"training\"><section id=\"blocks\"><section id=\"other\">\
            <section id=\"chains\"><div class=\"chains\">";
        let cut = telling_part(page).unwrap();
        let hides =
            "<style>section:not(#headline):not(#training):not(#blocks):not(#chains) { display: none } .chain";
        assert!(cut.contains(hides) && cut.ends_with(page.strip_prefix("<head></head>").unwrap()), "{cut}");
        let error = telling_part(&page.replace("\"blocks\"", "\"walls\"")).unwrap_err();
        assert_eq!(error.to_string(), "report.html: must hold <section id=\"blocks\"; it has none");
    }

    #[test]
    fn the_committed_picture_is_small() {
        let path = crate::root().join("docs/pictures").join(FILE);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() < 300_000, "{} bytes", bytes.len());
    }
}
