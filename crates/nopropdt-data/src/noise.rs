//! Files that are in a folder or an archive, and that nobody put there.

/// Files and folders that systems and their tools add, in lower case, in which they are compared: Windows has no other case.
const NOISE: [&str; 24] = [
    // macOS: in zip archives, in folders that are looked at, at the top of volumes.
    "__macosx",
    ".ds_store",
    ".appledouble",
    ".fseventsd",
    ".spotlight-v100",
    ".temporaryitems",
    ".trashes",
    "icon\r",
    "network trash folder",
    "temporary items",
    // Windows.
    "$recycle.bin",
    "recycler",
    "system volume information",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    // Linux: at the top of ext file systems.
    "lost+found",
    // Network storage by Synology and QNAP.
    "@eadir",
    "#recycle",
    "@recycle",
    "@recently-snapshot",
    "#snapshot",
    "@tmp",
    // Python.
    "__pycache__",
];

/// Whether a file or folder of this name is one that a system adds by itself: thumbnails, icons, what was thrown away. It is no part
/// of a dataset: in an archive it would look like a class of pictures or a picture, in a folder like a change.
#[must_use]
pub fn is_noise(name: &str) -> bool {
    let name = name.to_lowercase();
    // What Windows' chkdsk finds goes to found.000 and so on.
    let is_found = |name: &str| {
        name.strip_prefix("found.")
            .is_some_and(|number| number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()))
    };
    // `._NAME` is where macOS puts what other file systems can't hold of NAME.
    name.starts_with("._") || is_found(&name) || NOISE.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_add_is_known_in_any_case() {
        for name in [
            "@eaDir",
            "__MACOSX",
            "lost+found",
            "$RECYCLE.BIN",
            "$Recycle.Bin",
            "System Volume Information",
            "Thumbs.db",
            "thumbs.db",
            "desktop.ini",
            "Desktop.ini",
            ".DS_Store",
            "Icon\r",
            "._rose.jpg",
            "#recycle",
            ".Trashes",
        ] {
            assert!(is_noise(name), "{name:?}");
        }
        for name in
            ["", "icon", "Icon", "rose", "thumbs", "eaDir", "lost", ".hidden", "desktop.ini.png", "1._2"]
        {
            assert!(!is_noise(name), "{name:?}");
        }
    }
}
