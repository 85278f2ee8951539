//! A run of the benchmark: who takes turns with whom, case by case.

use super::cases::{CASES, Case, FORMATS, Format, Plan, step_flop};
use super::ours::{Inference, Setup, Tally, Training};
use super::peaks::{Peaks, Team, teams};
use super::peers::{Lane, Peer};
use super::rows::Row;
use super::{memory, ops, tables};
use anyhow::{Context, Result};
use nopropdt_blocks::Method;
use nopropdt_tensor::kernels::Isa;
use nopropdt_tensor::measure::Times;
use std::io::Write;

/// What stays the same over all cases.
pub(super) struct Session {
    isa: Isa,
    plan: Plan,
    quick: bool,
    teams: Vec<Team>,
    peaks: Peaks,
}

/// A lane of one of the peers.
struct PeerLane {
    peer: usize,
    lane: Lane,
    tally: Tally,
}

/// One of our setups on one of our teams.
struct OwnLane {
    setup: usize,
    team: usize,
    tally: Tally,
}

impl Session {
    pub(super) fn new(isa: Isa, threads: usize, plan: Plan, quick: bool) -> Result<Self> {
        let teams = teams(threads)?;
        let peaks = Peaks::measure(&FORMATS.map(|format| format.arithmetic), isa, &teams, &plan);
        Ok(Self { isa, plan, quick, teams, peaks })
    }

