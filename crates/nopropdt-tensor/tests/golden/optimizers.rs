//! Update rules step by step, clipping, and the cosine learning rate.

use crate::file::{Case, cases, run_all};
use nopropdt_tensor::gradient_check::compare;
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::optim::{Decayed, LearningRate, Optimizer, OptimizerConfig, clip_gradient_norm};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Layout, ParameterBuilder};

/// Largest error of a parameter after any of the steps, relative to the largest value that parameter takes.
const BOUND: f64 = 2e-6;

#[test]
fn every_optimizer_agrees_with_pytorch() {
    let file = "optimizers.safetensors";
    let mut all = cases(file);
    let mut shared = all.remove("").expect("parameters and gradients shared by the cases");
    let (start, gradients) = (shared.take("parameters").singles(), shared.take("gradients").singles());
    shared.finish();
    let run = |case: &mut Case, config: fn(&mut Case) -> OptimizerConfig| {
        let config = config(case);
        trajectory(case, config, &start, &gradients);
    };
    run_all(
        file,
        all,
        &[
            ("adam", &|case| run(case, adam)),
            ("adam_l2", &|case| run(case, adam)),
            ("adamw", &|case| run(case, adamw)),
            ("sgd", &|case| run(case, sgd)),
            ("sgd_weight_decay", &|case| run(case, sgd)),
            ("sgd_momentum", &|case| run(case, sgd)),
            ("sgd_nesterov", &|case| run(case, nesterov)),
            ("muon", &|case| muon(case, [3, 5])),
            ("muon_tall", &|case| muon(case, [5, 3])),
            ("clip_grad_norm", &|case| ["above", "below"].into_iter().for_each(|part| clipping(case, part))),
            ("cosine_lr", &cosine),
            ("cosine_lr_floor", &cosine),
        ],
    );
}

fn adam(case: &mut Case) -> OptimizerConfig {
    let [beta1, beta2, eps, weight_decay] =
        ["beta1", "beta2", "eps", "weight_decay"].map(|name| case.take(name).number());
    OptimizerConfig::Adam { betas: [beta1, beta2], eps, weight_decay }
}

fn adamw(case: &mut Case) -> OptimizerConfig {
    let OptimizerConfig::Adam { betas, eps, weight_decay } = adam(case) else { unreachable!("just made") };
    OptimizerConfig::AdamW { betas, eps, weight_decay }
}

fn sgd(case: &mut Case) -> OptimizerConfig {
    let [momentum, weight_decay] = ["momentum", "weight_decay"].map(|name| case.take(name).number());
    OptimizerConfig::Sgd { momentum, weight_decay, nesterov: false }
}

fn nesterov(case: &mut Case) -> OptimizerConfig {
    let OptimizerConfig::Sgd { momentum, weight_decay, .. } = sgd(case) else { unreachable!("just made") };
    OptimizerConfig::Sgd { momentum, weight_decay, nesterov: case.take("nesterov").number() == 1.0 }
}

/// Steps of a matrix of its own.
fn muon(case: &mut Case, shape: [usize; 2]) {
    let [learning_rate, momentum, weight_decay] =
        ["lr", "momentum", "weight_decay"].map(|name| case.take(name).number());
    let OptimizerConfig::Muon { betas, eps, .. } = OptimizerConfig::muon(0.0) else {
        unreachable!("just made")
    };
    let config = OptimizerConfig::Muon { momentum, betas, eps, weight_decay };
    let mut builder = ParameterBuilder::new(Stream::new(0));
    builder.parameter("matrix", &shape, Layout::Same, Initializer::Zeros, shape[1]);
    let mut set = builder.build();
    set.values_mut().copy_from_slice(&case.take("start").singles());
    let mut optimizer =
        Optimizer::of(&config, &set, Decayed::All).expect("the constants are within their ranges");
    let mut found = Vec::new();
    for gradients in case.take("gradients").singles().chunks_exact(set.len()) {
        optimizer.step(set.values_mut(), gradients, learning_rate as f32);
        found.extend_from_slice(set.values());
    }
    // A step of the iteration makes small singular values 3.4 times as large, and their rounding with them.
    case.agrees("parameters", &found, 10.0 * BOUND);
}

/// Takes every step of the case; `parameters` is [steps, size].
fn trajectory(case: &mut Case, config: OptimizerConfig, start: &[f32], gradients: &[f32]) {
    let size = start.len();
    let learning_rate = case.take("lr").number() as f32;
    let expected = case.take("parameters").values();
    assert_eq!(expected.len(), gradients.len(), "{}: a row of parameters a step", case.name);
    let mut optimizer = Optimizer::new(&config, size).expect("PyTorch accepted the constants");
    let mut parameters = start.to_vec();
    let mut found = Vec::new();
    for gradients in gradients.chunks_exact(size) {
        optimizer.step(&mut parameters, gradients, learning_rate);
        found.extend_from_slice(&parameters);
    }
    // Parameter by parameter: one that moves far must not hide the others.
    for index in 0..size {
        let found: Vec<f32> = found.iter().skip(index).step_by(size).copied().collect();
        let expected: Vec<f64> = expected.iter().skip(index).step_by(size).copied().collect();
        let error = compare(&found, &expected);
        assert!(error < BOUND, "{}: parameter {index}: relative error {error}", case.name);
    }
}

/// The two gradients of the file in one buffer, as a block's are.
fn clipping(case: &mut Case, part: &str) {
    let mut together =
        |when: &str| [0, 1].map(|i| case.take(&format!("{part}.{when}.{i}")).singles()).concat();
    let (mut gradients, after) = (together("before"), together("after"));
    let max_norm = case.take(&format!("{part}.max_norm")).number() as f32;
    let norm = clip_gradient_norm(&mut gradients, max_norm);
    case.agrees(&format!("{part}.total_norm"), &[norm], BOUND);
    let after: Vec<f64> = after.into_iter().map(f64::from).collect();
    let error = compare(&gradients, &after);
    assert!(error < BOUND, "{part}: relative error {error}");
}

/// The schedule of a run as long as the period, and the endless one, which agree until then.
fn cosine(case: &mut Case) {
    let [base, least, period] = ["base", "least", "period"].map(|name| case.take(name).number());
    let (base, period, least_fraction) = (base as f32, period as u64, (least / base) as f32);
    let expected = case.take("lr").values();
    assert_eq!(expected.len() as u64, period + 1);
    let check = |schedule: LearningRate| {
        let found: Vec<f32> = (0..=period).map(|step| schedule.at(step, period, base)).collect();
        let error = compare(&found, &expected);
        assert!(error < BOUND, "{}: {schedule:?}: relative error {error}", case.name);
    };
    check(LearningRate::Cosine { warmup_steps: 0, final_fraction: least_fraction });
    if least_fraction == 0.0 {
        check(LearningRate::Reference { period });
    }
}
