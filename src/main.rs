//! The program `ablate`.

fn main() {}