    /// Prints machine, settings and peaks.
    pub(super) fn introduce(&self, formats: &[Format], peers: &[Peer<'_>]) -> Result<()> {
        let peaks: Vec<(&str, usize, Option<f64>)> = formats
            .iter()
            .flat_map(|format| self.teams.iter().map(move |team| (format, team.threads)))
            .map(|(format, threads)| (format.name, threads, self.peaks.of(format.arithmetic, threads)))
            .collect();
        let versions = peers.iter().map(|peer| format!("{} {}", peer.framework, peer.version)).collect();
        print(&tables::introduction(self.isa, &self.plan, self.quick, &peaks, versions))
    }

    /// Everything about a block and an input, printed and returned.
    pub(super) fn case(
        &mut self,
        case: &Case,
        formats: &[Format],
        peers: &mut [Peer<'_>],
        precision: Option<&str>,
    ) -> Result<Vec<Row>> {
        let setups: Vec<Setup> =
            formats.iter().map(|format| Setup::new(case, *format, &self.plan)).collect::<Result<_>>()?;
        let flop = step_flop(&setups[0].network);
        let mut lanes: Vec<PeerLane> = Vec::new();
        for (peer, others) in peers.iter().enumerate() {
            let wanted =
                others.lanes().into_iter().filter(|lane| precision.is_none_or(|name| name == lane.precision));
            lanes.extend(wanted.map(|lane| PeerLane { peer, lane, tally: Tally::default() }));
        }
        let mut rows = self.train(case, &setups, peers, &mut lanes)?;
        let one = self.teams[0].threads;
        for (setup, row) in
            setups.iter().zip(rows.iter_mut().filter(|row| row.is_ours() && row.threads == one))
        {
            if setup.format == FORMATS[0] {
                note(&format!("{} {}: operation by operation", case.block, case.input));
                let peak = self.peaks.of(setup.format.arithmetic, one);
                let measured = || ops::of_block(case, &setup.network, &self.plan, peak);
                row.ops = self.teams[0].pool.install(measured)?;
            }
        }
        let whole = *case == CASES[0];
        if whole {
            self.infer(case, &setups, peers, &lanes, &mut rows)?;
            self.remember(case, &setups, peers, &lanes, &mut rows)?;
        }
        print(&tables::case(case, flop, &rows, self.teams[self.teams.len() - 1].threads))?;
        Ok(rows)
    }

    /// Our setups on each team, one after the other.
    fn own_lanes(&self, setups: &[Setup]) -> Vec<OwnLane> {
        let lane =
            |setup| (0..self.teams.len()).map(move |team| OwnLane { setup, team, tally: Tally::default() });
        (0..setups.len()).flat_map(lane).collect()
    }

    /// Training, all lanes in turns: a row a lane, ours first.
    fn train(
        &self,
        case: &Case,
        setups: &[Setup],
        peers: &mut [Peer<'_>],
        lanes: &mut [PeerLane],
    ) -> Result<Vec<Row>> {
        let what = format!("{} {}", case.block, case.input);
        note(&format!("{what}: warming up"));
        let mut own = self.own_lanes(setups);
        let mut trainings: Vec<Training<'_>> = setups.iter().map(Training::new).collect::<Result<_>>()?;
        for training in &mut trainings {
            training.epoch(&self.teams[self.teams.len() - 1].pool)?;
        }
        for lane in lanes.iter() {
            peers[lane.peer].warm_up(lane.lane, case)?;
        }
        for round in 0..self.plan.rounds {
            note(&format!("{what}: training, round {} of {}", round + 1, self.plan.rounds));
            let due = self.plan.due(round);
            for lane in &mut own {
                let (training, pool) = (&mut trainings[lane.setup], &self.teams[lane.team].pool);
                lane.tally.measure(due, |_| Ok(vec![training.epoch(pool)?]))?;
            }
            for lane in lanes.iter_mut() {
                let peer = &mut peers[lane.peer];
                lane.tally.measure(due, |seconds| peer.train(lane.lane, case, seconds))?;
            }
        }
        let mut rows = Vec::new();
        for lane in &own {
            let (setup, threads) = (&setups[lane.setup], self.teams[lane.team].threads);
            let times = lane.tally.times(&what)?;
            let row = Row::new(case, setup.format.name, threads, setup.flop(), &times);
            let peak = self.peaks.of(setup.format.arithmetic, threads);
            rows.push(Row { isa: Some(self.isa.to_string()), ..row.against(peak) });
        }
        for lane in lanes.iter() {
            let (peer, threads) = (&peers[lane.peer], self.teams[self.teams.len() - 1].threads);
            let times = lane.tally.times(&format!("{} {what}", peer.framework))?;
            let row = Row::new(case, lane.lane.precision, threads, step_flop(&setups[0].network), &times);
            let format = FORMATS.iter().find(|format| format.name == lane.lane.precision);
            let peak = format.and_then(|format| self.peaks.of(format.arithmetic, threads));
            rows.push(Row { peer: Some(peer.form(lane.lane)), ..row.against(peak) });
        }
        Ok(rows)
    }

    /// Inference in turns, written into the rows of the same lanes.
    fn infer(
        &self,
        case: &Case,
        setups: &[Setup],
        peers: &mut [Peer<'_>],
        lanes: &[PeerLane],
        rows: &mut [Row],
    ) -> Result<()> {
        let mut own = self.own_lanes(setups);
        let weights: Vec<_> = setups.iter().map(|setup| setup.network.init(setup.config.seed)).collect();
        let inferences: Vec<Inference<'_>> = own
            .iter()
            .map(|lane| {
                let threads = self.teams[lane.team].threads;
                Inference::new(case, &setups[lane.setup].network, &weights[lane.setup], threads)
            })
            .collect::<Result<_>>()?;
        let mut others: Vec<Tally> = lanes.iter().map(|_| Tally::default()).collect();
        for round in 0..self.plan.rounds {
            note(&format!(
                "{} {}: inference, round {} of {}",
                case.block,
                case.input,
                round + 1,
                self.plan.rounds
            ));
            let due = self.plan.due(round);
            for (lane, inference) in own.iter_mut().zip(&inferences) {
                let pool = &self.teams[lane.team].pool;
                lane.tally.measure(due, |_| Ok(vec![vec![inference.once(pool)]]))?;
            }
            for (lane, tally) in lanes.iter().zip(&mut others) {
                let peer = &mut peers[lane.peer];
                if peer.has_networks {
                    tally.measure(due, |seconds| peer.infer(lane.lane, case, &self.plan, seconds))?;
                }
            }
        }
        let kept = lanes.iter().map(|lane| peers[lane.peer].has_networks);
        let kept = own.iter().map(|_| true).chain(kept);
        let tallies = own.iter().map(|lane| &lane.tally).chain(&others);
        for ((row, tally), kept) in rows.iter_mut().zip(tallies).zip(kept) {
            if kept {
                let rate = |times: &Times| 1.0 / times.median();
                row.inference_images_per_second = Some(tally.times("inference")?.iter().map(rate).sum());
                row.network_blocks = Some(self.plan.blocks);
            }
        }
        Ok(())
    }

    /// Memory of training runs, written into the rows with all threads in one process.
    fn remember(
        &self,
        case: &Case,
        setups: &[Setup],
        peers: &mut [Peer<'_>],
        lanes: &[PeerLane],
        rows: &mut [Row],
    ) -> Result<()> {
        note(&format!("{} {}: memory", case.block, case.input));
        let (ours, others) = rows.split_at_mut(setups.len() * self.teams.len());
        for (setup, rows) in setups.iter().zip(ours.chunks_mut(self.teams.len())) {
            let row = rows.last_mut().context("there is always a team")?;
            record(row, &memory::measure(case, setup.format, self.quick)?);
        }
        for (lane, row) in lanes.iter().zip(others) {
            let peer = &mut peers[lane.peer];
            if peer.has_networks
                && let Some(peaks) = peer.memory(lane.lane, case, &self.plan, memory::EPOCHS)?
            {
                record(row, &peaks);
            }
        }
        Ok(())
    }
}

/// Takes down the peaks after each epoch, in bytes.
fn record(row: &mut Row, peaks: &[f64]) {
    if let (Some(first), Some(last)) = (peaks.first(), peaks.last()) {
        row.peak_rss_bytes = Some(*last as u64);
        row.peak_rss_growth_bytes = Some((last - first) as u64);
    }
}

/// Tells on standard error what goes on; where even that fails there is nobody to tell.
fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush()).context("can't write to standard output")
}
