//! Why a configuration can't become a network.

/// A rule that a configuration breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BlocksError {
    /// A number is outside its range.
    #[error("{what}: must be {rule}; found {found}")]
    Range {
        /// The setting.
        what: &'static str,
        /// The range, in words.
        rule: &'static str,
        /// The value found.
        found: String,
    },
    /// A size is outside its range.
    #[error("{what}: must be from {least} to {most}; found {found}")]
    Size {
        /// The setting.
        what: &'static str,
        /// Smallest size allowed.
        least: usize,
        /// Largest size allowed.
        most: usize,
        /// The size found.
        found: usize,
    },
    /// A block for images at a place where inputs are something else.
    #[error("block: wants images [height, width, channels]; inputs are {found:?}")]
    NotAnImage {
        /// Shape of the inputs.
        found: Vec<usize>,
    },
    /// Pooling would leave no pixel.
    #[error(
        "block: its {pools} poolings want images of at least {least}×{least} pixels; found {height}×{width}"
    )]
    ImageTooSmall {
        /// Number of 2×2 poolings.
        pools: usize,
        /// Least rows and columns.
        least: usize,
        /// Rows found.
        height: usize,
        /// Columns found.
        width: usize,
    },
    /// Clipping makes two noise levels equal, and the block between them would learn nothing.
    #[error("steps: schedule {schedule} must keep its noise levels apart; with {steps} steps alpha_bar of {t} and {next} are equal", next = t + 1)]
    EqualLevels {
        /// The schedule.
        schedule: crate::ScheduleKind,
        /// T found.
        steps: usize,
        /// First of the equal levels.
        t: usize,
    },
    /// A level that makes no rising schedule.
    #[error(
        "noise schedule: each level must be above the one before, all above 0 and below 1; alpha_bar of {t} is {found}"
    )]
    Level {
        /// Its step.
        t: usize,
        /// What it is.
        found: f64,
    },
    /// The falling schedule makes the paper's posterior variance negative.
    #[error(
        "schedule reference: falls with t, so the paper's sampler has no real coefficients; it goes with the reference objective alone"
    )]
    FallingSchedule,
    /// A learned schedule has no values before it is learned.
    #[error("schedule learned: is for continuous time (method ct); blocks want a schedule that is fixed")]
    LearnedSchedule,
}

impl BlocksError {
    /// Checks a size: it must lie in `least..=most`. Bounds keep sizes from files and flags from overflowing memory.
    ///
    /// # Errors
    /// [`Size`](Self::Size) when it does not.
    pub fn check_size(what: &'static str, least: usize, most: usize, found: usize) -> Result<(), Self> {
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(Self::Size { what, least, most, found })
    }

    /// A setting that breaks a rule: "`what`: must be `rule`; found `found`".
    pub fn range(what: &'static str, rule: &'static str, found: impl ToString) -> Self {
        Self::Range { what, rule, found: found.to_string() }
    }
}
