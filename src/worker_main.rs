//! The program `ablate-worker`.

fn main() {}
