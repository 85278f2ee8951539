//! What a kernel asks of an instruction set, and the work that is compiled for each.

use crate::bf16::{Bf16, Pair};
use crate::isa::Isa;
use crate::random::Rounds;

/// Lanes of the widest vectors; a token with more does not compile.
pub const WIDEST: usize = 16;

/// An instruction set's f32 vectors. Values are tokens: they exist only where the instructions do.
///
/// # Safety
/// Kernels check lengths in terms of this trait's constants and then hand out pointers. So whoever implements it promises that
/// - a value can be made only where the processor has the instructions and the system saves their registers: every method may use them;
/// - `LANES` is a power of two, at most [`WIDEST`], and `ROWS` at most 14;
/// - each method reads and writes as many elements as its contract names, at the pointers that it was given, and no others;
/// - `TILES` is set only where AMX tiles were found to work, and then `LANES` is 16;
/// - [`vectorize`](Simd::vectorize) runs the operation on this token or on one that was found alike.
#[allow(unsafe_code)]
pub unsafe trait Simd: Rounds + Send + Sync + 'static {
    /// The name.
    const ISA: Isa;
    /// Numbers in a vector, at most [`WIDEST`].
    const LANES: usize;
    /// Rows of the register tile; see [`tile`](crate::tile).
    const ROWS: usize;
    /// Whether bf16 products run on AMX tiles where they fit.
    const TILES: bool = false;
    /// A vector.
    type F32: Copy;
    /// `LANES` pairs of bf16.
    type Pairs: Copy;
    /// 4×4 numbers to pick from.
    type Square: Copy;
    /// A number of a square for each lane, row by row from 0.
    type Places: Copy;

    /// Zeros.
    fn zero(self) -> Self::F32;

    /// `value` in every lane.
    fn splat(self, value: f32) -> Self::F32;

    /// a + b.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// a − b.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// a · b.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// a · b + c, rounded once.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;

    /// The `LANES` numbers at `from`.
    ///
    /// # Safety
    /// They must be readable; alignment is that of f32.
    unsafe fn load(self, from: *const f32) -> Self::F32;

    /// Writes `LANES` numbers to `to`.
    ///
    /// # Safety
    /// They must be writable; alignment is that of f32.
    unsafe fn store(self, value: Self::F32, to: *mut f32);

    /// Writes the lanes that are not zero, side by side, to `to`, and `first + lane · step` of each to `positions`; how many.
    /// What lies behind them there is overwritten too.
    ///
    /// # Safety
    /// `LANES` elements must be writable at both.
    #[inline(always)]
    unsafe fn store_nonzero(
        self,
        values: Self::F32,
        to: *mut f32,
        first: u32,
        step: u32,
        positions: *mut u32,
    ) -> usize {
        let mut lanes = [0.0; WIDEST];
        let mut count = 0;
        // SAFETY: no instruction set has more than WIDEST lanes; the count never passes the lane, so the caller vouches for both places.
        unsafe {
            self.store(values, lanes.as_mut_ptr());
            for (lane, &value) in (0..).zip(&lanes[..Self::LANES]) {
                to.add(count).write(value);
                positions.add(count).write(first + lane * step);
                count += usize::from(value != 0.0);
            }
        }
        count
    }

    /// Multiplies each of the `LANES` numbers at `values`, by `scale` where the number at `random` is at least `threshold`, else by 0.
    ///
    /// # Safety
    /// `LANES` elements must be readable at `random`, readable and writable at `values`.
    unsafe fn keep(self, random: *const u16, threshold: u16, scale: f32, values: *mut f32);

    /// Writes `LANES` numbers to `to`, each rounded to bf16; where an instruction does it, numbers too small to be normal become 0.
    ///
    /// # Safety
    /// They must be writable.
    #[inline(always)]
    unsafe fn store_rounded(self, value: Self::F32, to: *mut Bf16) {
        let mut lanes = [0.0; WIDEST];
        // SAFETY: no instruction set has more than WIDEST lanes; the caller vouches for `to`.
        unsafe {
            self.store(value, lanes.as_mut_ptr());
            let to = std::slice::from_raw_parts_mut(to, Self::LANES);
            to.iter_mut().zip(lanes).for_each(|(to, lane)| *to = Bf16::from_f32(lane));
        }
    }

    /// Writes `LANES` pairs to `to`, lane by lane of (first, second), rounded as by [`Simd::store_rounded`].
    ///
    /// # Safety
    /// They must be writable.
    #[inline(always)]
    unsafe fn store_pairs(self, first: Self::F32, second: Self::F32, to: *mut Pair) {
        let mut lanes = [[0.0; WIDEST]; 2];
        // SAFETY: no instruction set has more than WIDEST lanes; the caller vouches for `to`.
        unsafe {
            self.store(first, lanes[0].as_mut_ptr());
            self.store(second, lanes[1].as_mut_ptr());
            let to = std::slice::from_raw_parts_mut(to, Self::LANES);
            for (lane, to) in to.iter_mut().enumerate() {
                *to = Pair::round(lanes[0][lane], lanes[1][lane]);
            }
        }
    }

    /// Writes ReLU of the largest of four plus `bias` to `out`, lane by lane, and which of the four it was to `largest`: the first of
    /// equals, or the last NaN, see [`replaces_maximum`](crate::activation::replaces_maximum). NaN passes through the ReLU.
    ///
    /// # Safety
    /// `LANES` elements must be writable at both places.
    unsafe fn store_pooled(self, values: [Self::F32; 4], bias: Self::F32, out: *mut f32, largest: *mut u8);

    /// [`passed_by_relu`](crate::activation::passed_by_relu) lane by lane.
    fn passed_by_relu(self, output: Self::F32, gradient: Self::F32) -> Self::F32;

    /// The 4×4 numbers at `from`, whose rows lie `row` numbers apart.
    ///
    /// # Safety
    /// They must be readable; alignment is that of f32.
    unsafe fn load_square(self, from: *const f32, row: usize) -> Self::Square;

    /// The places in a square of pixels of a window: `pixels` counts the four of 2×2, row by row, for each lane.
    ///
    /// # Safety
    /// `LANES` bytes must be readable.
    unsafe fn load_places(self, pixels: *const u8) -> Self::Places;

    /// The numbers of a square that lie `down` rows and `right` columns from `places`. Which numbers those are whose place is beyond the
    /// square is not said.
    fn pick(self, square: Self::Square, places: Self::Places, down: usize, right: usize) -> Self::F32;

    /// The `LANES` pairs at `from`.
    ///
    /// # Safety
    /// They must be readable; alignment is that of a pair.
    unsafe fn load_pairs(self, from: *const Pair) -> Self::Pairs;

    /// `pair` in every lane.
    fn splat_pair(self, pair: Pair) -> Self::Pairs;

    /// sum + a.first · b.first + a.second · b.second. The products are exact; order and rounding of the two additions are the
    /// instruction's own.
    fn dot(self, a: Self::Pairs, b: Self::Pairs, sum: Self::F32) -> Self::F32;

    /// Runs `operation` compiled under the features of this instruction set.
    fn vectorize<O: Operation>(self, operation: O) -> O::Output;
}

/// Work to be compiled for several instruction sets: a closure that is generic over the token.
pub trait Operation {
    /// What comes out.
    type Output;

    /// Does the work. To be marked `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
