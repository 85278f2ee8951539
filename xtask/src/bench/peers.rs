//! Other frameworks at the same work: which, in which forms, and what is asked of them.

use super::cases::{BATCH, CLASSES, Case, Plan};
use super::ours::evaluation_batch;
use super::process::Process;
use super::rows::PeerForm;
use crate::command::run as run_command;
use anyhow::{Context, Result};
use nopropdt_tensor::Isa;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// A precision and the order of an image's values in memory.
type Form = (&'static str, &'static str);

const PYTORCH: [Form; 3] = [("f32", "nchw"), ("f32", "channels_last"), ("bf16", "channels_last")];
const BURN: [Form; 1] = [("f32", "nchw")];
/// Blocks that each framework's program has.
const OF_PYTORCH: &[&str] = &["paper", "reference", "deep"];
const OF_BURN: &[&str] = &["paper", "reference"];
/// What keeps PyTorch to the instructions of NOPROPDT_ISA=avx2.
pub(super) const AVX2_ONLY: [(&str, &str); 2] =
    [("ATEN_CPU_CAPABILITY", "avx2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")];

/// How one peer program is started.
enum Launch<'a> {
    Pytorch { python: &'a Path, isa: Isa },
    Burn,
}

/// A framework: a process with all threads, and as many one-thread processes as there are threads.
pub(super) struct Peer<'a> {
    launch: Launch<'a>,
    pub(super) framework: &'static str,
    pub(super) version: String,
    forms: &'static [Form],
    blocks: &'static [&'static str],
    /// Whether it evaluates, and trains whole networks in a memory run.
    pub(super) has_networks: bool,
    threads: usize,
    teams: Vec<Vec<Process>>,
}

/// A way to run a peer that gets figures of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lane {
    /// Index of the team of processes.
    team: usize,
    pub(super) precision: &'static str,
    layout: &'static str,
}

impl<'a> Peer<'a> {
    /// PyTorch under the given Python, held to what `isa` may use.
    pub(super) fn pytorch(python: &'a Path, isa: Isa, threads: usize) -> Result<Self> {
        Self::start(Launch::Pytorch { python, isa }, "pytorch", (&PYTORCH, OF_PYTORCH), true, threads)
    }

    /// burn with its flex backend, which is built first.
    pub(super) fn burn(threads: usize) -> Result<Self> {
        let manifest =
            ["--manifest-path", "xtask/peers/burn/Cargo.toml", "--target-dir", "target/peers/burn"];
        run_command("cargo", &[&["build", "--release", "--locked"], &manifest[..]].concat(), &[])?;
        Self::start(Launch::Burn, "burn", (&BURN, OF_BURN), false, threads)
    }

