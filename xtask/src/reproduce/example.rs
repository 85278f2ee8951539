//! A result for tests.

use nopropdt_train::experiments::{Origin, Outcome};
use nopropdt_train::statistics::Measured;

/// Of a cell whose chain reached `chain`.
pub(super) fn outcome(chain: f64) -> Outcome {
    let measured = |mean| Measured { mean, standard_error: 0.001 };
    Outcome {
        runs: 5,
        chain: measured(chain),
        consensus: measured(chain + 0.01),
        averaged: Some([measured(chain + 0.005), measured(chain + 0.012)]),
        train_seconds: 12.0,
        precision: "f32".into(),
        isa: "portable".into(),
        origin: Some(Origin {
            commit: "abc".into(),
            machine: "a computer".into(),
            date: "2026-01-02".into(),
        }),
    }
}
