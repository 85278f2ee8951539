//! The README's Rust snippets are those of an example that compiles, and the documented entry of a dataset is one.

use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Code without indentation, so that a snippet can stand in a function.
fn flat(code: &str) -> String {
    code.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn snippets_compile_as_an_example() {
    let readme = read("README.md");
    let example = flat(&read("crates/nopropdt-train/examples/each_crate_alone.rs"));
    let snippets: Vec<&str> =
        readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(snippets.len(), 4, "a snippet for each crate");
    for snippet in snippets {
        let snippet = flat(snippet);
        assert!(example.contains(snippet.trim()), "not in examples/each_crate_alone.rs:\n{snippet}");
    }
}

#[test]
fn a_dataset_takes_ten_lines() {
    let readme = read("data/README.md");
    let entry = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an entry");
    assert!(entry.lines().count() <= 10, "{entry}");
    let manifest =
        nopropdt_fetch::Manifest::parse(&entry.replacen('…', &"0".repeat(64), 1)).expect("it is right");
    let file = &manifest.dataset("flowers").expect("it is of flowers").files[0];
    assert_eq!((file.unpack(), file.download_name().as_str()), (nopropdt_fetch::Unpack::Zip, "flowers.zip"));
}
