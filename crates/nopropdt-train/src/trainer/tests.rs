use super::*;
use crate::config::{EmbeddingKind, LearningRateKind, Overrides, PrecisionKind};
use nopropdt_blocks::{Facts, Features, LossTerms, Trace};
use nopropdt_data::{DatasetName, Split, load};
use std::path::Path;
use std::sync::Mutex;

/// A run of two blocks on the digits, in batches of 16.
fn config(overrides: Overrides) -> RunConfig {
    let small = Overrides::default().with("steps", 2).with("batch-size", 16).with("epochs", 3);
    overrides.over(small).resolve(None).unwrap()
}

fn network(config: &RunConfig) -> Box<dyn Method> {
    config.network(&[8, 8, 1], 10).unwrap()
}

fn digits(count: usize) -> Split {
    load(DatasetName::Digits, Path::new("unused")).unwrap().train.limited(Some(count))
}

const QUIET: Progress<'static> = Progress { on_step: &|_, _, _| (), stop: &|| false };

/// Total loss of both blocks over the first ten steps of a run.
///
/// Instruction sets round differently, hence the tolerance of the test. To make them again after a change that is meant
/// to change them, run the test: its failure prints the losses found.
const TEN_STEPS: [[f64; 2]; 10] = [
    [2.36392, 94.37829],
    [2.43841, 96.63712],
    [2.42536, 95.63365],
    [2.43296, 94.02738],
    [2.29442, 91.94938],
    [2.46410, 92.20348],
    [2.47892, 83.90858],
    [2.39923, 85.73629],
    [2.42247, 85.12267],
    [2.37218, 90.78792],
];

/// Asserts that the first ten steps in `precision` have the known losses, to a relative `tolerance`.
fn check_ten_steps(precision: PrecisionKind, tolerance: f64) {
    let config = config(Overrides::default().with("seed", 42).with("precision", precision));
    let (network, data) = (network(&config), digits(160));
    let mut trainer = Trainer::new(network.as_ref(), &config, 10).unwrap();
    let order = epoch_order(data.len(), 42, 0);
    let mut found = Vec::new();
    for (index, indices) in usable_batches(&order, 16).into_iter().enumerate() {
        let place = Place { epoch: 0, batch: index, wave: index as u64 };
        let losses =
            trainer.wave(0..2, &gather(&data, indices), place, trainer.settings.rates.at(place, 10)).unwrap();
        found.push([losses[0].terms.total, losses[1].terms.total]);
    }
    let close = |(found, known): (&f64, &f64)| (found - known).abs() <= tolerance * known.abs();
    let all = found.as_flattened().iter().zip(TEN_STEPS.as_flattened());
    assert!(found.len() == 10 && all.clone().all(close), "{precision:?}, losses found: {found:.5?}");
}

#[test]
fn ten_seeded_steps_have_known_losses() {
    check_ten_steps(PrecisionKind::F32, 1e-3);
}

/// Rounding to 8 bits moves a loss by a percent or two, and no more.
#[test]
fn ten_seeded_steps_in_bf16_stay_near_them() {
    check_ten_steps(PrecisionKind::Bf16, 0.04);
}

/// A step with gradient [3, 0] of its own and [4] of the head; its norm is 5.
fn step() -> BlockStep {
    let loss = LossTerms::default();
    let (own, shared) = (vec![vec![3.0, 0.0]], [("head", vec![4.0])].into_iter().collect());
    BlockStep { loss, own, shared, statistics: vec![Vec::new()] }
}

#[test]
fn clipping_scales_the_whole_gradient_of_a_loss() {
    let mut clipped = step();
    let norm = measure_and_clip(&mut clipped, Some(1.0), false);
    let shared = &clipped.shared["head"];
    assert!((clipped.own[0][0] - 0.6).abs() < 1e-6 && clipped.own[0][1] == 0.0, "{:?}", clipped.own);
    assert!(shared.len() == 1 && (shared[0] - 0.8).abs() < 1e-6, "{shared:?}");
    assert_eq!((clipped.own[0].len(), clipped.shared.len(), norm), (2, 1, 5.0));
}

#[test]
fn a_gradient_is_not_gone_through_for_nothing() {
    assert_eq!(measure_and_clip(&mut step(), None, false), 0.0);
}

