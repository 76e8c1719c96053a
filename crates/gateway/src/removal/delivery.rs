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
use tracing::{Instrument as _, Span};

use super::memory::{Lease, Memory};
use crate::{config::GatewayConfig, error::ApiError};

/// Bytes handed over at once: what the server buffers besides.
const PIECE: usize = 64 * 1024;
/// Up to so many bytes an answer may use the part of memory that large ones,
/// taken slowly, cannot fill.
const ORDINARY: u64 = 4 * 1024 * 1024;

/// How answers are delivered.
#[derive(Debug, Clone)]
pub(crate) struct AnswerPolicy {
    ordinary: Memory,
    any: Memory,
    clock: Clock,
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
struct Clock {
    whole: Duration,
    pause: Duration,
}

impl AnswerPolicy {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let ordinary = config.ordinary_answer_bytes();
        Self {
            ordinary: Memory::new(ordinary),
            any: Memory::new(config.answer_memory_bytes - ordinary),
            clock: Clock {
                whole: Duration::from_secs(config.answer_seconds),
                pause: Duration::from_secs(config.answer_pause_seconds),
            },
        }
    }

    /// Memory for an answer of so many bytes.
    ///
    /// # Errors
    /// 503 when there is none.
    pub(super) fn lease(&self, bytes: u64) -> Result<Lease, ApiError> {
        let mut lease = self.ordinary.lease();
        if bytes <= ORDINARY && lease.grow(bytes).is_ok() {
            return Ok(lease);
        }
        let mut lease = self.any.lease();
        match lease.grow(bytes) {
            Ok(()) => Ok(lease),
            Err(_) => Err(ApiError::busy("memory for answers is used up")),
        }
    }

    /// The body that hands over `bytes`, for which there is a lease.
    pub(super) fn deliver(&self, bytes: Bytes, lease: Lease) -> Delivery {
        let whole = bytes.len() as u64;
        let sending = Sending { rest: Rest::Left { bytes, _lease: lease }, latest: Instant::now() };
        let sending = Rc::new(RefCell::new(sending));
        Delivery { sending, whole, begun: false, clock: self.clock, span: Span::current() }
    }
}

impl Clock {
    /// Frees the memory of an answer that is not taken in time. The server asks
    /// for a piece only when it has sent most of what it has, so the answer
    /// itself cannot tell that nobody asks.
    async fn watch(self, sending: Weak<RefCell<Sending>>) {
        let end = Instant::now() + self.whole;
        while let Some(latest) = latest_of(&sending) {
            let due = end.min(latest + self.pause);
            if due <= Instant::now() {
                return give_up(&sending);
            }
            sleep_until(due).await;
        }
    }
}

/// When a piece was last asked for, while there are more.
fn latest_of(sending: &Weak<RefCell<Sending>>) -> Option<Instant> {
    let sending = sending.upgrade()?;
    let sending = sending.borrow();
    matches!(sending.rest, Rest::Left { .. }).then_some(sending.latest)
}

fn give_up(sending: &Weak<RefCell<Sending>>) {
    let Some(sending) = sending.upgrade() else { return };
    let rest = std::mem::replace(&mut sending.borrow_mut().rest, Rest::GivenUp);
    if let Rest::Left { bytes, .. } = rest {
        tracing::info!(left = bytes.len(), "an answer was not taken in time");
    }
}

/// The body of an answer. Its time begins when the server first asks for a
/// piece, which is after the caller was charged.
pub(super) struct Delivery {
    sending: Rc<RefCell<Sending>>,
    whole: u64,
    begun: bool,
    clock: Clock,
    span: Span,
}

struct Sending {
    rest: Rest,
    /// When a piece was last asked for.
    latest: Instant,
}

enum Rest {
    Left { bytes: Bytes, _lease: Lease },
    Taken,
    GivenUp,
}

