//! The client: asks a server for a file, and goes on where the last connection broke off.
//!
//! Approach: a file grows at its end. Each attempt asks for what is missing by a range (RFC 9110, 14); a
//! server that sends all of it again gets what is there thrown away. Nothing is believed of the other
//! side: no length before it has arrived, no connection to end by itself.

use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use ureq::http::Response;

use crate::fetch::Address;
use crate::fetch::Error;
use crate::fetch::error::meaning;
use crate::files;
use crate::files::Growing;

/// Bytes that are asked of a connection at once.
const CHUNK: usize = 64 << 10;
/// Bytes after which a connection that breaks off was worth its attempt.
const PROGRESS: u64 = 1 << 20;
/// Where distributions keep the certificates that this machine trusts.
const ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Longest file of certificates, bytes.
const LONGEST_ROOTS: u64 = 64 << 20;

/// How to reach the network; read of the environment by whoever calls.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Proxy through which all goes: `http://proxy.example.org:3128`.
    pub proxy: Option<String>,
    /// Hosts that are reached without it, as `NO_PROXY` lists them.
    pub no_proxy: Option<String>,
    /// File of trusted certificates (PEM) in the place of this machine's.
    pub roots: Option<PathBuf>,
    /// Name and version of the program, as servers see it.
    pub agent: String,
}

/// How much is put up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time until a server answers, and of silence in between.
    pub silence: Duration,
    /// Fewest bytes in each stretch of that time.
    pub least: u64,
    /// Attempts without progress; 1 or more.
    pub attempts: u32,
    /// Time before the second attempt; doubles with each.
    pub pause: Duration,
    /// Redirects that are followed.
    pub redirects: u32,
    /// Most bytes of a file whose size nobody said.
    pub most: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            least: 4 << 10,
            attempts: 6,
            pause: Duration::from_millis(200),
            redirects: 5,
            most: 4 << 30,
        }
    }
}

/// Asks servers for files.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    limits: Limits,
}

/// How one attempt ended short of the whole file.
enum Broke {
    /// It may go better the next time.
    Again(String),
    /// It will not.
    Never(Error),
}

impl From<Error> for Broke {
    fn from(error: Error) -> Self {
        Self::Never(error)
    }
}

impl From<files::Error> for Broke {
    fn from(error: files::Error) -> Self {
        Self::Never(error.into())
    }
}

impl Client {
    /// Makes ready to ask.
    pub fn new(settings: &Settings, limits: Limits) -> Result<Self, Error> {
        let tls = ureq::tls::TlsConfig::builder().root_certs(roots(settings.roots.as_deref())?);
        let config = ureq::Agent::config_builder()
            .proxy(proxy(settings)?)
            .tls_config(tls.build())
            .user_agent(settings.agent.clone())
            .accept_encoding("identity") // what is hashed is the file, not a packing of it
            .http_status_as_error(false)
            .max_redirects(limits.redirects)
            .timeout_resolve(Some(limits.silence))
            .timeout_connect(Some(limits.silence))
            .timeout_recv_response(Some(limits.silence))
            .timeout_per_read(Some(limits.silence))
            .build();
        Ok(Self { agent: config.new_agent(), limits })
    }

    /// Brings a file to its end, from where it is, and syncs it. `bytes` is its size, where that is known.
    /// `tell` hears how many bytes are there, of how many where the server says it, and answers whether
    /// to go on. What arrived stays when the rest does not, but for a file that is too large.
    pub fn fetch(
        &self,
        url: &Address,
        file: &mut Growing,
        bytes: Option<u64>,
        tell: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<(), Error> {
        let (mut failed, mut attempts, mut best) = (0, 0, file.length());
        loop {
            attempts += 1;
            let reason = match self.attempt(url, file, bytes, tell) {
                Ok(()) => return Ok(file.sync()?),
                Err(Broke::Never(error)) => {
                    if matches!(error, Error::TooLarge { .. }) {
                        file.clear()?;
                    }
                    return Err(error);
                }
                Err(Broke::Again(reason)) => reason,
            };
            failed = if file.length() >= best + PROGRESS { 1 } else { failed + 1 };
            best = best.max(file.length());
            if failed >= self.limits.attempts {
                file.sync()?;
                let (url, done) = (url.clone(), file.length());
                return Err(Error::Broken { url, reason, done, attempts });
            }
            let pause = self.limits.pause * 2_u32.pow((failed - 1).min(8));
            tracing::debug!("{url}: {reason} after {} bytes; trying again", file.length());
            wait(pause, &mut || tell(file.length(), bytes))?;
        }
    }

    /// Asks once for what is missing.
    fn attempt(
        &self,
        url: &Address,
        file: &mut Growing,
        bytes: Option<u64>,
        tell: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<(), Broke> {
        let from = file.length();
        if from > 0 && bytes == Some(from) {
            return Ok(());
        }
        let mut request = self.agent.get(url.as_str());
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| self.broke(url, error))?;
        let range = Range::of(&response);
        let length = header(&response, "content-length").and_then(|text| text.parse().ok());
        let total: Option<u64> = match (response.status().as_u16(), range) {
            (200, _) => {
                file.clear()?; // all of it comes, again where part was there
                length
            }
            (206, Some(Range { start: Some(start), total })) if start == from => total,
            (206, _) => {
                file.clear()?;
                return Err(Broke::Again(
                    "the server sends another part than was asked".to_owned(),
                ));
            }
            (416, Some(Range { start: None, total: Some(total) })) if total == from => {
                return Ok(());
            }
            (416, _) => {
                file.clear()?;
                return Err(Broke::Again(
                    "the server's file is shorter than what is there".to_owned(),
                ));
            }
            (status @ (408 | 425 | 429 | 500..=599), _) => {
                return Err(Broke::Again(format!(
                    "the server answers {status}{}",
                    meaning(status)
                )));
            }
            (status, _) => return Err(Error::Status { url: url.clone(), status }.into()),
        };
        let most = bytes.unwrap_or(self.limits.most);
        if let Some(found) = total.filter(|total| *total > most) {
            return Err(Error::TooLarge { url: url.clone(), found: Some(found), most }.into());
        }
        let total = total.or(bytes);
        self.read(url, response.into_body().into_reader(), file, (total, most), tell)
    }

    /// Takes what a connection gives, to its end.
    fn read(
        &self,
        url: &Address,
        mut body: impl Read,
        file: &mut Growing,
        (total, most): (Option<u64>, u64),
        tell: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<(), Broke> {
        let mut chunk = vec![0; CHUNK];
        let (mut since, mut before) = (Instant::now(), file.length());
        loop {
            if !tell(file.length(), total) {
                file.sync()?;
                return Err(Error::Cancelled.into());
            }
            let count = match body.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broke::Again(told(&error))),
            };
            let length = file.length() + count as u64;
            if length > most {
                return Err(Error::TooLarge { url: url.clone(), found: None, most }.into());
            }
            if count == 0 {
                return match total {
                    Some(total) if length != total => Err(Broke::Again(format!(
                        "the connection ended at {length} of {total} bytes"
                    ))),
                    _ => Ok(()),
                };
            }
            file.write(&chunk[..count])?;
            if since.elapsed() >= self.limits.silence {
                if length - before < self.limits.least {
                    return Err(Broke::Again("next to nothing arrives".to_owned()));
                }
                (since, before) = (Instant::now(), length);
            }
        }
    }

