//! The page: its frame, headline numbers, facts, and the order of the sections.

use super::data::{ReportData, ReportError};
use super::frame::{page, pair, section};
use super::html::escape;
use nopropdt_blocks::Readout;

use super::{blocks, chains, classes, diagnosis, figures, numbers, pictures, reliability};

/// The whole page.
pub(super) fn render(data: &ReportData) -> Result<String, ReportError> {
    let mut sections = vec![
        section("run", "The run", &facts(data)),
        section(
            "training",
            "Training",
            &pair(&figures::accuracy_over_epochs(&data.epochs)?, &figures::loss_over_epochs(data)?),
        ),
        section(
            "blocks",
            if data.words.readout == "block" { "Block by block" } else { "On the way" },
            &pair(&figures::accuracy_after_blocks(data)?, &figures::epoch_table(&data.epochs)),
        ),
    ];
    if let Some(body) = blocks::section(data)? {
        sections.push(section("losses", "What blocks learn by", &body));
    }
    if let Some(diagnostics) = &data.diagnostics {
        let title =
            if data.words.readout == "block" { "What each block does" } else { "What each read-out does" };
        sections.push(section("diagnostics", title, &diagnosis::section(diagnostics, data)?));
    }
    if !data.alpha_bar.is_empty() {
        let schedule = figures::schedule(&data.alpha_bar)?;
        let body = match data.snr_weight.is_empty() {
            true => schedule,
            false => pair(&schedule, &figures::weights(&data.snr_weight)?),
        };
        sections.push(section("schedule", "Noise schedule", &body));
    }
    sections.push(section("classes", "Class by class", &classes::section(data)?));
    sections.push(section("calibration", "Probabilities", &reliability::section(data)?));
    if !data.prototypes.is_empty() {
        sections.push(section(
            "prototypes",
            "Prototypes",
            &pictures::prototypes(&data.prototypes, &data.class_names)?,
        ));
    }
    let are_pictures = data.pictures.iter().all(|picture| picture.pixels.is_some());
    let examples = if are_pictures { "Test images" } else { "Test examples" };
    sections.push(section(
        "pictures",
        examples,
        &pictures::grid(&data.pictures, &data.class_names, data.readout)?,
    ));
    sections.push(section(
        "chains",
        "From noise to answer",
        &chains::heat_maps(&data.chains, &data.class_names, data.words.readout)?,
    ));
    Ok(page(&data.title, &format!("{}\n{}", headline(data), sections.join("\n"))))
}

fn headline(data: &ReportData) -> String {
    let summary = &data.summary;
    let epochs =
        if summary.epochs == 1 { "1 epoch".to_owned() } else { format!("{} epochs", summary.epochs) };
    let epochs = epochs + if summary.stopped_early == Some(true) { ", stopped early" } else { "" };
    let read = match summary.best_epoch {
        Some(best) => format!("read at the end, after epoch {best}"),
        None => "read at the end".to_owned(),
    };
    let accuracy = |readout, label, value, note: &str| {
        let value = numbers::percent(value, 2);
        if readout == data.readout {
            tile("tile answer", label, &value, &format!("{note}: the answer"))
        } else {
            tile("tile", label, &value, note)
        }
    };
    let tiles = [
        accuracy(Readout::Chain, "chain accuracy", summary.test_accuracy, &read),
        accuracy(
            Readout::Consensus,
            "consensus accuracy",
            summary.test_accuracy_consensus,
            "mean over the blocks",
        ),
        tile("tile", "training time", &numbers::duration(summary.train_seconds), &epochs),
        tile("tile", "parameters", &numbers::count(summary.parameters), "trained numbers"),
        tile("tile", "images per second", &images_per_second(data), "while training"),
    ];
    format!("<section id=\"headline\" class=\"tiles\">{}</section>", tiles.concat())
}

fn tile(class: &str, label: &str, value: &str, note: &str) -> String {
    format!("<div class=\"{class}\"><span>{label}</span><b>{value}</b><small>{note}</small></div>")
}

/// Images trained on divided by the time that took, over all epochs.
fn images_per_second(data: &ReportData) -> String {
    let seconds: f64 = data.epochs.iter().map(|epoch| epoch.seconds).sum();
    let images: f64 = data.epochs.iter().map(|epoch| epoch.seconds * epoch.images_per_second).sum();
    let rate = images / seconds;
    if rate.is_finite() && rate >= 10.0 { numbers::count(rate.round() as u64) } else { numbers::short(rate) }
}

/// The given facts, then what the run cost.
fn facts(data: &ReportData) -> String {
    let summary = &data.summary;
    let mut costs = vec![("whole run", numbers::duration(summary.seconds))];
    if summary.peak_rss_bytes > 0 {
        costs.push(("peak memory", numbers::bytes(summary.peak_rss_bytes)));
    }
    let given = data.facts.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    let rows: String = given
        .chain(costs.iter().map(|(label, value)| (*label, value.as_str())))
        .map(|(label, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(label), escape(value)))
        .collect();
    format!("<dl class=\"card facts\">{rows}</dl>")
}
