//! A fixed set of named threads for blocking work. Callers wait for an idle
//! thread with their work in hand: who goes away before that takes it along, and
//! its memory is free at once.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use tokio::sync::{Semaphore, oneshot};

type Work = Box<dyn FnOnce() + Send>;

/// The threads; they end when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    work: mpsc::Sender<Work>,
    idle: Arc<Semaphore>,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub(crate) fn start(name: &str, threads: usize) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..threads {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || serve(&receiver))?;
        }
        Ok(Self { work: sender, idle: Arc::new(Semaphore::new(threads)) })
    }

    /// Runs work on the next idle thread, in the order of asking. Dropped before
    /// that, the work never runs; after that, it runs to its end and its result
    /// is dropped.
    ///
    /// The work must not panic; stages hold their own barrier.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let idle = Arc::clone(&self.idle);
        let thread = idle.acquire_owned().await.expect("the pool never closes its semaphore");
        let (reply, answer) = oneshot::channel();
        let work = move || {
            let result = work();
            drop(thread);
            // A result that nobody waits for any more is dropped.
            let _ = reply.send(result);
        };
        self.work.send(Box::new(work)).expect("the threads live as long as the pool");
        answer.await.expect("stages do not panic")
    }
}

/// Stages hold a panic barrier of their own; this one keeps the thread should
/// anything slip past it.
fn serve(receiver: &Mutex<mpsc::Receiver<Work>>) {
    while let Some(work) = next(receiver) {
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

fn next(receiver: &Mutex<mpsc::Receiver<Work>>) -> Option<Work> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn work_runs_on_named_threads() {
        let pool = Pool::start("codec", 1).expect("a thread");
        let name = pool.run(|| thread::current().name().map(str::to_owned)).await;
        assert_eq!(name.as_deref(), Some("codec-0"));
    }

    #[tokio::test]
    async fn work_whose_caller_left_is_skipped() {
        static RAN: AtomicUsize = AtomicUsize::new(0);
        let pool = Pool::start("codec", 1).expect("a thread");
        let (go, wait) = mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || wait.recv()).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let left = pool.run(|| RAN.fetch_add(1, Ordering::Relaxed));
        assert!(tokio::time::timeout(Duration::from_millis(20), left).await.is_err());
        go.send(()).expect("the thread waits");
        busy.await.expect("joined").expect("received");
        pool.run(|| ()).await;
        assert_eq!(RAN.load(Ordering::Relaxed), 0);
    }
}
