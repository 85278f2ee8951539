//! Axes: where a value goes, how far the axis reaches, and which ticks a reader finds on it.
//!
//! An axis maps values to *places* (the value itself, its logarithm, …). plotters then only ever sees a linear
//! coordinate and a list of ticks, which keeps every kind of scale in this file.

/// How values become places.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    Log,
    /// Logarithmic on both sides of zero, linear within ±`threshold`, which takes one decade's room.
    SignedLog {
        threshold: f64,
    },
}

/// One axis of a chart, never empty: `low < high`, both finite.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// What the axis measures, with its unit.
    pub(super) label: &'static str,
    /// Place where it begins.
    pub(super) low: f64,
    /// Place where it ends.
    pub(super) high: f64,
    /// Place and text of each tick.
    pub(super) ticks: Vec<(f64, String)>,
    scale: Scale,
}

impl Axis {
    /// An axis of whole numbers from `first` to `last`, such as epochs or blocks.
    pub(super) fn counting(label: &'static str, first: usize, last: usize) -> Self {
        let last = last.max(first);
        let span = last - first;
        let pad = if span == 0 { 0.5 } else { 0.05 * span as f64 };
        let step = if span <= 12 { 1 } else { nice_step(span as f64 / 8.0).max(1.0) as usize };
        let start = first.checked_next_multiple_of(step).unwrap_or(first);
        let mut values: Vec<usize> = (start..=last).step_by(step).collect();
        // The first number belongs on the axis, unless it would touch the next one.
        if values.first().is_none_or(|&value| (value - first) as f64 > 0.6 * step as f64) {
            values.insert(0, first);
        }
        let ticks = values.into_iter().map(|value| (value as f64, value.to_string())).collect();
        Self { label, low: first as f64 - pad, high: last as f64 + pad, ticks, scale: Scale::Linear }
    }

    /// A linear axis round `values`, at least `least_span` long, kept within `bounds`.
    pub(super) fn linear(
        label: &'static str,
        values: impl Iterator<Item = f64>,
        least_span: f64,
        bounds: (f64, f64),
    ) -> Self {
        let (low, high) = extent(values.filter(|value| value.is_finite())).unwrap_or(bounds);
        let (low, high) = (low.clamp(bounds.0, bounds.1), high.clamp(bounds.0, bounds.1));
        let pad = (0.12 * (high - low)).max((least_span - (high - low)) / 2.0);
        let (low, high) = ((low - pad).max(bounds.0), (high + pad).min(bounds.1));
        let step = nice_step((high - low) / 5.0);
        let low = ((low / step).floor() * step).max(bounds.0);
        let high = ((high / step).ceil() * step).min(bounds.1);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let ticks = multiples(step, low, high).map(|value| (value, format!("{value:.decimals$}"))).collect();
        Self { label, low, high, ticks, scale: Scale::Linear }
    }

    /// A logarithmic axis round the positive ones of `values`.
    pub(super) fn log(label: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let places = values.filter_map(|value| place(Scale::Log, value));
        let (low, high) = extent(places).unwrap_or((-1.0, 0.0));
        // 0.8 of a decade always holds two of the ticks 1, 2, 5.
        let pad = (0.06 * (high - low)).max((0.8 - (high - low)) / 2.0);
        let (low, high) = (low - pad, high + pad);
        let ticks = if high - low < 2.2 {
            decades(low - 1.0, high, 1)
                .flat_map(|decade| [1, 2, 5].map(|digit| (digit, decade)))
                .map(|(digit, decade)| (f64::from(digit).log10() + f64::from(decade), power(digit, decade)))
                .filter(|(place, _)| (low..=high).contains(place))
                .collect()
        } else {
            decades(low, high, decade_stride(high - low, 6.0)).map(|k| (f64::from(k), power(1, k))).collect()
        };
        Self { label, low, high, ticks, scale: Scale::Log }
    }

    /// An axis that is logarithmic on both sides of zero and always shows zero, for `values` of both signs.
    pub(super) fn signed_log(label: &'static str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let sizes = values.clone().map(f64::abs).filter_map(|size| place(Scale::Log, size));
        let (least, most) = extent(sizes).unwrap_or((-1.0, 0.0));
        // Eight decades a side are all that a small chart can show.
        let least = least.floor().max(most.ceil() - 8.0);
        let scale = Scale::SignedLog { threshold: 10f64.powf(least) };
        let places = values.filter_map(|value| place(scale, value)).chain([0.0]);
        let (low, high) = extent(places).unwrap_or((-1.0, 1.0));
        let pad = (0.06 * (high - low)).max((1.0 - (high - low)) / 2.0);
        let (low, high) = (low - pad, high + pad);
        let stride = decade_stride(high - low, 7.0);
        let up = decades(1.0, high, stride).map(|k| (f64::from(k), power(1, k - 1 + least as i32)));
        let down = decades(1.0, -low, stride)
            .map(|k| (-f64::from(k), format!("−{}", power(1, k - 1 + least as i32))));
        let ticks = down.rev().chain([(0.0, "0".to_owned())]).chain(up).collect();
        Self { label, low, high, ticks, scale }
    }

    /// Where `value` goes; `None` when this axis cannot show it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        place(self.scale, value)
    }

    /// The text of the tick at `place`, empty where there is none.
    pub(super) fn tick_text(&self, place: f64) -> String {
        self.ticks.iter().find(|tick| tick.0 == place).map(|tick| tick.1.clone()).unwrap_or_default()
    }
}

