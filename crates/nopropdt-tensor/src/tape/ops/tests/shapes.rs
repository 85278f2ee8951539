//! Shapes of outputs, and where their values come from, over random sizes.

use super::*;
use ndarray::{Axis, Slice};
use proptest::prelude::*;

proptest! {
    #[test]
    fn fused_convolutions(
        batch in 0usize..4, height in 1usize..8, width in 1usize..8, inputs in 1usize..4, outputs in 1usize..5,
        pool in any::<bool>(), dropped in any::<bool>(),
    ) {
        let (parameters, layer) = conv(inputs, outputs, normal);
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(&parameters);
        let x = tape.constant(normal(&[batch, height, width, inputs], 1));
        let plain = layer.forward(&mut tape, slot, x, ConvEpilogue::Linear);
        prop_assert_eq!(tape.value(plain).shape(), [batch, height, width, outputs]);
        let epilogue = ConvEpilogue::Relu { pool, dropout: dropped.then(|| dropout(0.5, 1)) };
        let fused = layer.forward(&mut tape, slot, x, epilogue);
        let [rows, columns] = if pool { [height / 2, width / 2] } else { [height, width] };
        prop_assert_eq!(tape.value(fused).shape(), [batch, rows, columns, outputs]);
    }

    #[test]
    fn concat_puts_matrices_side_by_side(rows in 1usize..5, widths in prop::collection::vec(0usize..4, 1..5)) {
        let total: usize = widths.iter().sum();
        let mut tape = Tape::new(Mode::Train);
        let parts: Vec<Var> = (0u64..).zip(&widths).map(|(i, &w)| tape.variable(normal(&[rows, w], i))).collect();
        let joined = tape.concat(&parts);
        prop_assert_eq!(tape.value(joined).shape(), [rows, total]);
        let mut from = 0;
        for (&part, &width) in parts.iter().zip(&widths) {
            let columns = tape.value(joined).view().slice_axis(Axis(1), Slice::from(from..from + width)).into_owned();
            prop_assert_eq!(columns, tape.value(part).view().into_owned());
            from += width;
        }
        // Going back, each part gets its own columns of the gradient.
        let upstream = normal(&[rows, total], 9);
        let loss = weigh(&mut tape, joined, &upstream);
        let gradients = tape.backward(loss);
        let mut from = 0;
        for (&part, &width) in parts.iter().zip(&widths) {
            let rows = upstream.data().chunks_exact(total.max(1));
            let expected: Vec<f32> = rows.flat_map(|row| row[from..from + width].to_vec()).collect();
            prop_assert_eq!(gradients.variable(part), Some(&expected[..]));
            from += width;
        }
    }

    #[test]
    fn flatten_keeps_the_batch(shape in prop::collection::vec(0usize..4, 1..5)) {
        let mut tape = Tape::new(Mode::Train);
        let x = tape.constant(normal(&shape, 1));
        let flat = tape.flatten(x);
        prop_assert_eq!(tape.value(flat).shape(), [shape[0], shape[1..].iter().product()]);
        prop_assert_eq!(tape.value(flat).data(), tape.value(x).data());
    }

    #[test]
    fn rows_are_those_of_the_matrix(
        columns in 0usize..4, count in 1usize..5, picks in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let labels: Vec<usize> = picks.iter().map(|pick| pick.index(count)).collect();
        let mut tape = Tape::new(Mode::Train);
        let matrix = tape.variable(normal(&[count, columns], 1));
        let taken = tape.rows(matrix, &labels);
        prop_assert_eq!(tape.value(taken).shape(), [labels.len(), columns]);
        for (row, &label) in labels.iter().enumerate() {
            let found = &tape.value(taken).data()[row * columns..][..columns];
            prop_assert_eq!(found, &tape.value(matrix).data()[label * columns..][..columns]);
        }
    }

    #[test]
    fn pools(batch in 0usize..3, height in 1usize..7, width in 1usize..7, channels in 0usize..4) {
        let mut tape = Tape::new(Mode::Train);
        let x = tape.variable(normal(&[batch, height, width, channels], 1));
        let (halved, mean) = (tape.max_pool(x), tape.global_average_pool(x));
        prop_assert_eq!(tape.value(halved).shape(), [batch, height / 2, width / 2, channels]);
        prop_assert_eq!(tape.value(mean).shape(), [batch, channels]);
        let share = tape.backward_from(mean, vec![1.0; batch * channels], Vec::new());
        let each = 1.0 / (height * width) as f32;
        prop_assert_eq!(share.variable(x).unwrap(), vec![each; batch * height * width * channels]);
    }
}