/// By the definition, from one step of the same network.
#[test]
fn an_epoch_has_every_term_and_the_norm_of_the_gradient() {
    let config = config(Overrides::default());
    let (network, data) = (network(&config), digits(160));
    let mut trainer = Trainer::new(&*network, &config, 10).unwrap();
    let progress = Progress { on_step: &|_, _, _| (), stop: &|| false };
    let weights = trainer.weights().clone();
    let epoch = trainer.epoch(&data, 0, &progress).unwrap();
    assert_eq!((epoch.terms.len(), epoch.gradient_norm.len()), (2, 2));
    for (terms, shown) in epoch.terms.iter().zip(&epoch.shown) {
        assert_eq!(terms.squared_error, *shown);
        assert!(
            terms.cross_entropy > 0.0 && terms.kl > 0.0 && terms.total > terms.cross_entropy,
            "{terms:?}"
        );
    }
    // Ten batches: the first alone is measured.
    let order = epoch_order(data.len(), config.training.seed, 0);
    let batch = gather(&data, usable_batches(&order, 16)[0]);
    let stream = Stream::new(config.training.seed).purpose("train").child(0).child(0);
    for block in 0..2 {
        let own = std::slice::from_ref(&weights.blocks[block]);
        let input = StepInput::new(block, own, &weights.shared, &batch, stream.child(block as u64));
        let mut step = step_in_slices(&*network, &input);
        let squares = step.gradients_mut().flat_map(|part| part.iter()).map(|&g| f64::from(g).powi(2));
        let norm = squares.sum::<f64>().sqrt();
        let found = epoch.gradient_norm[block];
        assert!((found - norm).abs() < 1e-5 * norm, "block {block}: {found} instead of {norm}");
    }
    assert!(epoch.loss_seconds.iter().all(|&seconds| seconds > 0.0));
}

#[test]
fn clipping_leaves_short_gradients_and_no_limit_alone() {
    for limit in [None, Some(5.1), Some(f32::INFINITY)] {
        let mut same = step();
        assert_eq!(measure_and_clip(&mut same, limit, true), 5.0);
        assert_eq!((&same.own, &same.shared), (&step().own, &step().shared), "{limit:?}");
    }
}

#[test]
fn a_clip_norm_of_zero_is_no_limit() {
    let plain = config(Overrides::default());
    let limited = config(Overrides::default().with("clip-norm", 0.5));
    let network = network(&plain);
    assert_eq!(Trainer::new(network.as_ref(), &plain, 1).unwrap().settings.clip_norm, None);
    assert_eq!(Trainer::new(network.as_ref(), &limited, 1).unwrap().settings.clip_norm, Some(0.5));
}

#[test]
fn a_last_batch_of_one_image_is_left_out() {
    let lengths = |images: usize| -> Vec<usize> {
        let order = epoch_order(images, 0, 0);
        usable_batches(&order, 16).iter().map(|batch| batch.len()).collect()
    };
    assert_eq!(lengths(32), [16, 16]);
    assert_eq!(lengths(33), [16, 16]);
    assert_eq!(lengths(34), [16, 16, 2]);
    let config = config(Overrides::default());
    let network = network(&config);
    let loss = Trainer::new(network.as_ref(), &config, 2).unwrap().epoch(&digits(33), 0, &QUIET).unwrap();
    assert_eq!(loss.images, 32);
}

#[test]
fn batches_are_counted_as_they_are_made() {
    for images in 2..70 {
        for batch_size in [2, 3, 16, 64, 100, usize::MAX] {
            let order = epoch_order(images, 0, 0);
            let made = usable_batches(&order, batch_size).len();
            assert_eq!(batches_per_epoch(images, batch_size), made, "{images} images by {batch_size}");
            assert!(made > 0);
        }
    }
}

/// The learning rates of a run as (epoch, block round, batch) meets them: three epochs of four batches, two blocks.
fn rates(kind: LearningRateKind, order: Order, warmup_epochs: usize) -> Vec<f32> {
    let own = Overrides::default()
        .with("lr", 1.0)
        .with("lr-schedule", kind)
        .with("order", order)
        .with("warmup-epochs", warmup_epochs);
    let config = config(own);
    let network = network(&config);
    let trainer = Trainer::new(network.as_ref(), &config, 4).unwrap();
    let rounds = if order == Order::Sequential { 2 } else { 1 };
    let mut found = Vec::new();
    for epoch in 0..3 {
        for round in 0..rounds {
            for batch in 0..4 {
                let wave = ((epoch * rounds + round) * 4 + batch) as u64;
                found.push(trainer.settings.rates.at(Place { epoch, batch, wave }, 4));
            }
        }
    }
    found
}

fn assert_close(found: &[f32], expected: &[f64]) {
    let close = |(found, expected): (&f32, &f64)| (f64::from(*found) - expected).abs() < 1e-6;
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(close),
        "{found:?}\n{expected:?}"
    );
}

