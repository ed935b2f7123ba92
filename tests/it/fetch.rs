//! Files that are fetched: from servers that behave and from those that do not, by the library and by the
//! program. All servers are on this machine.

use std::process::Stdio;
use std::time::Duration;

use ablate::digest::Digest;
use ablate::digest::Md5;
use ablate::fetch::Address;
use ablate::fetch::Client;
use ablate::fetch::Error;
use ablate::fetch::Limits;
use ablate::fetch::Settings;
use ablate::files;
use ablate::files::Growing;

use crate::archive::Archive;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;
use crate::server::Answer;
use crate::server::Asked;
use crate::server::Server;
use crate::server::part;
use crate::server::status;

/// Limits at which tests are quick: no pause, and next to no patience.
const QUICK: Limits = Limits {
    silence: Duration::from_millis(300),
    least: 0,
    attempts: 2,
    pause: Duration::ZERO,
    redirects: 3,
    most: 1 << 20,
};

fn file() -> Vec<u8> {
    (0..100_000_u32).map(|number| (number % 251) as u8).collect()
}

/// What a fetch came to, and what there is of the file.
fn fetched(server: &Server, limits: Limits, there: &[u8]) -> (Result<(), Error>, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("part");
    let mut growing = Growing::open(&path).expect("a file");
    growing.write(there).expect("room");
    let client = Client::new(&Settings::default(), limits).expect("no proxy");
    let url: Address = server.url("/file").parse().expect("an address");
    let result = client.fetch(&url, &mut growing, None, &mut |_, _| true);
    (result, files::read(&path).expect("it is there"))
}

fn told(server: &Server, error: &Error) -> String {
    error.to_string().replace(&server.url(""), "[server]")
}

fn starts(server: &Server) -> Vec<Option<usize>> {
    server.asked().into_iter().map(|asked| asked.from).collect()
}

#[test]
fn what_breaks_off_goes_on_where_it_ended() {
    let server = Server::start(|number, asked| {
        let mut bytes = part(&file(), asked.from);
        if number < 2 {
            bytes.truncate(bytes.len() - 40_000);
        }
        Answer::Bytes(bytes)
    });
    let (result, bytes) = fetched(&server, Limits { attempts: 3, ..QUICK }, b"");
    assert!(result.is_ok() && bytes == file(), "{result:?}");
    assert_eq!(starts(&server), [None, Some(60_000), Some(60_000)]);
}

