//! `cargo xtask bench`: how fast training and inference are here, beside this processor's limits and, if asked, other frameworks.
//!
//! Everything is measured through the functions that `nopropdt-train` runs. Tables go to standard output as Markdown, progress to
//! standard error. docs/performance.md says what each column means.

mod cases;
mod long;
mod memory;
mod ops;
mod ours;
mod peaks;
mod peers;
mod process;
mod recipe;
mod rows;
mod session;
mod tables;

use crate::WrongUse;
use anyhow::{Context, Result, bail};
use cases::{CASES, Case, FORMATS, Format, Plan};
use clap::Args;
use clap::builder::PossibleValuesParser;
use nopropdt_tensor::Isa;
use nopropdt_train::commands::complain;
use nopropdt_train::commands::typed_path;
use peers::Peer;
use serde::Serialize;
use session::Session;
use std::path::{Path, PathBuf};

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Write every row to this file as JSON, at the end
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure PyTorch in turns with ours; the Python it is installed in
    #[arg(long, value_parser = typed_path(), value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Measure burn (flex backend) in turns with ours; builds it first, which takes minutes
    #[arg(long)]
    burn: bool,
    /// Only this block
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names(|case| case.block)))]
    block: Option<String>,
    /// Only images of this size
    #[arg(long, value_name = "SIZE", value_parser = PossibleValuesParser::new(names(|case| case.input)))]
    input: Option<String>,
    /// Only this precision of ours, and of the peers
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(FORMATS.map(|format| format.name)))]
    precision: Option<String>,
    /// Seconds for each figure, over all rounds [default: 5; 0.2 with --quick]
    #[arg(long, value_name = "S", value_parser = seconds, allow_hyphen_values = true)]
    seconds: Option<f64>,
    /// Rounds in which ours and the peers take turns [default: 5; 1 with --quick]
    #[arg(long, value_name = "N", value_parser = rounds, allow_hyphen_values = true)]
    rounds: Option<u32>,
    /// A few seconds a block in all, with fewer blocks side by side: to see that it works, not for figures
    #[arg(long)]
    quick: bool,
    /// Only a long run, a minute or two each precision: do late epochs take longer than early ones?
    #[arg(long, conflicts_with_all = ["peer", "burn", "block", "input", "seconds", "rounds", "memory_run"])]
    long: bool,
    /// Only whole trainings by a recipe, in turns with one block alone and with PyTorch if asked: the seconds they take, and whether
    /// their answers reach this accuracy
    #[arg(long, value_name = "ACCURACY", value_parser = accuracy, requires = "recipe", conflicts_with_all = ["long", "burn", "block", "input", "precision", "seconds", "rounds", "quick", "memory_run"])]
    to: Option<f64>,
    /// The recipe of --to: a configuration file, over the preset best, with its number of epochs
    #[arg(long, value_name = "FILE", value_parser = typed_path(), requires = "to")]
    recipe: Option<PathBuf>,
    /// Where fetched datasets are, for --to
    #[arg(long, value_name = "DIR", value_parser = typed_path(), requires = "to")]
    data_dir: Option<PathBuf>,
    /// Where the folder of pictures lies that the recipe of --to names
    #[arg(long, value_name = "DIR", value_parser = typed_path(), requires = "to")]
    images: Option<PathBuf>,
    /// Seeds of --to [default: 3]
    #[arg(long, value_name = "N", value_parser = rounds, requires = "to")]
    seeds: Option<u32>,
    /// Be the process whose memory is measured
    #[arg(long, hide = true, requires_all = ["block", "input", "precision"])]
    memory_run: bool,
}

