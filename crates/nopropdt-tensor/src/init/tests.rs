use approx::assert_abs_diff_eq;

use super::*;

const COUNT: usize = 200_000;

fn filled(rule: Initializer, shape: &[usize], fan_in: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; shape.iter().product()];
    rule.fill(shape, fan_in, Stream::new(11).purpose("init"), &mut out);
    out
}

fn mean_of(values: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|&value| f(f64::from(value))).sum::<f64>() / values.len() as f64
}

/// Checks the range, and that mean and variance are those of the uniform distribution over ±bound.
fn assert_uniform(values: &[f32], bound: f32) {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    assert!(values.iter().all(|value| value.abs() <= bound), "{largest} is beyond {bound}");
    assert!(largest > 0.999 * bound, "{largest} stays far below {bound}");
    let bound = f64::from(bound);
    let n = values.len() as f64;
    assert_abs_diff_eq!(mean_of(values, |x| x), 0.0, epsilon = 4.5 * bound / (3.0 * n).sqrt());
    let variance = bound.powi(2) / 3.0;
    assert_abs_diff_eq!(mean_of(values, |x| x * x), variance, epsilon = 4.5 * variance * (0.8 / n).sqrt());
}

/// Checks the first four moments.
fn assert_normal(values: &[f32], std: f64) {
    let n = values.len() as f64;
    assert_abs_diff_eq!(mean_of(values, |x| x / std), 0.0, epsilon = 4.5 / n.sqrt());
    assert_abs_diff_eq!(mean_of(values, |x| (x / std).powi(2)), 1.0, epsilon = 4.5 * (2.0 / n).sqrt());
    assert_abs_diff_eq!(mean_of(values, |x| (x / std).powi(3)), 0.0, epsilon = 4.5 * (15.0 / n).sqrt());
    assert_abs_diff_eq!(mean_of(values, |x| (x / std).powi(4)), 3.0, epsilon = 4.5 * (96.0 / n).sqrt());
}

#[test]
fn constants_fill_every_value() {
    assert_eq!(filled(Initializer::Zeros, &[2, 2], 2), [0.0; 4]);
    assert_eq!(filled(Initializer::Ones, &[3], 3), [1.0; 3]);
    assert_eq!(filled(Initializer::Constant { value: -0.25 }, &[3], 3), [-0.25; 3]);
}

#[test]
fn uniform_has_its_bounds_and_moments() {
    assert_uniform(&filled(Initializer::Uniform { bound: 0.3 }, &[COUNT], 1), 0.3);
    assert_eq!(filled(Initializer::Uniform { bound: 0.0 }, &[4], 1), [0.0; 4]);
    assert_uniform(&filled(Initializer::Uniform { bound: 3e38 }, &[COUNT], 1), 3e38);
}

#[test]
fn normal_has_its_moments() {
    assert_normal(&filled(Initializer::Normal { std: 0.02 }, &[COUNT], 1), f64::from(0.02f32));
    assert_eq!(filled(Initializer::Normal { std: 0.0 }, &[4], 1), [0.0; 4]);
}

#[test]
fn pytorch_default_is_uniform_within_one_over_root_fan_in() {
    assert_uniform(&filled(Initializer::PYTORCH_DEFAULT, &[200, 1000], 1000), 1.0 / 1000f32.sqrt());
}

#[test]
fn kaiming_rules_scale_by_fan_in_and_slope() {
    let slope = 0.5;
    let uniform = Initializer::KaimingUniform { negative_slope: slope };
    assert_uniform(&filled(uniform, &[COUNT], 24), (6.0f32 / 1.25 / 24.0).sqrt());
    let normal = Initializer::KaimingNormal { negative_slope: slope };
    assert_normal(&filled(normal, &[COUNT], 24), (2.0f64 / 1.25 / 24.0).sqrt());
    assert_normal(&filled(Initializer::KaimingNormal { negative_slope: 0.0 }, &[COUNT], 50), 0.2);
    assert_eq!(filled(Initializer::PYTORCH_DEFAULT, &[2], 0), [0.0; 2]);
}

#[test]
fn orthogonal_rows_or_columns_are_orthonormal() {
    for shape in [&[5, 12][..], &[12, 5], &[7, 7], &[1, 1], &[1, 9], &[9, 1], &[6, 2, 3, 2], &[200, 20]] {
        let out = filled(Initializer::Orthogonal, shape, 1);
        let rows = shape[0];
        let matrix = Array2::from_shape_vec((rows, out.len() / rows), out).unwrap().mapv(f64::from);
        let vectors = if matrix.nrows() <= matrix.ncols() { matrix.view() } else { matrix.t() };
        let gram = vectors.dot(&vectors.t());
        assert_abs_diff_eq!(
            gram.as_slice().unwrap(),
            Array2::eye(gram.nrows()).as_slice().unwrap(),
            epsilon = 1e-6
        );
    }
}

