use super::*;
use crate::config::{Overrides, RunConfig};
use nopropdt_blocks::Named;
use nopropdt_data::{DatasetName, load};
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Layout, ParameterBuilder};
use std::path::Path;

const SHARES: [f64; 3] = [0.5, 0.3, 0.2];

/// A set of three tensors, of 2, 3 and 1 values.
fn set() -> Parameters {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    for (name, length) in [("a", 2), ("b", 3), ("c", 1)] {
        builder.parameter(name, &[length], Layout::Same, Initializer::Zeros, 1);
    }
    builder.build()
}

/// Six values of a slice, of very different sizes: another order of adding gives another sum.
fn gradient(slice: usize) -> Vec<f32> {
    let mut values = vec![0.0; 6];
    Stream::new(slice as u64).fill_normal(&mut values);
    values.iter().map(|value| value * 1e3f32.powi(slice as i32)).collect()
}

fn expected(slices: &[usize]) -> Vec<f32> {
    let mut sum = vec![0.0; 6];
    for &slice in slices {
        add(&mut sum, SHARES[slice], &gradient(slice));
    }
    sum
}

/// Sums what `fill` adds.
fn summed(fill: impl FnOnce(&Sums<'_>)) -> Vec<f32> {
    let (sets, mut into) = ([set()], [vec![0.0; 6]]);
    let sums = Sums::new(&sets, &mut into, &SHARES);
    fill(&sums);
    sums.finish();
    let [sum] = into;
    sum
}

#[test]
fn the_sum_does_not_depend_on_who_comes_first() {
    assert_ne!(expected(&[0, 1, 2]), expected(&[2, 1, 0]), "the order would not be seen");
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let whole =
            |sums: &Sums<'_>| order.iter().for_each(|&slice| sums.add(slice, 0, 0..6, &gradient(slice)));
        assert_eq!(summed(whole), expected(&[0, 1, 2]), "{order:?}");
        let by_tensor = |sums: &Sums<'_>| {
            for (range, slice) in
                [2..5, 5..6, 0..2].into_iter().flat_map(|range| order.map(|slice| (range.clone(), slice)))
            {
                sums.add(slice, 0, range.clone(), &gradient(slice)[range]);
            }
        };
        assert_eq!(summed(by_tensor), expected(&[0, 1, 2]), "{order:?}");
    }
}

#[test]
fn what_comes_in_turn_is_added_at_once_and_not_kept() {
    let (sets, mut into) = ([set()], [vec![0.0; 6]]);
    let sums = Sums::new(&sets, &mut into, &SHARES);
    let waiting = || sums.sets[0].iter().map(|(_, sum)| sum.lock().unwrap().early.len()).sum::<usize>();
    sums.add(1, 0, 0..6, &gradient(1));
    assert_eq!(waiting(), 3);
    sums.add(0, 0, 0..5, &gradient(0)[..5]);
    assert_eq!(waiting(), 1);
}

#[test]
fn a_slice_without_a_gradient_holds_nobody_up() {
    assert_eq!(
        summed(|sums| [2, 1].into_iter().for_each(|slice| sums.add(slice, 0, 0..6, &gradient(slice)))),
        expected(&[1, 2])
    );
}

/// Methods that hand on tensors and one that hands on the whole give the mean of what each slice says by itself, on any number of threads.
#[test]
fn a_step_in_slices_is_the_mean_of_the_slices() {
    let images = load(DatasetName::Digits, Path::new("unused")).unwrap().train;
    let batch = crate::trainer::gather(&images, &(0..11).collect::<Vec<u32>>());
    let bounds = [0, 2, 5, 8, 11];
    // With one-hot embeddings flow matching has no use for a head; CT has a schedule beside it.
    for (kind, shared_sets) in [("ct", 2), ("fm", 0), ("adjoint", 1)] {
        let config = Overrides::default().with("method", kind).with("steps", 2);
        let config: RunConfig = config.resolve(None).unwrap();
        let method = config.network(&[8, 8, 1], 10).unwrap();
        let weights = method.init(1);
        let noise = Stream::new(2);
        let mut expected = vec![0.0; weights.blocks[0].len()];
        let mut shared: Named<Vec<f32>> = Named::default();
        let mut loss = 0.0;
        for (slice, ends) in bounds.windows(2).enumerate() {
            let (part, noise) = (batch.part(ends[0]..ends[1]), noise.child(slice as u64));
            let step = method.step(&StepInput::new(0, &weights.blocks, &weights.shared, &part, noise));
            let share = part.labels.len() as f64 / 11.0;
            add(&mut expected, share, &step.own[0]);
            for (name, gradient) in step.shared.iter() {
                if shared.get(name).is_none() {
                    shared.push(name, vec![0.0; gradient.len()]);
                }
                add(&mut shared[name], share, gradient);
            }
            loss += share * step.loss.total;
        }
        assert_eq!(shared.len(), shared_sets, "{kind:?}");
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let input = StepInput::new(0, &weights.blocks, &weights.shared, &batch, noise);
            let step = pool.install(|| step_in_slices(&*method, &input));
            assert_eq!(
                (step.own, step.shared),
                (vec![expected.clone()], shared.clone()),
                "{kind:?}, {threads} threads"
            );
            assert_eq!(step.loss.total, loss);
        }
    }
}
