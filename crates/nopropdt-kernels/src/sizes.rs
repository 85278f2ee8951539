//! Sizes multiplied so that they cannot wrap: a product that did would pass for the length of a short buffer.

/// The product of some sizes.
///
/// # Panics
/// When it is beyond `usize`; `what` names the operation in the message.
#[track_caller]
pub fn product(what: &str, sizes: &[usize]) -> usize {
    // With a size of zero the product is zero, however large the others.
    if sizes.contains(&0) {
        return 0;
    }
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.unwrap_or_else(|| panic!("{what}: sizes overflow; found {sizes:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_that_fit_are_those_of_arithmetic() {
        assert_eq!(product("test", &[]), 1);
        assert_eq!(product("test", &[2, 3, 7]), 42);
        assert_eq!(product("test", &[usize::MAX, 1]), usize::MAX);
        assert_eq!(product("test", &[usize::MAX, usize::MAX, 0]), 0);
    }

    #[test]
    #[should_panic(expected = "test: sizes overflow; found [3, ")]
    fn others_are_refused() {
        product("test", &[3, usize::MAX / 2]);
    }
}