/// Under the Haar measure of the 3 x 3 orthogonal matrices an entry has mean 0, variance 1/3 and fourth moment
/// 1/5, and the determinant is as often -1 as 1. A QR without the sign fix fails the mean on the diagonal.
#[test]
fn orthogonal_is_haar_uniform() {
    const MATRICES: u64 = 20_000;
    let matrices: Vec<[f32; 9]> = (0..MATRICES)
        .map(|tag| {
            let mut out = [0.0; 9];
            Initializer::Orthogonal.fill(&[3, 3], 3, Stream::new(5).child(tag), &mut out);
            out
        })
        .collect();
    let n = MATRICES as f64;
    for entry in 0..9 {
        let values: Vec<f32> = matrices.iter().map(|matrix| matrix[entry]).collect();
        assert_abs_diff_eq!(mean_of(&values, |x| x), 0.0, epsilon = 4.5 * (1.0 / 3.0 / n).sqrt());
        assert_abs_diff_eq!(mean_of(&values, |x| x * x), 1.0 / 3.0, epsilon = 4.5 * (0.09 / n).sqrt());
        assert_abs_diff_eq!(mean_of(&values, |x| x.powi(4)), 0.2, epsilon = 4.5 * (0.08 / n).sqrt());
    }
    let determinants: Vec<f32> = matrices
        .iter()
        .map(|&[a, b, c, d, e, f, g, h, i]| a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
        .collect();
    assert!(determinants.iter().all(|value| (value.abs() - 1.0).abs() < 1e-5));
    assert_abs_diff_eq!(mean_of(&determinants, |x| x), 0.0, epsilon = 4.5 / n.sqrt());
}

#[test]
fn the_same_stream_gives_the_same_values_and_another_gives_others() {
    for rule in [Initializer::PYTORCH_DEFAULT, Initializer::Normal { std: 1.0 }, Initializer::Orthogonal] {
        let draw = |seed| {
            let mut out = vec![0.0; 15];
            rule.fill(&[3, 5], 5, Stream::new(seed), &mut out);
            out
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

#[test]
fn empty_shapes_are_filled() {
    for rule in [Initializer::PYTORCH_DEFAULT, Initializer::Orthogonal] {
        rule.fill(&[0, 3], 3, Stream::new(1), &mut []);
        rule.fill(&[3, 0], 0, Stream::new(1), &mut []);
    }
}

#[test]
fn broken_parameters_are_rejected() {
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(Initializer::Uniform { bound: bad }.validate().unwrap_err().name, "bound");
        assert_eq!(Initializer::Normal { std: bad }.validate().unwrap_err().name, "std");
    }
    for bad in [f32::NAN, f32::NEG_INFINITY] {
        assert_eq!(Initializer::Constant { value: bad }.validate().unwrap_err().name, "value");
        for rule in [
            Initializer::KaimingUniform { negative_slope: bad },
            Initializer::KaimingNormal { negative_slope: bad },
        ] {
            assert_eq!(rule.validate().unwrap_err().name, "negative_slope");
        }
    }
    let message = Initializer::Normal { std: -1.0 }.validate().unwrap_err().to_string();
    assert_eq!(message, "initializer std: must be at least 0 and finite; found -1");
    assert_eq!(Initializer::PYTORCH_DEFAULT.validate(), Ok(()));
}

#[test]
#[should_panic(expected = "initializer: shape [2, 3] has 6 values; out has 5")]
fn a_wrong_length_panics() {
    Initializer::Ones.fill(&[2, 3], 3, Stream::new(1), &mut [0.0; 5]);
}

#[test]
#[should_panic(expected = "wants at least 2 axes")]
fn orthogonal_wants_a_matrix() {
    Initializer::Orthogonal.fill(&[6], 6, Stream::new(1), &mut [0.0; 6]);
}

#[test]
fn rules_are_read_from_configuration() {
    let rule: Initializer = toml::from_str("kind = 'kaiming-uniform'\nnegative_slope = 0.5").unwrap();
    assert_eq!(rule, Initializer::KaimingUniform { negative_slope: 0.5 });
    assert!(toml::from_str::<Initializer>("kind = 'normal'\nsigma = 0.5").is_err());
}
