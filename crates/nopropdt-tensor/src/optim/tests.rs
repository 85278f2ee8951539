use approx::assert_relative_eq;

use super::*;

const ALL: [OptimizerConfig; 5] = [
    OptimizerConfig::Adam { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.1 },
    OptimizerConfig::AdamW { betas: [0.8, 0.99], eps: 1e-6, weight_decay: 0.1 },
    OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.1, nesterov: false },
    OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.1, nesterov: true },
    OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 0.1, nesterov: false },
];

/// Gradients that differ by step and parameter.
fn gradients(step: u64, length: usize) -> Vec<f32> {
    (0..length).map(|i| ((step as usize * 31 + i * 17) % 13) as f32 - 6.0).collect()
}

fn run(optimizer: &mut Optimizer, parameters: &mut [f32], steps: std::ops::Range<u64>) {
    for step in steps {
        optimizer.step(parameters, &gradients(step, parameters.len()), 0.01);
    }
}

#[test]
fn first_adam_step_is_the_rate_against_the_sign() {
    for config in [OptimizerConfig::adam(0.0), OptimizerConfig::adamw(0.0)] {
        let mut optimizer = Optimizer::new(&config, 4).unwrap();
        let mut parameters = [1.0, 1.0, 1.0, 1.0];
        optimizer.step(&mut parameters, &[3.0, -0.001, 1e4, 0.0], 0.01);
        assert_relative_eq!(parameters[..], [0.99, 1.01, 0.99, 1.0], max_relative = 1e-5);
    }
}

#[test]
fn weight_decay_is_a_penalty_in_adam_and_apart_in_adamw() {
    let step = |config| {
        let mut parameters = [2.0];
        Optimizer::new(&config, 1).unwrap().step(&mut parameters, &[0.0], 0.01);
        parameters[0]
    };
    // The penalty is a gradient like any other, so the first step is the rate, whatever its size.
    assert_relative_eq!(step(OptimizerConfig::adam(0.5)), 2.0 - 0.01, max_relative = 1e-6);
    assert_relative_eq!(step(OptimizerConfig::adamw(0.5)), 2.0 * (1.0 - 0.01 * 0.5), max_relative = 1e-6);
}

/// The papers' formulas in f64, with the corrected averages spelt out.
#[test]
fn adam_and_adamw_follow_their_papers() {
    let (b1, b2, eps, decay, rate) = (0.8, 0.95, 1e-3, 0.3, 0.02f32);
    for decoupled in [false, true] {
        let (betas, weight_decay) = ([b1, b2], decay);
        let config = match decoupled {
            false => OptimizerConfig::Adam { betas, eps, weight_decay },
            true => OptimizerConfig::AdamW { betas, eps, weight_decay },
        };
        let mut optimizer = Optimizer::new(&config, 20).unwrap();
        let mut parameters: Vec<f32> = (0..20).map(|i| i as f32 - 10.0).collect();
        let mut expected: Vec<[f64; 3]> = parameters.iter().map(|&p| [f64::from(p), 0.0, 0.0]).collect();
        for step in 1..=50 {
            let gradients = gradients(step, 20);
            optimizer.step(&mut parameters, &gradients, rate);
            for ([p, m, v], &g) in expected.iter_mut().zip(&gradients) {
                let penalty = if decoupled { 0.0 } else { decay * *p };
                let g = f64::from(g) + penalty;
                let shrink = if decoupled { f64::from(rate) * decay * *p } else { 0.0 };
                *m = b1 * *m + (1.0 - b1) * g;
                *v = b2 * *v + (1.0 - b2) * g * g;
                let mean = *m / (1.0 - b1.powf(step as f64));
                let square = *v / (1.0 - b2.powf(step as f64));
                *p -= shrink + f64::from(rate) * mean / (square.sqrt() + eps);
            }
        }
        let expected: Vec<f32> = expected.iter().map(|&[p, ..]| p as f32).collect();
        assert_relative_eq!(parameters[..], expected[..], max_relative = 1e-5, epsilon = 1e-5);
        assert_eq!(optimizer.state().step, 50);
    }
}