    fn broke(&self, url: &Address, error: ureq::Error) -> Broke {
        match error {
            ureq::Error::TooManyRedirects => {
                Error::Redirects { url: url.clone(), most: self.limits.redirects }.into()
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Error::Settings(format!("`{url}`: {error}")).into()
            }
            // A certificate that nobody here trusts is not trusted in a second either.
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Error::Untrusted { url: url.clone(), reason: error.to_string() }.into()
            }
            ureq::Error::Io(error) => Broke::Again(told(&error)),
            other => Broke::Again(other.to_string()),
        }
    }
}

/// What a server says of the part that it sends (RFC 9110, 14.4).
struct Range {
    /// First byte; absent where it sends none.
    start: Option<u64>,
    /// Size of the whole file, where it says it.
    total: Option<u64>,
}

impl Range {
    fn of<T>(response: &Response<T>) -> Option<Self> {
        let text = header(response, "content-range")?;
        let (part, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let start = part.split_once('-').and_then(|(start, _)| start.parse().ok());
        Some(Self { start, total: total.parse().ok() })
    }
}

fn header<'a, T>(response: &'a Response<T>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Returns what an operating system's answer says, without the number behind it.
fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "nothing arrives".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection ended too early".to_owned(),
        io::ErrorKind::ConnectionRefused => "the server refuses connections".to_owned(),
        _ => error.to_string(),
    }
}

/// Waits, and looks meanwhile whether to go on.
fn wait(pause: Duration, goes_on: &mut dyn FnMut() -> bool) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        if !goes_on() {
            return Err(Error::Cancelled);
        }
        let left = pause.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

fn proxy(settings: &Settings) -> Result<Option<ureq::Proxy>, Error> {
    let Some(text) = &settings.proxy else { return Ok(None) };
    let wrong =
        |_| Error::Settings("the proxy that the environment names is no address".to_owned());
    let given = ureq::Proxy::new(text).map_err(wrong)?;
    let mut proxy = ureq::Proxy::builder(given.protocol()).host(given.host()).port(given.port());
    if let Some(user) = given.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = given.password() {
        proxy = proxy.password(password);
    }
    let direct = settings.no_proxy.iter().flat_map(|list| list.split(','));
    for host in direct.map(str::trim).filter(|host| !host.is_empty()) {
        proxy = proxy.no_proxy(host);
    }
    proxy.build().map(Some).map_err(wrong)
}

/// Returns the certificates that this machine trusts; where it has none, those that browsers do.
fn roots(told: Option<&Path>) -> Result<ureq::tls::RootCerts, Error> {
    let found = ROOTS.map(Path::new).into_iter().find(|path| path.exists());
    let Some(path) = told.or(found) else { return Ok(ureq::tls::RootCerts::WebPki) };
    // The usual places are links in most distributions.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let text = files::plain::read(&real, LONGEST_ROOTS)?;
    let items = ureq::tls::parse_pem(&text).filter_map(Result::ok);
    let roots: Vec<_> = items
        .filter_map(|item| match item {
            ureq::tls::PemItem::Certificate(root) => Some(root),
            _ => None,
        })
        .collect();
    if roots.is_empty() {
        return Err(Error::Settings(format!("`{}` holds no certificate", path.display())));
    }
    Ok(ureq::tls::RootCerts::Specific(std::sync::Arc::new(roots)))
}
