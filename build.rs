//! Compiles what is written in C++, and tells programs that link libtorch where it lies, so they start
//! without `LD_LIBRARY_PATH`.

#[cfg(feature = "torch")]
use std::env;
#[cfg(feature = "torch")]
use std::path::Path;
#[cfg(feature = "torch")]
use std::path::PathBuf;
#[cfg(feature = "torch")]
use std::process::Command;

/// What tch leaves out of libtorch.
#[cfg(feature = "torch")]
const CPP: &str = "src/ml/libtorch.cpp";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=LIBTORCH_LIB");
    println!("cargo:rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    #[cfg(feature = "torch")]
    if let Some(folder) = libtorch() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.join("lib").display());
        compile(&folder);
    }
}

/// Looks where torch-sys looks, in its order.
#[cfg(feature = "torch")]
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

/// Compiles against the headers that lie beside libtorch, as torch-sys does.
#[cfg(feature = "torch")]
fn compile(folder: &Path) {
    println!("cargo:rerun-if-changed={CPP}");
    let include = env::var_os("LIBTORCH_INCLUDE").map_or_else(|| folder.to_owned(), PathBuf::from);
    let include = include.join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .define("AT_PER_OPERATOR_HEADERS", None)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .warnings(false)
        .file(CPP)
        .compile("ablate_libtorch");
}
