//! A product as the register tile and AMX tiles run it: sizes, and where operands lie.

/// Where a [`Product`] finds its left operand.
#[derive(Debug, Clone, Copy)]
pub struct Left<'a, E> {
    /// The numbers.
    pub data: &'a [E],
    /// Distance of a tile's rows.
    pub row: usize,
    /// Distance of the steps of a run. It or `row` is 1.
    pub step: usize,
    /// Distance of the runs.
    pub run: usize,
}

/// Where a [`Product`] finds its right operand; the columns of a step lie side by side.
#[derive(Debug, Clone, Copy)]
pub struct Right<'a, E> {
    /// The numbers.
    pub data: &'a [E],
    /// Distance of the steps of a run.
    pub step: usize,
    /// Distance of the runs.
    pub run: usize,
}

/// `out[r][c] (+)= Σ_run Σ_step a[r·row + run + step] · b[run + step + c]`, for as many columns c as a panel has.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a, E> {
    /// Rows of the result.
    pub rows: usize,
    /// Runs of the inner sum.
    pub runs: usize,
    /// Steps of a run.
    pub run_length: usize,
    /// The left operand.
    pub a: Left<'a, E>,
    /// The right operand.
    pub b: Right<'a, E>,
    /// Add to the result instead of overwriting it.
    pub accumulate: bool,
}
