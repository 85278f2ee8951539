//! The memory a run may use, and whether it can be enough.

use nopropdt_tensor::optim::OptimizerConfig;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// Memory that is left to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// In bytes.
    pub bytes: u64,
    /// What sets the limit, for people.
    pub by: &'static str,
}

/// The memory left to this process: the least of what the machine has (`MemAvailable`), what its container or service may take
/// (cgroup v2 `memory.max`, v1 `memory.limit_in_bytes`) and what its address space may grow by (`ulimit -v`).
///
/// None on systems that do not tell (others than Linux).
#[must_use]
pub fn left() -> Option<Left> {
    left_by(Path::new("/"))
}

/// A run that does not fit into the memory that is left; the system may end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Bytes that the run holds.
    pub needed: u64,
    /// Whether it holds these at the very least; else it is what the run takes by an estimate.
    pub is_least: bool,
    /// What is left.
    pub left: Left,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let (needed, left) = (gigabytes(self.needed), gigabytes(self.left.bytes));
        let holds = if self.is_least { "holds at least" } else { "takes about" };
        write!(f, "memory: the run {holds} {needed:.2} GB; {left:.2} GB are left ({})", self.left.by)
    }
}

/// How large a network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkSize {
    /// Trainable values.
    pub parameters: usize,
    /// Blocks that these belong to.
    pub blocks: usize,
}

/// By how much the memory that is left is too small for what a run holds at the very least: its images, weights, optimiser memory
/// and one block's gradient. Activations come on top. None when it may be enough.
#[must_use]
pub fn shortfall(optimizer: &OptimizerConfig, size: NetworkSize, image_bytes: u64) -> Option<Shortfall> {
    beyond(image_bytes + least_bytes(optimizer, size), true, left()?)
}

/// By how much the memory that is left is too small for `needed` bytes that a run is estimated to take.
#[must_use]
pub fn likely_shortfall(needed: u64) -> Option<Shortfall> {
    beyond(needed, false, left()?)
}

/// Bytes that training holds at the very least.
fn least_bytes(optimizer: &OptimizerConfig, size: NetworkSize) -> u64 {
    let NetworkSize { parameters, blocks } = size;
    let gradient = parameters / blocks.max(1);
    4 * (parameters as u64 * (1 + optimizer.moment_count() as u64) + gradient as u64)
}

fn beyond(needed: u64, is_least: bool, left: Left) -> Option<Shortfall> {
    (needed > left.bytes).then_some(Shortfall { needed, is_least, left })
}

fn left_by(root: &Path) -> Option<Left> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let machine = kibibytes(&read("proc/meminfo"), "MemAvailable:");
    let machine = machine.map(|bytes| Left { bytes, by: "by the machine's MemAvailable" });
    let groups = read("proc/self/cgroup");
    let container = [v2(root, &groups), v1(root, &groups)].into_iter().flatten().min();
    let container = container.map(|bytes| Left { bytes, by: "by the limit of its container or service" });
    let space = address_space(&read("proc/self/limits"), &read("proc/self/status"));
    let space = space.map(|bytes| Left { bytes, by: "by ulimit -v" });
    [machine, container, space].into_iter().flatten().min_by_key(|left| left.bytes)
}

/// The value in kB of the line that begins with `key`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What the unified hierarchy leaves: a limit anywhere above counts.
fn v2(root: &Path, groups: &str) -> Option<u64> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    ["sys/fs/cgroup", "sys/fs/cgroup/unified"]
        .iter()
        .flat_map(|mount| ancestors(&root.join(mount), group))
        .filter_map(|folder| left_in(&folder, "memory.max", "memory.current", "inactive_file "))
        .min()
}

/// What the memory hierarchy of version 1 leaves. In a container its own group is often mounted as the top one.
fn v1(root: &Path, groups: &str) -> Option<u64> {
    let group = groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        controllers.split(',').any(|controller| controller == "memory").then_some(group)
    })?;
    ancestors(&root.join("sys/fs/cgroup/memory"), group)
        .into_iter()
        .filter_map(|folder| {
            left_in(&folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        })
        .min()
}

/// The folder of a group and of every group above it, up to the mount itself.
fn ancestors(mount: &Path, group: &str) -> Vec<PathBuf> {
    Path::new(group.trim_start_matches('/')).ancestors().map(|group| mount.join(group)).collect()
}

