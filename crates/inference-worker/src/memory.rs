//! What the process uses, and how it gives back what it no longer does.
//!
//! Pictures are few and huge. The C library's allocator learns from that to keep
//! blocks of up to 32 MB for itself, in one arena a thread; told not to, it maps
//! each of them on its own and returns it when it is freed. A network's tensors
//! stay below the limit: mapping them anew in every run would cost more than
//! some of its layers.

use std::{fs, io};

/// Blocks from this size on are mapped on their own.
const MAPPED_FROM: libc::c_int = 1280 << 10;
/// What the heap may keep at its end.
const KEPT: libc::c_int = 8 << 20;
/// Blocks that threads free in an arena of their own are of no use to the others: with
/// two arenas the process kept a tenth more, and went on growing for hundreds of
/// requests. Allocations are too few for the threads to wait for one another.
const ARENAS: libc::c_int = 1;

/// Tells the allocator to return freed memory. For the start of `main`, before
/// there are threads; without effect where the C library is not glibc.
pub fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets the allocator's own parameters and may be called
    // at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Gives back free pages in the middle of the heap as well. Takes milliseconds,
/// and the next run of a network has to fetch pages again: for pauses.
pub(crate) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim only touches free memory, under the allocator's locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Now.
    pub resident: u64,
    /// At most since the start, or since [`reset_peak`].
    pub peak: u64,
}

/// Reads the process's memory from `/proc`.
///
/// # Errors
/// Where there is no such file.
pub fn usage() -> io::Result<Usage> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kilobytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let missing = || io::Error::other("/proc/self/status lacks VmRSS or VmHWM");
    Ok(Usage {
        resident: kilobytes("VmRSS:").ok_or_else(missing)? << 10,
        peak: kilobytes("VmHWM:").ok_or_else(missing)? << 10,
    })
}

/// Lets the peak start again from what is used now.
///
/// # Errors
/// Where the kernel does not allow it.
pub fn reset_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}
