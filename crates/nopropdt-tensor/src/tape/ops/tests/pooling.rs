//! NaN in a pool: every position of the window, alone and with others, as PyTorch has it.

use super::*;

/// PyTorch's loop over a window: NaN replaces whatever was found, and nothing but another NaN replaces it.
fn pytorch(window: [f32; 4]) -> usize {
    (1..4).fold(0, |best, at| if window[at] > window[best] || window[at].is_nan() { at } else { best })
}

#[test]
fn not_a_number_passes_a_pool_wherever_it_is() {
    let numbers = [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [2.0, 4.0, f32::INFINITY, 2.0], [-1.0; 4]];
    for (window, mask) in numbers.into_iter().flat_map(|window| (0..16).map(move |mask| (window, mask))) {
        let window: [f32; 4] =
            std::array::from_fn(|at| if mask >> at & 1 == 1 { f32::NAN } else { window[at] });
        let source = pytorch(window);
        // 3×5: a last row and column that no window has, two windows side by side, the second without NaN.
        let (mut image, places) = ([9.0; 15], [0, 1, 5, 6]);
        places.into_iter().zip(window).for_each(|(place, value)| image[place] = value);
        let mut tape = Tape::new(Mode::Train);
        let x = tape.variable(Tensor::from_vec(&[1, 3, 5, 1], image.to_vec()).unwrap());
        let pooled = tape.max_pool(x);
        let found = tape.value(pooled).data();
        assert_eq!((found.len(), found[1]), (2, 9.0));
        assert_eq!(found[0].to_bits(), window[source].to_bits(), "{window:?}");
        assert_eq!(found[0].is_nan(), mask > 0, "{window:?}");
        let gradients = tape.backward_from(pooled, vec![3.0, 0.0], Vec::new());
        let gradient = gradients.variable(x).unwrap();
        let expected: Vec<f32> =
            (0..15).map(|place| if place == places[source] { 3.0 } else { 0.0 }).collect();
        assert_eq!(gradient, expected, "{window:?}");
    }
}

/// A diverged unit says so on the way back too, as PyTorch's does.
#[test]
fn a_relu_of_nan_passes_the_gradient_on() {
    let mut tape = Tape::new(Mode::Train);
    let x = tape.variable(Tensor::from_vec(&[4], vec![f32::NAN, -1.0, 0.0, 2.0]).unwrap());
    let y = tape.relu(x);
    assert!(tape.value(y).data()[0].is_nan());
    assert_eq!(tape.backward_from(y, vec![5.0; 4], Vec::new()).variable(x).unwrap(), [5.0, 0.0, 0.0, 5.0]);
}
