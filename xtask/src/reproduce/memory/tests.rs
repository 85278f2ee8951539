//! What is measured once, again and not at all, with a script in place of the program.

use super::*;
use nopropdt_train::experiments::Program;
use nopropdt_train::metrics::Summary;
use nopropdt_train::metrics_file::write_summary;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// Logs each call and leaves the summary beside it in the run's folder; fails while there is a file `broken`.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
for word; do case "$word" in --out=*) run=${word#--out=} ;; esac; done
[ ! -e "$here/broken" ] || { echo "error: loss must be finite; found NaN" >&2; exit 1; }
mkdir -p "$run"
cp "$here/summary.json" "$run/summary.json"
"#;

fn summary() -> Summary {
    Summary {
        test_accuracy: 0.9,
        test_accuracy_consensus: 0.9,
        test_accuracy_per_block: vec![0.9],
        test_balanced_accuracy: None,
        test_balanced_accuracy_consensus: None,
        readout: None,
        answer_accuracy: None,
        epochs: 1,
        extended_after: vec![],
        best_epoch: None,
        stopped_early: None,
        parameters: 1,
        seconds: 3.0,
        train_seconds: 2.5,
        peak_rss_bytes: 9,
        train_rss_bytes: Some(7),
        precision: "f32".into(),
        isa: "portable".into(),
        threads: 1,
        seed: 0,
    }
}

#[test]
fn memory_is_measured_once_and_failures_do_not_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("program"), SCRIPT).unwrap();
    fs::set_permissions(path("program"), fs::Permissions::from_mode(0o755)).unwrap();
    write_summary(&path("summary.json"), &summary()).unwrap();
    let origin = Origin { commit: "abc".into(), processor: "m".into(), date: "2026-01-02".into() };
    let runner =
        Runner::new(Program::new(path("program"), Arc::default()), &path("runs"), &path("cells"), origin)
            .unwrap();
    let places = Places { data_dir: "data".into(), cifar10_jpeg: None };
    let file = path("memory.json");
    let known = || read_record::<Vec<Memory>>(&file).unwrap_or_default();
    let measure = |again| {
        let failed = measure_into(&file, &[Data::Digits], &runner, &places, again).unwrap();
        (known(), failed)
    };
    let calls = || {
        let text = fs::read_to_string(path("calls")).unwrap_or_default();
        fs::write(path("calls"), "").unwrap();
        assert!(
            text.lines().all(|call| call.starts_with("train ") && call.contains("--threads=1")),
            "{text}"
        );
        text.lines().count()
    };

    fs::write(path("broken"), "").unwrap();
    let (known, failed) = measure(false);
    assert_eq!((known.len(), failed.len()), (0, 5));
    let expected = "memory of backprop on digits: error: loss must be finite";
    assert!(failed[0].starts_with(expected), "{}", failed[0]);
    fs::remove_file(path("broken")).unwrap();
    calls();
    let (known, failed) = measure(false);
    // One process a method, and its own figure for each.
    assert_eq!((known.len(), failed.len(), calls()), (5, 0, 5));
    assert!(known.iter().all(|memory| memory.bytes == 7), "{known:?}");
    assert_eq!(measure(false).0, known);
    assert_eq!(calls(), 0);
    // Asked to, it measures again, and keeps what it knew of what fails.
    assert_eq!(measure(true).0.len(), 5);
    assert_eq!(calls(), 5);
    fs::write(path("broken"), "").unwrap();
    let (kept, failed) = measure(true);
    assert_eq!((kept.len(), failed.len()), (5, 5));
}
