//! Seeded orders: pure functions of their arguments, the same on every machine and in every version.

use std::slice::Chunks;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a random stream is for; streams of different purposes never meet, whatever the seed.
#[cfg_attr(not(feature = "pictures"), allow(dead_code))]
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Epoch,
    Validation,
    DigitsTest,
    FolderOrder,
    FolderTest,
    Augmentation,
}

/// The random stream of a purpose, a seed and a counter.
///
/// The shuffle below is written here, on ChaCha's documented output, because the shuffle of the `rand` crate may
/// change between its versions and would change every run with it.
pub(crate) fn stream(purpose: Purpose, seed: u64, counter: u64) -> ChaCha8Rng {
    let tag: &[u8; 16] = match purpose {
        Purpose::Epoch => b"data/epoch-order",
        Purpose::Validation => b"data/validation.",
        Purpose::DigitsTest => b"data/digits-test",
        Purpose::FolderOrder => b"data/folderorder",
        Purpose::FolderTest => b"data/folder-test",
        Purpose::Augmentation => b"data/augmentatio",
    };
    let mut key = [0; 32];
    key[..16].copy_from_slice(tag);
    key[16..24].copy_from_slice(&seed.to_le_bytes());
    key[24..].copy_from_slice(&counter.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Shuffles in place (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], random: &mut ChaCha8Rng) {
    for last in (1..items.len() as u32).rev() {
        let other = below(random, last + 1);
        items.swap(last as usize, other as usize);
    }
}

/// A number in `0..bound`, each equally likely: multiply and shift, rejecting the few values that would
/// favour some numbers.
pub(crate) fn below(random: &mut ChaCha8Rng, bound: u32) -> u32 {
    let rejected = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(random.next_u32()) * u64::from(bound);
        if product as u32 >= rejected {
            return (product >> 32) as u32;
        }
    }
}

/// The order in which an epoch visits `len` images: a shuffle of `0..len` that depends on nothing but the
/// arguments, so a resumed run needs no saved state.
///
/// # Panics
/// When `len` exceeds `u32::MAX`; a [`Split`](crate::Split) never does.
#[must_use]
pub fn epoch_order(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let len = u32::try_from(len).expect("epoch_order: at most u32::MAX images");
    let mut order: Vec<u32> = (0..len).collect();
    shuffle(&mut order, &mut stream(Purpose::Epoch, seed, epoch));
    order
}

/// An order cut into batches of `batch_size`; the last is shorter when the order doesn't divide evenly, and a
/// caller that wants whole batches only skips it by its length.
///
/// # Panics
/// When `batch_size` is 0.
pub fn batches(order: &[u32], batch_size: usize) -> Chunks<'_, u32> {
    assert!(batch_size > 0, "batches: batch size must be above 0; found 0");
    order.chunks(batch_size)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_order_is_fixed_for_all_time() {
        // Worked out by a separate program from the definition of ChaCha8. Changing them changes every run.
        assert_eq!(epoch_order(10, 0, 0), [6, 5, 0, 8, 2, 9, 4, 1, 3, 7]);
        assert_eq!(epoch_order(10, 0, 1), [9, 8, 1, 0, 5, 4, 7, 2, 6, 3]);
        assert_eq!(epoch_order(10, u64::MAX, 0), [6, 7, 9, 8, 2, 0, 4, 3, 5, 1]);
    }

    #[test]
    fn tiny_orders() {
        assert!(epoch_order(0, 1, 2).is_empty());
        assert_eq!(epoch_order(1, 1, 2), [0]);
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let orders: HashSet<Vec<u32>> =
            (0..8).flat_map(|seed| (0..8).map(move |epoch| epoch_order(100, seed, epoch))).collect();
        assert_eq!(orders.len(), 64);
    }

    #[test]
    fn every_place_is_equally_likely() {
        // 6,000 shuffles of 6: each of the 36 (value, place) cells expects 1,000, standard deviation 29.
        let mut cells = [[0_u32; 6]; 6];
        for epoch in 0..6000 {
            for (place, value) in epoch_order(6, 7, epoch).into_iter().enumerate() {
                cells[place][value as usize] += 1;
            }
        }
        assert!(cells.as_flattened().iter().all(|&count| (850..1150).contains(&count)), "{cells:?}");
    }

    #[test]
    fn the_last_batch_is_short() {
        let order = epoch_order(10, 3, 0);
        let lens: Vec<usize> = batches(&order, 4).map(<[u32]>::len).collect();
        assert_eq!(lens, [4, 4, 2]);
        assert_eq!(batches(&order, 4).flatten().copied().collect::<Vec<_>>(), order);
    }

    #[test]
    #[should_panic(expected = "batch size must be above 0")]
    fn a_batch_holds_something() {
        let _ = batches(&[1, 2], 0);
    }

    proptest! {
        #[test]
        fn an_order_is_a_permutation(len in 0_usize..3000, seed: u64, epoch: u64) {
            let order = epoch_order(len, seed, epoch);
            prop_assert_eq!(&order, &epoch_order(len, seed, epoch));
            let mut sorted = order;
            sorted.sort_unstable();
            prop_assert!(sorted.into_iter().eq(0..len as u32));
        }
    }
}
