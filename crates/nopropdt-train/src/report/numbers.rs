//! Numbers as a reader likes them.

/// `fraction` in percent: `97.90 %`; an en dash when it is not finite.
pub(super) fn percent(fraction: f64, decimals: usize) -> String {
    if fraction.is_finite() { format!("{:.decimals$}\u{a0}%", 100.0 * fraction) } else { "–".to_owned() }
}

/// A whole number with thousands apart: `1 234 567`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time: `0.42 s`, `12.3 s`, `5 min 28 s`, `2 h 05 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    // As rounded for display: 59.96 s is a minute, not `60.0 s`.
    if seconds < 9.995 {
        return format!("{seconds:.2}\u{a0}s");
    }
    if seconds < 59.95 {
        return format!("{seconds:.1}\u{a0}s");
    }
    let whole = seconds.round() as u64;
    if whole < 3600 {
        return format!("{}\u{a0}min {:02}\u{a0}s", whole / 60, whole % 60);
    }
    let minutes = (seconds / 60.0).round() as u64;
    format!("{}\u{a0}h {:02}\u{a0}min", count(minutes / 60), minutes % 60)
}

/// A size in whole MiB, rounded down, as the program prints it: `981 MiB`.
pub(super) fn bytes(value: u64) -> String {
    format!("{}\u{a0}MiB", value >> 20)
}

/// Three significant digits, for a column of numbers: `0.0180`, `12.5`, `3.1e-7`.
pub(super) fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&magnitude) {
        return format!("{value:.1e}");
    }
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// [`significant`] without zeros that say nothing, for a number on its own: `0.001`, `12.5`.
pub(super) fn short(value: f64) -> String {
    let text = significant(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_counts() {
        assert_eq!(percent(0.979, 2), "97.90\u{a0}%");
        assert_eq!(percent(1.0, 1), "100.0\u{a0}%");
        assert_eq!(percent(f64::NAN, 1), "–");
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn durations_turn_over_at_the_unit() {
        assert_eq!(duration(0.417), "0.42\u{a0}s");
        assert_eq!(duration(12.34), "12.3\u{a0}s");
        assert_eq!(duration(59.97), "1\u{a0}min 00\u{a0}s");
        assert_eq!(duration(328.4), "5\u{a0}min 28\u{a0}s");
        assert_eq!(duration(3599.7), "1\u{a0}h 00\u{a0}min");
        assert_eq!(duration(7500.0), "2\u{a0}h 05\u{a0}min");
        assert_eq!(duration(f64::INFINITY), "–");
        assert_eq!(duration(-1.0), "–");
    }

    #[test]
    fn sizes_and_short_numbers() {
        assert_eq!(bytes(981 << 20), "981\u{a0}MiB");
        assert_eq!(bytes((3 << 30) - 1), "3071\u{a0}MiB");
        assert_eq!(short(0.07642), "0.0764");
        assert_eq!(significant(0.018), "0.0180");
        assert_eq!(short(12.52), "12.5");
        assert_eq!(short(120.0), "120");
        assert_eq!(short(2.0), "2");
        assert_eq!(short(4801.6), "4802");
        assert_eq!(short(-0.001), "-0.001");
        assert_eq!(short(3.14e-7), "3.1e-7");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(f64::NAN), "–");
    }
}
