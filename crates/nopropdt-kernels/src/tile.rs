//! The register tile: the one loop that every product of this crate runs in.
//!
//! ```text
//!                 b  one step: PANEL = 2 vectors of columns
//!                 ├──── b0 ────┼──── b1 ────┤
//!    a  row 0  →  │ acc[0][0]  │ acc[0][1]  │      a step: one number of a to every lane of a register, then
//!       row 1  →  │ acc[1][0]  │ acc[1][1]  │      acc[r][v] += a_r · b_v
//!        …        │     …      │     …      │
//! ```
//!
//! A tile of R rows holds 2·R sums in registers for the whole of its inner sum. Budget of a step of 14 rows on AVX-512: 28
//! sums + 2 of b + 1 of a = 31 of 32 registers; 28 multiply-adds on two ports = 14 cycles, 14 broadcasts + 2 loads on two
//! ports = 8 cycles. On AVX2 6 rows: 12 + 2 + 1 = 15 of 16 registers, 6 cycles of arithmetic, 4 of loads. A multiply-add takes
//! 4 cycles, so 8 sums (4 rows) are the least that keep both ports busy.
//!
//! Steps are numbers, or pairs of bf16, which count for two. The inner sum walks `runs` runs of `run_length` steps. That covers
//! - a convolution: rows are the pixels of an image row, a run is the three neighbours' channels, which lie side by side in a
//!   padded image, and there are three runs;
//! - its weight gradient: rows are taps and channels of the input, a step is a pixel, a run a row of pixels;
//! - a matrix product, with one run.

#[cfg(target_arch = "x86_64")]
use crate::amx;
use crate::bf16::{Pair, as_pairs};
pub use crate::product::{Left, Product, Right};
use crate::simd::{Operation, Simd};

/// What a step of the inner sum multiplies: numbers, or pairs of bf16, which are two steps at once.
#[allow(unsafe_code)]
pub trait Step: Copy + std::fmt::Debug + 'static {
    /// A step of every lane.
    type Vector<S: Simd>: Copy;

    /// Scratch words as steps.
    fn of_words(words: &[f32]) -> &[Self];

    /// The `S::LANES` steps at `from`.
    ///
    /// # Safety
    /// They must be readable.
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> Self::Vector<S>;

    /// `step` in every lane.
    fn splat<S: Simd>(simd: S, step: Self) -> Self::Vector<S>;

    /// sum + a · b.
    fn mul_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, sum: S::F32) -> S::F32;

    /// Runs a product on a matrix unit, if there is one and the product fits; whether it did.
    ///
    /// # Safety
    /// The product's sums must not be empty; every index that its sizes form must be inside its slices and, for a panel's columns,
    /// inside `out`.
    unsafe fn run_on_tiles<S: Simd>(product: &Product<'_, Self>, out: *mut f32, out_row: usize) -> bool {
        let _ = (product, out, out_row);
        false
    }
}

#[allow(unsafe_code)]
impl Step for f32 {
    type Vector<S: Simd> = S::F32;

    fn of_words(words: &[f32]) -> &[Self] {
        words
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::F32 {
        // SAFETY: the caller's promise.
        unsafe { simd.load(from) }
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, step: Self) -> S::F32 {
        simd.splat(step)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::F32, b: S::F32, sum: S::F32) -> S::F32 {
        simd.mul_add(a, b, sum)
    }
}

#[allow(unsafe_code)]
impl Step for Pair {
    type Vector<S: Simd> = S::Pairs;

    fn of_words(words: &[f32]) -> &[Self] {
        as_pairs(words)
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::Pairs {
        // SAFETY: the caller's promise.
        unsafe { simd.load_pairs(from) }
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, step: Self) -> S::Pairs {
        simd.splat_pair(step)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::Pairs, b: S::Pairs, sum: S::F32) -> S::F32 {
        simd.dot(a, b, sum)
    }

    #[cfg(target_arch = "x86_64")]
    unsafe fn run_on_tiles<S: Simd>(product: &Product<'_, Self>, out: *mut f32, out_row: usize) -> bool {
        let fits = S::TILES && amx::fits(product);
        if fits {
            // SAFETY: the caller's promise; a token with tiles exists only where they were found to work.
            unsafe { amx::run(&mut amx::Hardware::new(), product, out, out_row) };
        }
        fits
    }
}

/// Columns of a panel.
pub const fn panel<S: Simd>() -> usize {
    2 * S::LANES
}

/// `columns` rounded up to whole panels.
pub const fn padded<S: Simd>(columns: usize) -> usize {
    columns.next_multiple_of(panel::<S>())
}

/// One past the largest index formed by steps along axes of (count, distance), plus `last`; 0 when an axis is empty.
fn extent(axes: [(usize, usize); 3], last: usize) -> usize {
    if axes.iter().any(|&(count, _)| count == 0) {
        return 0;
    }
    let reach = |(count, distance): (usize, usize)| (count - 1).checked_mul(distance);
    let sum = axes.into_iter().try_fold(last, |sum, axis| sum.checked_add(reach(axis)?));
    sum.expect("tile: sizes overflow")
}

impl<E: Step> Product<'_, E> {
    /// Writes row r of the result to `out[r · out_row ..]`. A sum without runs or without steps is 0, and reads nothing.
    ///
    /// # Panics
    /// When a slice is too short for the sizes, or neither distance of `a` is 1.
    pub fn run<S: Simd>(&self, simd: S, out: &mut [f32], out_row: usize) {
        let Self { rows, runs, run_length, a, b, accumulate } = *self;
        let needed = extent([(rows, a.row), (runs, a.run), (run_length, a.step)], 1);
        assert!(a.data.len() >= needed, "tile: a wants {needed} values; found {}", a.data.len());
        let needed = extent([(rows, 0), (runs, b.run), (run_length, b.step)], panel::<S>());
        assert!(b.data.len() >= needed, "tile: b wants {needed} values; found {}", b.data.len());
        let needed = extent([(rows, out_row), (1, 0), (1, 0)], panel::<S>());
        assert!(out.len() >= needed, "tile: out wants {needed} values; found {}", out.len());
        assert!(a.row == 1 || a.step == 1, "tile: rows or steps of a must lie side by side");
        if runs == 0 || run_length == 0 {
            if !accumulate {
                (0..rows).for_each(|row| out[row * out_row..][..panel::<S>()].fill(0.0));
            }
            return;
        }
        // SAFETY: every slice was just found long enough, and there is something to add up.
        #[allow(unsafe_code)]
        let done = unsafe { E::run_on_tiles::<S>(self, out.as_mut_ptr(), out_row) };
        if !done {
            simd.vectorize(Checked { product: self, out: out.as_mut_ptr(), out_row });
        }
    }
}

/// A product whose slices are long enough for every index its sizes form.
struct Checked<'a, E> {
    product: &'a Product<'a, E>,
    out: *mut f32,
    out_row: usize,
}

