//! From the register tile into C.

use crate::simd::Simd;
use crate::tile::{Product, Step, panel};
use std::ops::Range;

/// Runs a panel's product into its columns of C [m, n]; a panel with columns beyond n goes through `partial`.
pub(super) fn store_panel<S: Simd, E: Step>(
    simd: S,
    product: Product<'_, E>,
    c: &mut [f32],
    columns: Range<usize>,
    n: usize,
    partial: &mut [f32],
) {
    let width = panel::<S>();
    if columns.len() == width {
        return product.run(simd, &mut c[columns.start..], n);
    }
    Product { accumulate: false, ..product }.run(simd, partial, width);
    for (to, from) in c.chunks_exact_mut(n).zip(partial.chunks_exact(width)) {
        let pairs = to[columns.clone()].iter_mut().zip(from);
        pairs.for_each(|(to, from)| *to = if product.accumulate { *to + from } else { *from });
    }
}
