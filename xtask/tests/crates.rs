//! The crate graph: what the compiler can't know is what a manifest should never list.

use serde_json::Value;
use std::process::Command;

/// What a crate must not depend on, tests apart; of ours, and of others by name.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("nopropdt-kernels", &["nopropdt-", "ndarray", "serde", "thiserror"]),
    ("nopropdt-tensor", &["nopropdt-blocks", "nopropdt-data", "nopropdt-train"]),
    ("nopropdt-blocks", &["nopropdt-kernels", "nopropdt-data", "nopropdt-train", "ndarray"]),
    (
        "nopropdt-data",
        &["nopropdt-kernels", "nopropdt-tensor", "nopropdt-blocks", "nopropdt-train", "ndarray"],
    ),
    (
        "nopropdt-fetch",
        &["nopropdt-kernels", "nopropdt-tensor", "nopropdt-blocks", "nopropdt-train", "ndarray"],
    ),
    // The main command is built without a web server.
    ("nopropdt-train", &["nopropdt-serve", "axum", "hyper", "tokio", "tower"]),
    // Its program sets the allocator, which nopropdt-kernels does.
    ("nopropdt-serve", &["nopropdt-fetch", "ndarray", "ureq"]),
];

#[test]
fn crates_use_only_those_below_them() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a workspace has packages");
    for (name, forbidden) in FORBIDDEN {
        let package = packages.iter().find(|package| package["name"] == name).expect(name);
        let dependencies = package["dependencies"].as_array().expect("a list");
        let used = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        let used: Vec<&str> = used.filter_map(|dependency| dependency["name"].as_str()).collect();
        assert!(!used.is_empty(), "{name}: no dependencies were read");
        let wrong = used.iter().find(|used| forbidden.iter().any(|start| used.starts_with(start)));
        assert_eq!(wrong, None, "{name} must not depend on it");
    }
}
