//! Tests of the documentation: its commands are commands, and its links lead somewhere.

use crate::guide::page::{Step, blocks, matches, steps};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Commands of other programs that the documentation may name as they are. CI runs those of cargo; the others need what CI has not.
const OTHERS: [&str; 8] = [
    "cargo test --workspace",
    "cargo install --path crates/nopropdt-train --features fetch",
    "cargo install --path crates/nopropdt-serve",
    "cargo uninstall nopropdt-train",
    "cargo bench -p nopropdt-kernels --features measure",
    "cargo bench -p nopropdt-kernels --features measure --bench kernels -- weight",
    "cargo bench -p nopropdt-kernels --features measure --bench kernels -- avx512 relu+pool forward",
    "PYTHON xtask/peers/pytorch_mnist.py --steps 3 --epochs 3 --dropout 0 --precision bf16",
];

/// README.md, docs/*.md, those of the guide, data/README.md and each crate's README.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = crate::root();
    let inside = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let documents = inside("docs")
        .into_iter()
        .chain(inside("docs/guide"))
        .filter(|path| path.extension().is_some_and(|end| end == "md"));
    let of_crates = inside("crates").into_iter().map(|folder| folder.join("README.md"));
    let named = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md"]
        .map(|path| root.join(path));
    let paths = named.into_iter().chain(documents).chain(of_crates).filter(|path| path.exists());
    paths.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// Whether a command was typed as a whole, or named in a sentence and perhaps without what it needs.
#[derive(Clone, Copy, PartialEq)]
enum Said {
    InBlock,
    InSentence,
}

/// The commands of a page, with the numbers of their lines: of `sh` blocks each, of `code` in sentences those of this project.
fn commands(page: &str) -> Vec<(usize, Said, String)> {
    let mut found: Vec<(usize, Said, String)> = Vec::new();
    for step in steps(page) {
        if let Step::Command { line, text } = step {
            assert!(!text.ends_with('\\'), "a command is one line: {text}");
            found.push((line, Said::InBlock, text.to_owned()));
        }
    }
    let mut fenced = false;
    for (number, line) in page.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced {
            let spans = line.split('`').skip(1).step_by(2);
            let ours =
                |span: &&str| ["nopropdt-train ", "cargo "].iter().any(|start| span.starts_with(start));
            let whole = spans.filter(|span| !span.contains('…') && !span.ends_with(" --"));
            found.extend(whole.filter(ours).map(|span| (number + 1, Said::InSentence, span.to_owned())));
        }
    }
    found.sort_by_key(|(line, ..)| *line);
    found
}

/// Checks that a command would be understood.
fn check(command: &str, said: Said) -> Result<(), String> {
    if OTHERS.contains(&command) {
        return Ok(());
    }
    // Variables that are set for it alone.
    let variable = |word: &&str| word.split_once('=').is_some_and(|(name, _)| name.to_uppercase() == name);
    let words: Vec<&str> = command.split_whitespace().skip_while(variable).collect();
    match &words[..] {
        ["nopropdt-train", arguments @ ..]
        | ["cargo", "run", "-p", "nopropdt-train", "--", arguments @ ..] => trains(arguments, said),
        ["cargo", "run", "-p", "nopropdt-train"] => trains(&[], said),
        ["nopropdt-serve", arguments @ ..]
        | ["cargo", "run", "-p", "nopropdt-serve", "--", arguments @ ..] => serves(arguments, said),
        ["cargo", "run", "-p", "nopropdt-serve"] => serves(&[], said),
        ["cargo", "run", "-p", package, "--example", example] => {
            is_there(&format!("crates/{package}"), example)
        }
        // With a command line that only the example itself understands; CI runs it.
        ["cargo", "run", "-p", package, "--example", example, "--", ..] => {
            is_there(&format!("crates/{package}"), example)
        }
        ["cargo", "run", "--example", example]
        | ["cargo", "run", "--features", "cli", "--example", example, "--", ..] => {
            is_there("examples/outside", example)
        }
        ["cargo", "xtask", arguments @ ..] => {
            understood(crate::Cli::try_parse_from(["xtask"].iter().chain(arguments)), said).map(drop)
        }
        _ => Err("neither a command of this project nor one that CI runs".to_owned()),
    }
}

