//! A measured figure as it leaves the program: one object of the JSON file, one line of the table.

use super::cases::{BATCH, Case};
use super::ops::OpRow;
use anyhow::{Context, Result};
use nopropdt_kernels::measure::Times;
use nopropdt_train::files::replace_file;
use serde::Serialize;
use std::path::Path;

/// Who else was measured, and how it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PeerForm {
    /// `pytorch` or `burn`.
    pub(super) framework: String,
    /// Its version.
    pub(super) version: String,
    /// `nchw` or `channels_last`.
    pub(super) layout: String,
    /// Processes side by side, a block each.
    pub(super) processes: usize,
}

/// Speed of the block step of one program in one form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) block: String,
    pub(super) input: String,
    pub(super) precision: String,
    /// Of a peer only.
    #[serde(flatten)]
    pub(super) peer: Option<PeerForm>,
    /// Of ours only: the kernels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) isa: Option<String>,
    /// At work in all, over all processes.
    pub(super) threads: usize,
    pub(super) batch: usize,
    /// Median of wall time / block steps done.
    pub(super) ms_per_step: f64,
    pub(super) ms_per_step_min: f64,
    pub(super) ms_per_step_max: f64,
    /// How many times the median is of.
    pub(super) samples: usize,
    /// Images through one block.
    pub(super) images_per_second: f64,
    pub(super) gflops: f64,
    /// Of the peak of the same arithmetic on as many threads; null where no peak is known.
    pub(super) peak_fraction: Option<f64>,
    /// Images a second through all blocks, in evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inference_images_per_second: Option<f64>,
    /// Blocks of the network that answered, or trained in the memory run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network_blocks: Option<usize>,
    /// Largest resident memory of a training run after each epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_rss_bytes: Option<u64>,
    /// By how much that grew after the first epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_rss_growth_bytes: Option<u64>,
    /// The step's operations, on one thread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ops: Vec<OpRow>,
}

impl Row {
    /// The row of processes that worked side by side, each with the times of its own steps. What they do together is the sum of
    /// their rates, so two processes that take 100 ms a step each do a step in 50 ms.
    pub(super) fn new(case: &Case, precision: &str, threads: usize, flop: f64, processes: &[Times]) -> Self {
        let together =
            |time: fn(&Times) -> f64| 1e3 / processes.iter().map(|times| 1.0 / time(times)).sum::<f64>();
        let ms = together(Times::median);
        Self {
            block: case.block.to_owned(),
            input: case.input.to_owned(),
            precision: precision.to_owned(),
            peer: None,
            isa: None,
            threads,
            batch: BATCH,
            ms_per_step: ms,
            ms_per_step_min: together(Times::fastest),
            ms_per_step_max: together(Times::slowest),
            samples: processes.iter().map(Times::count).sum(),
            images_per_second: BATCH as f64 / ms * 1e3,
            gflops: flop / ms / 1e6,
            peak_fraction: None,
            inference_images_per_second: None,
            network_blocks: None,
            peak_rss_bytes: None,
            peak_rss_growth_bytes: None,
            ops: Vec::new(),
        }
    }

    /// The same row, held against `peak` GFLOP/s.
    pub(super) fn against(self, peak: Option<f64>) -> Self {
        Self { peak_fraction: peak.map(|peak| self.gflops / peak), ..self }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.peer.is_none()
    }

    /// Whether the other row is of the same work.
    pub(super) fn same_work(&self, other: &Self) -> bool {
        (&self.block, &self.input, &self.precision) == (&other.block, &other.input, &other.precision)
    }
}

/// Writes all rows as a JSON array, whole or not at all.
pub(super) fn write_json(path: &Path, rows: &[impl Serialize]) -> Result<()> {
    let mut text = serde_json::to_string_pretty(rows).context("rows have a JSON form")?;
    text.push('\n');
    Ok(replace_file(path, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::*;
    use serde_json::Value;

    fn times(seconds: &[f64]) -> Times {
        Times::from_seconds(seconds.to_vec()).unwrap()
    }

    #[test]
    fn rates_of_processes_side_by_side_add_up() {
        let row = Row::new(&CASES[0], "f32", 2, 6e9, &[times(&[0.1, 0.2, 0.1]), times(&[0.1])]);
        assert!((row.ms_per_step - 50.0).abs() < 1e-9 && (row.images_per_second - 2560.0).abs() < 1e-9);
        assert!((row.gflops - 120.0).abs() < 1e-9 && row.samples == 4);
        assert!((row.ms_per_step_max - 1e3 / 15.0).abs() < 1e-9);
        assert_eq!(row.against(Some(240.0)).peak_fraction.map(|share| (share * 1e9).round()), Some(5e8));
    }

    #[test]
    fn json_has_the_names_other_programs_rely_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        let ours = Row::new(&CASES[0], "f32", 2, 6e9, &[times(&[0.1])]).against(Some(240.0));
        let form = PeerForm {
            framework: "pytorch".into(),
            version: "2".into(),
            layout: "nchw".into(),
            processes: 2,
        };
        let peer = Row { peer: Some(form), ..ours.clone() };
        write_json(&path, &[ours, peer]).unwrap();
        let rows: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for name in
            ["block", "input", "precision", "threads", "batch", "ms_per_step", "gflops", "peak_fraction"]
        {
            assert!(!rows[0][name].is_null(), "{name}");
        }
        assert_eq!((&rows[0]["framework"], &rows[0]["layout"]), (&Value::Null, &Value::Null));
        assert_eq!(rows[1]["framework"], "pytorch");
        assert_eq!((&rows[1]["layout"], &rows[1]["processes"]), (&"nchw".into(), &2.into()));
        assert_eq!(rows[0]["images_per_second"], 1280.0);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let error = write_json(Path::new("/no/such/folder/bench.json"), &[0; 0]).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/folder/bench.json: can't be written: "), "{error}");
    }
}
