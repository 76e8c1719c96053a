//! The bound on what pictures occupy on their way in or out, over all requests.
//!
//! Each upload leases memory as its bytes arrive and gives it back when the
//! request ends; each answer holds its own until it is taken. When none is left,
//! the request is refused at once: waiting would let slow clients hold up
//! everybody.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The grain of a lease.
const UNIT: u64 = 64 * 1024;

/// Memory that all uploads, or all answers, share.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Semaphore>);

/// No memory is left.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Memory {
    pub(crate) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    /// A lease of nothing yet.
    pub(crate) fn lease(&self) -> Lease {
        Lease { memory: Arc::clone(&self.0), held: None, units: 0, bytes: 0 }
    }
}

/// Memory held by one request.
#[derive(Debug)]
pub(crate) struct Lease {
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    units: u64,
    bytes: u64,
}

impl Lease {
    /// Holds so many bytes more.
    ///
    /// # Errors
    /// [`Exhausted`] when they are not to be had; what is held stays held.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Exhausted> {
        let units = (self.bytes + bytes).div_ceil(UNIT);
        let missing = u32::try_from(units - self.units).map_err(|_| Exhausted)?;
        if missing > 0 {
            let more = Arc::clone(&self.memory);
            let more = more.try_acquire_many_owned(missing).map_err(|_| Exhausted)?;
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
        }
        self.units = units;
        self.bytes += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_bounded_and_returned() {
        let memory = Memory::new(4 * UNIT);
        let mut one = memory.lease();
        one.grow(1).expect("one unit");
        one.grow(UNIT - 1).expect("still the same unit");
        let mut two = memory.lease();
        two.grow(3 * UNIT).expect("the other three");
        assert!(one.grow(1).is_err());
        drop(two);
        one.grow(3 * UNIT).expect("free again");
        drop(one);
        memory.lease().grow(4 * UNIT).expect("all free");
    }
}
