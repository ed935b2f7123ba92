//! Hands: the threads of a run, each of which takes one piece of work after the other. They do not know what it is.
//!
//! A thread for each task would be simpler, and a good part of what a small task costs: fresh threads have fresh
//! memory, which the system has to find page by page.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread::Scope;

type Work<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// About as many threads as there ever was work at once; they end with it.
pub(super) struct Hands<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    given: Sender<Work<'scope>>,
    taken: Arc<Mutex<Receiver<Work<'scope>>>>,
    busy: Arc<AtomicUsize>,
    threads: usize,
}

impl<'scope, 'env> Hands<'scope, 'env> {
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        let (given, taken) = channel();
        let taken = Arc::new(Mutex::new(taken));
        Self { scope, given, taken, busy: Arc::default(), threads: 0 }
    }

    /// Lets work begin at once, whatever else goes on.
    pub(super) fn start(&mut self, work: impl FnOnce() + Send + 'scope) {
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        if busy > self.threads {
            self.threads += 1;
            let (taken, busy) = (self.taken.clone(), self.busy.clone());
            self.scope.spawn(move || work_on(&taken, &busy));
        }
        self.given.send(Box::new(work)).expect("this holds the receiver too");
    }
}

fn work_on(taken: &Mutex<Receiver<Work<'_>>>, busy: &AtomicUsize) {
    let next = || taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(work) = next() {
        work();
        busy.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::Hands;

    #[test]
    fn work_begins_at_once_however_much_there_is_of_it() {
        let together = Barrier::new(20);
        std::thread::scope(|scope| {
            let mut hands = Hands::new(scope);
            for _ in 0..20 {
                // Each waits for all of them.
                hands.start(|| {
                    together.wait();
                });
            }
        });
    }

    #[test]
    fn what_follows_on_each_other_needs_no_thread_of_its_own() {
        let threads = Mutex::new(BTreeSet::new());
        let done = Mutex::new(0);
        std::thread::scope(|scope| {
            let mut hands = Hands::new(scope);
            for _ in 0..100 {
                let (sender, ended) = channel();
                let (threads, done) = (&threads, &done);
                hands.start(move || {
                    *done.lock().unwrap() += 1;
                    threads.lock().unwrap().insert(format!("{:?}", std::thread::current().id()));
                    sender.send(()).unwrap();
                });
                ended.recv().unwrap();
            }
        });
        assert_eq!(done.into_inner().unwrap(), 100);
        // More than one, because one that has just told its end may still be about to wait for more.
        assert!(threads.into_inner().unwrap().len() < 10);
    }

    #[test]
    fn work_that_was_given_is_done_though_no_more_comes() {
        let count = Mutex::new(0);
        std::thread::scope(|scope| {
            let mut hands = Hands::new(scope);
            (0..50).for_each(|_| hands.start(|| *count.lock().unwrap() += 1));
        });
        assert_eq!(count.into_inner().unwrap(), 50);
    }
}
