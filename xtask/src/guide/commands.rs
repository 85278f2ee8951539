//! The commands of the documentation, run one after the other in one folder, as a reader would who has the files that they name.

use super::page::{Step, matches, steps};
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use nopropdt_train::commands::{Cli, Command, print};
use std::path::Path;
use std::process;
use std::time::Instant;

/// What is not run, by its beginning, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo install", "CI has installed the program"),
    ("cargo uninstall", "CI has installed the program"),
    ("cargo test", "CI has a step of its own for it"),
    ("cargo bench", "it takes minutes; CI runs a part"),
    ("cargo run -p nopropdt-tensor", "CI runs it elsewhere"),
    ("cargo run -p nopropdt-blocks", "CI runs it elsewhere"),
    ("cargo run -p nopropdt-train --example", "CI runs it elsewhere"),
    ("cargo run --example", "it is of another project; CI runs it elsewhere"),
    ("cargo run --features", "it is of another project; CI runs it elsewhere"),
    ("cargo run -- ", "it is of another project; CI runs it elsewhere"),
    ("cargo xtask bench", "it takes minutes; CI runs a part"),
    ("NOPROPDT_ISA=avx2 cargo xtask bench", "it takes minutes; CI runs a part"),
    ("cargo xtask dist", "it takes minutes"),
    ("cargo xtask fetch-data mnist", "it needs the network"),
    ("nopropdt-train fetch fashion-mnist", "it needs the network"),
    ("nopropdt-train fetch mnist --mirror", "it needs the network"),
    ("nopropdt-train --dataset cifar10", "it needs a dataset that CI has as pictures alone"),
    ("nopropdt-train import", "it needs a network of another program; tests have one"),
    ("PYTHON ", "it needs PyTorch"),
];

/// Paths of the reader's machine, and what stands for them here.
const PATHS: [(&str, &str); 2] = [("/srv/datasets", "data"), ("/new/place/", "moved/")];

/// Most epochs, and most images held out, of a training on a slice.
const MOST: [(&str, usize); 2] = [("--epochs", 2), ("--validation", 60)];

/// Runs the steps of these pages in a folder.
///
/// # Errors
/// The first command that fails or prints something else than its page shows; by page and line.
pub fn run(folder: &Path, pages: &[String]) -> Result<()> {
    let (begun, mut count) = (Instant::now(), 0);
    for page in pages {
        let text = super::read(&crate::root().join(page))?;
        for step in steps(&text) {
            match step {
                Step::File { name, text } => {
                    let path = folder.join(name);
                    std::fs::write(&path, in_brief(&text)).with_context(|| path.display().to_string())?;
                }
                Step::Command { line, text } => {
                    count += usize::from(one(folder, &format!("{page}:{line}"), text, None)?);
                }
                Step::Session { line, text, shown } => {
                    count += usize::from(one(folder, &format!("{page}:{line}"), text, Some(&shown))?);
                }
            }
        }
    }
    print(&format!("{count} commands of {} pages were run in {} s\n", pages.len(), begun.elapsed().as_secs()))
}

/// Runs one command; false when it is one that is not run.
fn one(folder: &Path, place: &str, text: &str, shown: Option<&[&str]>) -> Result<bool> {
    if let Some(why) = not_run(text) {
        print(&format!("\n{place}: {text}\nnot run: {why}\n"))?;
        return Ok(false);
    }
    let serves = here(text).starts_with("nopropdt-serve");
    let line = if shown.is_some() { here(text) } else { sliced(text) };
    let line = PATHS.iter().fold(line, |line, (theirs, ours)| line.replace(theirs, ours));
    let line = if serves { format!("timeout --signal=INT 3 {line}") } else { line };
    print(&format!("\n{place}: {line}\n"))?;
    // Pages are read one by one, and two may use the same folder.
    let out =
        line.split_once("--out ").and_then(|(_, rest)| rest.split(' ').next()).map(|out| folder.join(out));
    if let Some(out) = out.filter(|out| shown.is_none() && out.is_dir()) {
        std::fs::remove_dir_all(&out).with_context(|| out.display().to_string())?;
    }
    let begun = Instant::now();
    // One stream, so that what is printed has its order.
    let output = process::Command::new("bash")
        .args(["-c", &format!("{{ {line} ; }} 2>&1")])
        .current_dir(folder)
        .stdin(process::Stdio::null())
        .output()
        .context("bash")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = printed.lines().collect();
    // All that is printed when it is little, else its end.
    let end = lines[lines.len().saturating_sub(12)..].join("\n");
    print(&format!("{end}\n[{:.1} s]\n", begun.elapsed().as_secs_f64()))?;
    match shown {
        Some(shown) => {
            if let Err(difference) = matches(shown, &lines) {
                bail!("{place}: {text}\n{difference}\nall it printed:\n{printed}");
            }
        }
        // Timed out, and so stopped.
        None if serves => {
            ensure!(output.status.code() == Some(124), "{place}: {text}: {}\n{printed}", output.status);
            ensure!(printed.contains("http://"), "{place}: {text}: told no address\n{printed}");
        }
        None => ensure!(output.status.success(), "{place}: {text}: {}\n{printed}", output.status),
    }
    Ok(true)
}

