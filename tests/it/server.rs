//! A server of files on this machine that answers as a test tells it to, well or badly.
//!
//! Knows as much of HTTP as a client's request takes, and nothing of who asks.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Path of the address.
    pub(crate) path: String,
    /// First byte of the part that it wants; absent where it wants all.
    pub(crate) from: Option<usize>,
}

/// How a server answers.
pub(crate) enum Answer {
    /// These bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, and then others until the client leaves.
    Endless(Vec<u8>, &'static [u8]),
    /// These bytes, and then nothing more, without an end.
    Silence(Vec<u8>),
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one that answers each request, told which it is, from 0.
    pub(crate) fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (asked, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, end) = (asked.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                // A client that leaves early is no fault of the server's.
                let _ = connection.and_then(|connection| serve(connection, &log, &answer));
            }
        });
        Self { port, asked, ends, thread: Some(thread) }
    }

    /// Starts one that gives a file, whole or in part, at any path.
    pub(crate) fn of(file: Vec<u8>) -> Self {
        Self::start(move |_, asked| Answer::Bytes(part(&file, asked.from)))
    }

    /// Returns the address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns all that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for a client.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the answer with a file, or with its part from a byte on.
pub(crate) fn part(file: &[u8], from: Option<usize>) -> Vec<u8> {
    let (total, start) = (file.len(), from.unwrap_or_default());
    let mut answer = match from {
        Some(from) if from >= total => {
            return format!("HTTP/1.1 416 Too Far\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes();
        }
        Some(from) => format!(
            "HTTP/1.1 206 Part\r\nContent-Range: bytes {from}-{}/{total}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            total - 1,
            total - from
        ),
        None => format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\nConnection: close\r\n\r\n"),
    }
    .into_bytes();
    answer.extend(&file[start..]);
    answer
}

/// Returns an answer without a file.
pub(crate) fn status(line: &str) -> Answer {
    Answer::Bytes(
        format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes(),
    )
}

fn serve(
    mut connection: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(usize, &Asked) -> Answer,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut asked =
        Asked { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), from: None };
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            asked.from = range.trim_end_matches('-').parse().ok();
        }
    }
    let number = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(asked.clone());
        log.len() - 1
    };
    match answer(number, &asked) {
        Answer::Bytes(bytes) => connection.write_all(&bytes)?,
        Answer::Endless(bytes, more) => {
            connection.write_all(&bytes)?;
            loop {
                connection.write_all(more)?;
            }
        }
        Answer::Silence(bytes) => {
            connection.write_all(&bytes)?;
            return connection.read_to_end(&mut Vec::new()).map(drop); // until the client leaves
        }
    }
    connection.shutdown(Shutdown::Write)
}
