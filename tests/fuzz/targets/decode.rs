//! Any bytes as a picture: the header is read without a panic, what it says is
//! what decoding gives, and no small file makes a large picture.

#![no_main]

use std::panic;

use imaging::{DecodeLimits, decode, probe};
use libfuzzer_sys::fuzz_target;

const LIMITS: DecodeLimits = DecodeLimits { max_side: 2_000, max_pixels: 250_000 };

/// `imaging` turns panics of decoders into errors, which would hide them from the fuzzer, too; so
/// every panic ends the run before that, except where one is known to be raised and caught.
fn end_at_panics_not_known() {
    let abort = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // Colliding Huffman codes: seed `webp-colliding-codes`.
        let known = "image-webp-0.2.4/src/huffman.rs";
        let known = panic.location().is_some_and(|at| at.file().ends_with(known));
        if !known {
            abort(panic);
        }
    }));
}

fuzz_target!(init: end_at_panics_not_known(), |bytes: &[u8]| {
    let header = probe(bytes);
    if let Ok(photo) = decode(bytes, &LIMITS) {
        let header = header.expect("what decodes has a header");
        assert_eq!(photo.size(), header.oriented);
        assert!(LIMITS.check(photo.size()).is_ok());
    }
});