fn half_wave(x: f64) -> f64 {
    (1.0 + (std::f64::consts::PI * x).cos()) / 2.0
}

#[test]
fn a_constant_rate_stays_after_its_warm_up() {
    assert_close(&rates(LearningRateKind::Constant, Order::Interleaved, 0), &[1.0; 12]);
    let climb = [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    assert_close(&rates(LearningRateKind::Constant, Order::Interleaved, 1), &climb);
}

#[test]
fn a_cosine_rate_falls_to_nothing_at_the_end() {
    let fall: Vec<f64> = (0..12).map(|step| half_wave(f64::from(step) / 12.0)).collect();
    assert_close(&rates(LearningRateKind::Cosine, Order::Interleaved, 0), &fall);
}

#[test]
fn every_block_meets_the_same_rates_in_either_order() {
    for (kind, warmup) in
        [(LearningRateKind::Constant, 1), (LearningRateKind::Cosine, 0), (LearningRateKind::Cosine, 2)]
    {
        let together = rates(kind, Order::Interleaved, warmup);
        let apart = rates(kind, Order::Sequential, warmup);
        let of_block = |block: usize| -> Vec<f32> {
            apart.chunks(4).skip(block).step_by(2).flatten().copied().collect()
        };
        assert_eq!(of_block(0), together, "{kind:?}");
        assert_eq!(of_block(1), together, "{kind:?}");
    }
}

#[test]
fn the_reference_rate_counts_every_wave() {
    for (order, waves) in [(Order::Interleaved, 12), (Order::Sequential, 24)] {
        let wave: Vec<f64> = (0..waves).map(|step| half_wave(f64::from(step) / 3.0)).collect();
        assert_close(&rates(LearningRateKind::Reference, order, 0), &wave);
    }
}

#[test]
fn shared_sets_take_a_step_for_each_block() {
    for (embedding, of_embedding) in [(EmbeddingKind::OneHot, 0), (EmbeddingKind::Learned, 4)] {
        let config = config(Overrides::default().with("embedding", embedding));
        let network = network(&config);
        let mut trainer = Trainer::new(network.as_ref(), &config, 2).unwrap();
        trainer.epoch(&digits(32), 0, &QUIET).unwrap();
        let steps: Vec<u64> = trainer.optimizer_states().map(|state| state.step).collect();
        assert_eq!(steps, [2, 2, of_embedding, 4], "{embedding:?}");
    }
}

/// A network whose losses pull at nothing: what changes is weight decay alone.
#[derive(Debug)]
struct Still(Box<dyn Method>);

impl Method for Still {
    fn facts(&self) -> Facts<'_> {
        self.0.facts()
    }

    fn init(&self, seed: u64) -> Weights {
        self.0.init(seed)
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        let mut step = self.0.step(input);
        step.gradients_mut().for_each(|gradient| gradient.fill(0.0));
        step
    }

    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        self.0.features(weights, inputs)
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        self.0.sample(weights, features, noise)
    }
}

/// In a batch a block's set shrinks by 1 − lr·wd, a shared set by its T-th power, in either order.
#[test]
fn shared_sets_decay_once_for_each_block() {
    for order in [Order::Interleaved, Order::Sequential] {
        let overrides = Overrides::default().with("embedding", EmbeddingKind::Learned).with("order", order);
        let overrides = overrides.with("weight-decay", 0.5).with("lr", 0.01).with("steps", 3);
        let config = config(overrides.with("lr-schedule", LearningRateKind::Constant));
        let still = Still(network(&config));
        let mut trainer = Trainer::new(&still, &config, 4).unwrap();
        let before = trainer.weights().clone();
        trainer.epoch(&digits(64), 0, &QUIET).unwrap();
        for (index, (before, after)) in before.sets().zip(trainer.weights().sets()).enumerate() {
            let steps = if index < 3 { 4 } else { 4 * 3 };
            let kept = (1.0 - 0.01f64 * 0.5).powi(steps);
            for (before, after) in before.values().iter().zip(after.values()) {
                let wanted = kept * f64::from(*before);
                let near = (f64::from(*after) - wanted).abs() <= 1e-5 * wanted.abs() + 1e-30;
                assert!(near, "{order:?}, set {index}: {after} instead of {wanted}");
            }
        }
    }
}

