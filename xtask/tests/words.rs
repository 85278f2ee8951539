//! The libraries' words: no flag and no command, which belong to the program.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first text of a line that names a flag or a command of cargo.
fn named(line: &str) -> Option<&str> {
    let is_flag = |text: &str| {
        text.match_indices("--").any(|(at, _)| text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()))
    };
    // What stands between quotes is every second piece.
    let mut texts = line.split('"').skip(1).step_by(2);
    texts.find(|text| is_flag(text) || text.contains("cargo "))
}

#[test]
fn flags_and_commands_are_found() {
    assert_eq!(named(r#"    #[error("{path}: try --lr 1")]"#), Some("{path}: try --lr 1"));
    assert_eq!(named(r#"let told = "run cargo xtask";"#), Some("run cargo xtask"));
    for line in ["a --b", r#"x("a -- b") --c"#, r#"("a—b")"#, r#"f("a", --c, "b")"#] {
        assert_eq!(named(line), None, "{line}");
    }
}

#[test]
fn no_error_of_a_library_names_a_flag_or_a_command() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    for library in ["kernels", "tensor", "blocks", "data", "fetch", "train"] {
        sources(&crates.join(format!("nopropdt-{library}/src")), &mut files);
    }
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(&crates).unwrap().to_str().unwrap().replace('\\', "/");
        // The program itself, the help of its flags, and the one file that writes its command lines.
        let speaks_flags = name.starts_with("nopropdt-train/src/commands/")
            || name == "nopropdt-train/src/registry/flags.rs"
            || name == "nopropdt-train/src/experiments/program.rs";
        if speaks_flags || name.ends_with("tests.rs") || name.contains("/tests/") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        found.extend(
            lines.filter_map(|(at, line)| named(line).map(|text| format!("{name}:{}: {text}", at + 1))),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