    fn start(
        launch: Launch<'a>,
        framework: &'static str,
        (forms, blocks): (&'static [Form], &'static [&'static str]),
        has_networks: bool,
        threads: usize,
    ) -> Result<Self> {
        let mut peer = Self {
            launch,
            framework,
            version: String::new(),
            forms,
            blocks,
            has_networks,
            threads,
            teams: Vec::new(),
        };
        let mut sizes = vec![(1, threads)];
        if threads > 1 {
            sizes.push((threads, 1));
        }
        for (processes, threads) in sizes {
            let team = (0..processes).map(|_| peer.process(threads)).collect::<Result<_>>()?;
            peer.teams.push(team);
        }
        Ok(peer)
    }

    /// A fresh process of so many threads, which has said who it is.
    fn process(&mut self, threads: usize) -> Result<Process> {
        let mut process = Process::start(self.framework, self.launch.command(threads))?;
        process.ask(&json!({"do": "hello"}))?;
        let hello = process.answer()?;
        let version =
            hello["version"].as_str().with_context(|| format!("{}: has no version", self.framework))?;
        self.version = version.to_owned();
        Ok(process)
    }

    /// Whether it has the case's block.
    pub(super) fn knows(&self, case: &Case) -> bool {
        self.blocks.contains(&case.block)
    }

    /// Every form on every team.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        let teams = 0..self.teams.len();
        let forms =
            |team| self.forms.iter().map(move |&(precision, layout)| Lane { team, precision, layout });
        teams.flat_map(forms).collect()
    }

    pub(super) fn form(&self, lane: Lane) -> PeerForm {
        PeerForm {
            framework: self.framework.to_owned(),
            version: self.version.clone(),
            layout: lane.layout.to_owned(),
            processes: self.teams[lane.team].len(),
        }
    }

    /// Makes the lane's block ready and runs a few steps of it.
    pub(super) fn warm_up(&mut self, lane: Lane, case: &Case) -> Result<()> {
        self.together(lane, &request("warm", case, lane), "seconds").map(|_| ())
    }

    /// Trains for `seconds`: the times of every process's steps.
    pub(super) fn train(&mut self, lane: Lane, case: &Case, seconds: f64) -> Result<Vec<Vec<f64>>> {
        let mut request = request("train", case, lane);
        request["seconds"] = seconds.into();
        self.together(lane, &request, "seconds")
    }

    /// Evaluates for `seconds` with `plan.blocks` blocks: the seconds an image of every process.
    pub(super) fn infer(
        &mut self,
        lane: Lane,
        case: &Case,
        plan: &Plan,
        seconds: f64,
    ) -> Result<Vec<Vec<f64>>> {
        let mut request = request("infer", case, lane);
        request["seconds"] = seconds.into();
        request["blocks"] = plan.blocks.into();
        request["batch"] = evaluation_batch().into();
        let mut times = self.together(lane, &request, "seconds")?;
        times.iter_mut().flatten().for_each(|time| *time /= evaluation_batch() as f64);
        Ok(times)
    }

    /// Peak resident memory of a fresh process after each epoch of a training run. None but for the lane of all threads.
    pub(super) fn memory(
        &mut self,
        lane: Lane,
        case: &Case,
        plan: &Plan,
        epochs: usize,
    ) -> Result<Option<Vec<f64>>> {
        if lane.team != 0 {
            return Ok(None);
        }
        let mut process = self.process(self.threads)?;
        let mut request = request("memory", case, lane);
        for (key, value) in [("blocks", plan.blocks), ("images", plan.images), ("epochs", epochs)] {
            request[key] = value.into();
        }
        process.ask(&request)?;
        process.numbers("peak_rss_bytes").map(Some)
    }

    /// Asks every process of the lane's team the same at the same time.
    fn together(&mut self, lane: Lane, request: &Value, key: &str) -> Result<Vec<Vec<f64>>> {
        let team = &mut self.teams[lane.team];
        team.iter_mut().try_for_each(|process| process.ask(request))?;
        team.iter_mut().map(|process| process.numbers(key)).collect()
    }
}

fn request(what: &str, case: &Case, lane: Lane) -> Value {
    let nopropdt_data::ImageShape { height, width, channels } = case.image;
    json!({
        "do": what,
        "block": case.block,
        "height": height,
        "width": width,
        "channels": channels,
        "classes": CLASSES,
        "batch": BATCH,
        "precision": lane.precision,
        "layout": lane.layout,
    })
}

impl Launch<'_> {
    fn command(&self, threads: usize) -> Command {
        let count = threads.to_string();
        match self {
            Self::Pytorch { python, isa } => {
                let mut command = Command::new(python);
                command.arg(crate::root().join("xtask/peers/pytorch.py")).args(["--threads", &count]);
                command.envs([("OMP_NUM_THREADS", &count), ("MKL_NUM_THREADS", &count)]);
                if *isa == Isa::Avx2 {
                    command.envs(AVX2_ONLY);
                }
                command
            }
            Self::Burn => {
                let mut command = Command::new(crate::root().join("target/peers/burn/release/burn-peer"));
                command.env("RAYON_NUM_THREADS", &count);
                command
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::*;

    #[test]
    fn a_request_names_the_whole_work() {
        let lane = Lane { team: 0, precision: "bf16", layout: "channels_last" };
        let found = request("train", &CASES[1], lane).to_string();
        let wanted = concat!(
            r#"{"batch":128,"block":"paper","channels":3,"classes":10,"do":"train","height":32,"#,
            r#""layout":"channels_last","precision":"bf16","width":32}"#
        );
        assert_eq!(found, wanted);
    }

    #[test]
    fn pytorch_is_held_to_avx2_only_when_we_are() {
        let python = Path::new("python");
        let limited = |isa| {
            let command = Launch::Pytorch { python, isa }.command(1);
            command.get_envs().any(|(name, _)| name == "ONEDNN_MAX_CPU_ISA")
        };
        assert!(limited(Isa::Avx2) && !limited(Isa::Avx512) && !limited(Isa::Portable));
    }
}