fn place(scale: Scale, value: f64) -> Option<f64> {
    let place = match scale {
        Scale::Linear => value,
        Scale::Log => value.log10(),
        Scale::SignedLog { threshold } if value.abs() > threshold => {
            value.signum() * (1.0 + (value.abs() / threshold).log10())
        }
        Scale::SignedLog { threshold } => value / threshold,
    };
    place.is_finite().then_some(place)
}

/// Least and greatest of `values`, all finite.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |found, value| match found {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// The smallest of 1, 2, 5 times a power of ten that is no smaller than `rough`.
fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    // The slack lets a `rough` that is such a number up to rounding stay it.
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|&step| step >= rough * 0.999)
        .unwrap_or(10.0 * power)
}

/// Multiples of `step` from `low` to `high`, both included up to rounding.
fn multiples(step: f64, low: f64, high: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step - 1e-6).ceil() as i64, (high / step + 1e-6).floor() as i64);
    (first..=last).map(move |index| index as f64 * step)
}

/// Whole numbers that `stride` divides, from `low` to `high`.
fn decades(low: f64, high: f64, stride: i32) -> impl DoubleEndedIterator<Item = i32> {
    (low.ceil() as i32..=high.floor() as i32).filter(move |decade| decade.rem_euclid(stride) == 0)
}

fn decade_stride(span: f64, most: f64) -> i32 {
    (span / most).ceil().max(1.0) as i32
}

/// `digit` · 10^`exponent` as a tick shows it: `0.02`, `500`, `10⁻⁵`, `2·10⁻⁵`.
fn power(digit: i32, exponent: i32) -> String {
    match exponent {
        -3..0 => format!("{:.*}", exponent.unsigned_abs() as usize, f64::from(digit) * 10f64.powi(exponent)),
        0..=3 => format!("{}", f64::from(digit) * 10f64.powi(exponent)),
        _ => {
            let raised: String = exponent.to_string().chars().map(superscript).collect();
            if digit == 1 { format!("10{raised}") } else { format!("{digit}·10{raised}") }
        }
    }
}

fn superscript(character: char) -> char {
    match character {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4'..='9' | '0' => {
            char::from_u32(0x2070 + u32::from(character) - u32::from('0')).unwrap_or(character)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    fn linear(values: &[f64]) -> Axis {
        Axis::linear("accuracy", values.iter().copied(), 1.0, (0.0, 100.0))
    }

    #[test]
    fn counting_labels_every_number_while_there_is_room() {
        assert_eq!(texts(&Axis::counting("epoch", 1, 1)), ["1"]);
        assert_eq!(texts(&Axis::counting("t", 0, 4)), ["0", "1", "2", "3", "4"]);
        assert_eq!(texts(&Axis::counting("epoch", 1, 30)), ["1", "5", "10", "15", "20", "25", "30"]);
        assert!(Axis::counting("epoch", 1, usize::MAX).ticks.len() < 14);
        assert_eq!(Axis::counting("epoch", usize::MAX - 20, usize::MAX).ticks.len(), 5);
        assert_eq!(texts(&Axis::counting("epoch", 99, 120)), ["100", "105", "110", "115", "120"]);
    }

    #[test]
    fn a_linear_axis_zooms_but_stays_in_its_bounds() {
        let axis = linear(&[97.9, 98.3]);
        assert!(axis.low > 97.0 && axis.low < 97.9 && axis.high > 98.3 && axis.high < 99.0, "{axis:?}");
        assert_eq!(texts(&linear(&[10.0, 77.0])), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(linear(&[100.0]).high, 100.0);
        assert_eq!(linear(&[0.0]).low, 0.0);
        assert_eq!(texts(&linear(&[])), ["0", "20", "40", "60", "80", "100"]);
        let outside = linear(&[-40.0, 150.0]);
        assert_eq!((outside.low, outside.high), (0.0, 100.0));
        assert_eq!(linear(&[f64::NAN, 50.0]), linear(&[50.0]));
    }

    #[test]
    fn a_log_axis_has_ticks_however_narrow_or_wide_the_values() {
        assert_eq!(texts(&Axis::log("loss", [0.03].into_iter())), ["0.02", "0.05"]);
        assert_eq!(
            texts(&Axis::log("loss", [1e-5, 1.0].into_iter())),
            ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"]
        );
        assert!(Axis::log("loss", [1e-300, 1e300].into_iter()).ticks.len() >= 4);
        let empty = Axis::log("loss", [0.0, -1.0, f64::NAN].into_iter());
        assert!(empty.low < empty.high && empty.ticks.len() >= 2);
        assert_eq!(empty.place(0.0), None);
        assert_eq!(empty.place(-1.0), None);
    }

    #[test]
    fn a_signed_log_axis_keeps_sign_and_order() {
        let values = [-900.0, -3.0, -0.02, 0.0, 0.02, 40.0];
        let axis = Axis::signed_log("weight", values.into_iter());
        let places: Vec<f64> = values.iter().map(|&value| axis.place(value).unwrap()).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        assert_eq!(places[3], 0.0);
        assert_eq!(places[2], -places[4]);
        assert!(texts(&axis).contains(&"0") && texts(&axis).contains(&"−10") && texts(&axis).contains(&"10"));
        assert!(axis.ticks.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(axis.place(f64::NEG_INFINITY), None);
        let only_zero = Axis::signed_log("weight", [0.0].into_iter());
        assert!(only_zero.low < 0.0 && only_zero.high > 0.0);
    }
}
