//! A fixed set of named threads for blocking work. Who waits for a piece of work
//! and goes away before its turn has it skipped.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// The threads; they end when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Pool(mpsc::Sender<Work>);

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
            thread::Builder::new().name(format!("{name}-{index}")).spawn(move || {
                while let Some(work) = next(&receiver) {
                    work()
                }
            })?;
        }
        Ok(Self(sender))
    }

    /// Runs work on one of the threads. The queue needs no bound of its own: only
    /// jobs that were let in and started reach it.
    ///
    /// The work must not panic; stages hold their own barrier.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (reply, answer) = oneshot::channel();
        let work = move || {
            if !reply.is_closed() {
                // An answer that nobody waits for any more is dropped.
                let _ = reply.send(work());
            }
        };
        self.0.send(Box::new(work)).expect("the threads live as long as the pool");
        answer.await.expect("stages do not panic")
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
