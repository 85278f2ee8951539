//! The bf16 product on AMX tiles.
//!
//! ```text
//!            b tile 6 │ b tile 7      16 pairs of steps × 16 columns each
//!   a tile 4   acc 0  │  acc 1        up to 16 rows × 16 pairs of steps; sums 16 × 16
//!   a tile 5   acc 2  │  acc 3
//! ```
//!
//! Eight tiles of 1 KiB are all there are: four sums, two of A, two of B. A step of 16 pairs loads four tiles and makes four products
//! (16 cycles each, a load takes 8), so loads hide behind products when rows fill both tiles of A. A tile row is 64 bytes: rows of
//! A and panels of B that start on cache lines load twice as fast.
//!
//! What the instructions do is written a second time in plain Rust, [`Emulated`]: tests run the same program on it anywhere, and the
//! hardware is used only where it agrees with it.

use crate::bf16::Pair;
use crate::product::{Left, Product, Right};

/// Rows of a tile, and pairs in a row of A or columns of B.
const SIDE: usize = 16;
/// Tiles there are.
const TILES: usize = 8;

/// Eight tiles of 16 rows of 64 bytes. Tile numbers are T, A, B, C below.
///
/// # Safety
/// Loads and stores must reach no more rows than the tile was configured to have, and 64 bytes of each; a value must be possible only
/// where its instructions are.
#[allow(unsafe_code)]
pub(super) unsafe trait TileUnit {
    /// Gives each tile its number of rows, at most 16, and forgets what they held.
    fn configure(&mut self, rows: [u8; TILES]);

    /// Gives the tiles back.
    fn release(&mut self);

    /// Zeros.
    fn zero<const T: usize>(&mut self);

    /// Loads rows of 64 bytes, `stride` words apart.
    ///
    /// # Safety
    /// The rows must be readable.
    unsafe fn load<const T: usize>(&mut self, from: *const u32, stride: usize);

    /// Stores rows of 64 bytes, `stride` words apart.
    ///
    /// # Safety
    /// The rows must be writable.
    unsafe fn store<const T: usize>(&mut self, to: *mut u32, stride: usize);

    /// `C[r][c] += Σ_p A[r][p].first · B[p][c].first + A[r][p].second · B[p][c].second`.
    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self);
}

/// Whether tiles can run the product: rows of A hold their steps side by side, in whole tiles, and there are some.
pub(super) fn fits(product: &Product<'_, Pair>) -> bool {
    let steps = product.run_length;
    product.runs > 0 && product.a.step == 1 && steps > 0 && steps.is_multiple_of(SIDE)
}

/// Runs a product that [`fits`], two tiles of rows at a time.
///
/// # Safety
/// It must fit. Every index that the product's sizes form must be inside its slices and, for 32 columns, inside `out`.
#[allow(unsafe_code)]
pub(super) unsafe fn run<U: TileUnit>(
    unit: &mut U,
    product: &Product<'_, Pair>,
    out: *mut f32,
    out_row: usize,
) {
    let out: *mut u32 = out.cast();
    let (mut first, mut configured) = (0, [0; 2]);
    while first < product.rows {
        let upper = (product.rows - first).min(SIDE);
        let lower = (product.rows - first - upper).min(SIDE);
        let heights = [upper, lower].map(|rows| rows as u8);
        if heights != configured {
            let [upper, lower] = heights.map(|rows| rows.max(1));
            unit.configure([upper, upper, lower, lower, upper, lower, SIDE as u8, SIDE as u8]);
            configured = heights;
        }
        // SAFETY: the caller's promise; rows `first .. first + upper + lower` are rows of the product.
        unsafe { block(unit, product, first, lower > 0, out.add(first * out_row), out_row) };
        first += upper + lower;
    }
    unit.release();
}

