//! Scratch memory that is used again: one pool a thread, every buffer aligned to a cache line.
//!
//! A convolution needs some 100 KB a group of images. Fresh from the allocator that is a system call and a cleared page every
//! 4 KB; from the pool it is memory that is still in the cache.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A cache line, and an AVX-512 vector.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of f32 on loan from this thread's pool, 64-byte aligned. It holds whatever its last user left there.
#[derive(Debug)]
pub struct Scratch {
    lines: Vec<Line>,
    length: usize,
}

impl Scratch {
    /// A buffer of `length` numbers of any value.
    pub fn any(length: usize) -> Self {
        let mut lines: Vec<Line> = POOL.with_borrow_mut(|pool| take_fitting(pool, length.div_ceil(LINE)));
        lines.resize(length.div_ceil(LINE).max(lines.len()), Line([0.0; LINE]));
        Self { lines, length }
    }

    /// A buffer of zeros.
    pub fn zeros(length: usize) -> Self {
        let mut scratch = Self::any(length);
        scratch.fill(0.0);
        scratch
    }
}

/// The smallest buffer of at least `lines` lines; else the largest, to be grown; else a new one.
fn take_fitting(pool: &mut Vec<Vec<Line>>, lines: usize) -> Vec<Line> {
    let fitting = (0..pool.len()).filter(|&i| pool[i].len() >= lines).min_by_key(|&i| pool[i].len());
    let chosen = fitting.or_else(|| (0..pool.len()).max_by_key(|&i| pool[i].len()));
    chosen.map(|index| pool.swap_remove(index)).unwrap_or_default()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // A thread that is ending has no pool any more; the buffer is then freed like any other.
        let _ = POOL.try_with(|pool| pool.borrow_mut().push(lines));
    }
}

#[allow(unsafe_code)]
impl Deref for Scratch {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        // SAFETY: a `Line` is sixteen f32 without padding, `lines` holds at least `length` of them, and the borrow is self's.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

#[allow(unsafe_code)]
impl DerefMut for Scratch {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_as_long_as_asked() {
        for length in [0, 1, 15, 16, 17, 1000] {
            let scratch = Scratch::zeros(length);
            assert_eq!(scratch.len(), length);
            assert_eq!(scratch.as_ptr().addr() % 64, 0);
            assert!(scratch.iter().all(|&v| v == 0.0));
        }
    }

    #[test]
    fn a_buffer_given_back_is_used_again() {
        let mut first = Scratch::any(5000);
        first.fill(7.0);
        let address = first.as_ptr().addr();
        drop(first);
        let second = Scratch::any(4000);
        assert_eq!(second.as_ptr().addr(), address);
        let third = Scratch::any(4000);
        assert_ne!(third.as_ptr().addr(), address);
        assert!(Scratch::zeros(5000).iter().all(|&v| v == 0.0));
    }
}
