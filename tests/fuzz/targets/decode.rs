//! Any bytes as a picture: the header is read without a panic, what it says is
//! what decoding gives, and no small file makes a large picture.

#![no_main]

use imaging::{DecodeLimits, decode, probe};
use libfuzzer_sys::fuzz_target;

const LIMITS: DecodeLimits = DecodeLimits { max_side: 2_000, max_pixels: 250_000 };

fuzz_target!(|bytes: &[u8]| {
    let header = probe(bytes);
    if let Ok(photo) = decode(bytes, &LIMITS) {
        let header = header.expect("what decodes has a header");
        assert_eq!(photo.size(), header.oriented);
        assert!(LIMITS.check(photo.size()).is_ok());
    }
});
