//! Which folder datasets are in: one rule for everything that reads or brings them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::home::at_home;

/// The variable of the environment that names the folder.
pub const VARIABLE: &str = "NOPROPDT_DATA_DIR";
/// The folder of a project that keeps its datasets beside its runs.
const LOCAL: &str = "data";
/// This program's folder among the caches of others.
const OWN: &str = "nopropdt";

/// The folder of all datasets; each has its own folder inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder {
    /// The folder, which need not be there.
    pub path: PathBuf,
    /// Why it is this one.
    pub chosen_by: ChosenBy,
}

/// What decides on a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The caller named it.
    Caller,
    /// The environment names it, in [`VARIABLE`].
    Variable,
    /// It is called `data` and is here.
    Place,
    /// Nothing else: it is in the user's cache folder.
    Default,
}

impl DataFolder {
    /// The folder `given`; without one, that of the variable `NOPROPDT_DATA_DIR`; without that, `data` if there is such a folder
    /// here; else `nopropdt` in the user's cache folder.
    ///
    /// The cache folder is `$XDG_CACHE_HOME` or `~/.cache`; `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on Windows.
    #[must_use]
    pub fn find(given: Option<&Path>) -> Self {
        let cache = cache(env::consts::OS, variable, env::home_dir());
        choose(given, variable(VARIABLE), Path::new(LOCAL).is_dir(), cache)
    }
}

/// A variable of the environment; an empty one counts as none.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn choose(
    given: Option<&Path>,
    variable: Option<OsString>,
    is_here: bool,
    cache: Option<PathBuf>,
) -> DataFolder {
    let (path, chosen_by) = match (given, variable, cache) {
        (Some(given), ..) => (given.to_owned(), ChosenBy::Caller),
        (None, Some(named), _) => (at_home(Path::new(&named)), ChosenBy::Variable),
        (None, None, Some(cache)) if !is_here => (cache.join(OWN), ChosenBy::Default),
        // A user without a home keeps them here, too.
        (None, None, _) => (PathBuf::from(LOCAL), ChosenBy::Place),
    };
    DataFolder { path, chosen_by }
}

/// The folder in which a system's programs keep what can be had again.
fn cache(
    system: &str,
    variable: impl Fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    let home = home.filter(|home| home.is_absolute());
    match system {
        "windows" => variable("LOCALAPPDATA").map(PathBuf::from),
        "macos" => home.map(|home| home.join("Library/Caches")),
        // The XDG specification wants a relative path passed over.
        _ => variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home.map(|home| home.join(".cache"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_there_counts() {
        let chosen = |given: Option<&str>, variable: Option<&str>, is_here, cache: Option<&str>| {
            let folder =
                choose(given.map(Path::new), variable.map(OsString::from), is_here, cache.map(PathBuf::from));
            (folder.path.display().to_string(), folder.chosen_by)
        };
        let cache = Some("/home/me/.cache");
        let named = |path: &str, by| (path.to_owned(), by);
        assert_eq!(chosen(Some("a"), Some("/b"), true, cache), named("a", ChosenBy::Caller));
        assert_eq!(chosen(None, Some("/b"), true, cache), named("/b", ChosenBy::Variable));
        assert_eq!(chosen(None, None, true, cache), named("data", ChosenBy::Place));
        let in_cache = Path::new("/home/me/.cache").join("nopropdt").display().to_string();
        assert_eq!(chosen(None, None, false, cache), (in_cache, ChosenBy::Default));
        assert_eq!(chosen(None, None, false, None), named("data", ChosenBy::Place));
    }

    #[cfg(unix)]
    #[test]
    fn each_system_has_its_cache_folder() {
        let at = |system, variables: &[(&str, &str)], home: Option<&str>| {
            let variable =
                |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
            cache(system, variable, home.map(PathBuf::from)).map(|path| path.display().to_string())
        };
        let home = Some("/home/me");
        assert_eq!(at("linux", &[], home).unwrap(), "/home/me/.cache");
        assert_eq!(at("linux", &[("XDG_CACHE_HOME", "/big/cache")], home).unwrap(), "/big/cache");
        assert_eq!(at("freebsd", &[("XDG_CACHE_HOME", "relative")], home).unwrap(), "/home/me/.cache");
        assert_eq!(at("macos", &[("XDG_CACHE_HOME", "/x")], home).unwrap(), "/home/me/Library/Caches");
        let local = [("LOCALAPPDATA", "C:\\Users\\me\\AppData\\Local")];
        assert_eq!(at("windows", &local, None).unwrap(), "C:\\Users\\me\\AppData\\Local");
        for system in ["linux", "macos", "windows"] {
            assert_eq!(at(system, &[], None), None);
        }
        // Some services have an empty one.
        assert_eq!(at("linux", &[], Some("")), None);
    }
}
