//! The entry of a dataset that data/README.md shows is one.

use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
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
