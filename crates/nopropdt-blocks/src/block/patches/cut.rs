//! How an image is cut into patches.

use crate::error::BlocksError;
use nopropdt_tensor::Window;

/// Longest side of an image.
const MOST_SIDE: usize = 256;
/// Most patches that are chosen for an image: attention costs their square.
const MOST_CHOSEN: usize = 64;
/// Most patches of an image.
const MOST_PATCHES: usize = 4096;

/// A window on each patch of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) window: Window,
    /// Number of patches.
    pub(super) patches: usize,
    /// Values that a window sees.
    pub(super) inputs: usize,
}

impl Cut {
    /// Rows and columns of a patch: so many, or the smallest even number that cuts the image into few enough where that is 0.
    pub(super) fn side(patch: usize, [height, width, _]: [usize; 3]) -> Result<usize, BlocksError> {
        for side in [height, width] {
            BlocksError::check_size("image: rows and columns", 1, MOST_SIDE, side)?;
        }
        let count = |patch: usize| height.div_ceil(patch) * width.div_ceil(patch);
        if patch == 0 {
            // One of the longest side is alone.
            return Ok((2..MOST_SIDE)
                .step_by(2)
                .find(|&patch| count(patch) <= MOST_CHOSEN)
                .unwrap_or(MOST_SIDE));
        }
        BlocksError::check_size("patch", 1, height.max(width), patch)?;
        if count(patch) > MOST_PATCHES {
            let rule = "large enough to cut the image into at most 4096";
            return Err(BlocksError::range("patch", rule, patch));
        }
        Ok(patch)
    }

    /// Patches of so many pixels a side.
    pub(super) fn new(patch: usize, overlap: bool, [height, width, channels]: [usize; 3]) -> Self {
        let patches = height.div_ceil(patch) * width.div_ceil(patch);
        let margin = if overlap { patch.div_ceil(2) } else { 0 };
        // Where the last patch reaches beyond the image, half of that is moved before the first one.
        let padding = |side: usize| (side.next_multiple_of(patch) - side).div_ceil(2) + margin;
        let side = patch + 2 * margin;
        let window =
            Window { size: [side; 2], stride: [patch; 2], padding: [padding(height), padding(width)] };
        Self { window, patches, inputs: side * side * channels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(image: [usize; 3]) -> (usize, usize) {
        let cut = Cut::new(Cut::side(0, image).unwrap(), false, image);
        (cut.window.size[0], cut.patches)
    }

    #[test]
    fn the_patch_that_is_chosen_leaves_at_most_64() {
        assert_eq!(chosen([8, 8, 1]), (2, 16));
        assert_eq!(chosen([28, 28, 1]), (4, 49));
        assert_eq!(chosen([32, 32, 3]), (4, 64));
        assert_eq!(chosen([64, 64, 3]), (8, 64));
        assert_eq!(chosen([256, 256, 3]), (32, 64));
        // Sides that a patch does not divide, and images thinner than one.
        assert_eq!(chosen([9, 10, 2]), (2, 25));
        assert_eq!(chosen([1, 256, 1]), (4, 64));
        assert_eq!(chosen([1, 1, 1]), (2, 1));
    }

    /// Places that windows are moved to, by the rule of [`Window`].
    fn places(cut: &Cut, axis: usize, side: usize) -> usize {
        (side + 2 * cut.window.padding[axis] - cut.window.size[axis]) / cut.window.stride[axis] + 1
    }

    #[test]
    fn every_pixel_is_in_a_window_of_every_cut() {
        for (height, width) in [(1, 1), (2, 7), (9, 10), (28, 28), (31, 33)] {
            for (patch, overlap) in (0..=height.max(width)).flat_map(|patch| [(patch, false), (patch, true)])
            {
                let image = [height, width, 3];
                let cut = Cut::new(Cut::side(patch, image).unwrap(), overlap, image);
                let mut patches = 1;
                for (axis, side) in [height, width].into_iter().enumerate() {
                    let [size, stride, padding] =
                        [cut.window.size, cut.window.stride, cut.window.padding].map(|of| of[axis]);
                    let count = places(&cut, axis, side);
                    let seen = |pixel: usize| {
                        (0..count).any(|at| (at * stride..at * stride + size).contains(&(pixel + padding)))
                    };
                    assert!((0..side).all(seen), "{height}×{width}, patch {patch}, {overlap}: {cut:?}");
                    patches *= count;
                }
                assert_eq!(patches, cut.patches, "{height}×{width}, patch {patch}, {overlap}: {cut:?}");
                assert_eq!(cut.inputs, cut.window.size[0].pow(2) * 3);
            }
        }
    }

    #[test]
    fn what_can_not_be_cut_is_refused() {
        let message = |patch, image| Cut::side(patch, image).unwrap_err().to_string();
        assert_eq!(message(29, [28, 20, 1]), "patch: must be from 1 to 28; found 29");
        assert_eq!(
            message(usize::MAX, [28, 20, 1]),
            format!("patch: must be from 1 to 28; found {}", usize::MAX)
        );
        let rule = "patch: must be large enough to cut the image into at most 4096; found 1";
        assert_eq!(message(1, [65, 64, 1]), rule);
        assert_eq!(message(2, [0, 8, 1]), "image: rows and columns: must be from 1 to 256; found 0");
        assert_eq!(message(0, [8, 257, 1]), "image: rows and columns: must be from 1 to 256; found 257");
    }
}