/// Checks that an example is there.
fn is_there(folder: &str, example: &str) -> Result<(), String> {
    let source = crate::root().join(folder).join(format!("examples/{example}.rs"));
    source.is_file().then_some(()).ok_or_else(|| format!("{}: not found", source.display()))
}

/// Checks a command line of `nopropdt-train`, and settings that can be checked without a file.
fn trains(arguments: &[&str], said: Said) -> Result<(), String> {
    use nopropdt_train::commands::{Cli, Command};
    let Some(cli) = understood(Cli::try_parse_from(["nopropdt-train"].iter().chain(arguments)), said)? else {
        return Ok(());
    };
    let train = match cli.command {
        None => cli.train,
        Some(Command::Train(train)) => train,
        Some(_) => return Ok(()),
    };
    if train.config.is_none() && train.resume.is_none() {
        train.overrides.resolve(train.preset).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Checks a command line of `nopropdt-serve`.
fn serves(arguments: &[&str], said: Said) -> Result<(), String> {
    let parsed = nopropdt_serve::CommandLine::try_parse_from(["nopropdt-serve"].iter().chain(arguments));
    understood(parsed, said).map(drop)
}

/// docs/serving.md has every flag of `nopropdt-serve`, and no other.
#[test]
fn every_flag_of_the_server_has_its_place() {
    let program = nopropdt_serve::CommandLine::command();
    let flags = program.get_arguments().filter_map(|flag| flag.get_long().map(|name| format!("--{name}")));
    let page = fs::read_to_string(crate::root().join("docs/serving.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `--")?.split([' ', '`']).next());
    let documented: BTreeSet<String> = rows.map(|name| format!("--{name}")).collect();
    assert_eq!(documented, flags.collect());
}

/// What was parsed; None for help, for files that the reader has and we have not, and for what a sentence may leave out.
fn understood<T>(parsed: Result<T, clap::Error>, said: Said) -> Result<Option<T>, String> {
    use ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, MissingRequiredArgument,
    };
    let error = match parsed {
        Ok(cli) => return Ok(Some(cli)),
        Err(error) => error,
    };
    let text = error.to_string();
    match error.kind() {
        DisplayHelp | DisplayVersion => Ok(None),
        MissingRequiredArgument | DisplayHelpOnMissingArgumentOrSubcommand if said == Said::InSentence => {
            Ok(None)
        }
        _ if text.contains("there must be such a folder") => Ok(None),
        _ => Err(text.lines().next().unwrap_or_default().to_owned()),
    }
}

#[test]
fn every_command_is_understood() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (path, page) in pages() {
        for (line, said, command) in commands(&page) {
            checked += 1;
            if let Err(reason) = check(&command, said) {
                wrong.push(format!("{}:{line}: {command}: {reason}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 50, "only {checked} commands were found");
}

#[test]
fn a_wrong_command_is_found() {
    let page = "`cargo xtask fly`, `cargo xtask reproduce` and `--seed`\n```sh\nnopropdt-train --sed 1   # no\n\n\
                cargo clean\nNOPROPDT_ISA=avx2 nopropdt-train --method dt --steps 3\n\
                cargo run -p nopropdt-train -- --method ct --schedule cosine\ncargo xtask reproduce\n```\n```text\nnopropdt-train no\n```\n";
    let found = commands(page);
    let wrong: Vec<(usize, &str)> = found
        .iter()
        .filter(|(_, said, command)| check(command, *said).is_err())
        .map(|(line, _, command)| (*line, command.as_str()))
        .collect();
    let expected = [
        (1, "cargo xtask fly"),
        (3, "nopropdt-train --sed 1"),
        (5, "cargo clean"),
        // The settings of each are right, and not together.
        (7, "cargo run -p nopropdt-train -- --method ct --schedule cosine"),
        (8, "cargo xtask reproduce"),
    ];
    assert_eq!(wrong, expected);
    assert_eq!(found.len(), 7);
}

/// docs/settings.md is read instead of `--help`: it has every flag, and no other.
#[test]
fn every_flag_has_a_place_in_the_settings() {
    let program = nopropdt_train::commands::Cli::command();
    let commands = std::iter::once(&program).chain(program.get_subcommands());
    let flags: BTreeSet<String> = commands
        .flat_map(|command| command.get_arguments().filter(|flag| !flag.is_hide_set()))
        .filter_map(|flag| flag.get_long().map(|name| format!("--{name}")))
        .collect();
    let page = fs::read_to_string(crate::root().join("docs/settings.md")).unwrap();
    let spans = page.split('`').filter(|span| span.starts_with("--"));
    let documented: BTreeSet<String> = spans.map(|span| span.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(documented, flags);
    assert!(flags.contains("--flow-sigma") && flags.contains("--mirror"), "{flags:?}");
}

/// `[text](target)` of a page, outside of code blocks.
fn links(page: &str) -> Vec<&str> {
    let text = page.split("```").step_by(2);
    text.flat_map(|text| text.split("](").skip(1).filter_map(|rest| rest.split(')').next())).collect()
}

/// The names under which a page's headings are linked, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix('#'));
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let anchor = |heading: &str| {
        let name = heading.trim_start_matches('#').trim().to_lowercase();
        name.chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_inside_the_repository_leads_somewhere() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (path, page) in pages() {
        for link in links(&page).into_iter().filter(|link| !link.contains("://")) {
            checked += 1;
            let (file, anchor) =
                link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            let there = target.exists()
                && anchor.is_none_or(|anchor| {
                    fs::read_to_string(&target)
                        .is_ok_and(|page| anchors(&page).iter().any(|name| name == anchor))
                });
            if !there {
                wrong.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 50, "only {checked} links were found");
}

#[test]
fn the_pages_are_those_of_all_crates() {
    let crates = fs::read_dir(crate::root().join("crates")).unwrap().count();
    let found = pages();
    let of_crates = found
        .keys()
        .filter(|path| path.parent().and_then(Path::parent).is_some_and(|up| up.ends_with("crates")));
    assert_eq!(of_crates.count(), crates);
}

/// The Rust of the guide is that of examples, which CI builds and runs: `…` stands for lines that are left out.
#[test]
fn the_guide_shows_lines_of_its_examples() {
    let mut checked = 0;
    for (path, page) in
        pages().into_iter().filter(|(path, _)| path.with_file_name("").ends_with("docs/guide"))
    {
        let lines: Vec<&str> = page.lines().collect();
        for block in blocks(&page).iter().filter(|block| block.language == "rust") {
            let before = lines[..block.line - 1].join("\n");
            let named = before
                .rsplit("](")
                .find_map(|rest| rest.split(')').next().filter(|link| link.ends_with(".rs")));
            let file = path
                .with_file_name("")
                .join(named.expect("an example is named before the first of its lines"));
            let source =
                fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let source: Vec<&str> = source.lines().collect();
            let shown = [&["…"], &block.lines[..], &["…"]].concat();
            let place = format!("{}:{}", path.display(), block.line);
            assert!(matches(&shown, &source).is_ok(), "{place}: these are no lines of {}", file.display());
            checked += 1;
        }
    }
    assert!(checked > 3, "only {checked} blocks were found");
}

/// What is a page of the documentation is a page of the book.
#[test]
fn the_book_has_every_page() {
    let chapters: BTreeSet<PathBuf> =
        crate::guide::chapters().unwrap().iter().map(|page| crate::root().join(page)).collect();
    let inside = pages().into_keys().filter(|path| path.starts_with(crate::root().join("docs")));
    let pages: BTreeSet<PathBuf> = inside.filter(|path| !path.ends_with("SUMMARY.md")).collect();
    assert_eq!(chapters, pages);
}
