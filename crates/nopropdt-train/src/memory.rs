//! Resident memory of this process, as Linux counts it in `/proc/self/status`.

use std::fs;

/// The largest resident memory this process has had so far, or since the last [`Watch::start`], in bytes (`VmHWM`).
///
/// 0 on systems other than Linux, and where `/proc` is not mounted.
pub fn peak_rss_bytes() -> u64 {
    status("VmHWM:").unwrap_or(0)
}

/// Resident memory from a moment on: what training takes beside the images that are there already.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// The peak up to the start.
    earlier: u64,
    /// What was resident at the start; none where the system keeps only one peak for all time.
    resident: Option<u64>,
}

impl Watch {
    /// Starts watching; the kernel forgets the peak so far. A program whose allocator keeps freed memory has it given back first, so that memory used before is
    /// counted anew.
    pub fn start() -> Self {
        let earlier = peak_rss_bytes();
        // 5 resets VmHWM (proc(5)). Where that is not allowed there is one figure less in the summary.
        let reset = fs::write("/proc/self/clear_refs", "5").is_ok();
        Self { earlier, resident: reset.then(|| status("VmRSS:")).flatten() }
    }

    /// Largest resident memory of the process in all its time, in bytes; 0 where that is not known.
    pub fn peak(&self) -> u64 {
        self.earlier.max(peak_rss_bytes())
    }

    /// Most above what was resident at the start, in bytes; none where that is not known.
    pub fn added(&self) -> Option<u64> {
        self.resident.map(|resident| peak_rss_bytes().saturating_sub(resident))
    }
}

fn status(key: &str) -> Option<u64> {
    fs::read_to_string("/proc/self/status").ok().and_then(|status| parse(&status, key))
}

/// The bytes in the line of a `/proc/PID/status` that starts with `key`.
fn parse(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_status_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t   12 kB\nVmRSS:\t 9 kB\n";
        assert_eq!(parse(status, "VmHWM:"), Some(12 * 1024));
        assert_eq!(parse(status, "VmRSS:"), Some(9 * 1024));
        assert_eq!(parse("Name:\tx\n", "VmHWM:"), None);
        assert_eq!(parse("VmHWM:\t12 MB\n", "VmHWM:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_added_is_seen_and_what_was_before_is_not() {
        const LARGE: usize = 64 << 20;
        let fill = |length| std::hint::black_box(vec![1u8; length]);
        drop(fill(4 * LARGE));
        let watch = Watch::start();
        drop(fill(LARGE));
        assert!(watch.peak() >= 4 * LARGE as u64, "{watch:?}");
        // Other tests run beside this one, in the same process.
        let added = watch.added().expect("a process may reset its own peak");
        assert!(added >= LARGE as u64 / 2, "{added}");
    }
}
