//! `stress`: what a test has no time for. Runs are killed or told to stop at random moments, again and again, and must end with the bits of the run that was
//! never stopped; and two runs that are started at once in one folder must leave one owner.

use crate::command::trainer;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use nopropdt_tensor::random::Stream;
use nopropdt_train::commands::print;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Arguments of `stress`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Kills in all, shared among the methods: about half of them by SIGKILL, half by SIGTERM, after which a run saves what it has done
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true, default_value_t = 100)]
    kills: usize,
    /// Pairs of runs started at once in one folder
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true, default_value_t = 50)]
    pairs: usize,
    /// Seed of the moments
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true, default_value_t = 0)]
    seed: u64,
}

fn count(text: &str) -> Result<usize, String> {
    let rule = "must be a whole number from 0 to 1000000";
    text.parse().ok().filter(|&count| count <= 1_000_000).ok_or_else(|| rule.to_owned())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("must be a whole number from 0 to {}", u64::MAX))
}

/// A method each that learns by blocks, by one network and through all blocks: their checkpoints hold different things.
const METHODS: [&str; 3] = ["dt", "ct", "backprop"];
/// The exit code of a run that was told to stop.
const INTERRUPTED: i32 = 130;
/// A run of a second or two.
const SETTINGS: [&str; 6] =
    ["--limit-train=512", "--limit-test=60", "--steps=2", "--epochs=6", "--threads=2", "--no-progress"];

pub fn run(arguments: Arguments) -> Result<()> {
    let bench = Bench { program: trainer()?, folder: tempfile::tempdir()? };
    let mut moments = Moments { stream: Stream::new(arguments.seed).purpose("stress"), next: 0 };
    for (index, method) in METHODS.iter().enumerate() {
        let kills = arguments.kills / METHODS.len() + usize::from(index < arguments.kills % METHODS.len());
        print(&bench.kill(method, kills, &mut moments)?)?;
    }
    print(&bench.start_pairs(arguments.pairs)?)
}

/// Random moments, the same for the same seed.
struct Moments {
    stream: Stream,
    next: u64,
}

impl Moments {
    /// A number from 0 to 1.
    fn share(&mut self) -> f32 {
        let mut value = [0.0];
        self.stream.fill_uniform_at(self.next, &mut value);
        self.next += 1;
        value[0]
    }
}

struct Bench {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn begin(&self, method: &str, out: &str) -> Command {
        self.command(&[&SETTINGS[..], &["--method", method, "--out", out]].concat())
    }

    fn finish(&self, mut command: Command) -> Result<()> {
        let output = command.output()?;
        ensure!(output.status.success(), "{command:?}: {}", said(&output));
        Ok(())
    }

    fn model(&self, run: &str) -> Result<Vec<u8>> {
        let path = self.folder.path().join(run).join("model.safetensors");
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// Kills runs of a method `kills` times; each ends with the bits of the one that was never stopped.
    fn kill(&self, method: &str, kills: usize, moments: &mut Moments) -> Result<String> {
        let whole = format!("{method}-whole");
        let began = Instant::now();
        self.finish(self.begin(method, &whole))?;
        let (takes, wanted) = (began.elapsed(), self.model(&whole)?);
        let (mut killed, mut runs, mut late) = (0, 0, 0);
        while killed < kills {
            runs += 1;
            let out = format!("{method}-{runs}");
            let resume = || self.command(&["--resume", &out, "--no-progress"]);
            let mut command = self.begin(method, &out);
            loop {
                let moment = takes.mul_f32(moments.share());
                let how = if moments.share() < 0.5 { Signal::Kill } else { Signal::Terminate };
                match end(command.spawn()?, moment, how)? {
                    Ended::Killed => killed += 1,
                    Ended::ByItself => late += 1,
                }
                // A kill may come before there is a folder.
                let there = self.folder.path().join(&out).join("config.toml").exists();
                command = if there { resume() } else { self.begin(method, &out) };
                if killed == kills || moments.share() < 0.4 {
                    break;
                }
            }
            self.finish(command)?;
            ensure!(self.model(&out)? == wanted, "{method}: run {runs} ended with other bits");
            fs::remove_dir_all(self.folder.path().join(&out))?;
        }
        Ok(format!(
            "{method}: {killed} kills in {runs} runs ({late} came too late), each resumed to the same bits"
        ))
    }

    /// Starts two runs at once in one folder, `pairs` times.
    fn start_pairs(&self, pairs: usize) -> Result<String> {
        let mut said_so = [0, 0];
        for pair in 1..=pairs {
            let out = format!("pair-{pair}");
            let start = |seed: &'static str| {
                let flags =
                    ["--limit-train=64", "--limit-test=20", "--steps=1", "--epochs=2", "--no-progress"];
                self.command(&[&flags[..], &["--seed", seed, "--out", &out]].concat()).spawn()
            };
            let children = [start("1")?, start("2")?];
            let outputs: Vec<Output> =
                children.into_iter().map(Child::wait_with_output).collect::<Result<_, _>>()?;
            let winners: Vec<usize> = (0..2).filter(|&which| outputs[which].status.success()).collect();
            let [winner] = winners[..] else {
                bail!(
                    "pair {pair}: {} of 2 trained: {} / {}",
                    winners.len(),
                    said(&outputs[0]),
                    said(&outputs[1])
                );
            };
            let loser = said(&outputs[1 - winner]);
            let place = ["another process is at the run", "already holds a run"]
                .iter()
                .position(|words| loser.contains(words))
                .with_context(|| format!("pair {pair}: the other run says: {loser}"))?;
            said_so[place] += 1;
            owned_by(&self.folder.path().join(&out), winner as u64 + 1)?;
        }
        let [busy, taken] = said_so;
        Ok(format!(
            "{pairs} pairs: one owner each; the other was told of a process in {busy}, of a run in {taken}"
        ))
    }
}

