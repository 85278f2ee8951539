//! The figures as Markdown.

use super::cases::{BATCH, Case, Plan};
use super::ops::OpRow;
use super::peers::AVX2_ONLY;
use super::rows::Row;
use nopropdt_tensor::Isa;
use nopropdt_train::machine::cpu_name;

/// Machine, settings, peaks: (precision, threads, GFLOP/s).
pub(super) fn introduction(
    isa: Isa,
    plan: &Plan,
    quick: bool,
    peaks: &[(&str, usize, Option<f64>)],
    peers: Vec<String>,
) -> String {
    let mut lines = vec![format!("{}; {isa} kernels", cpu_name())];
    let Plan { blocks, rounds, seconds, .. } = plan;
    lines.push(format!(
        "batch {BATCH}, {blocks} blocks side by side; medians of {seconds} s a figure, in turns, rounds: {rounds}"
    ));
    if quick {
        lines.push("--quick: shows that the benchmark works; its figures mean little".to_owned());
    }
    for (precision, threads, peak) in peaks {
        let peak = peak.map_or("unknown".to_owned(), |peak| format!("{peak:.0} GFLOP/s"));
        let plural = if *threads == 1 { "" } else { "s" };
        lines.push(format!("peak {precision}, {threads} thread{plural}: {peak}"));
    }
    if !peers.is_empty() {
        lines.push(format!("in turns with {}", peers.join(" and ")));
    }
    if isa == Isa::Avx2 {
        for peer in &peers {
            lines.push(if peer.starts_with("pytorch") {
                let limits = AVX2_ONLY.map(|(name, value)| format!("{name}={value}"));
                format!("pytorch is held to AVX2 too: {}", limits.join(" "))
            } else {
                format!("{peer} is not held to AVX2: it has no such switch")
            });
        }
    }
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

/// All tables of a case.
pub(super) fn case(case: &Case, flop: f64, rows: &[Row], threads: usize) -> String {
    let title = format!("### {} block, {}: {:.1} GFLOP a step\n\n", case.block, case.input, flop / 1e9);
    let mut text = title + &training(rows);
    for part in [ratios(rows, threads), whole_network(rows)] {
        if !part.is_empty() {
            text = text + "\n" + &part;
        }
    }
    for row in rows.iter().filter(|row| !row.ops.is_empty()) {
        text = text + "\n" + &operations(row);
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn header(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    line(&names) + &line(&names.iter().map(|_| "---".to_owned()).collect::<Vec<_>>())
}

/// Who, in which order of values, and as how many processes of how many threads.
fn who(row: &Row) -> [String; 4] {
    let (name, layout, processes) = row
        .peer
        .as_ref()
        .map_or(("nopropdt", "", 1), |peer| (peer.framework.as_str(), peer.layout.as_str(), peer.processes));
    let threads = format!("{processes} × {}", row.threads / processes);
    [name.to_owned(), row.precision.clone(), layout.to_owned(), threads]
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share))
}

fn training(rows: &[Row]) -> String {
    let names = ["program", "precision", "layout", "processes × threads", "ms/step", "least – most"];
    let mut text = header(&[&names[..], &["images/s", "GFLOP/s", "of peak"]].concat());
    for row in rows {
        let figures = [
            format!("{:.1}", row.ms_per_step),
            format!("{:.1} – {:.1}", row.ms_per_step_min, row.ms_per_step_max),
            format!("{:.0}", row.images_per_second),
            format!("{:.0}", row.gflops),
            percent(row.peak_fraction),
        ];
        text += &line(&[&who(row)[..], &figures].concat());
    }
    text
}

/// Ours with all threads against the best form of each framework in the same precision, and against ours with one thread.
fn ratios(rows: &[Row], threads: usize) -> String {
    let mut frameworks: Vec<&str> =
        rows.iter().filter_map(|row| Some(&*row.peer.as_ref()?.framework)).collect();
    frameworks.sort_unstable();
    frameworks.dedup();
    let mut lines = String::new();
    for ours in rows.iter().filter(|row| row.is_ours() && row.threads == threads) {
        let same = |row: &&Row| row.same_work(ours);
        if let Some(one) =
            rows.iter().filter(same).find(|row| row.is_ours() && row.threads == 1 && threads > 1)
        {
            lines += &format!(
                "- {}: {threads} threads do {:.2} times the work of one.\n",
                ours.precision,
                one.ms_per_step / ours.ms_per_step
            );
        }
        for framework in &frameworks {
            let of = |row: &&Row| row.peer.as_ref().is_some_and(|peer| peer.framework == *framework);
            let forms = rows.iter().filter(same).filter(of);
            if let Some(best) = forms.min_by(|a, b| a.ms_per_step.total_cmp(&b.ms_per_step)) {
                let [_, _, layout, processes] = who(best);
                lines += &format!(
                    "- {}: {framework}'s best ({layout}, {processes}) takes {:.1} ms, ours {:.1} ms: **{:.2}×**.\n",
                    ours.precision,
                    best.ms_per_step,
                    ours.ms_per_step,
                    best.ms_per_step / ours.ms_per_step
                );
            }
        }
    }
    lines
}

/// Inference and memory, where they were measured.
fn whole_network(rows: &[Row]) -> String {
    let measured: Vec<&Row> = rows.iter().filter(|row| row.network_blocks.is_some()).collect();
    let Some(blocks) = measured.first().and_then(|row| row.network_blocks) else { return String::new() };
    let names = ["program", "precision", "layout", "processes × threads", "inference, images/s"];
    let mut text = format!("All {blocks} blocks:\n\n");
    text += &header(&[&names[..], &["training, peak MiB", "growth after epoch 1, MiB"]].concat());
    let mebibytes = |bytes: Option<u64>| bytes.map_or("–".to_owned(), |bytes| format!("{}", bytes >> 20));
    for row in measured {
        let rate = row.inference_images_per_second.map_or("–".to_owned(), |rate| format!("{rate:.0}"));
        let figures = [rate, mebibytes(row.peak_rss_bytes), mebibytes(row.peak_rss_growth_bytes)];
        text += &line(&[&who(row)[..], &figures].concat());
    }
    text
}

fn operations(row: &Row) -> String {
    let OpSum { ms, share } = OpSum::of(row);
    let mut text = format!("Operations of the {} step, one thread:\n\n", row.precision);
    text += &header(&["operation", "times", "ms each", "GFLOP/s", "of peak"]);
    for op in &row.ops {
        let gflops = op.gflops.map_or("–".to_owned(), |rate| format!("{rate:.1}"));
        let cells = [op.op.clone(), op.times.to_string(), format!("{:.3}", op.ms), gflops];
        text += &line(&[&cells[..], &[percent(op.peak_fraction)]].concat());
    }
    text + &format!(
        "\nTogether {ms:.1} ms, {:.0} % of the whole step's {:.1} ms.\n",
        100.0 * share,
        row.ms_per_step
    )
}

/// What the operations take together.
struct OpSum {
    ms: f64,
    /// Of the whole step.
    share: f64,
}

impl OpSum {
    fn of(row: &Row) -> Self {
        let total = |op: &OpRow| op.times as f64 * op.ms;
        let ms = row.ops.iter().map(total).sum();
        Self { ms, share: ms / row.ms_per_step }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::super::rows::PeerForm;
    use super::*;
    use nopropdt_kernels::measure::Times;

    fn row(precision: &str, threads: usize, seconds: f64) -> Row {
        let times = Times::from_seconds(vec![seconds]).unwrap();
        Row::new(&CASES[0], precision, threads, 12e9, &[times]).against(Some(240.0))
    }

    fn peer(precision: &str, layout: &str, processes: usize, seconds: f64) -> Row {
        let form =
            PeerForm { framework: "pytorch".into(), version: "2".into(), layout: layout.into(), processes };
        Row { peer: Some(form), ..row(precision, 2, seconds) }
    }

    #[test]
    fn ratios_are_against_the_best_form_of_the_same_precision() {
        let rows = [
            row("f32", 1, 0.1),
            row("f32", 2, 0.05),
            peer("f32", "nchw", 1, 0.2),
            peer("f32", "channels_last", 2, 0.15),
            peer("bf16", "channels_last", 2, 0.01),
        ];
        assert_eq!(
            ratios(&rows, 2),
            "- f32: 2 threads do 2.00 times the work of one.\n\
             - f32: pytorch's best (channels_last, 2 × 1) takes 150.0 ms, ours 50.0 ms: **3.00×**.\n"
        );
        assert_eq!(ratios(&rows[1..2], 2), "");
    }

    #[test]
    fn every_line_of_a_table_has_the_columns_of_its_header() {
        let op = |op: &str, gflops| OpRow { op: op.into(), times: 2, ms: 3.0, gflops, peak_fraction: None };
        let ours = Row {
            ops: vec![op("conv1", Some(100.0)), op("AdamW", None)],
            network_blocks: Some(10),
            peak_rss_bytes: Some(3 << 20),
            ..row("f32", 1, 0.1)
        };
        let text = case(&CASES[0], 12e9, &[ours, peer("f32", "nchw", 2, 0.2)], 1);
        assert!(text.starts_with("### paper block, 28x28x1: 12.0 GFLOP a step\n\n| program |"), "{text}");
        assert!(
            text.contains("| nopropdt | f32 |  | 1 × 1 | 100.0 | 100.0 – 100.0 | 1280 | 120 | 50 % |\n"),
            "{text}"
        );
        assert!(text.contains("| nopropdt | f32 |  | 1 × 1 | – | 3 | – |\n"), "{text}");
        assert!(text.contains("\nTogether 12.0 ms, 12 % of the whole step's 100.0 ms.\n"), "{text}");
        for table in text.split("\n\n") {
            let columns: Vec<usize> = table
                .lines()
                .filter(|line| line.starts_with('|'))
                .map(|line| line.matches('|').count())
                .collect();
            assert!(columns.iter().all(|count| *count == columns[0]), "{table}");
        }
    }

    #[test]
    fn limits_of_the_peer_are_told() {
        let plan = Plan { blocks: 2, rounds: 1, seconds: 1.0, op_seconds: 0.1, images: 0 };
        let told = |isa| introduction(isa, &plan, false, &[("f32", 1, None)], vec!["pytorch 2".into()]);
        assert!(told(Isa::Avx2).contains("ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2"));
        assert!(!told(Isa::Avx512).contains("ATEN") && !told(Isa::Avx2).contains("no such switch"));
        assert!(told(Isa::Avx512).contains("- peak f32, 1 thread: unknown\n- in turns with pytorch 2\n"));
    }
}
