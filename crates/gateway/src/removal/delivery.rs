//! The finished picture on its way to the client.
//!
//! What a client does not read stays in memory, so answers share bounded memory
//! as uploads do, are handed over piece by piece, and are dropped when the client
//! takes none for too long or is not done in time.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    body::{BodySize, MessageBody},
    rt,
    web::Bytes,
};
use tokio::time::{Instant, sleep_until};

use super::{
    memory::{Lease, Memory},
    submission::full,
};
use crate::{config::GatewayConfig, error::ApiError};

/// Bytes handed over at once: what the server buffers besides.
const PIECE: usize = 64 * 1024;

/// How answers are delivered.
#[derive(Debug, Clone)]
pub(crate) struct AnswerPolicy {
    memory: Memory,
    whole: Duration,
    pause: Duration,
}

impl AnswerPolicy {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            memory: Memory::new(config.answer_memory_bytes),
            whole: Duration::from_secs(config.answer_seconds),
            pause: Duration::from_secs(config.answer_pause_seconds),
        }
    }

    /// Leases memory for `bytes` until they are taken or given up.
    ///
    /// # Errors
    /// 503 when there is none.
    pub(super) fn deliver(&self, bytes: Bytes) -> Result<Delivery, ApiError> {
        let mut lease = self.memory.lease();
        lease.grow(bytes.len() as u64).map_err(full)?;
        let whole = bytes.len();
        let sending = Sending { rest: Some((bytes, lease)), latest: Instant::now() };
        let sending = Rc::new(RefCell::new(sending));
        if whole > PIECE {
            rt::spawn(self.clone().watch(Rc::downgrade(&sending)));
        }
        Ok(Delivery { sending, whole })
    }

    /// Frees the memory of an answer that is not taken in time. The server asks
    /// for a piece only when it has sent what it has, so the answer itself cannot
    /// tell that nobody asks.
    async fn watch(self, sending: Weak<RefCell<Sending>>) {
        let end = Instant::now() + self.whole;
        while let Some(latest) = sending.upgrade().map(|sending| sending.borrow().latest) {
            let due = end.min(latest + self.pause);
            if due <= Instant::now() {
                return give_up(&sending);
            }
            sleep_until(due).await;
        }
    }
}

fn give_up(sending: &Weak<RefCell<Sending>>) {
    let Some(sending) = sending.upgrade() else { return };
    if let Some((rest, _)) = sending.borrow_mut().rest.take() {
        tracing::info!(left = rest.len(), "an answer was not taken in time");
    }
}

/// The body of an answer.
pub(super) struct Delivery {
    sending: Rc<RefCell<Sending>>,
    whole: usize,
}

struct Sending {
    /// What is still to be handed over; `None` once it is given up.
    rest: Option<(Bytes, Lease)>,
    /// When a piece was last asked for.
    latest: Instant,
}

impl MessageBody for Delivery {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.whole as u64)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, io::Error>>> {
        let mut sending = self.sending.borrow_mut();
        sending.latest = Instant::now();
        Poll::Ready(match &mut sending.rest {
            None => Some(Err(io::ErrorKind::TimedOut.into())),
            Some((rest, _)) if rest.is_empty() => None,
            Some((rest, _)) => Some(Ok(rest.split_to(rest.len().min(PIECE)))),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PIECES: usize = 1000;
    const LONG: Duration = Duration::from_secs(60);

    fn policy(whole: Duration, pause: Duration) -> AnswerPolicy {
        AnswerPolicy { memory: Memory::new((PIECES * PIECE) as u64), whole, pause }
    }

    async fn next(delivery: &mut Delivery) -> Option<Result<usize, io::ErrorKind>> {
        let piece = poll_fn(|context| Pin::new(&mut *delivery).poll_next(context)).await?;
        Some(piece.map(|piece| piece.len()).map_err(|error| error.kind()))
    }

    fn bytes(length: usize) -> Bytes {
        vec![0; length].into()
    }

    #[actix_web::test]
    async fn all_of_it_in_pieces() {
        let mut delivery = policy(LONG, LONG).deliver(bytes(2 * PIECE + 1)).expect("room");
        assert_eq!(delivery.size(), BodySize::Sized(2 * PIECE as u64 + 1));
        for length in [PIECE, PIECE, 1] {
            assert_eq!(next(&mut delivery).await, Some(Ok(length)));
        }
        assert_eq!(next(&mut delivery).await, None);
    }

    #[actix_web::test]
    async fn what_is_not_taken_is_dropped() {
        let policy = policy(LONG, Duration::from_secs(1));
        let mut delivery = policy.deliver(bytes(PIECES * PIECE)).expect("room");
        assert_eq!(next(&mut delivery).await, Some(Ok(PIECE)));
        assert!(policy.deliver(bytes(1)).is_err(), "all memory is leased");
        let started = Instant::now();
        while policy.deliver(bytes(1)).is_err() {
            assert!(started.elapsed() < LONG, "memory is not given back");
            rt::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(next(&mut delivery).await, Some(Err(io::ErrorKind::TimedOut)));
    }

    #[actix_web::test]
    async fn trickling_ends_too() {
        let whole = Duration::from_millis(300);
        let mut delivery = policy(whole, LONG).deliver(bytes(PIECES * PIECE)).expect("room");
        let started = Instant::now();
        let mut taken = 0;
        while next(&mut delivery).await == Some(Ok(PIECE)) {
            taken += 1;
            rt::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(taken < PIECES && started.elapsed() >= whole, "{taken}");
        assert_eq!(next(&mut delivery).await, Some(Err(io::ErrorKind::TimedOut)));
    }
}