impl Rest {
    fn next_piece(&mut self) -> Option<Result<Bytes, io::Error>> {
        match self {
            Self::Left { bytes, .. } => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                if bytes.is_empty() {
                    *self = Self::Taken;
                }
                Some(Ok(piece))
            }
            Self::Taken => None,
            Self::GivenUp => Some(Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl MessageBody for Delivery {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.whole)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, io::Error>>> {
        if !std::mem::replace(&mut self.begun, true) {
            let watch = self.clock.watch(Rc::downgrade(&self.sending));
            rt::spawn(watch.instrument(self.span.clone()));
        }
        let mut sending = self.sending.borrow_mut();
        sending.latest = Instant::now();
        Poll::Ready(sending.rest.next_piece())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PIECES: usize = 1000;
    const LONG: Duration = Duration::from_secs(60);

    fn policy(whole: Duration, pause: Duration) -> AnswerPolicy {
        AnswerPolicy {
            ordinary: Memory::new(ORDINARY),
            any: Memory::new((PIECES * PIECE) as u64),
            clock: Clock { whole, pause },
        }
    }

    fn begin(policy: &AnswerPolicy, length: usize) -> Delivery {
        let lease = policy.lease(length as u64).expect("room");
        policy.deliver(vec![0; length].into(), lease)
    }

    async fn next(delivery: &mut Delivery) -> Option<Result<usize, io::ErrorKind>> {
        let piece = poll_fn(|context| Pin::new(&mut *delivery).poll_next(context)).await?;
        Some(piece.map(|piece| piece.len()).map_err(|error| error.kind()))
    }

    #[actix_web::test]
    async fn all_of_it_in_pieces() {
        let mut delivery = begin(&policy(LONG, LONG), 2 * PIECE + 1);
        assert_eq!(delivery.size(), BodySize::Sized(2 * PIECE as u64 + 1));
        for length in [PIECE, PIECE, 1] {
            assert_eq!(next(&mut delivery).await, Some(Ok(length)));
        }
        assert_eq!(next(&mut delivery).await, None);
    }

    #[actix_web::test]
    async fn the_last_piece_gives_the_memory_back() {
        let policy = policy(LONG, LONG);
        let mut delivery = begin(&policy, PIECES * PIECE);
        assert!(policy.lease(ORDINARY + 1).is_err());
        for _ in 0..PIECES {
            assert_eq!(next(&mut delivery).await, Some(Ok(PIECE)));
        }
        assert!(policy.lease(ORDINARY + 1).is_ok());
    }

    #[actix_web::test]
    async fn large_answers_leave_room_for_ordinary_ones() {
        let policy = policy(LONG, LONG);
        let _large = policy.lease((PIECES * PIECE) as u64).expect("room");
        let ordinary = policy.lease(ORDINARY).expect("room of its own");
        assert!(policy.lease(1).is_err(), "all is leased");
        drop(ordinary);
        assert!(policy.lease(1).is_ok());
    }

    #[actix_web::test]
    async fn what_is_not_taken_is_dropped() {
        let policy = policy(LONG, Duration::from_secs(1));
        let mut delivery = begin(&policy, PIECES * PIECE);
        assert_eq!(next(&mut delivery).await, Some(Ok(PIECE)));
        assert!(policy.lease(ORDINARY + 1).is_err(), "all memory is leased");
        let started = Instant::now();
        while policy.lease(ORDINARY + 1).is_err() {
            assert!(started.elapsed() < LONG, "memory is not given back");
            rt::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(next(&mut delivery).await, Some(Err(io::ErrorKind::TimedOut)));
    }

    #[actix_web::test]
    async fn time_begins_with_the_first_piece() {
        let mut delivery = begin(&policy(LONG, Duration::from_millis(100)), 2 * PIECE);
        rt::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(next(&mut delivery).await, Some(Ok(PIECE)));
    }

    #[actix_web::test]
    async fn trickling_ends_too() {
        let whole = Duration::from_millis(300);
        let mut delivery = begin(&policy(whole, LONG), PIECES * PIECE);
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