/// Names that cases have, each once.
fn names(name: impl Fn(&Case) -> &'static str) -> Vec<&'static str> {
    let mut names: Vec<&str> = CASES.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn rounds(text: &str) -> Result<u32, String> {
    let rule = "must be a whole number from 1 to 100";
    text.parse().ok().filter(|rounds| (1..=100).contains(rounds)).ok_or_else(|| rule.to_owned())
}

fn accuracy(text: &str) -> Result<f64, String> {
    let rule = "must be a fraction above 0 and at most 1, such as 0.995".to_owned();
    text.parse().ok().filter(|&accuracy: &f64| accuracy > 0.0 && accuracy <= 1.0).ok_or(rule)
}

fn seconds(text: &str) -> Result<f64, String> {
    let rule = "must be a number of seconds above 0 and at most 3600".to_owned();
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err(rule),
    }
}

/// Measures all that was asked for and prints it.
///
/// # Errors
/// [`WrongUse`] when NOPROPDT_ISA can't be had or no case is left; when the JSON file can't be written, or a peer fails.
pub fn run(arguments: Arguments) -> Result<()> {
    let isa = Isa::selected().map_err(|error| WrongUse(error.to_string()))?;
    let cases = arguments.cases()?;
    let formats = arguments.formats();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = arguments.plan(threads);
    if arguments.memory_run {
        return memory::child(&cases[0], formats[0], &plan);
    }
    if let Some(path) = &arguments.json {
        check_writable(path)?;
    }
    if arguments.long {
        let rows = long::run(isa, &formats, arguments.quick)?;
        return arguments.json.map_or(Ok(()), |path| write_rows(&path, &rows));
    }
    if let Some((target, recipe)) = arguments.to.zip(arguments.recipe.as_deref()) {
        let data_dir = crate::data_dir(arguments.data_dir.as_deref());
        let (images, python) = (arguments.images.as_deref(), arguments.peer.as_deref());
        let seeds = u64::from(arguments.seeds.unwrap_or(3));
        let request = recipe::Request { target, recipe, data_dir: &data_dir, images, python, seeds };
        return recipe::run(&request, isa, arguments.json.as_deref()).map(drop);
    }
    let mut peers = Vec::new();
    if let Some(python) = &arguments.peer {
        peers.push(Peer::pytorch(python, isa, threads)?);
    }
    if arguments.burn {
        peers.push(Peer::burn(threads)?);
    }
    let mut session = Session::new(isa, threads, plan, arguments.quick)?;
    session.introduce(&formats, &peers)?;
    let mut rows = Vec::new();
    for case in &cases {
        rows.extend(session.case(case, &formats, &mut peers, arguments.precision.as_deref())?);
    }
    if let Some(path) = &arguments.json {
        write_rows(path, &rows)?;
    }
    Ok(())
}

fn write_rows(path: &Path, rows: &[impl Serialize]) -> Result<()> {
    rows::write_json(path, rows)?;
    complain(&format!("{}: {} rows", path.display(), rows.len()));
    Ok(())
}

impl Arguments {
    fn cases(&self) -> Result<Vec<Case>> {
        let wanted = |wish: &Option<String>, name: &str| wish.as_ref().is_none_or(|wish| wish == name);
        let of = |case: &&Case| wanted(&self.block, case.block) && wanted(&self.input, case.input);
        let cases: Vec<Case> = CASES.iter().filter(of).copied().collect();
        if cases.is_empty() {
            let known: Vec<String> = CASES.map(|case| case.to_string()).to_vec();
            let found = [&self.block, &self.input].map(|wish| wish.as_deref().unwrap_or("any")).join(" ");
            let rule = format!("--block, --input: must be one of {}; found {found}", known.join(", "));
            return Err(WrongUse(rule).into());
        }
        Ok(cases)
    }

    fn formats(&self) -> Vec<Format> {
        let wanted = |format: &Format| self.precision.as_ref().is_none_or(|name| name == format.name);
        FORMATS.into_iter().filter(wanted).collect()
    }

    fn plan(&self, threads: usize) -> Plan {
        let full = Plan { blocks: 10, rounds: 5, seconds: 5.0, op_seconds: 0.15, images: 60_000 };
        let quick = Plan { blocks: threads, rounds: 1, seconds: 0.2, op_seconds: 0.01, images: 1_000 };
        let plan = if self.quick { quick } else { full };
        Plan {
            rounds: self.rounds.unwrap_or(plan.rounds),
            seconds: self.seconds.unwrap_or(plan.seconds),
            ..plan
        }
    }
}

/// Fails now rather than after minutes of measuring.
fn check_writable(path: &Path) -> Result<()> {
    let what = || format!("--json {}: must be a file that can be written", path.display());
    if path.is_dir() {
        bail!("{}; found a folder", what());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(folder).with_context(what)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, String> {
        let words = ["bench"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn narrowing_leaves_what_was_asked_for() {
        let all = parse("").unwrap();
        assert_eq!((all.cases().unwrap().len(), all.formats().len()), (CASES.len(), FORMATS.len()));
        let one = parse("--block paper --input 32x32x3 --precision f32").unwrap();
        assert_eq!(one.cases().unwrap(), [CASES[1]]);
        assert_eq!(one.formats(), [FORMATS[0]]);
        let none = parse("--block reference --input 32x32x3").unwrap().cases().unwrap_err().to_string();
        let known = "paper 28x28x1, paper 32x32x3, reference 28x28x1, deep 32x32x3";
        assert_eq!(none, format!("--block, --input: must be one of {known}; found reference 32x32x3"));
    }

    #[test]
    fn quick_is_a_start_that_flags_go_over() {
        let plan = parse("--quick --rounds 3").unwrap().plan(4);
        assert_eq!((plan.blocks, plan.rounds, plan.seconds), (4, 3, 0.2));
        assert_eq!(parse("--seconds 1.5").unwrap().plan(4).seconds, 1.5);
    }

    #[test]
    fn wrong_use_says_what_is_right() {
        for bad in ["0", "-1", "nan", "-inf", "4000", "soon"] {
            let line = format!(
                "error: invalid value '{bad}' for '--seconds <S>': must be a number of seconds above 0 and at most 3600"
            );
            // With a space, which must not make a flag of a negative number.
            for typed in [format!("--seconds={bad}"), format!("--seconds {bad}")] {
                assert_eq!(parse(&typed).unwrap_err().lines().next(), Some(line.as_str()), "{typed}");
            }
        }
        for bad in ["0", "-1", "-0", "101", "1.5", "99999999999999999999", "many"] {
            let line = format!(
                "error: invalid value '{bad}' for '--rounds <N>': must be a whole number from 1 to 100"
            );
            for typed in [format!("--rounds={bad}"), format!("--rounds {bad}")] {
                assert_eq!(parse(&typed).unwrap_err().lines().next(), Some(line.as_str()), "{typed}");
            }
        }
        assert!(parse("--block toy").unwrap_err().contains("[possible values: deep, paper, reference]"));
        assert!(parse("--input 8x8x1").unwrap_err().contains("[possible values: 28x28x1, 32x32x3]"));
        assert!(parse("--memory-run").is_err());
        assert!(parse("--long --precision f32 --quick").is_ok());
        assert!(parse("--long --block paper").is_err() && parse("--long --peer python").is_err());
    }

    #[test]
    fn the_json_file_is_tried_first() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("bench.json")).unwrap();
        let error = check_writable(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("must be a file that can be written; found a folder"), "{error}");
        assert!(check_writable(Path::new("/no/such/folder/bench.json")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
