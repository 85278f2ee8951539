//! Numbers of blocks against those made another way.

use super::*;
use crate::config::Overrides;
use crate::evaluate::accuracy;
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::{DatasetName, Split, load};

fn digits(count: usize) -> Split {
    load(DatasetName::Digits, Path::new("unused")).unwrap().test.limited(Some(count))
}

fn method(overrides: Overrides) -> Box<dyn Method> {
    overrides
        .over(Overrides::default().with("steps", 3))
        .resolve(None)
        .unwrap()
        .network(&[8, 8, 1], 10)
        .unwrap()
}

/// Weights that tell digits apart a little: the blocks' last layers are larger than at the start.
fn weights(method: &dyn Method) -> Weights {
    let mut weights = method.init(5);
    for own in &mut weights.blocks {
        for name in ["join.out.weight", "label.fc1.weight"] {
            if let Some(range) = own.range_of(name) {
                own.values_mut()[range].iter_mut().for_each(|value| *value *= 8.0);
            }
        }
    }
    weights
}

fn diagnosed(method: &dyn Method, data: &Split) -> Diagnostics {
    diagnose(method, &weights(method), data, HeldOut::Test, 7, INPUTS).unwrap()
}

#[test]
fn accuracies_along_the_chain_are_those_of_evaluation() {
    let data = digits(250);
    for name in ["dt", "ct", "fm", "backprop", "committee"] {
        let method = method(Overrides::default().with("method", name));
        let found = diagnosed(method.as_ref(), &data);
        let evaluated = accuracy(method.as_ref(), &weights(method.as_ref()), &data, 7, 1).remove(0);
        let own: Vec<f64> = found.blocks.iter().map(|block| block.accuracy).collect();
        assert_eq!(own, evaluated.per_block, "{name}");
        assert_eq!((found.inputs, found.agreement.len()), (250, own.len()));
        let denoises = ["dt", "ct"].contains(&name);
        assert!(found.blocks.iter().all(|block| block.denoising.is_some() == denoises), "{name}");
        let has_blocks = ["dt", "backprop", "committee"].contains(&name);
        assert_eq!(found.similarity.is_some(), has_blocks, "{name}");
        for (row, agreement) in found.agreement.iter().enumerate() {
            assert_eq!(agreement[row], 1.0);
            assert!((0..own.len()).all(|column| agreement[column] == found.agreement[column][row]));
        }
    }
}

