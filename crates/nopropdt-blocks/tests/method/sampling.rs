//! From noise to an answer.

use super::{batch, network, small, small_reference};
use nopropdt_blocks::{DtConfig, Features, Method, NoPropDt, StepInput, Trace, Weights};
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;

/// Weights after a few updates of running statistics, so that evaluation is not training's mirror image.
pub(super) fn network_in_use(config: &DtConfig) -> (NoPropDt, Weights) {
    let (net, mut weights) = network(config);
    let batch = batch(config, 16);
    for round in 0..20 {
        for block in 0..net.facts().blocks {
            let stream = Stream::new(20).child(round).child(block as u64);
            let own = &weights.blocks[block..=block];
            let step = net.step(&StepInput::new(block, own, &weights.shared, &batch, stream));
            weights.blocks[block].update_statistics(&step.statistics[0]);
        }
    }
    (net, weights)
}

pub(super) fn noise(row: usize) -> Stream {
    Stream::new(21).child(row as u64)
}

pub(super) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, d| if d.is_nan() { d } else { f32::max(m, d) })
}

/// Softmax in f64.
fn softmax(logits: &[f32]) -> Vec<f64> {
    let exponentials: Vec<f64> = logits.iter().map(|v| f64::from(*v).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}

#[test]
fn the_answer_to_an_image_does_not_depend_on_its_batch() {
    for config in [small(), small_reference()] {
        let (net, weights) = network_in_use(&config);
        let images = batch(&config, 5).inputs;
        let together = net.sample(&weights, &net.features(&weights, &images), &noise);
        for row in 0..5 {
            let pixels = images.len() / 5;
            let mut shape = images.shape().to_vec();
            shape[0] = 1;
            let image = Tensor::from_vec(&shape, images.data()[row * pixels..][..pixels].to_vec()).unwrap();
            let alone = net.sample(&weights, &net.features(&weights, &image), &|_| noise(row));
            let all = |trace: &Trace| {
                trace.block_logits.iter().chain([&trace.head_logits]).cloned().collect::<Vec<Tensor>>()
            };
            for (together, alone) in all(&together).iter().zip(all(&alone)) {
                let logits = &together.data()[row * config.network.classes..][..config.network.classes];
                let difference = largest_difference(logits, alone.data());
                assert!(difference <= 1e-5, "row {row}: logits differ by {difference}");
            }
        }
    }
}

/// z_t of Eq. 3, or û_t for the reference chain, in f64 from the logits that the network gives for z_{t−1}.
fn chain_by_hand(net: &NoPropDt, weights: &Weights, features: &Features, rows: usize) -> Trace {
    let w = net.embedding_matrix(weights);
    let [classes, dim] = *w.shape() else { panic!("embedding: {:?}", w.shape()) };
    let draw = |t: usize, row: usize| {
        let mut values = vec![0.0; dim];
        noise(row).child(t as u64).fill_normal(&mut values);
        values
    };
    let mut z = Tensor::from_vec(&[rows, dim], (0..rows).flat_map(|row| draw(0, row)).collect()).unwrap();
    let mut block_logits = Vec::new();
    for t in 1..=net.facts().blocks {
        let logits = net.block_logits(weights, t, features, &z);
        let posterior = net.schedule().posterior(t);
        for row in 0..rows {
            let p = softmax(&logits.data()[row * classes..][..classes]);
            for (i, epsilon) in draw(t, row).into_iter().enumerate() {
                let estimate: f64 = (0..classes).map(|c| p[c] * f64::from(w.data()[c * dim + i])).sum();
                let value = &mut z.data_mut()[row * dim + i];
                *value = (posterior.estimate * estimate
                    + posterior.latent * f64::from(*value)
                    + posterior.variance.sqrt() * f64::from(epsilon)) as f32;
            }
        }
        block_logits.push(logits);
    }
    Trace { block_logits, head_logits: net.head_logits(weights, &z) }
}

#[test]
fn the_chain_is_equation_three() {
    let config = small();
    let (net, weights) = network_in_use(&config);
    let features = net.features(&weights, &batch(&config, 5).inputs);
    let found = net.sample(&weights, &features, &noise);
    let expected = chain_by_hand(&net, &weights, &features, 5);
    for (found, expected) in found.block_logits.iter().zip(&expected.block_logits) {
        assert!(largest_difference(found.data(), expected.data()) <= 1e-5);
    }
    assert!(largest_difference(found.head_logits.data(), expected.head_logits.data()) <= 1e-5);
}

/// The reference chain forgets z: its head sees tanh of the decoder, so |f(z) − bias| is at most the head's row sums.
#[test]
fn the_reference_chain_answers_from_the_last_estimate_alone() {
    let config = small_reference();
    let (net, weights) = network_in_use(&config);
    let features = net.features(&weights, &batch(&config, 5).inputs);
    let trace = net.sample(&weights, &features, &noise);
    let mut last_logits = None;
    for shift in [0.0, 1.0] {
        // Another block T − 1 moves the input of block T, hence its logits, hence the answer; block T's decoder alone
        // turns them into z_T.
        let mut moved = weights.clone();
        let decoder = moved.blocks[8].range_of("decoder.fc.bias").unwrap();
        moved.blocks[8].values_mut()[decoder].iter_mut().for_each(|v| *v += shift);
        let trace = net.sample(&moved, &features, &noise);
        let p: Vec<f64> = trace.block_logits[9].data().chunks_exact(4).flat_map(softmax).collect();
        let head = answer_by_hand(&net, &moved, &p);
        assert!(largest_difference(trace.head_logits.data(), &head) <= 1e-5);
        let previous = last_logits.replace(trace.block_logits[9].clone());
        assert!(previous.is_none_or(|previous| previous != trace.block_logits[9]));
    }
    assert_eq!(trace.block_logits.len(), 10);
}

/// f(tanh(D·(p·W) + b)) with block T's decoder.
fn answer_by_hand(net: &NoPropDt, weights: &Weights, p: &[f64]) -> Vec<f32> {
    let w = net.embedding_matrix(weights);
    let [classes, dim] = *w.shape() else { panic!("embedding: {:?}", w.shape()) };
    let last = &weights.blocks[net.facts().blocks - 1];
    let matrix = last.export("decoder.fc.weight").unwrap();
    let bias = last.export("decoder.fc.bias").unwrap();
    let mut z = Vec::new();
    for p in p.chunks_exact(classes) {
        let mean: Vec<f64> =
            (0..dim).map(|i| (0..classes).map(|c| p[c] * f64::from(w.data()[c * dim + i])).sum()).collect();
        z.extend((0..dim).map(|o| {
            let sum: f64 = (0..dim).map(|i| f64::from(matrix[o * dim + i]) * mean[i]).sum();
            (sum + f64::from(bias[o])).tanh() as f32
        }));
    }
    let rows = z.len() / dim;
    net.head_logits(weights, &Tensor::from_vec(&[rows, dim], z).unwrap()).data().to_vec()
}

#[test]
fn consensus_is_the_mean_of_the_blocks_probabilities() {
    let config = small();
    let (net, weights) = network_in_use(&config);
    let features = net.features(&weights, &batch(&config, 5).inputs);
    let trace = net.sample(&weights, &features, &noise);
    let (consensus, answer) = (trace.consensus(), trace.probabilities());
    assert_eq!((consensus.shape(), answer.shape()), (&[5, 4][..], &[5, 4][..]));
    for row in 0..5 {
        let row_of = |tensor: &Tensor| tensor.data()[row * 4..][..4].to_vec();
        let of_blocks: Vec<Vec<f64>> =
            trace.block_logits.iter().map(|logits| softmax(&row_of(logits))).collect();
        assert_eq!(of_blocks.len(), 3);
        for (class, found) in row_of(&consensus).iter().enumerate() {
            let mean = of_blocks.iter().map(|p| p[class]).sum::<f64>() / 3.0;
            approx::assert_abs_diff_eq!(f64::from(*found), mean, epsilon = 1e-6);
        }
        for (found, expected) in row_of(&answer).iter().zip(softmax(&row_of(&trace.head_logits))) {
            approx::assert_abs_diff_eq!(f64::from(*found), expected, epsilon = 1e-6);
        }
        for rows in trace.block_probabilities().iter().chain([&consensus, &answer]) {
            approx::assert_abs_diff_eq!(row_of(rows).iter().sum::<f32>(), 1.0, epsilon = 1e-5);
        }
    }
}
