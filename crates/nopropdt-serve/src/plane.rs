//! The plane in which latents are shown: the two directions in which the class embeddings differ most.

/// Multiply-adds that finding the plane may take, about.
const MOST_WORK: usize = 1 << 30;
/// Rounds after which the plane no longer turns visibly.
const ROUNDS: usize = 60;

/// Two orthonormal directions in the space of latents, seen from the middle of the embeddings.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    middle: Vec<f32>,
    axes: [Vec<f32>; 2],
}

impl Plane {
    /// The first two principal directions of these rows [m, d], by iteration of a plane. It starts from the one that has the classes on a
    /// circle; one-hot embeddings differ as much in every direction, so there it stays.
    ///
    /// # Panics
    /// When there is no row, or rows are of length 0.
    pub(crate) fn of(rows: &[f32], dim: usize) -> Self {
        let count = rows.len() / dim;
        let mut middle = vec![0.0_f32; dim];
        for row in rows.chunks_exact(dim) {
            middle.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / count as f32);
        }
        let centred: Vec<Vec<f32>> = rows
            .chunks_exact(dim)
            .map(|row| row.iter().zip(&middle).map(|(value, mean)| value - mean).collect())
            .collect();
        let angle = |class: usize| std::f32::consts::TAU * class as f32 / count as f32;
        let circle =
            [f32::cos, f32::sin].map(|of| (0..count).map(|class| of(angle(class))).collect::<Vec<_>>());
        let mut axes = circle.map(|weights| combined(&centred, &weights));
        for _ in 0..ROUNDS.min(MOST_WORK / rows.len()).max(1) {
            orthonormal(&mut axes);
            axes = axes.map(|axis| {
                let places: Vec<f32> = centred.iter().map(|row| dot(row, &axis)).collect();
                combined(&centred, &places)
            });
        }
        orthonormal(&mut axes);
        Self { middle, axes }
    }

    /// Where a latent lies in the plane.
    pub(crate) fn place(&self, latent: &[f32]) -> [f32; 2] {
        let along = |axis: &Vec<f32>| {
            let parts = latent.iter().zip(&self.middle).zip(axis);
            parts.map(|((value, mean), direction)| (value - mean) * direction).sum()
        };
        [along(&self.axes[0]), along(&self.axes[1])]
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// The sum of the rows, each times its weight.
fn combined(rows: &[Vec<f32>], weights: &[f32]) -> Vec<f32> {
    let mut sum = vec![0.0; rows[0].len()];
    for (row, weight) in rows.iter().zip(weights) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}

/// Makes both of length 1 and at right angles.
fn orthonormal([first, second]: &mut [Vec<f32>; 2]) {
    *first = direction(first, None);
    *second = direction(second, Some(first));
}

/// What `axis` has beside `known`, of length 1. Where that is nothing, the first coordinate that has something stands in for it; all 0 where
/// none has: one dimension has one direction.
fn direction(axis: &[f32], known: Option<&[f32]>) -> Vec<f32> {
    let dim = axis.len();
    let coordinates = (0..dim).map(|at| (0..dim).map(|other| f32::from(u8::from(at == other))).collect());
    for mut candidate in std::iter::once(axis.to_vec()).chain(coordinates) {
        let length = dot(&candidate, &candidate).sqrt();
        if let Some(known) = known {
            let share = dot(&candidate, known);
            candidate.iter_mut().zip(known).for_each(|(value, known)| *value -= share * known);
        }
        let left = dot(&candidate, &candidate).sqrt();
        // Written so that NaN and nothing fail; what rounding leaves is nothing.
        if left > 1e-4 * length && left.is_finite() {
            candidate.iter_mut().for_each(|value| *value /= left);
            return candidate;
        }
    }
    vec![0.0; dim]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_hot(classes: usize) -> Vec<f32> {
        (0..classes * classes).map(|at| f32::from(u8::from(at / classes == at % classes))).collect()
    }

    #[test]
    fn one_hot_classes_lie_on_a_circle_in_order() {
        let rows = one_hot(10);
        let plane = Plane::of(&rows, 10);
        for (class, row) in rows.chunks_exact(10).enumerate() {
            let [x, y] = plane.place(row);
            let wanted = std::f32::consts::TAU * class as f32 / 10.0;
            let radius = 0.2_f32.sqrt();
            assert!(
                (x - radius * wanted.cos()).abs() < 1e-4 && (y - radius * wanted.sin()).abs() < 1e-4,
                "{class}: {x} {y}"
            );
        }
    }

    #[test]
    fn the_plane_has_the_directions_of_most_difference() {
        // Spread by 3 along the third coordinate, by 2 along the first, by little along the others.
        let mut rows = vec![0.0; 6 * 5];
        for class in 0..6 {
            let angle = std::f32::consts::TAU * class as f32 / 6.0;
            rows[class * 5 + 2] = 3.0 * angle.cos() + 7.0;
            rows[class * 5] = 2.0 * angle.sin();
            rows[class * 5 + 1] = 0.1 * (3.0 * angle).cos();
        }
        let plane = Plane::of(&rows, 5);
        assert!(plane.axes[0][2].abs() > 0.999 && plane.axes[1][0].abs() > 0.999, "{plane:?}");
    }

    #[test]
    fn two_classes_one_place_and_one_dimension_have_a_plane_too() {
        let two = Plane::of(&one_hot(2), 2);
        assert!(
            (dot(&two.axes[0], &two.axes[1])).abs() < 1e-6
                && (dot(&two.axes[1], &two.axes[1]) - 1.0).abs() < 1e-5
        );
        let same = Plane::of(&[1.0, 2.0, 1.0, 2.0], 2);
        assert_eq!(same.place(&[1.0, 2.0]), [0.0, 0.0]);
        assert!(same.place(&[5.0, -1.0]).iter().all(|place| place.is_finite()));
        let line = Plane::of(&[1.0, 3.0], 1);
        assert_eq!(line.place(&[2.0]), [0.0, 0.0]);
        assert!(line.place(&[3.0])[0].abs() > 0.99 && line.place(&[3.0])[1] == 0.0);
    }
}
