//! Who may come in, and who may start. Every right is a permit that is given
//! back when it is dropped, so no way out of a job can leak one.
//!
//! Coming in is answered at once, by the number of jobs, their decoded pixels
//! (the work that is ahead) and their encoded bytes (what waiting costs in
//! memory). Starting waits, in order, for one of a few places and for the memory
//! of its working set. Large pictures queue among themselves first: while one
//! runs, the next does not stand in the way of small ones.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::pace::Pace;

/// A picture that takes more than one in so many of the working memory is large.
const LARGE_SHARE: u64 = 4;

/// The bounds, all of them at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Jobs that may wait, besides those that run.
    pub(crate) waiting: usize,
    /// Jobs that may run at once.
    pub(crate) running: usize,
    /// Pixels of all jobs, waiting and running.
    pub(crate) pixels: u64,
    /// Bytes that the jobs that run work in.
    pub(crate) working_bytes: u64,
    /// Encoded bytes, of jobs and of results that were not fetched yet.
    pub(crate) bytes: u64,
}

impl Bounds {
    /// How many pixels a picture could have that costs as much a pixel as this.
    fn most_pixels(&self, cost: Cost) -> u64 {
        let share = self.working_bytes as f64 / cost.working_bytes as f64;
        self.pixels.min((cost.pixels as f64 * share) as u64)
    }
}

/// What a job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Pixels of the largest picture on the way.
    pub(crate) pixels: u64,
    /// The most bytes that it works in at any moment.
    pub(crate) working_bytes: u64,
    /// Bytes of the encoded picture.
    pub(crate) bytes: u64,
}

/// Why a job may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not now.
    Full,
    /// Never: it alone is above this many pixels.
    TooLarge(u64),
}

/// What is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) jobs: usize,
    pub(crate) running: usize,
    pub(crate) pixels: u64,
    pub(crate) bytes: u64,
}

/// The gate.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Gate>);

#[derive(Debug)]
struct Gate {
    bounds: Bounds,
    pace: Pace,
    load: Mutex<Load>,
    running: Arc<Semaphore>,
    working: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new(bounds: Bounds, pace: Pace) -> Self {
        let working = permits(bounds.working_bytes) as usize;
        let gate = Gate {
            bounds,
            pace,
            load: Mutex::default(),
            running: Arc::new(Semaphore::new(bounds.running)),
            working: Arc::new(Semaphore::new(working)),
            large: Arc::new(Semaphore::new(1)),
        };
        gate.change(|_| ());
        Self(Arc::new(gate))
    }

    /// Lets a job in, or says at once why not.
    pub(crate) fn admit(&self, cost: Cost) -> Result<Ticket, Refusal> {
        let bounds = &self.0.bounds;
        if cost.pixels > bounds.pixels || cost.working_bytes > bounds.working_bytes {
            return Err(Refusal::TooLarge(bounds.most_pixels(cost)));
        }
        let gate = Arc::clone(&self.0);
        self.0.change(|load| {
            let full = load.jobs >= bounds.waiting + bounds.running
                || load.pixels + cost.pixels > bounds.pixels
                || load.bytes + cost.bytes > bounds.bytes;
            if full {
                return Err(Refusal::Full);
            }
            load.jobs += 1;
            load.pixels += cost.pixels;
            load.bytes += cost.bytes;
            Ok(Ticket { gate, cost })
        })
    }

    /// Counts a result that its caller has not taken yet. Never refused: the
    /// memory is spent already; it is later jobs that are.
    pub(crate) fn hold(&self, bytes: u64) -> Hold {
        self.0.change(|load| load.bytes += bytes);
        Hold { gate: Arc::clone(&self.0), bytes }
    }

    /// What is in.
    pub(crate) fn load(&self) -> Load {
        *self.0.load()
    }

    /// Whether a small job would be let in.
    pub(crate) fn has_room(&self) -> bool {
        let (bounds, load) = (&self.0.bounds, self.load());
        load.jobs < bounds.waiting + bounds.running
            && load.pixels < bounds.pixels
            && load.bytes < bounds.bytes
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.0.bounds
    }

    /// How fast jobs are done.
    pub(crate) fn pace(&self) -> &Pace {
        &self.0.pace
    }
}

impl Gate {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every change of the load goes through here, so that the gauges never lag:
    /// scaling looks at them most when nothing happens any more.
    fn change<T>(&self, change: impl FnOnce(&mut Load) -> T) -> T {
        let mut load = self.load();
        let result = change(&mut load);
        metrics::gauge!("rembg_queue_jobs").set((load.jobs - load.running) as f64);
        metrics::gauge!("rembg_running_jobs").set(load.running as f64);
        metrics::gauge!("rembg_admitted_pixels").set(load.pixels as f64);
        metrics::gauge!("rembg_queue_seconds").set(self.pace.seconds(load.pixels));
        result
    }
}