/// Up to 32 rows from `first`.
///
/// # Safety
/// As for [`run`], for these rows; `out` is where the first goes.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn block<U: TileUnit>(
    unit: &mut U,
    product: &Product<'_, Pair>,
    first: usize,
    two: bool,
    out: *mut u32,
    out_row: usize,
) {
    let Product { runs, run_length, a: Left { data, row, run, .. }, b, accumulate, .. } = *product;
    let Right { data: panel, step: b_step, run: b_run } = b;
    let below = SIDE * out_row;
    // SAFETY: the caller's promise: `data` holds the rows, each of at least one run, `panel` the steps of 32 columns, `out` the result;
    // the lower tiles are touched only when there are rows for them.
    unsafe {
        if accumulate {
            unit.load::<0>(out, out_row);
            unit.load::<1>(out.add(SIDE), out_row);
            if two {
                unit.load::<2>(out.add(below), out_row);
                unit.load::<3>(out.add(below + SIDE), out_row);
            }
        } else {
            unit.zero::<0>();
            unit.zero::<1>();
            unit.zero::<2>();
            unit.zero::<3>();
        }
        let a_first = data.as_ptr().cast::<u32>().add(first * row);
        for index in 0..runs {
            for step in (0..run_length).step_by(SIDE) {
                let a_at = a_first.add(index * run + step);
                let b_at = panel.as_ptr().cast::<u32>().add(index * b_run + step * b_step);
                unit.load::<4>(a_at, row);
                unit.load::<6>(b_at, b_step);
                unit.multiply::<0, 4, 6>();
                unit.load::<7>(b_at.add(SIDE), b_step);
                unit.multiply::<1, 4, 7>();
                if two {
                    unit.load::<5>(a_at.add(SIDE * row), row);
                    unit.multiply::<2, 5, 6>();
                    unit.multiply::<3, 5, 7>();
                }
            }
        }
        unit.store::<0>(out, out_row);
        unit.store::<1>(out.add(SIDE), out_row);
        if two {
            unit.store::<2>(out.add(below), out_row);
            unit.store::<3>(out.add(below + SIDE), out_row);
        }
    }
}

/// Tiles in memory.
pub(super) struct Emulated {
    rows: [u8; TILES],
    words: [[[u32; SIDE]; SIDE]; TILES],
}

impl Emulated {
    pub(super) fn new() -> Self {
        Self { rows: [0; TILES], words: [[[0; SIDE]; SIDE]; TILES] }
    }
}

// SAFETY: loads and stores walk the configured rows, 16 words of each; there are no instructions that a processor could lack.
#[allow(unsafe_code)]
unsafe impl TileUnit for Emulated {
    fn configure(&mut self, rows: [u8; TILES]) {
        *self = Self { rows, ..Self::new() };
    }

    fn release(&mut self) {
        *self = Self::new();
    }

    fn zero<const T: usize>(&mut self) {
        self.words[T] = [[0; SIDE]; SIDE];
    }

    unsafe fn load<const T: usize>(&mut self, from: *const u32, stride: usize) {
        for row in 0..usize::from(self.rows[T]) {
            // SAFETY: the caller's promise, row by row.
            self.words[T][row] = unsafe { from.add(row * stride).cast::<[u32; SIDE]>().read_unaligned() };
        }
    }

    unsafe fn store<const T: usize>(&mut self, to: *mut u32, stride: usize) {
        for row in 0..usize::from(self.rows[T]) {
            // SAFETY: the caller's promise, row by row.
            unsafe { to.add(row * stride).cast::<[u32; SIDE]>().write_unaligned(self.words[T][row]) };
        }
    }

    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
        let half =
            |word: u32, second: bool| f32::from_bits(if second { word & 0xFFFF_0000 } else { word << 16 });
        for row in 0..usize::from(self.rows[A]) {
            for column in 0..SIDE {
                let mut sum = f32::from_bits(self.words[C][row][column]);
                for pair in 0..usize::from(self.rows[B]) {
                    let (a, b) = (self.words[A][row][pair], self.words[B][pair][column]);
                    sum += half(a, false) * half(b, false);
                    sum += half(a, true) * half(b, true);
                }
                self.words[C][row][column] = sum.to_bits();
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use hardware::Hardware;
#[cfg(target_arch = "x86_64")]
pub(crate) use hardware::available;

/// The instructions, by name: the compiler's own are not stable yet.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod hardware {
    use super::{Emulated, SIDE, TILES, TileUnit, run};
    use crate::bf16::{Pair, as_pairs};
    use crate::product::{Left, Product, Right};
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::sync::LazyLock;

    /// Whether this processor has bf16 tiles, the system lends them to this process, and they compute what [`Emulated`] does.
    pub(crate) fn available() -> bool {
        static AVAILABLE: LazyLock<bool> = LazyLock::new(|| has_tiles() && permitted() && agrees());
        *AVAILABLE
    }

    /// CPUID leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE; leaf 1: ECX bit 27 says that the system manages register state.
    fn has_tiles() -> bool {
        #[allow(unused_unsafe)]
        // SAFETY: every x86-64 processor has CPUID; leaf 0 tells which leaves there are.
        let (managed, features) = unsafe {
            if __cpuid_count(0, 0).eax < 7 {
                return false;
            }
            (__cpuid_count(1, 0).ecx, __cpuid_count(7, 0).edx)
        };
        if managed >> 27 & 1 == 0 || features >> 22 & 1 == 0 || features >> 24 & 1 == 0 {
            return false;
        }
        let state: u32;
        // SAFETY: XGETBV exists where the system manages register state, as was just asked; it writes EAX and EDX.
        unsafe { asm!("xgetbv", in("ecx") 0, out("eax") state, out("edx") _, options(nomem, nostack)) };
        // Bits 17 and 18: tile configuration and tile data.
        state >> 17 & 3 == 3
    }

    /// Asks Linux for the tiles, once for all threads of the process: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
    #[cfg(target_os = "linux")]
    fn permitted() -> bool {
        const ARCH_PRCTL: u64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const XFEATURE_XTILEDATA: u64 = 18;
        let result: i64;
        // SAFETY: the call reads no memory of ours and changes nothing but the permission; it overwrites RCX and R11.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") ARCH_PRCTL => result,
                in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") XFEATURE_XTILEDATA,
                out("rcx") _,
                out("r11") _,
                options(nostack),
            );
        }
        result == 0
    }