#[test]
fn sgd_with_momentum_by_hand() {
    let mut optimizer =
        Optimizer::new(&OptimizerConfig::Sgd { momentum: 0.5, weight_decay: 0.25, nesterov: false }, 1)
            .unwrap();
    let mut parameters = [4.0];
    optimizer.step(&mut parameters, &[1.0], 0.5);
    // b = 1 + 0.25 * 4 = 2; p = 4 - 0.5 * 2
    assert_eq!((parameters[0], optimizer.state().moments[0][0]), (3.0, 2.0));
    optimizer.step(&mut parameters, &[-1.0], 0.5);
    // b = 0.5 * 2 - 1 + 0.25 * 3 = 0.75; p = 3 - 0.5 * 0.75
    assert_eq!((parameters[0], optimizer.state().moments[0][0]), (2.625, 0.75));
}

#[test]
fn sgd_without_momentum_by_hand() {
    let mut optimizer =
        Optimizer::new(&OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 0.25, nesterov: false }, 2)
            .unwrap();
    let mut parameters = [4.0, -8.0];
    optimizer.step(&mut parameters, &[1.0, 0.0], 0.5);
    assert_eq!(parameters, [3.0, -7.0]);
    assert!(optimizer.state().moments.is_empty());
}

#[test]
fn a_parameter_without_gradient_stays_finite_and_still() {
    for config in [OptimizerConfig::adam(0.0), OptimizerConfig::adamw(0.0)] {
        let mut optimizer = Optimizer::new(&config, 1).unwrap();
        let mut parameters = [1.5];
        for _ in 0..5 {
            optimizer.step(&mut parameters, &[0.0], 0.01);
        }
        assert_eq!(parameters, [1.5]);
    }
}

#[test]
fn a_restored_optimizer_takes_the_same_steps() {
    const LENGTH: usize = 37;
    for config in ALL {
        let mut optimizer = Optimizer::new(&config, LENGTH).unwrap();
        let mut parameters = vec![0.5; LENGTH];
        run(&mut optimizer, &mut parameters, 0..7);
        let mut restored = Optimizer::new(&config, LENGTH).unwrap();
        restored.restore(optimizer.state().clone()).unwrap();
        let mut fresh = Optimizer::new(&config, LENGTH).unwrap();
        let (mut again, mut forgetful) = (parameters.clone(), parameters.clone());
        run(&mut optimizer, &mut parameters, 7..12);
        run(&mut restored, &mut again, 7..12);
        run(&mut fresh, &mut forgetful, 7..12);
        assert_eq!(parameters, again, "{config:?}");
        assert_eq!(optimizer.state(), restored.state());
        // Only a rule without memory can do without its state.
        assert_eq!(parameters == forgetful, optimizer.state().moments.is_empty(), "{config:?}");
    }
}

#[test]
fn a_state_of_another_network_is_refused() {
    let mut optimizer = Optimizer::new(&OptimizerConfig::adamw(0.0), 3).unwrap();
    let before = optimizer.state().clone();
    let state = OptimizerState { step: 4, moments: vec![vec![1.0; 3], vec![1.0; 2]] };
    let error = optimizer.restore(state).unwrap_err();
    assert_eq!(error, OptimizerError::MomentLength { index: 1, expected: 3, found: 2 });
    assert_eq!(
        error.to_string(),
        "optimizer state: network has 3 parameters; running average 1 has 2 values"
    );
    let error = optimizer.restore(OptimizerState { step: 4, moments: vec![vec![1.0; 3]] }).unwrap_err();
    assert_eq!(error, OptimizerError::MomentCount { expected: 2, found: 1 });
    assert_eq!(optimizer.state(), &before);
}

#[test]
fn the_last_step_number_is_not_passed() {
    for config in ALL {
        let mut optimizer = Optimizer::new(&config, 1).unwrap();
        let moments = vec![vec![1.0]; optimizer.state().moments.len()];
        optimizer.restore(OptimizerState { step: u64::MAX, moments }).unwrap();
        let mut parameters = [1.0];
        optimizer.step(&mut parameters, &[1.0], 0.01);
        assert!(parameters[0].is_finite() && parameters[0] < 1.0);
        assert_eq!(optimizer.state().step, u64::MAX);
    }
}

#[test]
fn an_invalid_configuration_makes_no_optimizer() {
    let error = Optimizer::new(&OptimizerConfig::adamw(f64::NAN), 1).unwrap_err();
    assert!(matches!(error, OptimizerError::Parameter { name: "weight_decay", .. }), "{error}");
}

#[test]
#[should_panic(expected = "optimizer: made for 3 parameters; found 3 and 2 gradients")]
fn a_missing_gradient_panics() {
    Optimizer::new(&OptimizerConfig::adam(0.0), 3).unwrap().step(&mut [0.0; 3], &[0.0; 2], 0.1);
}