#[test]
fn progress_counts_to_the_end_in_either_order() {
    for order in [Order::Interleaved, Order::Sequential] {
        let config = config(Overrides::default().with("order", order));
        let network = network(&config);
        let seen = Mutex::new(Vec::new());
        let on_step = |done, of, loss: f64| seen.lock().unwrap().push((done, of, loss.is_finite()));
        let progress = Progress { on_step: &on_step, stop: &|| false };
        Trainer::new(network.as_ref(), &config, 2).unwrap().epoch(&digits(32), 0, &progress).unwrap();
        let expected: &[usize] = if order == Order::Interleaved { &[2, 4] } else { &[1, 2, 3, 4] };
        let expected: Vec<_> = expected.iter().map(|&done| (done, 4, true)).collect();
        assert_eq!(seen.into_inner().unwrap(), expected, "{order:?}");
    }
}

#[test]
fn a_restored_trainer_goes_on_bit_for_bit() {
    let learned = Overrides::default().with("embedding", EmbeddingKind::Learned);
    for overrides in [learned.clone(), learned.with("ema", 0.9)] {
        let config = config(overrides);
        let (network, data) = (network(&config), digits(48));
        let mut whole = Trainer::new(network.as_ref(), &config, 3).unwrap();
        whole.epoch(&data, 0, &QUIET).unwrap();
        let states = whole.optimizer_states().cloned().collect();
        let mut halves = Trainer::new(network.as_ref(), &config, 3).unwrap();
        halves.restore(whole.weights().clone(), whole.average().cloned(), states).unwrap();
        whole.epoch(&data, 1, &QUIET).unwrap();
        halves.epoch(&data, 1, &QUIET).unwrap();
        assert!(whole.weights() == halves.weights());
        assert!(whole.answering() == halves.answering());
        assert!(whole.optimizer_states().eq(halves.optimizer_states()));
    }
}

/// Every set is followed, the shared ones too; training itself knows nothing of it.
#[test]
fn answers_are_read_with_running_averages_of_all_sets() {
    let learned = Overrides::default().with("embedding", EmbeddingKind::Learned);
    let trained = |overrides| {
        let config = config(overrides);
        let network = network(&config);
        let mut trainer = Trainer::new(network.as_ref(), &config, 3).unwrap();
        trainer.epoch(&digits(48), 0, &QUIET).unwrap();
        (trainer.weights().clone(), trainer.answering().clone())
    };
    let (plain, averaged) = (trained(learned.clone()), trained(learned.with("ema", 0.9)));
    assert!(plain.0 == plain.1 && plain.0 == averaged.0);
    for (last, average) in averaged.0.sets().zip(averaged.1.sets()) {
        assert_ne!(last.values(), average.values());
        assert!(last.statistics().is_empty() || last.statistics() != average.statistics());
    }
}

#[test]
fn a_stop_is_obeyed_at_the_next_batch() {
    let config = config(Overrides::default());
    let network = network(&config);
    let steps = Mutex::new(0);
    let on_step = |_, _, _| *steps.lock().unwrap() += 1;
    let stop = || *steps.lock().unwrap() == 2;
    let mut trainer = Trainer::new(network.as_ref(), &config, 4).unwrap();
    let error = trainer.epoch(&digits(64), 1, &Progress { on_step: &on_step, stop: &stop }).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { epoch: 2 }), "{error}");
    assert_eq!(steps.into_inner().unwrap(), 2);
}

#[test]
fn a_loss_that_is_not_finite_is_placed() {
    let config = config(Overrides::default());
    let network = network(&config);
    let mut trainer = Trainer::new(network.as_ref(), &config, 2).unwrap();
    trainer.weights.blocks[1].values_mut().fill(f32::NAN);
    let message = trainer.epoch(&digits(32), 2, &QUIET).unwrap_err().to_string();
    assert_eq!(message, "training: the loss of block 2 became NaN in epoch 3 at batch 1");
}

#[test]
fn weights_ruined_by_the_last_batch_are_noticed() {
    let config = config(Overrides::default().with("lr", f32::MAX).with("weight-decay", 1e30));
    let network = network(&config);
    let message = Trainer::new(network.as_ref(), &config, 1)
        .unwrap()
        .epoch(&digits(16), 0, &QUIET)
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("training: the weights of block 1 are no longer finite at the end of epoch 1"),
        "{message}"
    );
}

/// Noise, of which one in ten is said to be of class 1: nothing tells it apart.
struct Rare(usize);

impl Examples for Rare {
    fn len(&self) -> usize {
        self.0
    }

    fn shape(&self) -> Vec<usize> {
        vec![8, 8, 1]
    }

    fn label(&self, index: usize) -> usize {
        usize::from(index.is_multiple_of(10))
    }

    fn fill(&self, index: usize, input: &mut [f32]) {
        Stream::new(1).child(index as u64).fill_uniform(input);
    }
}