    #[cfg(not(target_os = "linux"))]
    fn permitted() -> bool {
        false
    }

    /// A product of small integers, exact in any order, on the tiles and in plain Rust.
    fn agrees() -> bool {
        let words: Vec<f32> = (0..60 * 2 * SIDE)
            .map(|i| f32::from_bits(Pair::round((i % 7) as f32, (i % 5) as f32 - 2.0).bits()))
            .collect();
        let a = Left { data: as_pairs(&words), row: 2 * SIDE, step: 1, run: 0 };
        let b = Right { data: as_pairs(&words), step: 2 * SIDE, run: 0 };
        let product = Product { rows: 21, runs: 1, run_length: 2 * SIDE, a, b, accumulate: true };
        let (mut found, mut expected) = (vec![1.0f32; 21 * 2 * SIDE], vec![1.0f32; 21 * 2 * SIDE]);
        // SAFETY: 21 rows of 32 pairs and 32 steps of 32 columns are inside 60 · 32 words; the results are 21 rows of 32. `available` has
        // found the processor to have tiles and this process to be lent them.
        unsafe {
            run(&mut Hardware::new(), &product, found.as_mut_ptr(), 2 * SIDE);
            run(&mut Emulated::new(), &product, expected.as_mut_ptr(), 2 * SIDE);
        }
        found == expected
    }

    /// The tiles of this core.
    pub(crate) struct Hardware(());

    impl Hardware {
        /// # Safety
        /// The processor must have tiles, and the system must lend them to this process: see [`available`].
        pub(crate) unsafe fn new() -> Self {
            Self(())
        }
    }

    /// What LDTILECFG reads: palette 1, then bytes a row and rows of each tile.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        bytes: [u16; 16],
        rows: [u8; 16],
    }

    // SAFETY: the processor has the instructions, as whoever made a value vouches; a load or store reaches 64 bytes of each row that
    // LDTILECFG gave the tile.
    unsafe impl TileUnit for Hardware {
        fn configure(&mut self, rows: [u8; TILES]) {
            let mut configuration =
                Configuration { palette: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
            configuration.bytes[..TILES].fill(64);
            configuration.rows[..TILES].copy_from_slice(&rows);
            // SAFETY: the processor has tiles; the operand is 64 readable bytes.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(readonly, nostack)) };
        }

        fn release(&mut self) {
            // SAFETY: the processor has tiles; nothing else uses their state.
            unsafe { asm!("tilerelease", options(nomem, nostack)) };
        }

        #[inline(always)]
        fn zero<const T: usize>(&mut self) {
            // SAFETY: as for `release`.
            unsafe { asm!("tilezero tmm{}", const T, options(nomem, nostack)) };
        }

        #[inline(always)]
        unsafe fn load<const T: usize>(&mut self, from: *const u32, stride: usize) {
            // SAFETY: the caller vouches for the rows.
            unsafe {
                asm!("tileloadd tmm{}, [{} + {}]", const T, in(reg) from, in(reg) 4 * stride, options(readonly, nostack));
            }
        }

        #[inline(always)]
        unsafe fn store<const T: usize>(&mut self, to: *mut u32, stride: usize) {
            // SAFETY: the caller vouches for the rows.
            unsafe {
                asm!("tilestored [{} + {}], tmm{}", in(reg) to, in(reg) 4 * stride, const T, options(nostack))
            };
        }

        #[inline(always)]
        fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
            // SAFETY: as for `release`.
            unsafe {
                asm!("tdpbf16ps tmm{}, tmm{}, tmm{}", const C, const A, const B, options(nomem, nostack))
            };
        }
    }
}
