//! A few things by name, in an order of their own.

use std::ops::{Index, IndexMut};

/// A few things by name, in the order in which they were added: the sets that all blocks share, and their gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(Vec<(&'static str, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    /// The thing called `name`.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, thing)| thing)
    }

    /// The thing called `name`, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|(own, _)| *own == name).map(|(_, thing)| thing)
    }

    /// Adds a thing behind the others.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn push(&mut self, name: &'static str, thing: T) {
        assert!(self.get(name).is_none(), "{name}: the name is taken");
        self.0.push((name, thing));
    }

    /// Number of things.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every name and thing, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &T)> {
        self.0.iter().map(|(name, thing)| (*name, thing))
    }

    /// Every name and thing, in order, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&'static str, &mut T)> {
        self.0.iter_mut().map(|(name, thing)| (*name, thing))
    }

    /// Every thing, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter().map(|(_, thing)| thing)
    }

    /// Every thing, in order, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, thing)| thing)
    }
}

impl<T> FromIterator<(&'static str, T)> for Named<T> {
    fn from_iter<I: IntoIterator<Item = (&'static str, T)>>(things: I) -> Self {
        let mut named = Self::default();
        things.into_iter().for_each(|(name, thing)| named.push(name, thing));
        named
    }
}

impl<T> Index<&str> for Named<T> {
    type Output = T;

    /// # Panics
    /// When there is no such thing.
    fn index(&self, name: &str) -> &T {
        self.get(name).unwrap_or_else(|| panic!("{name}: there is no set of this name"))
    }
}

impl<T> IndexMut<&str> for Named<T> {
    fn index_mut(&mut self, name: &str) -> &mut T {
        self.get_mut(name).unwrap_or_else(|| panic!("{name}: there is no set of this name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_by_name_and_kept_in_order() {
        let mut named: Named<i32> = [("b", 1), ("a", 2)].into_iter().collect();
        named["a"] += 1;
        assert_eq!((named["a"], named.get("c"), named.len()), (3, None, 2));
        assert_eq!(named.values().copied().collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    #[should_panic(expected = "a: the name is taken")]
    fn a_name_is_used_once() {
        let _: Named<i32> = [("a", 1), ("a", 2)].into_iter().collect();
    }
}