#[test]
fn state_survives_serialisation() {
    let mut optimizer = Optimizer::new(&ALL[0], 5).unwrap();
    run(&mut optimizer, &mut [0.1; 5], 0..3);
    let text = toml::to_string(optimizer.state()).unwrap();
    assert_eq!(&toml::from_str::<OptimizerState>(&text).unwrap(), optimizer.state());
}

/// A gradient that has been and is gone: averages decay to zero itself and never stay among the subnormal numbers.
#[test]
fn nothing_kept_is_ever_subnormal() {
    // Decays so fast that AdamW's parameter and second moment reach zero too.
    let fast = [0.9, 0.99];
    for config in [
        OptimizerConfig::Adam { betas: fast, eps: 1e-8, weight_decay: 0.0 },
        OptimizerConfig::Adam { betas: fast, eps: 1e-8, weight_decay: 0.1 },
        OptimizerConfig::AdamW { betas: fast, eps: 1e-8, weight_decay: 2.0 },
        OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.0, nesterov: false },
        OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 2.0, nesterov: false },
        OptimizerConfig::Sgd { momentum: 0.5, weight_decay: 2.0, nesterov: false },
    ] {
        let mut optimizer = Optimizer::new(&config, 6).unwrap();
        let mut parameters = [1.0, -1.0, 0.0, 3e-38, -1e-30, 1e20];
        optimizer.step(&mut parameters, &[1.0, -2.0, 1e-3, 1e-30, 1e-19, -1e15], 0.01);
        for step in 0..20_000 {
            optimizer.step(&mut parameters, &[0.0; 6], 0.01);
            let kept = || optimizer.state().moments.iter().flatten().chain(&parameters);
            assert!(!kept().any(|value| value.is_subnormal()), "{config:?}, step {step}: {parameters:?}");
        }
        let decays = !matches!(config, OptimizerConfig::Adam { weight_decay, .. } if weight_decay > 0.0);
        if decays {
            let zeros = |values: &[f32]| values.iter().all(|value| value.to_bits() == 0);
            assert!(optimizer.state().moments.iter().all(|moment| zeros(moment)), "{config:?}");
            let shrinks = !matches!(config, OptimizerConfig::Adam { .. })
                && !matches!(config, OptimizerConfig::Sgd { weight_decay, .. } if weight_decay == 0.0);
            assert!(!shrinks || zeros(&parameters), "{config:?}: {parameters:?}");
        }
    }
}

/// PyTorch's default decays: 0.999 per step takes the second moment some 90,000 steps.
#[test]
fn the_second_moment_ends_at_zero_too() {
    let mut optimizer = Optimizer::new(&OptimizerConfig::adamw(0.0), 2).unwrap();
    let mut parameters = [1.0; 2];
    optimizer.step(&mut parameters, &[1.0, 1e-12], 1e-3);
    for _ in 0..90_000 {
        optimizer.step(&mut parameters, &[0.0; 2], 1e-3);
    }
    assert_eq!(optimizer.state().moments, [[0.0; 2]; 2]);
}

/// The rules without the flush, on ordinary numbers: the same bits.
#[test]
fn ordinary_steps_keep_their_bits() {
    let (length, rate) = (50, 0.01f32);
    let mut adam = Optimizer::new(&OptimizerConfig::adamw(0.1), length).unwrap();
    let config = OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.1, nesterov: false };
    let mut sgd = Optimizer::new(&config, length).unwrap();
    let start: Vec<f32> = (0..length).map(|i| 0.3 * (i as f32 - 20.5)).collect();
    let (mut by_adam, mut by_sgd) = (start.clone(), start.clone());
    let (mut p, mut q) = (start.clone(), start);
    let [mut m, mut v, mut b] = [0; 3].map(|_| vec![0.0f32; length]);
    let (gain, square_keep, square_gain) = ((1.0 - 0.9f64) as f32, 0.999f64 as f32, (1.0 - 0.999f64) as f32);
    for step in 1..=30 {
        let gradients = gradients(step, length);
        adam.step(&mut by_adam, &gradients, rate);
        sgd.step(&mut by_sgd, &gradients, rate);
        let correction = (1.0 - 0.999f64.powi(step as i32)).sqrt() as f32;
        let corrected = (f64::from(rate) / (1.0 - 0.9f64.powi(step as i32))) as f32;
        let keep = (1.0 - f64::from(rate) * 0.1) as f32;
        for i in 0..length {
            let g = gradients[i];
            m[i] += gain * (g - m[i]);
            v[i] = square_keep * v[i] + square_gain * g * g;
            p[i] = keep * p[i] - corrected * m[i] / (v[i].sqrt() / correction + 1e-8);
            b[i] = 0.9f64 as f32 * b[i] + (g + 0.1f64 as f32 * q[i]);
            q[i] -= rate * b[i];
        }
    }
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&by_adam), bits(&p));
    assert_eq!(bits(&by_sgd), bits(&q));
}

