//! The `nopropdt-train` command.
fn main() {}