/// Checks that a run's settings and summary are those of the run with this seed.
fn owned_by(run: &Path, seed: u64) -> Result<()> {
    let config = fs::read_to_string(run.join("config.toml"))?;
    let summary = nopropdt_train::metrics_file::read_summary(&run.join("summary.json"))?;
    ensure!(
        config.contains(&format!("seed = {seed}\n")) && summary.seed == seed,
        "{}: files of two runs",
        run.display()
    );
    Ok(())
}

/// How a child is ended.
#[derive(Clone, Copy)]
enum Signal {
    Kill,
    Terminate,
}

impl Signal {
    fn send(self, child: &mut Child) -> Result<()> {
        if matches!(self, Self::Kill) || cfg!(not(unix)) {
            return Ok(child.kill()?);
        }
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        ensure!(sent.success(), "kill: {sent}");
        Ok(())
    }
}

enum Ended {
    Killed,
    ByItself,
}

/// Ends the child after a while, unless it ends before.
fn end(mut child: Child, after: Duration, how: Signal) -> Result<Ended> {
    sleep(after);
    if let Some(status) = child.try_wait()? {
        let output = child.wait_with_output()?;
        ensure!(status.success(), "before it was killed: {}", said(&output));
        return Ok(Ended::ByItself);
    }
    how.send(&mut child)?;
    let output = child.wait_with_output()?;
    // One that was told to stop when it was done anyway.
    if output.status.success() {
        return Ok(Ended::ByItself);
    }
    let told = said(&output);
    let interrupted = output.status.code().is_none_or(|code| code == INTERRUPTED);
    ensure!(interrupted || matches!(how, Signal::Kill), "told to stop: {told}");
    Ok(Ended::Killed)
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{} ({})", text.trim(), output.status)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_told_their_range() {
        for text in ["-1", "1.5", "many", "1000001", ""] {
            assert_eq!(count(text).unwrap_err(), "must be a whole number from 0 to 1000000", "{text}");
        }
        assert_eq!(seed("-1").unwrap_err(), "must be a whole number from 0 to 18446744073709551615");
        assert_eq!((count("3"), seed("18446744073709551615")), (Ok(3), Ok(u64::MAX)));
    }

    fn bench(script: &str) -> Bench {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Bench { program, folder }
    }

    fn moments() -> Moments {
        Moments { stream: Stream::new(1), next: 0 }
    }

    /// `$out` is the folder that the arguments name.
    const FIND_OUT: &str =
        "while [ $# -gt 0 ]; do case $1 in --out|--resume) out=$2;; --seed) seed=$2;; esac; shift; done";

    #[test]
    fn other_bits_after_a_kill_are_found() {
        let same = bench(&format!(
            "{FIND_OUT}; mkdir -p $out; echo x > $out/config.toml; sleep 0.05; echo 1 > $out/model.safetensors"
        ));
        let told = same.kill("dt", 3, &mut moments()).unwrap();
        assert!(told.starts_with("dt: 3 kills in "), "{told}");
        let other = bench(&format!(
            "{FIND_OUT}; mkdir -p $out; echo x > $out/config.toml; sleep 0.05; echo $$ > $out/model.safetensors"
        ));
        let error = other.kill("dt", 3, &mut moments()).unwrap_err().to_string();
        assert!(error.ends_with("ended with other bits"), "{error}");
    }

    #[test]
    fn two_owners_are_found() {
        let error = bench("exit 0").start_pairs(1).unwrap_err().to_string();
        assert!(error.starts_with("pair 1: 2 of 2 trained"), "{error}");
        let error = bench("exit 1").start_pairs(1).unwrap_err().to_string();
        assert!(error.starts_with("pair 1: 0 of 2 trained"), "{error}");
        let silent =
            bench(&format!("{FIND_OUT}; mkdir $out 2>/dev/null || {{ echo no such file >&2; exit 1; }}"));
        let error = silent.start_pairs(1).unwrap_err().to_string();
        assert!(error.contains("the other run says: no such file"), "{error}");
    }
}