/// Nesterov's step is that of the sum of gradients as it will be: with constant gradients, momentum·b ahead of the plain one.
#[test]
fn nesterov_looks_ahead() {
    let sgd = |nesterov| OptimizerConfig::Sgd { momentum: 0.5, weight_decay: 0.0, nesterov };
    let [mut plain, mut ahead] = [sgd(false), sgd(true)].map(|config| Optimizer::new(&config, 1).unwrap());
    let [mut p, mut q] = [[0.0f32], [0.0f32]];
    plain.step(&mut p, &[1.0], 0.1);
    ahead.step(&mut q, &[1.0], 0.1);
    // b is 1, then 1.5: steps of b, and of 1 + b/2.
    assert_relative_eq!(p[0], -0.1);
    assert_relative_eq!(q[0], -0.15);
    plain.step(&mut p, &[1.0], 0.1);
    ahead.step(&mut q, &[1.0], 0.1);
    assert_relative_eq!(p[0], -0.25);
    assert_relative_eq!(q[0], -0.325);
}

fn two_by_three() -> Parameters {
    let mut builder = crate::ParameterBuilder::new(crate::random::Stream::new(0));
    crate::layers::Linear::new(&mut builder, "fc", 3, 2);
    builder.build()
}

/// A matrix moves by an orthogonal one of Adam's size, biases as AdamW moves them.
#[test]
fn muon_moves_matrices_by_orthogonal_ones() {
    let set = two_by_three();
    let (muon, adamw) = (OptimizerConfig::muon(0.0), OptimizerConfig::adamw(0.0));
    let gradients = [5.0, 0.0, 0.0, 0.0, -0.5, 0.0, 3.0, -0.1];
    let step = |config: &OptimizerConfig| {
        let mut parameters = vec![0.0; 8];
        Optimizer::of(config, &set, Decayed::All).unwrap().step(&mut parameters, &gradients, 0.1);
        parameters
    };
    let (moved, by_adamw) = (step(&muon), step(&adamw));
    let size = 0.2 * 0.1 * 3.0f32.sqrt();
    for (place, sign) in [(0, -1.0), (4, 1.0)] {
        assert!((0.7..1.2).contains(&(moved[place] * sign / size)), "{moved:?}");
    }
    assert!([1, 2, 3, 5].iter().all(|&place| moved[place].abs() < 1e-6), "{moved:?}");
    assert_eq!(moved[6..], by_adamw[6..]);
}

/// With no gradient there is decay alone, and of matrices alone where that is asked for.
#[test]
fn decay_may_spare_vectors() {
    let set = two_by_three();
    let decays = |config: OptimizerConfig, decayed| {
        let mut parameters = vec![1.0; 8];
        Optimizer::of(&config, &set, decayed).unwrap().step(&mut parameters, &[0.0; 8], 0.1);
        parameters
    };
    let sgd = OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.5, nesterov: false };
    for config in [OptimizerConfig::adamw(0.5), OptimizerConfig::muon(0.5), sgd] {
        for (decayed, of_bias) in [(Decayed::All, 0.95), (Decayed::Matrices, 1.0)] {
            let found = decays(config, decayed);
            for (place, &value) in found.iter().enumerate() {
                assert_relative_eq!(value, if place < 6 { 0.95 } else { of_bias }, max_relative = 1e-6);
            }
        }
    }
}

/// A run with Muon goes on as if it had never stopped.
#[test]
fn muon_resumes_to_the_bit() {
    let (set, config) = (two_by_three(), OptimizerConfig::muon(0.1));
    let fresh = || Optimizer::of(&config, &set, Decayed::Matrices).unwrap();
    let (mut whole, mut parameters) = (fresh(), set.values().to_vec());
    run(&mut whole, &mut parameters, 0..4);
    let mut resumed = fresh();
    resumed.restore(whole.state().clone()).unwrap();
    let mut other = parameters.clone();
    run(&mut whole, &mut parameters, 4..8);
    run(&mut resumed, &mut other, 4..8);
    assert_eq!(parameters, other);
}
