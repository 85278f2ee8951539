//! A run of the benchmark: who takes turns with whom, case by case.

use super::cases::{CASES, Case, FORMATS, Format, Plan, step_flop};
use super::ours::{Setup, Tally, Training, evaluation_images, infer};
use super::peaks::{Peaks, Team, teams};
use super::peers::{Lane, Peer};
use super::rows::Row;
use super::{memory, ops, tables};
use anyhow::Result;
use nopropdt_blocks::Method;
use nopropdt_tensor::Isa;
use nopropdt_train::commands::{complain, print};

/// What stays the same over all cases.
pub(super) struct Session {
    isa: Isa,
    plan: Plan,
    quick: bool,
    teams: Vec<Team>,
    peaks: Peaks,
}

/// Somebody who takes turns, and gets a row.
#[derive(Clone, Copy)]
enum Turn {
    /// One of our setups on one of our teams.
    Ours { setup: usize, team: usize },
    /// A lane of one of the peers.
    Peer { peer: usize, lane: Lane },
}

/// What a turn yields: the times of each process.
type Times = Vec<Vec<f64>>;

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
        let turns = self.turns(case, &setups, peers, precision);
        let mut rows = self.train(case, &setups, peers, &turns)?;
        for (turn, row) in turns.iter().zip(&mut rows) {
            if let Turn::Ours { setup, team: 0 } = *turn {
                let setup @ Setup { format, .. } = &setups[setup];
                complain(&format!("{case}, {}: operation by operation", format.name));
                let peak = self.peaks.of(format.arithmetic, self.teams[0].threads);
                let measured = || ops::of_block(case, setup, &self.plan, peak);
                row.ops = self.teams[0].pool.install(measured)?;
            }
        }
        if *case == CASES[0] {
            self.infer(case, &setups, peers, &turns, &mut rows)?;
            self.remember(case, &setups, peers, &turns, &mut rows)?;
        }
        print(&tables::case(case, step_flop(&setups[0].network), &rows, self.all().threads))?;
        Ok(rows)
    }

    /// The team of all threads.
    fn all(&self) -> &Team {
        &self.teams[self.teams.len() - 1]
    }

    /// All who take turns, in the order of the table's rows: ours first.
    fn turns(&self, case: &Case, setups: &[Setup], peers: &[Peer<'_>], precision: Option<&str>) -> Vec<Turn> {
        let teams = 0..self.teams.len();
        let own =
            (0..setups.len()).flat_map(|setup| teams.clone().map(move |team| Turn::Ours { setup, team }));
        let of_peer = |(peer, others): (usize, &Peer<'_>)| {
            let wanted = |lane: &Lane| precision.is_none_or(|name| name == lane.precision);
            let lanes = others.lanes().into_iter().filter(wanted);
            lanes.map(move |lane| Turn::Peer { peer, lane }).collect::<Vec<_>>()
        };
        let able = peers.iter().enumerate().filter(|(_, peer)| peer.knows(case));
        own.chain(able.flat_map(of_peer)).collect()
    }

    /// Lets all take turns, round by round, each until its share of the time is used up: what was found of each.
    fn in_turns(
        &self,
        what: &str,
        turns: &[Turn],
        mut once: impl FnMut(Turn, f64) -> Result<Times>,
    ) -> Result<Vec<Tally>> {
        let mut tallies: Vec<Tally> = turns.iter().map(|_| Tally::default()).collect();
        for round in 0..self.plan.rounds {
            complain(&format!("{what}, round {} of {}", round + 1, self.plan.rounds));
            for (turn, tally) in turns.iter().zip(&mut tallies) {
                tally.measure(self.plan.due(round), |seconds| once(*turn, seconds))?;
            }
        }
        Ok(tallies)
    }

    /// Training: a row a turn.
    fn train(
        &self,
        case: &Case,
        setups: &[Setup],
        peers: &mut [Peer<'_>],
        turns: &[Turn],
    ) -> Result<Vec<Row>> {
        complain(&format!("{case}: warming up"));
        let mut trainings: Vec<Training<'_>> = setups.iter().map(Training::new).collect::<Result<_>>()?;
        for training in &mut trainings {
            training.epoch(&self.all().pool)?;
        }
        for turn in turns {
            if let Turn::Peer { peer, lane } = *turn {
                peers[peer].warm_up(lane, case)?;
            }
        }
        let tallies = self.in_turns(&format!("{case}: training"), turns, |turn, seconds| match turn {
            Turn::Ours { setup, team } => Ok(vec![trainings[setup].epoch(&self.teams[team].pool)?]),
            Turn::Peer { peer, lane } => peers[peer].train(lane, case, seconds),
        })?;
        let row = |(turn, tally): (&Turn, &Tally)| {
            let (precision, threads) = match *turn {
                Turn::Ours { setup, team } => (setups[setup].format.name, self.teams[team].threads),
                Turn::Peer { lane, .. } => (lane.precision, self.all().threads),
            };
            let times = tally.times(&format!("{case}: training"))?;
            let format = FORMATS.iter().find(|format| format.name == precision);
            let peak = format.and_then(|format| self.peaks.of(format.arithmetic, threads));
            let row = Row::new(case, precision, threads, step_flop(&setups[0].network), &times).against(peak);
            Ok(match *turn {
                Turn::Ours { .. } => Row { isa: Some(self.isa.to_string()), ..row },
                Turn::Peer { peer, lane } => Row { peer: Some(peers[peer].form(lane)), ..row },
            })
        };
        turns.iter().zip(&tallies).map(row).collect()
    }

    /// Inference, written into the rows of the same turns.
    fn infer(
        &self,
        case: &Case,
        setups: &[Setup],
        peers: &mut [Peer<'_>],
        turns: &[Turn],
        rows: &mut [Row],
    ) -> Result<()> {
        let weights: Vec<_> =
            setups.iter().map(|setup| setup.network.init(setup.config.training.seed)).collect();
        let images: Vec<_> =
            self.teams.iter().map(|team| evaluation_images(case, team.threads)).collect::<Result<_>>()?;
        let able = |turn: &Turn| !matches!(turn, Turn::Peer { peer, .. } if !peers[*peer].has_networks);
        let (turns, rows): (Vec<Turn>, Vec<&mut Row>) =
            turns.iter().copied().zip(rows).filter(|(turn, _)| able(turn)).unzip();
        let tallies = self.in_turns(&format!("{case}: inference"), &turns, |turn, seconds| match turn {
            Turn::Ours { setup, team } => {
                let (network, pool) = (&setups[setup].network, &self.teams[team].pool);
                Ok(vec![vec![infer(network, &weights[setup], &images[team], pool)]])
            }
            Turn::Peer { peer, lane } => peers[peer].infer(lane, case, &self.plan, seconds),
        })?;
        for (row, tally) in rows.into_iter().zip(tallies) {
            let rates = tally.times(&format!("{case}: inference"))?;
            row.inference_images_per_second = Some(rates.iter().map(|times| 1.0 / times.median()).sum());
            row.network_blocks = Some(self.plan.blocks);
        }
        Ok(())
    }

    /// Memory of training runs, written into the rows with all threads in one process.
    fn remember(
        &self,
        case: &Case,
        setups: &[Setup],
        peers: &mut [Peer<'_>],
        turns: &[Turn],
        rows: &mut [Row],
    ) -> Result<()> {
        complain(&format!("{case}: memory"));
        for (turn, row) in turns.iter().zip(rows) {
            let peaks = match *turn {
                Turn::Ours { setup, team } if team + 1 == self.teams.len() => {
                    memory::measure(case, setups[setup].format, self.quick)?
                }
                Turn::Peer { peer, lane } if peers[peer].has_networks => {
                    peers[peer].memory(lane, case, &self.plan, memory::EPOCHS)?.unwrap_or_default()
                }
                _ => Vec::new(),
            };
            if let (Some(first), Some(last)) = (peaks.first(), peaks.last()) {
                row.peak_rss_bytes = Some(*last as u64);
                row.peak_rss_growth_bytes = Some((last - first) as u64);
            }
        }
        Ok(())
    }
}
