//! Which inputs are looked at, and which blocks are compared.

/// Most blocks that are compared with each other.
const MOST_COMPARED: usize = 32;
/// The golden section: neighbours of a row that steps by it are far apart, and any part of the row is spread over the whole.
const SECTION: f64 = 0.618_033_988_749_895;

/// Blocks that are compared, from 1: all, or of more than 32 an even choice, the first and the last among them.
pub fn compared(blocks: usize) -> Vec<usize> {
    let count = blocks.min(MOST_COMPARED);
    let last = count.saturating_sub(1).max(1);
    (0..count).map(|place| 1 + (place * (blocks - 1) + last / 2) / last).collect()
}

/// Up to `count` of `len` inputs, each once. They are spread evenly, so that data sorted by class is met as it is, and no neighbour is a
/// neighbour in the data.
pub(super) fn spread(len: usize, count: usize) -> Vec<u32> {
    let near = ((len as f64 * SECTION) as usize).max(1);
    let step = (near..).find(|&step| common_divisor(step, len) == 1).unwrap_or(1);
    (0..len.min(count)).map(|place| ((place as u64 * step as u64) % len as u64) as u32).collect()
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_blocks_an_even_choice_is_compared() {
        assert_eq!(compared(1), [1]);
        assert_eq!(compared(32), (1..=32).collect::<Vec<_>>());
        let chosen = compared(1000);
        assert_eq!((chosen.len(), chosen[0], chosen[31]), (32, 1, 1000));
        let gaps: Vec<usize> = chosen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (32..=33).contains(gap)), "{gaps:?}");
    }

    #[test]
    fn inputs_are_each_met_once_and_spread() {
        for len in [1, 2, 3, 10, 200, 360, 1797, 10_000] {
            let mut all = spread(len, usize::MAX);
            all.sort_unstable();
            assert_eq!(all, (0..len as u32).collect::<Vec<_>>(), "{len}");
        }
        // Ten classes, sorted: every 100 of 2,000 inputs have about ten of each.
        let some = spread(10_000, 2000);
        assert_eq!(some.len(), 2000);
        for part in some.chunks(100) {
            for class in 0..10 {
                let of_class = part.iter().filter(|&&index| index / 1000 == class).count();
                assert!((8..=12).contains(&of_class), "{of_class} of class {class}");
            }
        }
        assert!(some.windows(2).all(|pair| pair[0] / 1000 != pair[1] / 1000));
        assert!(spread(0, 5).is_empty());
    }
}
