//! Damaged files: cut, flipped, lying. Never a panic, and a cut file is never a picture.

use imaging::{DecodeLimits, ImagingError, Photo, decode, probe};
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::fixtures::{bytes, open};

const KINDS: &[&str] = &[
    "baseline.jpg",
    "baseline_444.jpg",
    "progressive.jpg",
    "restart.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "cmyk_profile.jpg",
    "ycck.jpg",
    "orientation_6.jpg",
    "jpeg_with_profile_named.png",
    "rgb.png",
    "rgba.png",
    "rgb16.png",
    "interlaced.png",
    "palette_trns.png",
    "one_bit.png",
    "profile.png",
    "lossy.webp",
    "lossy_alpha.webp",
    "lossless.webp",
    "animated.webp",
    "profile.webp",
    "rgb.bmp",
    "rgba.bmp",
    "palette.bmp",
    "grey.bmp",
];

/// Small enough that a lying header cannot make a test slow.
const LIMITS: DecodeLimits = DecodeLimits { max_side: 4_000, max_pixels: 1_000_000 };

#[test]
fn a_cut_file_is_an_error() {
    for name in KINDS {
        let whole = bytes(name);
        let step = (whole.len() / 60).max(1);
        let near_the_end = whole.len().saturating_sub(40)..whole.len();
        for length in (0..whole.len()).step_by(step).chain(near_the_end) {
            let outcome = open(&whole[..length]);
            assert!(
                matches!(outcome, Err(ImagingError::Damaged { .. } | ImagingError::UnknownFormat)),
                "{name} cut to {length} of {} bytes",
                whole.len()
            );
        }
    }
}

#[test]
fn bytes_after_the_end_do_no_harm() {
    for name in ["baseline.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "rgb.bmp"] {
        let mut padded = bytes(name);
        padded.extend([0; 100]);
        assert!(open(&padded) == open(&bytes(name)), "{name}");
    }
}

#[test]
fn an_early_end_marker_is_an_error() {
    let mut cut = bytes("baseline_444.jpg");
    cut.truncate(cut.len() * 2 / 3);
    cut.extend([0xFF, 0xD9]);
    assert!(matches!(open(&cut), Err(ImagingError::Damaged { .. })));
}

#[test]
fn a_foreign_signature_before_real_data_is_an_error() {
    let signatures: [&[u8]; 4] =
        [b"\x89PNG\r\n\x1a\n", b"\xFF\xD8\xFF", b"RIFF\x10\0\0\0WEBP", b"BM"];
    for name in KINDS {
        let whole = bytes(name);
        for signature in signatures {
            if whole.starts_with(&signature[..2]) {
                continue;
            }
            let mut lying = whole.clone();
            lying[..signature.len()].copy_from_slice(signature);
            assert!(open(&lying).is_err(), "{name} as {signature:?}");
        }
    }
}

/// The file was found by fuzzing: a Huffman table whose second level collides with its first, on
/// which the decoder panics.
#[test]
fn a_decoder_that_panics_is_an_error_of_the_file() {
    let colliding = bytes("../../../../tests/fuzz/seeds/decode/webp-colliding-codes");
    assert!(panicked(&open(&colliding)));
}

/// Whether a decoder was stopped by its own panic.
fn panicked(decoded: &Result<Photo, ImagingError>) -> bool {
    let Err(ImagingError::Damaged { reason, .. }) = decoded else { return false };
    reason == "the decoder panicked"
}

#[test]
fn mutations_never_panic_and_never_disagree_with_the_header() {
    let mut rng = Mutations::new();
    for round in 0..2_000 {
        let name = KINDS[round % KINDS.len()];
        let mut damaged = bytes(name);
        rng.damage(&mut damaged);
        let header = probe(&damaged);
        let decoded = decode(&damaged, &LIMITS);
        assert!(!panicked(&decoded), "{name}, round {round}");
        if let Ok(photo) = decoded {
            let header = header.expect("what decodes has a header");
            assert_eq!(photo.size(), header.oriented, "{name}, round {round}");
        }
    }
}

#[test]
fn noise_after_a_signature_never_panics() {
    let mut rng = Mutations::new();
    for round in 0..1_000 {
        let mut noise: Vec<u8> = (0..200).map(|_| rng.below(256) as u8).collect();
        let name = KINDS[round % KINDS.len()];
        let head = bytes(name);
        let kept = rng.below(60);
        noise[..kept].copy_from_slice(&head[..kept]);
        let _ = probe(&noise);
        assert!(!panicked(&decode(&noise, &LIMITS)), "{name}, round {round}");
    }
}

/// A fixed sequence of damage, so that a failure repeats.
struct Mutations(TestRng);

impl Mutations {
    fn new() -> Self {
        Self(TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    }

    fn below(&mut self, end: usize) -> usize {
        use proptest::prelude::Rng;
        (self.0.next_u64() % end as u64) as usize
    }

    /// Flips bits, overwrites, removes or doubles a stretch; half the time near the header.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let zone = if self.below(2) == 0 { 64.min(bytes.len()) } else { bytes.len() };
        for _ in 0..=self.below(6) {
            let at = self.below(zone.min(bytes.len()));
            match self.below(5) {
                0 | 1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes[at] = [0, 0xFF, 0x7F, 0x80][self.below(4)],
                3 => {
                    let end = (at + self.below(16)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let end = (at + self.below(16)).min(bytes.len());
                    let stretch = bytes[at..end].to_vec();
                    bytes.splice(at..at, stretch);
                }
            }
            if bytes.len() < 128 {
                return;
            }
        }
    }
}
