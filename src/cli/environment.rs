//! The environment: how it says that the network is reached, and what of it workers get, which is what
//! libtorch, CUDA and the loader need of this process's own and nothing else, so that no token or
//! password reaches a process that has no use for it. And which program this is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::fetch::Settings;
use crate::files::Look;

/// Names that are passed on. A `*` at the end stands for any rest.
const PASSED: &[&str] = &[
    // Where programs, libraries and scratch files lie, and whose they are.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    // How text and times are written.
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    // libtorch and what it computes with.
    "LIBTORCH*",
    "TORCH_*",
    "PYTORCH_*",
    "ATEN_*",
    "CUDA_*",
    "CUDNN_*",
    "CUBLAS_*",
    "CUBLASLT_*",
    "NVIDIA_*",
    "OMP_*",
    "GOMP_*",
    "KMP_*",
    "MKL_*",
    "DNNL_*",
    "ONEDNN_*",
    "OPENBLAS_*",
    "MALLOC_*",
    "GLIBC_TUNABLES",
    // What is told of a crash.
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
];

/// What is added where the user says nothing of it.
const ADDED: &[(&str, &str)] = &[
    // OpenMP's threads wait by spinning unless told otherwise, which on cores that are shared with
    // others makes a training up to twenty times slower.
    ("OMP_WAIT_POLICY", "PASSIVE"),
    // Each of these is what its library asks for to give the same bits each time: as many threads as were asked for, no
    // path that depends on more than the processor, and a workspace of a fixed size.
    ("OMP_DYNAMIC", "FALSE"),
    ("MKL_CBWR", "AUTO"),
    ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
];

/// Parts of names whose values are secrets, whatever the name begins with: `NVIDIA_API_KEY`.
const SECRET: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];

/// Returns what a worker finds in its environment, of all that this process has in its own.
pub(crate) fn for_worker(
    own: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let passes = |(name, _): &(OsString, OsString)| name.to_str().is_some_and(is_passed);
    let mut passed: Vec<_> = own.filter(passes).collect();
    for (name, value) in ADDED {
        if !passed.iter().any(|(known, _)| known == name) {
            passed.push(((*name).into(), (*value).into()));
        }
    }
    passed
}

/// Returns how this process's environment says that the network is reached: through which proxy, and
/// which certificates are trusted.
pub(crate) fn for_network(own: impl Iterator<Item = (OsString, OsString)>) -> Settings {
    let texts = own.filter_map(|(name, value)| {
        Some((name.into_string().ok()?.to_lowercase(), value.into_string().ok()?))
    });
    let known: BTreeMap<String, String> = texts.filter(|(_, value)| !value.is_empty()).collect();
    let proxy = ["https_proxy", "all_proxy", "http_proxy"].iter().find_map(|name| known.get(*name));
    Settings {
        proxy: proxy.cloned(),
        no_proxy: known.get("no_proxy").cloned(),
        roots: known.get("ssl_cert_file").map(PathBuf::from),
        agent: concat!("ablate/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// Returns this program's version and what the file system says of it, which another build has otherwise; nothing
/// where it cannot be looked at.
pub(crate) fn program() -> Option<(&'static str, Look)> {
    let about = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    Some((env!("CARGO_PKG_VERSION"), Look::of(&about)))
}

fn is_passed(name: &str) -> bool {
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    };
    PASSED.iter().any(fits) && !SECRET.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::for_worker;

    fn passed(own: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = own.iter().map(|(name, value)| (name.into(), value.into()));
        let text = |text: std::ffi::OsString| text.into_string().unwrap();
        for_worker(own).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn what_libtorch_needs_is_passed_on_and_no_secret_is() {
        let own = [
            ("PATH", "/bin"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("CUDA_VISIBLE_DEVICES", "1"),
            ("GITHUB_TOKEN", "hush"),
            ("LC_ALL", "C"),
            ("NVIDIA_API_KEY", "hush"),
            ("PATHOLOGY", "hush"),
            ("ABLATE_DATA", "/data"),
        ];
        let names: Vec<String> = passed(&own).into_iter().map(|(name, _)| name).collect();
        let own = ["PATH", "CUDA_VISIBLE_DEVICES", "LC_ALL"];
        let added = ["OMP_WAIT_POLICY", "OMP_DYNAMIC", "MKL_CBWR", "CUBLAS_WORKSPACE_CONFIG"];
        assert_eq!(names, [&own[..], &added].concat());
    }

    #[test]
    fn threads_wait_without_spinning_unless_the_user_says_otherwise() {
        let policy = |own: &[(&str, &str)]| {
            let all = passed(own).into_iter();
            let said = all.filter(|(name, _)| name == "OMP_WAIT_POLICY").map(|(_, value)| value);
            said.collect::<Vec<_>>()
        };
        assert_eq!(policy(&[]), ["PASSIVE"]);
        assert_eq!(policy(&[("OMP_WAIT_POLICY", "ACTIVE")]), ["ACTIVE"]);
    }
}
