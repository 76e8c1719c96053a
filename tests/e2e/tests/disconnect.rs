//! A client that goes away stops costing: its place in the queue, its share of
//! the upload memory, its credit.

use std::time::{Duration, Instant};

use e2e::{Call, Deployment, Drawing, Form, Kind, TestServer, eventually, pause, photo};

use crate::identity::small;

const PATIENCE: Duration = Duration::from_secs(60);
/// Time enough for a complete upload to be admitted.
const ADMITTED: Duration = Duration::from_millis(400);

#[test]
fn reservations_are_given_back_in_one_process() {
    reservations_are_given_back(Deployment::OneProcess);
}

#[test]
fn reservations_are_given_back_in_three_processes() {
    reservations_are_given_back(Deployment::ThreeProcesses);
}

#[test]
fn reservations_are_given_back_with_redis_and_postgres() {
    reservations_are_given_back(Deployment::ThreeWithBackends);
}

/// An account with three credits abandons three requests, and what was not
/// charged for a finished picture can be used again. Where all three were
/// finished before their callers left, another account tries.
fn reservations_are_given_back(deployment: Deployment) {
    let folder = tempfile::tempdir().expect("folder");
    let server = small(deployment, folder.path());
    let large = Form::image(&Drawing::new(2400, 1800).file(Kind::Jpeg));
    for _ in 0..10 {
        let account = server.account().create();
        let call = |form: &Form| server.post("/rmbg").key(&account.key).form(form.clone());
        let gone: Vec<_> = (0..3).map(|_| call(&large).begin(1.0)).collect();
        pause(ADMITTED);
        drop(gone);
        let outcome = eventually(PATIENCE, || {
            if call(&Form::image(&photo())).send().status == 200 {
                return Some(true);
            }
            let usage = server.get("/api/membership-usage").key(&account.key).send().ok().json();
            (usage["api_usage"] == 3).then_some(false)
        });
        if outcome.expect("an abandoned request kept its credit") {
            return;
        }
    }
    panic!("every picture was finished before its caller left");
}

/// Thirty abandoned pictures do not stand before the next caller.
#[test]
fn abandoned_work_leaves_the_queue() {
    let server = TestServer::one_process();
    let large = Form::image(&Drawing::new(1600, 1200).file(Kind::Jpeg)).text("format", "png");
    let started = Instant::now();
    let _ = server.rmbg(large.clone()).send().ok();
    let one = started.elapsed();
    let gone: Vec<_> = (0..30).map(|_| server.rmbg(large.clone()).begin(1.0)).collect();
    pause(ADMITTED);
    drop(gone);
    pause(ADMITTED);
    let started = Instant::now();
    let _ = server.rmbg(Form::image(&photo())).send().ok();
    let waited = started.elapsed();
    assert!(waited < one * 6 + ADMITTED, "one takes {one:?}, the next caller waited {waited:?}");
}

/// Half an upload, then silence or a closed connection: nothing is charged and
/// nothing stays behind.
#[test]
fn half_an_upload_costs_nothing() {
    let mut server = TestServer::one_process();
    let account = server.account().prepaid(1).create();
    let call = || -> Call { server.post("/rmbg").key(&account.key).form(Form::image(&photo())) };
    for share in [0.05, 0.3, 0.6, 0.95] {
        drop(call().begin(share));
    }
    let usage = server.get("/api/membership-usage").key(&account.key).send().ok().json();
    assert_eq!((&usage["api_usage"], &usage["prepaidCredits"]), (&0.into(), &1.into()));
    assert_eq!(call().send().status, 200);
    assert!(server.edge().runs());
}
