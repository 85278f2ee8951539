//! Lists of places: `3,5,8-12`.

/// Places in a list, from 0, as somebody wants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indices(Vec<(usize, usize)>);

impl Indices {
    /// Parses `7`, `0-9` or `3,5,8-12`.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<usize>().ok();
            number(first).zip(number(last)).filter(|(first, last)| first <= last)
        };
        let parts: Option<Vec<_>> = text.split(',').map(part).collect();
        parts.map(Self).ok_or_else(|| "must be places from 0, as in 7, 0-9 or 3,5,8-12".to_owned())
    }

    /// All of them among `count` places, in their order.
    ///
    /// # Errors
    /// The first that is beyond these.
    pub fn among(&self, count: usize) -> Result<Vec<usize>, usize> {
        let beyond = self.0.iter().find(|(_, last)| *last >= count);
        match beyond {
            Some(&(first, _)) => Err(first.max(count)),
            None => Ok(self.0.iter().flat_map(|&(first, last)| first..=last).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_ranges_are_taken_in_their_order() {
        let of = |text| Indices::parse(text).unwrap().among(20);
        assert_eq!(of("7"), Ok(vec![7]));
        assert_eq!(of("3, 5,8-10,0"), Ok(vec![3, 5, 8, 9, 10, 0]));
        assert_eq!(of("19-19"), Ok(vec![19]));
        assert_eq!(of("3,18-25"), Err(20));
        assert_eq!(of("33-40"), Err(33));
        // Not one by one: the end may be far.
        assert_eq!(of("0-18446744073709551615"), Err(20));
        for wrong in ["", "a", "-1", "5-3", "1,,2", "1-2-3", "18446744073709551616"] {
            assert!(Indices::parse(wrong).is_err(), "{wrong}");
        }
    }
}