fn not_run(text: &str) -> Option<&'static str> {
    if text == "nopropdt-train fetch mnist" {
        return Some("it needs the network");
    }
    NOT_RUN.iter().find(|(start, _)| text.starts_with(start)).map(|(_, why)| *why)
}

/// The command with the programs that were built, in place of cargo, which would look for its workspace in the folder.
fn here(text: &str) -> String {
    for program in ["nopropdt-train", "nopropdt-serve"] {
        let by_cargo = format!("cargo run -p {program}");
        if let Some(rest) = text.strip_prefix(&by_cargo) {
            return format!("{program}{}", rest.strip_prefix(" --").unwrap_or(rest));
        }
    }
    match text.strip_prefix("cargo xtask ") {
        // What it would do is told within a second, and done within days.
        Some(rest) if rest.starts_with("reproduce") && !rest.contains("--list") => {
            format!("xtask {} --list", rest.replace(" --memory", ""))
        }
        Some(rest) => format!("xtask {rest}"),
        None => text.to_owned(),
    }
}

/// The command on a slice of its data, where it trains or measures.
fn sliced(text: &str) -> String {
    let mut line = here(text);
    let Some(arguments) = line.strip_prefix("nopropdt-train") else { return line };
    let words = std::iter::once("nopropdt-train").chain(arguments.split_whitespace());
    let (trains, measures) = match Cli::try_parse_from(words).map(|cli| (cli.command, cli.train)) {
        Ok((None, train)) | Ok((Some(Command::Train(train)), _)) => (train.resume.is_none(), false),
        Ok((Some(Command::Eval(_)), _)) => (false, true),
        _ => (false, false),
    };
    if trains {
        line = MOST.into_iter().fold(line, |line, (flag, most)| at_most(&line, flag, most));
    }
    let slice =
        [("--limit-train", 320, trains), ("--limit-test", 100, trains || measures), ("--epochs", 2, trains)];
    for (flag, value, wanted) in slice {
        if wanted && !line.contains(flag) {
            line = format!("{line} {flag} {value}");
        }
    }
    // The default network of pictures, narrow.
    let deep = ["--dataset mnist", "--dataset folder:"].iter().any(|dataset| line.contains(dataset));
    if trains && deep && !["--block", "--preset", "--method"].iter().any(|flag| line.contains(flag)) {
        line.push_str(" --set block.width=32");
    }
    line
}

/// The command with a smaller number where it has a larger one for a flag.
fn at_most(line: &str, flag: &str, most: usize) -> String {
    let Some((before, after)) = line.split_once(&format!("{flag} ")) else { return line.to_owned() };
    let (value, rest) =
        after.split_once(' ').map_or((after, String::new()), |(value, rest)| (value, format!(" {rest}")));
    let value = value.parse::<usize>().map_or(value.to_owned(), |found| found.min(most).to_string());
    format!("{before}{flag} {value}{rest}")
}

/// A file of the documentation with a slice of its work: grids of sweeps and settings of runs.
fn in_brief(text: &str) -> String {
    let text = text.replace("[settings]\n", "[settings]\nlimit-train = 320\nlimit-test = 100\n");
    text.replace("epochs = 5", "epochs = 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_run_on_slices_with_the_programs_that_were_built() {
        for (text, expected) in [
            ("cargo run -p nopropdt-train", "nopropdt-train --limit-train 320 --limit-test 100 --epochs 2"),
            (
                "nopropdt-train --epochs 9 --limit-test 5",
                "nopropdt-train --epochs 2 --limit-test 5 --limit-train 320",
            ),
            (
                "nopropdt-train --validation 5000 --patience 3",
                "nopropdt-train --validation 60 --patience 3 --limit-train 320 --limit-test 100 --epochs 2",
            ),
            ("nopropdt-train --resume runs/a --epochs 9", "nopropdt-train --resume runs/a --epochs 9"),
            (
                "nopropdt-train --dataset mnist",
                "nopropdt-train --dataset mnist --limit-train 320 --limit-test 100 --epochs 2 --set block.width=32",
            ),
            ("nopropdt-train eval --model a", "nopropdt-train eval --model a --limit-test 100"),
            ("nopropdt-train runs --csv", "nopropdt-train runs --csv"),
            ("cargo run -p nopropdt-serve -- --port 9", "nopropdt-serve --port 9"),
            ("cargo xtask reproduce full --shard 1/4", "xtask reproduce full --shard 1/4 --list"),
        ] {
            assert_eq!(sliced(text), expected);
        }
    }

    #[test]
    fn what_is_not_run_has_a_reason() {
        for text in ["cargo install --path x", "nopropdt-train fetch mnist", "PYTHON x.py"] {
            assert!(not_run(text).is_some(), "{text}");
        }
        for text in ["nopropdt-train fetch mnist --from a", "cargo xtask fetch-data list", "nopropdt-train"] {
            assert!(not_run(text).is_none(), "{text}");
        }
    }
}