/// A job that is in.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    cost: Cost,
}

impl Ticket {
    pub(crate) fn cost(&self) -> Cost {
        self.cost
    }

    /// Waits for a place and for memory. Dropping the future gives up the turn.
    pub(crate) async fn start(self) -> Running {
        let gate = Arc::clone(&self.gate);
        let is_large = self.cost.working_bytes > gate.bounds.working_bytes / LARGE_SHARE;
        let large = if is_large { Some(acquire(&gate.large, 1).await) } else { None };
        let place = acquire(&gate.running, 1).await;
        let working = acquire(&gate.working, permits(self.cost.working_bytes)).await;
        gate.change(|load| load.running += 1);
        Running { ticket: self, _permits: (large, place, working) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.change(|load| {
            load.jobs -= 1;
            load.pixels -= self.cost.pixels;
            load.bytes -= self.cost.bytes;
        });
    }
}

/// Memory is counted in kilobytes, which fit where the semaphore counts.
fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX)
}

async fn acquire(semaphore: &Arc<Semaphore>, permits: u32) -> OwnedSemaphorePermit {
    Arc::clone(semaphore)
        .acquire_many_owned(permits)
        .await
        .expect("the gate never closes its semaphores")
}

/// A job that runs.
#[derive(Debug)]
pub(crate) struct Running {
    ticket: Ticket,
    _permits: (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ticket.gate.change(|load| load.running -= 1);
    }
}

/// A result in memory.
#[derive(Debug)]
pub(crate) struct Hold {
    gate: Arc<Gate>,
    bytes: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.change(|load| load.bytes -= self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    fn gate(waiting: usize, running: usize) -> Admission {
        let working_bytes = 400 << 10;
        let bounds = Bounds { waiting, running, pixels: 1000, working_bytes, bytes: 100 };
        Admission::new(bounds, Pace::new(1))
    }

    fn job(pixels: u64) -> Cost {
        Cost { pixels, working_bytes: pixels << 10, bytes: 10 }
    }

    /// Polls once: whether the future is done.
    async fn at_once<F: Future>(future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[test]
    fn each_bound_refuses_at_once_and_is_given_back() {
        let rows = [
            (gate(1, 1), job(1), 2),
            (gate(9, 9), job(300), 3),
            (gate(9, 9), Cost { bytes: 40, ..job(1) }, 2),
        ];
        for (gate, cost, fits) in rows {
            let tickets: Vec<_> = (0..fits).map(|_| gate.admit(cost).expect("room")).collect();
            assert_eq!(gate.admit(cost).expect_err("full"), Refusal::Full);
            drop(tickets);
            assert_eq!(gate.load(), Load::default());
            assert!(gate.admit(cost).is_ok());
        }
    }

    #[test]
    fn a_picture_that_never_fits_is_told_so() {
        assert_eq!(gate(9, 9).admit(job(401)).expect_err("large"), Refusal::TooLarge(400));
        let cheap = Cost { working_bytes: 1, ..job(1001) };
        assert_eq!(gate(9, 9).admit(cheap).expect_err("large"), Refusal::TooLarge(1000));
    }

    #[test]
    fn results_that_wait_for_their_caller_count() {
        let gate = gate(9, 9);
        let hold = gate.hold(95);
        assert_eq!(gate.admit(job(1)).expect_err("full"), Refusal::Full);
        drop(hold);
        assert!(gate.admit(job(1)).is_ok() && gate.has_room());
    }

    #[tokio::test]
    async fn with_no_queue_only_what_can_run_comes_in() {
        let gate = gate(0, 1);
        let running = gate.admit(job(1)).expect("room").start().await;
        assert_eq!(gate.admit(job(1)).expect_err("full"), Refusal::Full);
        drop(running);
        assert!(gate.admit(job(1)).is_ok());
    }

    #[tokio::test]
    async fn a_second_large_picture_does_not_stand_in_the_way_of_small_ones() {
        let gate = gate(9, 9);
        let first = gate.admit(job(300)).expect("room").start().await;
        let mut second = Box::pin(gate.admit(job(300)).expect("room").start());
        assert!(at_once(&mut second).await.is_none());
        let small = at_once(gate.admit(job(50)).expect("room").start()).await;
        assert!(small.is_some());
        drop((first, small));
        assert!(at_once(second).await.is_some());
    }

    #[tokio::test]
    async fn giving_up_the_turn_frees_the_place_in_the_queue() {
        let gate = gate(1, 1);
        let running = gate.admit(job(1)).expect("room").start().await;
        let waiting = Box::pin(gate.admit(job(1)).expect("room").start());
        assert_eq!(gate.load().jobs, 2);
        drop(waiting);
        assert_eq!(gate.load().jobs, 1);
        drop(running);
    }
}
