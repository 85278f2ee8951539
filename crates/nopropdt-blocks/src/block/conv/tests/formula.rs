//! Parameters and statistics made of their names, so that a full-width block needs no file of two million numbers.

use crate::golden::{GRADIENT, Golden};
use nopropdt_tensor::Parameters;
use nopropdt_tensor::gradient_check::compare;

/// Samples a golden file holds of each tensor.
const SAMPLES: usize = 64;

/// Overwrites every tensor with centre + half · (2·fraction − 1).
pub(super) fn fill(parameters: &mut Parameters) {
    let entries: Vec<_> =
        parameters.entries().map(|entry| (entry.name.clone(), entry.shape.clone())).collect();
    for (name, shape) in entries {
        let (centre, half) = scale(&name, &shape);
        let length: usize = shape.iter().product();
        let start = fnv1a(&name);
        let values: Vec<f32> =
            (0..length as u64).map(|i| (centre + half * (2.0 * fraction(start, i) - 1.0)) as f32).collect();
        assert!(parameters.import(&name, &values), "{name}");
    }
}

/// Entries k·n/64, k = 0..63, of n values in PyTorch's layout.
pub(super) fn sample(values: &[f32]) -> Vec<f32> {
    (0..SAMPLES).map(|k| values[k * values.len() / SAMPLES]).collect()
}

/// Every gradient's norm and samples.
pub(super) fn check_gradients(golden: &mut Golden, parameters: &Parameters, gradient: &[f32]) {
    let norm = |values: &[f32]| values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32;
    let whole = f64::from(norm(gradient));
    for entry in parameters.entries() {
        let name = &entry.name;
        let Some(found) = parameters.export_gradient(name, gradient) else { continue };
        let expected_norm = golden.take(&format!("grad_norm.{name}")).values;
        let expected = golden.take(&format!("grad_sample.{name}")).values;
        // A vanishing gradient (see golden::ROUNDING) is held against the norm of the whole block's.
        let bound = if expected_norm == [0.0] { 1e-5 * whole } else { GRADIENT };
        golden.within(&format!("grad_norm.{name}"), compare(&[norm(&found)], &expected_norm), bound);
        golden.within(&format!("grad_sample.{name}"), compare(&sample(&found), &expected), bound);
    }
}

/// Centre and half-width of a tensor's values.
fn scale(name: &str, shape: &[usize]) -> (f64, f64) {
    let (layer, kind) = name.rsplit_once('.').unwrap();
    let is_norm = layer.rsplit('.').next().unwrap().starts_with("bn");
    match kind {
        "running_var" => (1.0, 0.5),
        "weight" if is_norm => (1.0, 0.1),
        "weight" => (0.0, (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt()),
        _ => (0.0, 0.1),
    }
}

/// 64-bit FNV-1a.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// Number i of splitmix64 from `start`, its top 24 bits as a fraction.
fn fraction(start: u64, i: u64) -> f64 {
    let mut h = start.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^= h >> 31;
    (h >> 40) as f64 / f64::from(1u32 << 24)
}
