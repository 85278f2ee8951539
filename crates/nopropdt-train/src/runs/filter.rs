//! Conditions on runs: `method=dt`, `accuracy>=0.98`.

use super::record::{RunRecord, number};
use crate::config::Value;
use std::cmp::Ordering;
use std::str::FromStr;

/// A condition on runs, as typed: `KEY=VALUE`, `KEY!=VALUE`, or a bound on a number by `>=`, `<=`, `>` or `<`. Numbers are compared as
/// numbers, `98%` is 0.98.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// A key of [`RunRecord::value`].
    pub key: String,
    relation: Relation,
    value: String,
}

/// A condition that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There is no relation or no key.
    #[error("must be KEY=VALUE, KEY!=VALUE, or KEY>=N, KEY<=N, KEY>N or KEY<N")]
    Form,
    /// A bound that is no number.
    #[error("the bound of {key} must be a number; found {found:?}")]
    Bound {
        /// The key.
        key: String,
        /// What was found.
        found: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// The longer ones first: `>=` begins with `>`.
const RELATIONS: [(&str, Relation); 6] = [
    ("!=", Relation::NotEqual),
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    (">", Relation::Above),
    ("<", Relation::Below),
    ("=", Relation::Equal),
];

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let at = text.find(['!', '>', '<', '=']).ok_or(FilterError::Form)?;
        let (key, rest) = (text[..at].trim(), &text[at..]);
        let found = RELATIONS.iter().find_map(|(sign, relation)| Some((rest.strip_prefix(sign)?, *relation)));
        let (value, relation) = found.filter(|_| !key.is_empty()).ok_or(FilterError::Form)?;
        let (key, value) = (key.to_owned(), value.trim().to_owned());
        if !matches!(relation, Relation::Equal | Relation::NotEqual) && typed_number(&value).is_none() {
            return Err(FilterError::Bound { key, found: value });
        }
        Ok(Self { key, relation, value })
    }
}

impl Filter {
    /// Whether the run fulfils it. A run without the value is equal to none, and within no bound.
    pub fn holds(&self, run: &RunRecord) -> bool {
        self.holds_for(run.value(&self.key).as_ref())
    }

    fn holds_for(&self, value: Option<&Value>) -> bool {
        let numbers = value.and_then(number).zip(typed_number(&self.value));
        let order = numbers.and_then(|(found, bound)| found.partial_cmp(&bound));
        let is_equal = match (order, value) {
            (Some(order), _) => order == Ordering::Equal,
            (None, Some(Value::Text(text))) => *text == self.value,
            (None, Some(value)) => value.to_string() == self.value,
            (None, None) => false,
        };
        match self.relation {
            Relation::Equal => is_equal,
            Relation::NotEqual => !is_equal,
            Relation::AtLeast => order.is_some_and(Ordering::is_ge),
            Relation::AtMost => order.is_some_and(Ordering::is_le),
            Relation::Above => order.is_some_and(Ordering::is_gt),
            Relation::Below => order.is_some_and(Ordering::is_lt),
        }
    }
}

fn typed_number(text: &str) -> Option<f64> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    Some(number).filter(|number: &f64| !number.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_as_they_read() {
        let text = |text: &str| Value::Text(text.into());
        for (filter, value, wanted) in [
            ("a=dt", text("dt"), true),
            ("a=dt", text("fm"), false),
            ("a!=dt", text("fm"), true),
            ("a = 10", Value::Whole(10), true),
            ("a=0.001", Value::Number(1e-3), true),
            ("a=1e-3", Value::Number(0.001), true),
            ("a>=98%", Value::Number(0.98), true),
            ("a>98%", Value::Number(0.98), false),
            ("a<=3", Value::Whole(3), true),
            ("a<3", Value::Whole(2), true),
            ("a<3", text("x"), false),
            ("a=true", Value::Switch(true), true),
            ("a=7", text("7"), true),
        ] {
            let parsed: Filter = filter.parse().unwrap();
            assert_eq!(parsed.holds_for(Some(&value)), wanted, "{filter} {value}");
        }
        let absent = |filter: &str| filter.parse::<Filter>().unwrap().holds_for(None);
        assert!(absent("a!=3") && !absent("a=3") && !absent("a<3"));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["", "a", "=3", ">3", "a!3", "!=3"] {
            assert_eq!(text.parse::<Filter>(), Err(FilterError::Form), "{text}");
        }
        let bound = "a>x".parse::<Filter>().unwrap_err().to_string();
        assert_eq!(bound, "the bound of a must be a number; found \"x\"");
        assert!("a<nan".parse::<Filter>().is_err());
    }
}
