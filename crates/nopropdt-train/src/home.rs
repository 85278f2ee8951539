//! Paths as people type them, of which the shell left something as it was: `folder:~/flowers` reaches the program with its `~`.

use std::path::{Path, PathBuf};

/// The path with `~` at its beginning replaced by the home folder; as it is where something has that very name, where `~` is followed
/// by a user's name, and where no home folder is known.
#[must_use]
pub fn at_home(path: &Path) -> PathBuf {
    expanded(path, std::env::home_dir(), Path::exists)
}

fn expanded(path: &Path, home: Option<PathBuf>, exists: impl Fn(&Path) -> bool) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        // Joined with nothing, a path would gain a separator at its end.
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() && !exists(path) => home,
        (Ok(rest), Some(home)) if !exists(path) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// The first variable of a shell in a text, such as `$HOME` or `${HOME}`, or `%USERPROFILE%`.
#[must_use]
pub fn variable(text: &str) -> Option<&str> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let dollar = || {
        let rest = &text[text.find('$')?..];
        if let Some(inner) = rest.strip_prefix("${") {
            let end = inner.find('}').filter(|&end| is_name(&inner[..end]))?;
            return Some(&rest[..end + 3]);
        }
        let end = rest[1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or(rest.len(), |end| end + 1);
        (end > 1).then(|| &rest[..end])
    };
    let percent = || {
        let rest = &text[text.find('%')?..];
        let end = rest[1..].find('%').filter(|&end| is_name(&rest[1..=end]))?;
        Some(&rest[..end + 2])
    };
    dollar().or_else(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_folder() {
        let at = |path: &str, there: bool| {
            expanded(Path::new(path), Some("/home/me".into()), |_| there).display().to_string()
        };
        assert_eq!(at("~/flowers", false), "/home/me/flowers");
        assert_eq!((at("~", false), at("~/", false)), ("/home/me".into(), "/home/me".into()));
        // Something is called so, or it is another's home, or no beginning.
        assert_eq!(at("~/flowers", true), "~/flowers");
        for path in ["~you/flowers", "flowers/~", "/~/x", "./~/x", "", "~x"] {
            assert_eq!(at(path, false), path);
        }
        assert_eq!(expanded(Path::new("~/x"), None, |_| false), Path::new("~/x"));
    }

    #[test]
    fn variables_are_found() {
        for (text, found) in [
            ("$HOME/x", Some("$HOME")),
            ("/a/${DATA_DIR}/x", Some("${DATA_DIR}")),
            ("%USERPROFILE%\\x", Some("%USERPROFILE%")),
            ("a$", None),
            ("100 %", None),
            ("5%-10%", None),
            ("${", None),
            ("plain/path", None),
            ("ü$é", None),
        ] {
            assert_eq!(variable(text), found, "{text}");
        }
    }
}
