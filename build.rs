//! Tells programs that link libtorch where it lies, so they start without `LD_LIBRARY_PATH`.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=LIBTORCH_LIB");
    println!("cargo:rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    if let Some(folder) = libtorch() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.join("lib").display());
    }
}

/// Looks where torch-sys looks, in its order.
fn libtorch() -> Option<PathBuf> {
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
        let question = "import torch, pathlib; print(pathlib.Path(torch.__file__).parent)";
        let answer = Command::new(python).args(["-c", question]).output().ok()?;
        let folder = String::from_utf8(answer.stdout).ok()?;
        return Some(PathBuf::from(folder.trim()));
    }
    env::var_os("LIBTORCH_LIB").or_else(|| env::var_os("LIBTORCH")).map(PathBuf::from)
}