/// By hand for block 2, input by input.
#[test]
fn a_blocks_numbers_are_those_of_the_block_alone() {
    let data = digits(30);
    let method = method(Overrides::default().with("embedding", "learned").with("embedding-dim", 6));
    let (method, weights) = (method.as_ref(), weights(method.as_ref()));
    let found = diagnosed(method, &data);
    let inspect = method.inspect().unwrap();
    let order = choice::spread(data.len(), INPUTS);
    let batch = crate::trainer::gather(&data, &order);
    let features = method.features(&weights, &batch.inputs);
    let noise = |row: usize| crate::evaluate::noise(7, 0, order[row] as usize);
    let (mut given, mut answers) = (None, Vec::new());
    let mut error = 0.0;
    let embedding = method.embedding_matrix(&weights);
    let target = |row: usize| &embedding.data()[6 * batch.labels[row]..][..6];
    let error_of = |estimate: &nopropdt_tensor::Tensor| {
        let rows = estimate.data().chunks_exact(6).enumerate();
        let squares =
            rows.flat_map(|(row, u)| u.iter().zip(target(row)).map(|(a, b)| f64::from(a - b).powi(2)));
        squares.sum::<f64>() / 30.0
    };
    inspect.watch(&weights, &features, &noise, &mut |block| {
        answers.push(block.logits.argmax_rows());
        if block.block == 2 {
            given = Some(block.given.clone());
            error = error_of(block.estimate);
        }
    });
    let denoising = found.blocks[1].denoising.as_ref().unwrap();
    assert!((denoising.squared_error_in_chain - error).abs() < 1e-6 * error, "{error} {denoising:?}");

    let same = answers[0].iter().zip(&answers[2]).filter(|(one, two)| one == two).count();
    assert!(same < 30 && found.agreement[0][2] == same as f64 / 30.0, "{same} {:?}", found.agreement);

    // Row b gets the latent of row b + 1.
    let mut given = given.unwrap();
    given.data_mut().rotate_left(6);
    let share = |logits: &nopropdt_tensor::Tensor| {
        logits.argmax_rows().iter().zip(&batch.labels).filter(|(a, b)| a == b).count() as f64 / 30.0
    };
    let other = share(&inspect.alone(&weights, 2, &features, &given).logits);
    assert_eq!(denoising.accuracy_with_other_latent, other);
    assert_eq!(denoising.use_of_latent, found.blocks[1].accuracy - other);

    let alpha_bar = method.alpha_bar(&weights)[1];
    assert_eq!(denoising.alpha_bar, alpha_bar);
    let mut noised = nopropdt_tensor::Tensor::zeros(&[30, 6]);
    for (row, z) in noised.data_mut().chunks_exact_mut(6).enumerate() {
        let stream = nopropdt_tensor::random::Stream::new(7).purpose("diagnose").child(order[row].into());
        stream.child(2).fill_normal(z);
        let signal = alpha_bar.sqrt() as f32;
        z.iter_mut()
            .zip(target(row))
            .for_each(|(z, u)| *z = signal * u + (1.0 - alpha_bar).sqrt() as f32 * *z);
    }
    let alone = inspect.alone(&weights, 2, &features, &noised);
    assert_eq!(denoising.accuracy_on_truth, share(&alone.logits));
    let wanted = error_of(&alone.estimate);
    assert!((denoising.squared_error_on_truth - wanted).abs() < 1e-5 * wanted, "{wanted} {denoising:?}");
}

/// Blocks that are given zeros make the same of noised truth, of the chain and of other latents.
#[test]
fn blind_blocks_use_no_latent() {
    let method = method(Overrides::default().with("objective", "zeroed-z"));
    for block in diagnosed(method.as_ref(), &digits(60)).blocks {
        let denoising = block.denoising.unwrap();
        assert_eq!((denoising.use_of_latent, denoising.accuracy_on_truth), (0.0, block.accuracy));
        assert_eq!(denoising.squared_error_on_truth, denoising.squared_error_in_chain);
    }
}

/// Blocks that are copies of one another have the same features and, blind, the same answers.
#[test]
fn copies_of_a_block_resemble_it_in_all() {
    let method = method(Overrides::default().with("objective", "zeroed-z"));
    let mut weights = weights(method.as_ref());
    weights.blocks[2] = weights.blocks[0].clone();
    let found = diagnose(method.as_ref(), &weights, &digits(60), HeldOut::Validation, 7, 40).unwrap();
    assert_eq!((found.on, found.inputs, found.agreement[0][2]), (HeldOut::Validation, 40, 1.0));
    let similarity = found.similarity.unwrap();
    assert_eq!(similarity.inputs, 40);
    assert!((similarity.cka[0][2] - 1.0).abs() < 1e-6 && similarity.cka[0][1] < 0.999, "{similarity:?}");
}

#[test]
fn numbers_do_not_depend_on_the_number_of_threads() {
    let method = method(Overrides::default());
    let data = digits(360);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| diagnosed(method.as_ref(), &data))
    };
    let one = with(1);
    assert_eq!(one, with(3));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diagnostics.json");
    write_diagnostics(&path, &one).unwrap();
    let read: Diagnostics = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(read, one);
}

#[test]
fn what_is_not_finite_has_no_diagnostics() {
    let method = method(Overrides::default());
    let mut weights = weights(method.as_ref());
    weights.blocks[1].values_mut().fill(f32::MAX);
    assert_eq!(diagnose(method.as_ref(), &weights, &digits(20), HeldOut::Test, 7, 20), None);
    assert_eq!(diagnose(method.as_ref(), &method.init(1), &digits(20), HeldOut::Test, 7, 0), None);
    assert_eq!(digits(20).len(), 20);
}
