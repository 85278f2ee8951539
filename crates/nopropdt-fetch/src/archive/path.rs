//! Paths in archives.

use std::path::PathBuf;

/// Folders above a file.
const MOST_DEPTH: usize = 32;
/// Longest name of a file or folder, as most file systems have it.
const MOST_NAME: usize = 255;

/// A path that stays inside the folder it is joined to, on every system: names separated by `/`, none of them empty, `.`
/// or `..`, none with a character that some system gives a meaning to. A leading `./` and a trailing `/` are let pass.
///
/// # Errors
/// What is wrong with it.
pub(super) fn safe(name: &[u8]) -> Result<Vec<&str>, String> {
    let shown = || String::from_utf8_lossy(name).escape_debug().take(200).collect::<String>();
    let wrong = |what: &str| format!("{what}: \"{}\"", shown());
    let text = std::str::from_utf8(name).map_err(|_| wrong("a path must be UTF-8"))?;
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.starts_with('/') {
        return Err(wrong("a path must not be absolute"));
    }
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() > MOST_DEPTH {
        return Err(wrong("a path must have few folders"));
    }
    for part in &parts {
        if *part == ".." {
            return Err(wrong("a path must not lead out of the folder"));
        }
        if part.is_empty() || *part == "." {
            return Err(wrong("a path must not have empty parts"));
        }
        if part.len() > MOST_NAME {
            return Err(wrong("a path must have short parts"));
        }
        let forbidden = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
        if part.contains(forbidden) || part.ends_with([' ', '.']) {
            return Err(wrong("a path must have names that every system takes"));
        }
    }
    Ok(parts)
}

/// The parts as a path of this system.
pub(super) fn joined(parts: &[&str]) -> PathBuf {
    parts.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass() {
        for (name, parts) in [
            ("a", &["a"][..]),
            ("a/b.c/d-e", &["a", "b.c", "d-e"]),
            ("./a/", &["a"]),
            (".hidden/x", &[".hidden", "x"]),
            ("a/..b", &["a", "..b"]),
            ("ü/日本", &["ü", "日本"]),
        ] {
            assert_eq!(safe(name.as_bytes()).unwrap(), parts, "{name}");
        }
    }

    #[test]
    fn others_do_not() {
        for name in [
            "",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "/a",
            "//a",
            "./",
            "././a",
            "a//b",
            "a/./b",
            "a\\..\\b",
            "c:a",
            "c:\\a",
            "a\0b",
            "a\nb",
            "a:stream",
            "a.",
            "a ",
            "nul\u{7f}",
        ] {
            assert!(safe(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(safe(b"\xff").is_err());
        assert!(safe("a/".repeat(40).as_bytes()).is_err());
        assert!(safe("a".repeat(256).as_bytes()).is_err());
    }

    #[test]
    fn messages_are_one_short_line() {
        let message = safe(format!("../\n{}", "x".repeat(9999)).as_bytes()).unwrap_err();
        assert!(message.starts_with("a path must not lead out of the folder: \"../\\nxx"), "{message}");
        assert!(message.len() < 300 && !message.contains('\n'));
    }
}