#[test]
fn a_server_that_knows_no_parts_sends_all_of_it_again() {
    let server = Server::start(|number, _| {
        let mut bytes = part(&file(), None);
        bytes.truncate(if number == 0 { 5_000 } else { bytes.len() });
        Answer::Bytes(bytes)
    });
    let (result, bytes) = fetched(&server, QUICK, b"");
    assert!(result.is_ok() && bytes == file(), "{result:?}");
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_part_that_was_not_asked_for_is_not_taken() {
    let server = Server::start(|number, asked| {
        let from = if number == 0 { Some(10) } else { asked.from };
        Answer::Bytes(part(&file(), from))
    });
    let (result, bytes) = fetched(&server, QUICK, &file()[..500]);
    assert!(result.is_ok() && bytes == file(), "{result:?}");
    assert_eq!(starts(&server), [Some(500), None]);
}

#[test]
fn what_is_there_already_is_whole_or_is_too_long() {
    let server = Server::of(file());
    let (result, bytes) = fetched(&server, QUICK, &file());
    assert!(result.is_ok() && bytes == file(), "{result:?}");
    let (result, bytes) = fetched(&server, QUICK, &vec![0; 100_001]);
    assert!(result.is_ok() && bytes == file(), "{result:?}");
    assert_eq!(starts(&server), [Some(100_000), Some(100_001), None]);
}

#[test]
fn what_a_server_refuses_is_asked_for_once_and_what_it_cannot_do_now_again() {
    let server = Server::start(|_, _| status("404 Not Found"));
    let (result, _) = fetched(&server, QUICK, b"");
    insta::assert_snapshot!(told(&server, &result.unwrap_err()), @"`[server]/file`: the server answers 404 (not there)");
    assert_eq!(server.asked().len(), 1);
    let server = Server::start(|_, _| status("503 Busy"));
    let (result, bytes) = fetched(&server, QUICK, b"abc");
    insta::assert_snapshot!(told(&server, &result.unwrap_err()), @"`[server]/file`: the server answers 503 (out of order), after 3 bytes and 2 attempts");
    assert_eq!((server.asked().len(), bytes), (2, b"abc".to_vec()));
}

#[test]
fn a_file_without_end_and_one_that_says_it_is_too_large_are_refused() {
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    let server = Server::start(move |_, _| Answer::Endless(head.clone(), &[7; 4096]));
    let (result, bytes) = fetched(&server, QUICK, b"");
    insta::assert_snapshot!(told(&server, &result.unwrap_err()), @"`[server]/file`: the file has no end, at most 1048576 expected");
    assert!(bytes.is_empty());
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec();
    let server = Server::start(move |_, _| Answer::Silence(head.clone()));
    let (result, bytes) = fetched(&server, QUICK, b"");
    insta::assert_snapshot!(told(&server, &result.unwrap_err()), @"`[server]/file`: the file has 99999999999 bytes, at most 1048576 expected");
    assert!(bytes.is_empty());
}

#[test]
fn redirects_are_followed_a_few_times_and_never_to_a_file_of_this_machine() {
    let to = |place: &str| status(&format!("302 Found\r\nLocation: {place}"));
    let server = Server::start(move |_, asked| match asked.path.as_str() {
        "/file" => to("/moved"),
        _ => Answer::Bytes(part(&file(), asked.from)),
    });
    let (result, bytes) = fetched(&server, QUICK, b"");
    assert!(result.is_ok() && bytes == file(), "{result:?}");
    let server = Server::start(move |_, _| to("/file"));
    let (result, _) = fetched(&server, QUICK, b"");
    insta::assert_snapshot!(told(&server, &result.unwrap_err()), @"`[server]/file`: sent on more than 3 times");
    assert_eq!(server.asked().len(), 4);
    let server = Server::start(move |_, _| to("file:///etc/passwd"));
    let (result, bytes) = fetched(&server, QUICK, b"");
    assert!(result.is_err() && bytes.is_empty(), "{result:?}");
}

#[test]
fn a_server_that_falls_silent_or_hardly_sends_is_given_up() {
    let server = Server::start(|_, asked| {
        let mut bytes = part(&file(), asked.from);
        bytes.truncate(200);
        Answer::Silence(bytes)
    });
    let (result, bytes) = fetched(&server, QUICK, b"");
    let Err(Error::Broken { done, attempts: 2, .. }) = result else { panic!("{result:?}") };
    assert!(done > 0 && done == bytes.len() as u64);
    assert_eq!(bytes, file()[..bytes.len()]);
    let server = Server::start(|_, _| Answer::Silence(Vec::new()));
    let (result, _) = fetched(&server, QUICK, b"");
    assert!(matches!(result, Err(Error::Broken { done: 0, .. })), "{result:?}");
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    let server = Server::start(move |_, _| Answer::Endless(head.clone(), b"x"));
    let drip = Limits { least: u64::MAX, most: u64::MAX, attempts: 1, ..QUICK };
    let (result, _) = fetched(&server, drip, b"");
    let Err(Error::Broken { reason, .. }) = result else { panic!("{result:?}") };
    assert_eq!(reason, "next to nothing arrives");
}

#[test]
fn a_user_who_stops_is_heard_and_what_arrived_stays() {
    let server = Server::of(file());
    let folder = tempfile::tempdir().unwrap();
    let mut growing = Growing::open(&folder.path().join("part")).unwrap();
    let client = Client::new(&Settings::default(), QUICK).unwrap();
    let url: Address = server.url("/file").parse().unwrap();
    let mut seen = Vec::new();
    let result = client.fetch(&url, &mut growing, None, &mut |done, of| {
        seen.push((done, of));
        done == 0
    });
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!((seen[0], seen.len()), ((0, Some(100_000)), 2));
    assert_eq!(seen[1].0, growing.length());
}

/// A study that reads one archive, which a server has.
fn study(sandbox: &Sandbox, server: &Server, digest: &str) {
    sandbox.write(
        "study.yaml",
        format!(
            "ablate: 1\nname: x\nstages:\n  eyes:\n    kind: load\n    params: {{npz: eyes.npz, url: \"{}\", {digest}}}\n",
            server.url("/eyes.npz?download=1")
        ),
    );
}

/// Runs the program without the proxy that this machine may have.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    Output::of(command(sandbox, arguments).env("NO_PROXY", "127.0.0.1"))
}

