//! Classes of which there are more inputs than of others.

/// How much a row of each class counts, so that all classes count the same: N / (k·n) of a class with n of the N inputs, when k classes
/// have any. The mean over all inputs is 1. A class without inputs has the weight 0.
pub fn balanced_weights(counts: &[usize]) -> Vec<f32> {
    let present = counts.iter().filter(|&&count| count > 0).count();
    let all = counts.iter().sum::<usize>() as f64;
    let weight = |&count: &usize| match count {
        0 => 0.0,
        count => (all / (present as f64 * count as f64)) as f32,
    };
    counts.iter().map(weight).collect()
}

/// Mean over the classes that have inputs of the share of these that are among `hits`.
pub fn balanced_accuracy(hits: &[usize], counts: &[usize]) -> f64 {
    let shares: Vec<f64> = hits
        .iter()
        .zip(counts)
        .filter(|&(_, &count)| count > 0)
        .map(|(&hits, &count)| hits as f64 / count as f64)
        .collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}

/// Whether one class has at least twice the inputs of another: accuracy then says little of the rare ones.
pub fn is_unequal(counts: &[usize]) -> bool {
    let present = || counts.iter().copied().filter(|&count| count > 0);
    present().min().zip(present().max()).is_some_and(|(least, most)| most >= 2 * least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_counts_the_same_and_a_row_one_on_average() {
        let counts = [1, 0, 3, 4];
        let weights = balanced_weights(&counts);
        let of_classes: Vec<f32> = weights.iter().zip(counts).map(|(w, count)| w * count as f32).collect();
        assert_eq!(of_classes, [8.0 / 3.0, 0.0, 8.0 / 3.0, 8.0 / 3.0]);
        assert_eq!(balanced_weights(&[5, 5]), [1.0, 1.0]);
    }

    #[test]
    fn a_rare_class_counts_as_much_as_a_frequent_one() {
        // Nine of ten right, but half of the classes' shares.
        assert_eq!(balanced_accuracy(&[9, 0], &[9, 1]), 0.5);
        assert_eq!(balanced_accuracy(&[3, 0, 1], &[4, 0, 4]), 0.5);
    }

    #[test]
    fn twice_as_many_is_unequal() {
        assert!(is_unequal(&[10, 5]) && is_unequal(&[1, 0, 2]));
        assert!(
            !is_unequal(&[10, 6]) && !is_unequal(&[0]) && !is_unequal(&[0, 7]) && !is_unequal(&[3, 3, 3])
        );
    }
}