/// Without weights the answer is the share that a class has; with them all classes are as likely.
#[test]
fn balanced_classes_are_answered_alike() {
    for (class_weights, wanted) in [(ClassWeights::None, 0.0..0.2), (ClassWeights::Balanced, 0.35..0.65)] {
        let config = config(Overrides::default().with("epochs", 4).with("class-weights", class_weights));
        let (network, data) = (config.network(&[8, 8, 1], 2).unwrap(), Rare(640));
        let mut trainer = Trainer::new(network.as_ref(), &config, 40).unwrap();
        (0..4).for_each(|epoch| drop(trainer.epoch(&data, epoch, &QUIET).unwrap()));
        let indices: Vec<u32> = (0..200).collect();
        let features = network.features(trainer.weights(), &gather(&data, &indices).inputs);
        let trace = network.sample(trainer.weights(), &features, &|row| Stream::new(2).child(row as u64));
        let of_rare: f32 = trace.consensus().data().chunks(2).map(|row| row[1]).sum::<f32>() / 200.0;
        assert!(wanted.contains(&of_rare), "{class_weights:?}: {of_rare}");
    }
}

/// A run of two deep blocks on the digits, small.
fn deep(overrides: Overrides) -> RunConfig {
    let own = Overrides::default().with("block", "deep").with("block.width", 16).with("optimizer", "muon");
    config(overrides.over(own))
}

/// Batch norms of a batch in slices: each slice is normalised by itself, and what is remembered is the mean over slices.
#[test]
fn running_statistics_are_means_over_slices() {
    let config = deep(Overrides::default());
    let (network, batch) = (network(&config), gather(&digits(20), &(0..10).collect::<Vec<_>>()));
    let weights = network.init(3);
    let own = &weights.blocks[1..2];
    let stream = Stream::new(4);
    let input = StepInput::new(1, own, &weights.shared, &batch, stream);
    let remembered = |step: &BlockStep| {
        let mut set = own[0].clone();
        set.update_statistics(&step.statistics[0]);
        set.statistics().to_vec()
    };
    let found = remembered(&step_in_slices(&*network, &input));
    assert_eq!(network.facts().slices, 4);
    let mut mean = vec![0.0f64; found.len()];
    for (slice, (rows, share)) in
        [(0..2, 0.2), (2..5, 0.3), (5..7, 0.2), (7..10, 0.3)].into_iter().enumerate()
    {
        let part = batch.part(rows);
        let step = network.step(&StepInput { batch: &part, stream: stream.child(slice as u64), ..input });
        mean.iter_mut().zip(remembered(&step)).for_each(|(mean, value)| *mean += share * f64::from(value));
    }
    assert_ne!(found, own[0].statistics());
    for (found, mean) in found.iter().zip(&mean) {
        assert!((f64::from(*found) - mean).abs() < 1e-5 * mean.abs().max(1.0), "{found} instead of {mean}");
    }
}

/// What a block that wants to see images starts from: the same ones for the same seed, others for another, none where no block wants any.
#[test]
fn blocks_see_training_images_before_they_learn() {
    let data = digits(1400);
    let looked = |config: &RunConfig| {
        let network = network(config);
        let mut trainer = Trainer::new(network.as_ref(), config, 10).unwrap();
        let fresh = trainer.weights().clone();
        trainer.look(&data);
        (fresh, trainer.weights().clone())
    };
    let kernel = |weights: &Weights| weights.blocks[0].export("image.stem.conv1.weight").unwrap();
    let (fresh, started) = looked(&deep(Overrides::default()));
    assert_ne!(kernel(&fresh), kernel(&started));
    assert_eq!(started, looked(&deep(Overrides::default())).1);
    assert_ne!(kernel(&started), kernel(&looked(&deep(Overrides::default().with("seed", 1))).1));
    let (fresh, same) = looked(&config(Overrides::default()));
    assert_eq!(fresh, same);
}

/// Muon on deep blocks, with every part of the recipe: the same bits on one thread and on three.
#[test]
fn a_recipe_does_not_depend_on_threads() {
    let recipe = Overrides::default()
        .with("objective", "labels")
        .with("schedule", "late")
        .with("label-smoothing", 0.1)
        .with("lr-schedule", "one-cycle")
        .with("decayed", "matrices")
        .with("cutout", 3)
        .with("crop-padding", 1)
        .with("crop-edges", "mirror");
    let config = deep(recipe);
    let (network, data) = (network(&config), digits(64));
    let trained = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = Trainer::new(network.as_ref(), &config, 4).unwrap();
            trainer.look(&data);
            trainer.epoch(&data, 0, &QUIET).unwrap();
            trainer.weights().clone()
        })
    };
    assert_eq!(trained(1), trained(3));
}
