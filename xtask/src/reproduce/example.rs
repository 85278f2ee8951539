//! A result for tests.

use nopropdt_train::evaluation::RunAccuracy;
use nopropdt_train::experiments::{Origin, Outcome};

/// Of a cell whose chain reached `chain`.
pub(super) fn outcome(chain: f64) -> Outcome {
    let draw = |chain: f64| RunAccuracy { chain, consensus: chain + 0.01, per_block: vec![chain] };
    Outcome {
        // Of mean `chain` and standard error 0.001.
        draws: vec![draw(chain - 0.001), draw(chain + 0.001)],
        averaged_draws: Some(vec![draw(chain + 0.005)]),
        validation: None,
        epochs: vec![],
        seconds: 12.0,
        threads: 1,
        precision: "f32".into(),
        isa: "portable".into(),
        origin: Origin { commit: "abc".into(), processor: "a computer".into(), date: "2026-01-02".into() },
    }
}
