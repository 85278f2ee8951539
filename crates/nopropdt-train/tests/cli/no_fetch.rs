//! A program without downloads.

use crate::harness::Sandbox;

#[test]
fn a_program_without_downloads_says_so_in_one_line() {
    let words =
        ["fetch: this program was built without downloads", "`cargo xtask fetch-data`", "`--features fetch`"];
    for arguments in [&["fetch"][..], &["fetch", "mnist", "--from", "nowhere"], &["fetch", "--what"]] {
        Sandbox::new().refused(1, &words, arguments);
    }
}