#[allow(unsafe_code)]
impl<E: Step> Operation for Checked<'_, E> {
    type Output = ();

    /// Cuts the rows into tiles of nearly equal height: 30 rows are 10 + 10 + 10, not 14 + 14 + 2.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.product.rows;
        let tiles = rows.div_ceil(S::ROWS);
        let mut first = 0;
        for tile in 0..tiles {
            let height = rows / tiles + usize::from(tile < rows % tiles);
            // SAFETY: `Product::run` is the only maker of this struct and checked every slice; `first + height <= rows`.
            unsafe {
                match self.product.a.step {
                    1 => self.tile::<S, true>(simd, first, height),
                    _ => self.tile::<S, false>(simd, first, height),
                }
            }
            first += height;
        }
    }
}

#[allow(unsafe_code)]
impl<E: Step> Checked<'_, E> {
    /// # Safety
    /// `first + height` must be at most the rows the slices were checked for.
    #[inline(always)]
    unsafe fn tile<S: Simd, const STEPS_TOUCH: bool>(&self, simd: S, first: usize, height: usize) {
        // SAFETY: the caller's promise is that of `rows_of`.
        unsafe {
            match height {
                1 => self.rows_of::<S, STEPS_TOUCH, 1>(simd, first),
                2 => self.rows_of::<S, STEPS_TOUCH, 2>(simd, first),
                3 => self.rows_of::<S, STEPS_TOUCH, 3>(simd, first),
                4 => self.rows_of::<S, STEPS_TOUCH, 4>(simd, first),
                5 => self.rows_of::<S, STEPS_TOUCH, 5>(simd, first),
                6 => self.rows_of::<S, STEPS_TOUCH, 6>(simd, first),
                7 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 7>(simd, first),
                8 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 8>(simd, first),
                9 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 9>(simd, first),
                10 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 10>(simd, first),
                11 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 11>(simd, first),
                12 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 12>(simd, first),
                13 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 13>(simd, first),
                14 if S::ROWS > 6 => self.rows_of::<S, STEPS_TOUCH, 14>(simd, first),
                _ => unreachable!("tile: {height} rows are more than a tile has"),
            }
        }
    }

    /// The tile of rows `first .. first + R`.
    ///
    /// # Safety
    /// `first + R` must be at most the rows the slices were checked for.
    #[inline(always)]
    unsafe fn rows_of<S: Simd, const STEPS_TOUCH: bool, const R: usize>(&self, simd: S, first: usize) {
        let Product { runs, run_length, a, b, accumulate, .. } = *self.product;
        let (row, step) = if STEPS_TOUCH { (a.row, 1) } else { (1, a.step) };
        let mut sums = [[simd.zero(); 2]; R];
        // SAFETY: rows, runs and steps stay below the counts that `extent` was asked for, so every address read is within its
        // slice. The pointers that move on after the last step are not read through any more.
        unsafe {
            let a_first = a.data.as_ptr().wrapping_add(first * row);
            for run in 0..runs {
                let mut a_at = a_first.wrapping_add(run * a.run);
                let mut b_at = b.data.as_ptr().wrapping_add(run * b.run);
                for _ in 0..run_length {
                    let b_step = [E::load(simd, b_at), E::load(simd, b_at.add(S::LANES))];
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let value = E::splat(simd, *a_at.add(r * row));
                        sums[0] = E::mul_add(simd, value, b_step[0], sums[0]);
                        sums[1] = E::mul_add(simd, value, b_step[1], sums[1]);
                    }
                    a_at = a_at.wrapping_add(step);
                    b_at = b_at.wrapping_add(b.step);
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                for (vector, sum) in sums.into_iter().enumerate() {
                    let to = self.out.add((first + r) * self.out_row + vector * S::LANES);
                    let sum = if accumulate { simd.add(sum, simd.load(to)) } else { sum };
                    simd.store(sum, to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
