//! The program `gba`.
fn main() {}