fn command(sandbox: &Sandbox, arguments: &[&str]) -> std::process::Command {
    let mut command = sandbox.command(arguments);
    for name in ["http_proxy", "https_proxy", "all_proxy", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

#[test]
fn a_study_fetches_what_it_lacks_once_and_nothing_is_asked_for_before_it_runs() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(4, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("md5: {}", Md5::of_bytes(&eyes)));
    let checked = run(&sandbox, &["check", "study.yaml"]).ends_with(0).stdout;
    let note = format!(
        "source `eyes.npz` is not at hand; `ablate run` fetches it from {}",
        server.url("/eyes.npz?download=1")
    );
    assert!(checked.contains(&note), "{checked}");
    run(&sandbox, &["plan", "study.yaml"]).ends_with(0);
    run(&sandbox, &["run", "study.yaml", "--dry-run"]).ends_with(0);
    let refused = run(&sandbox, &["run", "study.yaml", "--offline"]).ends_with(2).stderr;
    assert!(refused.contains("`ablate fetch` bring it from http://127.0.0.1"), "{refused}");
    assert_eq!(server.asked(), []);
    let ran = run(&sandbox, &["run", "study.yaml"]).ends_with(0).stderr;
    assert!(ran.contains("eyes.npz: fetching from http://127.0.0.1"), "{ran}");
    assert!(ran.contains("8 images"), "{ran}");
    run(&sandbox, &["run", "study.yaml"]).ends_with(0);
    assert_eq!(server.asked(), [Asked { path: "/eyes.npz?download=1".to_owned(), from: None }]);
    // Where it came from is in no key: a study that has the file beside it takes what was made.
    let other = sandbox.write(
        "other/study.yaml",
        "ablate: 1\nname: x\nstages: {eyes: {kind: load, params: {npz: eyes.npz}}}\n",
    );
    sandbox.write("other/eyes.npz", &eyes);
    let plan = run(&sandbox, &["plan", &other.to_string_lossy(), "--format", "json"]).ends_with(0);
    assert!(plan.stdout.contains(r#""to_run": 0"#), "{}", plan.stdout);
    assert!(run(&sandbox, &["cache", "stats"]).ends_with(0).stdout.contains("downloads: "));
    run(&sandbox, &["cache", "verify"]).ends_with(0);
}

#[test]
fn what_is_cached_is_not_fetched_even_where_its_source_is_gone() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(4, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("blake3: {}", Digest::of_bytes(&eyes)));
    run(&sandbox, &["run", "study.yaml"]).ends_with(0);
    files::remove_folder(&sandbox.path("cache/downloads")).unwrap();
    run(&sandbox, &["run", "study.yaml"]).ends_with(0);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_is_fetched_ahead_is_there_when_the_server_is_not() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(4, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("md5: {}, bytes: {}", Md5::of_bytes(&eyes), eyes.len()));
    let told = run(&sandbox, &["fetch", "study.yaml"]).ends_with(0).stdout;
    let place = sandbox.path("cache/downloads").display().to_string();
    assert!(told.starts_with(&format!("eyes.npz: fetched, `{place}/")), "{told}");
    let json = run(&sandbox, &["fetch", "study.yaml", "--format", "json"]).ends_with(0).stdout;
    assert!(json.contains(r#""state": "at hand""#), "{json}");
    drop(server);
    run(&sandbox, &["run", "study.yaml"]).ends_with(0);
}

#[test]
fn another_file_is_refused_and_nothing_of_it_kept() {
    let sandbox = Sandbox::new();
    let server = Server::of(b"<!DOCTYPE html>sign in".to_vec());
    study(&sandbox, &server, &format!("md5: {}", Md5::of_bytes(b"eyes")));
    let told = run(&sandbox, &["run", "study.yaml"]).ends_with(1).stderr;
    let told = told.replace(&server.url(""), "[server]");
    insta::assert_snapshot!(sandbox.redact(&told), @"
     INFO eyes.npz: fetching from [server]/eyes.npz?download=1
    error: `[server]/eyes.npz?download=1` is not the file that the manifest asks for: its MD5 is [digest], expected [digest]; it looks like a web page
    help: correct `url` or the digest beside it; nothing of it was kept
    ");
    let kept = files::walk(&sandbox.path("cache/downloads")).unwrap();
    assert!(kept.iter().all(|file| file.look.size == 0), "{kept:?}");
}

#[test]
fn what_one_run_did_not_get_the_next_goes_on_with() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(40, 2, 2).bytes());
    let answer = eyes.clone();
    let server = Server::start(move |number, asked| match number {
        0 => {
            let mut bytes = part(&answer, asked.from);
            bytes.truncate(bytes.len() / 2);
            Answer::Bytes(bytes)
        }
        1 => status("404 Not Found"),
        _ => Answer::Bytes(part(&answer, asked.from)),
    });
    study(&sandbox, &server, &format!("md5: {}", Md5::of_bytes(&eyes)));
    run(&sandbox, &["fetch", "study.yaml"]).ends_with(1);
    run(&sandbox, &["fetch", "study.yaml"]).ends_with(0);
    let starts = starts(&server);
    assert!(starts[0].is_none() && starts[1].is_some() && starts[2] == starts[1], "{starts:?}");
}

#[test]
fn a_part_of_another_file_does_not_spoil_the_next_attempt() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(4, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("blake3: {}", Digest::of_bytes(&eyes)));
    run(&sandbox, &["fetch", "study.yaml"]).ends_with(0);
    let folder = format!("cache/downloads/{}", Digest::of_bytes(&eyes));
    files::remove_file(&sandbox.path(&format!("{folder}/eyes.npz"))).unwrap();
    sandbox.write(&format!("{folder}/.part"), "other");
    run(&sandbox, &["fetch", "study.yaml"]).ends_with(0);
    assert_eq!(starts(&server), [None, Some(5), None]);
}

#[test]
fn two_that_need_the_same_file_fetch_it_once() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(400, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("md5: {}", Md5::of_bytes(&eyes)));
    let both = [0, 1].map(|_| {
        let mut command = command(&sandbox, &["fetch", "study.yaml"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for child in both {
        Output::of_child(child).ends_with(0);
    }
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_file_beside_the_manifest_is_taken_and_another_of_its_name_refused() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(4, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("md5: {}", Md5::of_bytes(&eyes)));
    sandbox.write("eyes.npz", &eyes);
    run(&sandbox, &["run", "study.yaml"]).ends_with(0);
    sandbox.write("eyes.npz", Archive::of(5, 2, 2).bytes());
    let told = run(&sandbox, &["plan", "study.yaml"]).ends_with(2).stderr;
    assert!(told.contains("is not the file that the manifest asks for: its MD5 is"), "{told}");
    assert_eq!(server.asked(), []);
}

#[test]
fn a_collection_takes_downloads_that_nobody_keeps() {
    let (sandbox, eyes) = (Sandbox::new(), Archive::of(4, 2, 2).bytes());
    let server = Server::of(eyes.clone());
    study(&sandbox, &server, &format!("md5: {}", Md5::of_bytes(&eyes)));
    run(&sandbox, &["fetch", "study.yaml"]).ends_with(0);
    let kept = run(&sandbox, &["cache", "gc", "--keep", "study.yaml"]).ends_with(0).stdout;
    assert!(kept.contains("removed nothing"), "{kept}");
    let told = run(&sandbox, &["cache", "gc", "--keep-runs", "0"]).ends_with(0).stdout;
    assert!(told.contains("removed 1 download: 2 files"), "{told}");
    run(&sandbox, &["fetch", "study.yaml"]).ends_with(0);
    assert_eq!(server.asked().len(), 2);
}
