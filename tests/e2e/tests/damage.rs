//! Damaged files by the hundred: always the invalid-image error, or a picture
//! where the damage does not show; never a fault of the server.

use e2e::{Answer, Drawing, Form, Kind, TestServer};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::expect;

const INVALID: &str = "File does not appear to be a valid image (invalid file signature)";
const CUTS: usize = 25;
const FLIPS: usize = 40;

#[test]
fn damaged_files_are_refused_politely() {
    let mut server = TestServer::one_process();
    for kind in Kind::ALL {
        let whole = Drawing::new(48, 40).file(kind);
        cut_short(&server, &whole);
        flipped(&server, &whole);
        wrong_head(&server, &whole);
    }
    assert!(server.edge().runs());
    let after = server.rmbg(Form::image(&Drawing::new(48, 40).file(Kind::Png))).send();
    assert_eq!(after.status, 200, "{after}");
}

/// The last byte or two of a file may be padding; a twentieth never is.
fn cut_short(server: &TestServer, whole: &[u8]) {
    for step in 1..=CUTS {
        let end = whole.len() * 19 * step / (20 * CUTS);
        let answer = server.rmbg(Form::image(&whole[..end])).send();
        expect::error(&answer, 400, INVALID);
    }
}

fn flipped(server: &TestServer, whole: &[u8]) {
    let mut dice = SmallRng::seed_from_u64(whole.len() as u64);
    for _ in 0..FLIPS {
        let mut file = whole.to_vec();
        for _ in 0..dice.random_range(1..8) {
            let at = dice.random_range(0..file.len());
            file[at] ^= 1 << dice.random_range(0..8);
        }
        polite(&server.rmbg(Form::image(&file)).send());
    }
}

/// The head of one format before the body of another, and sizes that lie.
fn wrong_head(server: &TestServer, whole: &[u8]) {
    for other in Kind::ALL {
        let head = Drawing::new(16, 16).file(other);
        let mut file = whole.to_vec();
        file[..16].copy_from_slice(&head[..16]);
        polite(&server.rmbg(Form::image(&file)).send());
    }
    let mut dice = SmallRng::seed_from_u64(7);
    for _ in 0..FLIPS / 2 {
        let mut file = whole.to_vec();
        let end = file.len().min(40);
        let at = dice.random_range(4..end);
        file[at] = 0xff;
        polite(&server.rmbg(Form::image(&file)).send());
    }
}

#[track_caller]
fn polite(answer: &Answer) {
    assert!(matches!(answer.status, 200 | 400), "{answer}");
    if answer.status == 400 {
        assert_eq!(answer.json()["status"], 400);
    }
}

/// Forms that no browser sends: the parser answers, and the process lives.
#[test]
fn damaged_forms_are_refused_politely() {
    let mut server = TestServer::one_process();
    let whole = Form::image(&Drawing::new(16, 16).file(Kind::Png)).text("w", "8").into_body();
    let mut dice = SmallRng::seed_from_u64(11);
    for _ in 0..150 {
        let mut body = whole.clone();
        match dice.random_range(0..3) {
            0 => body.truncate(dice.random_range(0..whole.len())),
            1 => {
                let at = dice.random_range(0..body.len());
                body[at] ^= 1 << dice.random_range(0..8);
            }
            _ => {
                let at = dice.random_range(0..body.len());
                body.splice(at..at, b"\r\n------rembg-e2e-boundary\r\n".iter().copied());
            }
        }
        let answer =
            server.post("/rmbg").key(server.key()).body(&Form::content_type(), body).send();
        polite(&answer);
    }
    for odd in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
    {
        let answer = server.post("/rmbg").key(server.key()).body(odd, whole.clone()).send();
        assert!(matches!(answer.status, 400 | 415), "{odd}: {answer}");
    }
    assert!(server.edge().runs());
}
