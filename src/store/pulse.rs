//! A pulse: what the holder of a lock writes into its file every few seconds, so that another
//! machine, which may not see the lock itself, sees that its holder lives.
//!
//! No clock is compared with another machine's: an observer watches whether the text changes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use crate::files;
use crate::files::plain;

/// Longest lock file, bytes: none of ours comes near it.
pub(super) const LONGEST_LOCK: u64 = 4096;
/// Time between two beats.
const BEAT: Duration = Duration::from_secs(5);
/// Time without a beat after which a holder on another machine counts as dead: longer than network
/// file systems keep what they read before.
const PATIENCE: Duration = Duration::from_secs(90);

/// The pulse of one lock; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Pulse {
    file: File,
    path: PathBuf,
}

/// The pulses of all locks that a process holds in a cache, and those of others that it watches.
#[derive(Debug)]
pub(super) struct Hearts {
    own: Arc<Own>,
    /// Kept by the thread that beats; dropping it ends the thread.
    thread: OnceLock<Sender<()>>,
    /// Text of a pulse on another machine, and since when it has been the same.
    watched: Mutex<BTreeMap<PathBuf, (Vec<u8>, Instant)>>,
    pace: Pace,
}

/// How often a pulse beats, and how long one is watched that does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) beat: Duration,
    pub(super) patience: Duration,
}

#[derive(Debug)]
struct Own {
    /// The running kernel: locks of the operating system hold within it for certain.
    kernel: OnceLock<String>,
    beats: AtomicU64,
    pulses: Mutex<Vec<Weak<Pulse>>>,
}

impl Pulse {
    /// Returns the locked file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Hearts {
    pub(super) fn new() -> Self {
        Self::of(OnceLock::new(), Pace { beat: BEAT, patience: PATIENCE })
    }

    /// Returns those of a process that takes itself for one of another machine.
    #[cfg(test)]
    pub(super) fn elsewhere(kernel: &str, pace: Pace) -> Self {
        Self::of(OnceLock::from(kernel.to_owned()), pace)
    }

    fn of(kernel: OnceLock<String>, pace: Pace) -> Self {
        let own = Own { kernel, beats: AtomicU64::new(0), pulses: Mutex::default() };
        let (thread, watched) = (OnceLock::new(), Mutex::default());
        Self { own: Arc::new(own), thread, watched, pace }
    }

    /// Returns a name that nobody else uses on any machine.
    pub(super) fn unique_name(&self) -> String {
        let kernel = self.own.kernel().get(..8).unwrap_or_default();
        let number = self.own.beats.fetch_add(1, Ordering::Relaxed);
        format!("{kernel}-{}-{number}", std::process::id())
    }

    /// Starts the pulse of a lock that was taken on a file.
    pub(super) fn start(&self, file: File, path: &Path) -> Result<Arc<Pulse>, files::Error> {
        let pulse = Arc::new(Pulse { file, path: path.to_owned() });
        self.own.beat(&pulse)?;
        locked(&self.own.pulses).push(Arc::downgrade(&pulse));
        self.thread.get_or_init(|| beat_on(self.own.clone(), self.pace.beat));
        Ok(pulse)
    }

    /// Returns whether the holder of a lock file, whose lock was free to take here, lives on another
    /// machine. It counts as alive until it was watched for long enough. What is no lock of ours, a link or
    /// a file without end, has no holder.
    pub(super) fn is_alive(&self, path: &Path) -> Result<bool, files::Error> {
        let text = match plain::read(path, LONGEST_LOCK) {
            Err(error) if error.is_strange() => return Ok(false),
            text => text?,
        };
        let mut watched = locked(&self.watched);
        if text.is_empty() || text.starts_with(self.own.kernel().as_bytes()) {
            watched.remove(path);
            return Ok(false); // its own machine would know
        }
        let since = match watched.get(path) {
            Some((before, since)) if *before == text => *since,
            _ => Instant::now(),
        };
        if since.elapsed() >= self.pace.patience {
            watched.remove(path);
            return Ok(false);
        }
        watched.insert(path.to_owned(), (text, since));
        Ok(true)
    }
}

impl Own {
    fn kernel(&self) -> &str {
        self.kernel.get_or_init(|| {
            let read = plain::read("/proc/sys/kernel/random/boot_id".as_ref(), LONGEST_LOCK);
            let text = read.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
            text.unwrap_or_else(|_| "unknown".to_owned())
        })
    }

    /// Writes a text that was never there before.
    fn beat(&self, pulse: &Pulse) -> Result<(), files::Error> {
        let beat = self.beats.fetch_add(1, Ordering::Relaxed);
        let text = format!("{} {} {beat:020}\n", self.kernel(), std::process::id());
        files::overwrite(&pulse.path, &pulse.file, text.as_bytes())
    }
}

/// Starts the thread that beats for all pulses.
fn beat_on(own: Arc<Own>, beat: Duration) -> Sender<()> {
    let (sender, ended) = channel::<()>();
    std::thread::spawn(move || {
        while ended.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
            let mut pulses = locked(&own.pulses);
            pulses.retain(|pulse| pulse.strong_count() > 0);
            let living: Vec<Arc<Pulse>> = pulses.iter().filter_map(Weak::upgrade).collect();
            drop(pulses);
            // A beat that is missed is made up by the next; nothing hangs on a single one.
            for pulse in living {
                drop(own.beat(&pulse));
            }
        }
    });
    sender
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
