//! What the allocator does with memory that a step has freed.

/// Has the allocator keep freed memory for the next step, where that is glibc's; elsewhere nothing happens. A program calls this once,
/// first of all: it holds for the whole process.
///
/// A training step frees what the next one asks for again. Left alone, glibc gives the end of a heap back to the system as soon as
/// it is free, and whether a step's buffers are at the end is chance: then each step fetches them anew, page by page and
/// cleared, some 3,000 pages and a fifth of the time of the paper's block on 32×32×3 images. One heap for all threads also takes
/// less memory than one for each.
pub fn keep_freed_memory() {
    one_heap();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // The largest that is accepted. Larger buffers, such as a dataset's, still come from the system and go back there.
        set(libc::M_MMAP_THRESHOLD, 32 << 20);
        set(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Has all threads share one heap, where the allocator is glibc's; elsewhere nothing happens. A program calls this once, first of all.
///
/// With a heap for each thread, what a server has in memory after many requests depends on the threads they came to.
pub fn one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    set(libc::M_ARENA_MAX, 1);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn set(setting: libc::c_int, value: libc::c_int) {
    // SAFETY: `mallopt` takes two numbers, is safe to call beside allocations, and refuses what it doesn't know. What is refused,
    // as by a sanitizer's allocator in glibc's place, stays as it was: the program is slower then, not wrong.
    let _accepted = unsafe { libc::mallopt(setting, value) };
}

/// Has glibc's allocator give all that is free back to the system, once: what comes after is then seen in the memory that is resident.
/// Elsewhere nothing happens.
#[allow(unsafe_code)]
pub fn give_back_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes a number and is safe to call beside allocations. It says whether there was anything to give back.
    unsafe {
        libc::malloc_trim(0);
    }
}