/// A group's limit less what it uses; file pages that nobody needs now would be given up, and do not count.
fn left_in(folder: &Path, limit: &str, usage: &str, reclaimable: &str) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    // The word "max" stands for no limit, and so does a number beyond any memory.
    let limit: u64 = read(limit)?.trim().parse().ok().filter(|&limit| limit < 1 << 60)?;
    let usage: u64 = read(usage)?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let reclaimable =
        stat.lines().find_map(|line| line.strip_prefix(reclaimable)?.trim().parse::<u64>().ok());
    Some(limit.saturating_sub(usage.saturating_sub(reclaimable.unwrap_or(0))))
}

/// What `ulimit -v` leaves.
fn address_space(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kibibytes(status, "VmSize:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(files: &[(&str, &str)]) -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            for (path, text) in files {
                let path = machine.0.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            machine
        }

        fn left(&self) -> Option<u64> {
            left_by(self.0.path()).map(|left| left.bytes)
        }
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    1000 kB\n");

    #[test]
    fn a_machine_without_limits_leaves_what_is_available() {
        assert_eq!(Machine::new(&[]).left(), None);
        assert_eq!(Machine::new(&[MEMINFO]).left(), Some(1_024_000));
        let unlimited = Machine::new(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.current", "5\n"),
            (
                "proc/self/limits",
                "Limit  Soft\nMax address space         unlimited            unlimited bytes\n",
            ),
        ]);
        assert_eq!(unlimited.left(), Some(1_024_000));
    }

    #[test]
    fn a_container_counts_wherever_its_limit_is_set() {
        let machine = Machine::new(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/pod/container\n"),
            ("sys/fs/cgroup/pod/memory.max", "5000\n"),
            ("sys/fs/cgroup/pod/memory.current", "4500\n"),
            ("sys/fs/cgroup/pod/memory.stat", "anon 1\ninactive_file 500\n"),
            ("sys/fs/cgroup/pod/container/memory.max", "7000\n"),
            ("sys/fs/cgroup/pod/container/memory.current", "10\n"),
        ]);
        assert_eq!(machine.left(), Some(1000));
        assert!(left_by(machine.0.path()).unwrap().by.contains("container"));
    }

    #[test]
    fn version_1_counts_too() {
        let machine = Machine::new(&[
            MEMINFO,
            ("proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/x\n0::/\n"),
            // The container's own group is mounted as the top one.
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "6000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 200\n"),
        ]);
        assert_eq!(machine.left(), Some(1200));
        let unlimited = Machine::new(&[
            MEMINFO,
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
        ]);
        assert_eq!(unlimited.left(), Some(1_024_000));
    }

    #[test]
    fn the_address_space_counts() {
        let machine = Machine::new(&[
            MEMINFO,
            (
                "proc/self/limits",
                "Max address space         2048000              unlimited            bytes\n",
            ),
            ("proc/self/status", "VmPeak: 9 kB\nVmSize:\t 1500 kB\n"),
        ]);
        assert_eq!(machine.left(), Some(512_000));
    }

    #[test]
    fn what_can_not_fit_is_told() {
        let left = Left { bytes: 2_000_000_000, by: "by ulimit -v" };
        assert_eq!(beyond(2_000_000_000, true, left.clone()), None);
        let about = beyond(3_500_000_000, false, left.clone()).unwrap().to_string();
        assert!(about.contains("the run takes about 3.50 GB; 2.00 GB are left"), "{about}");
        let text = beyond(3_500_000_000, true, left).unwrap().to_string();
        assert!(
            text.contains("at least 3.50 GB") && text.contains("2.00 GB are left (by ulimit -v)"),
            "{text}"
        );
    }

    #[test]
    fn weights_and_averages_are_counted() {
        let size = NetworkSize { parameters: 1000, blocks: 10 };
        // Three numbers a weight, and a tenth of all for a gradient.
        assert_eq!(least_bytes(&OptimizerConfig::adamw(0.0), size), 4 * (3000 + 100));
        let sgd = OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.0, nesterov: false };
        assert_eq!(least_bytes(&sgd, size), 4 * (2000 + 100));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        let left = left().expect("Linux tells");
        assert!(left.bytes > 0, "{left:?}");
    }
}
