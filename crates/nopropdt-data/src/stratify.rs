//! Choosing a part of a split with every class in its share.

use rand_chacha::ChaCha8Rng;

use crate::order::shuffle;

/// `count` positions of `labels`, ascending, with each class in proportion and its members drawn at random.
///
/// Shares are rounded by largest remainder (ties to the lower class), so they add up to exactly
/// `count`, which must not exceed `labels.len()`.
pub(crate) fn stratified_pick(labels: &[u16], count: usize, random: &mut ChaCha8Rng) -> Vec<u32> {
    debug_assert!(count <= labels.len());
    let classes = labels.iter().max().map_or(0, |&largest| usize::from(largest) + 1);
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[usize::from(label)].push(index as u32);
    }
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut picked = Vec::with_capacity(count);
    for (class, quota) in members.iter_mut().zip(largest_remainder(&sizes, count)) {
        shuffle(class, random);
        picked.extend_from_slice(&class[..quota]);
    }
    picked.sort_unstable();
    picked
}

/// Whole shares of `count` in proportion to `sizes`, adding up to `count`.
fn largest_remainder(sizes: &[usize], count: usize) -> Vec<usize> {
    // 128 bits: a product of two lengths need not fit 64.
    let total = sizes.iter().sum::<usize>().max(1) as u128;
    let exact: Vec<u128> = sizes.iter().map(|&size| size as u128 * count as u128).collect();
    let mut shares: Vec<usize> = exact.iter().map(|product| (product / total) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(exact[class] % total));
    let left = count - shares.iter().sum::<usize>();
    for &class in by_remainder.iter().take(left) {
        shares[class] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::order::{Purpose, stream};

    #[test]
    fn shares_round_by_largest_remainder() {
        assert_eq!(largest_remainder(&[5, 3, 2], 5), [3, 1, 1]); // 2.5, 1.5, 1.0: the tie goes to the first
        assert_eq!(largest_remainder(&[1, 1, 1], 2), [1, 1, 0]);
        assert_eq!(largest_remainder(&[0, 4], 3), [0, 3]);
        assert_eq!(largest_remainder(&[7, 3], 10), [7, 3]);
        assert!(largest_remainder(&[], 0).is_empty());
    }

    proptest! {
        #[test]
        fn every_class_gets_its_share(labels in prop::collection::vec(0_u16..7, 1..400), part in 0.0..1.0_f64, seed: u64) {
            let count = (labels.len() as f64 * part) as usize;
            let picked = stratified_pick(&labels, count, &mut stream(Purpose::Validation, seed, 0));
            prop_assert_eq!(picked.len(), count);
            prop_assert!(picked.windows(2).all(|pair| pair[0] < pair[1]));
            for class in 0..7 {
                let size = labels.iter().filter(|&&label| label == class).count();
                let got = picked.iter().filter(|&&index| labels[index as usize] == class).count();
                let exact = size as f64 * count as f64 / labels.len() as f64;
                prop_assert!((got as f64 - exact).abs() < 1.0 && got <= size);
            }
        }
    }
}
