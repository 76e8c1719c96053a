//! The queue: off, on, timed out, cancelled, full; and what a job costs others.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use proto::{ErrorCode, Inference as _};

use crate::fixtures::{Barrier, Brightness, FirstRunPanics, finish, job, png, run, service};

/// One engine thread and one for the codec: two jobs run, the second behind the
/// first.
const NARROW: [(&str, usize); 2] = [("engine_threads", 1), ("codec_threads", 1)];

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn off_only_what_can_run_comes_in_and_the_rest_is_told_at_once() {
    let engine = Barrier::default();
    let service = service(&[NARROW[0], NARROW[1], ("queue_jobs", 0)], engine.clone());
    let first = service.remove_background(job(png(64, 64))).await.expect("room");
    let second = service.remove_background(job(png(64, 64))).await.expect("room");
    let asked = Instant::now();
    let busy = service.remove_background(job(png(64, 64))).await.err().expect("full");
    assert!(asked.elapsed() < Duration::from_millis(100));
    assert_eq!(busy.code, ErrorCode::Busy);
    assert!(busy.retry_after.is_some_and(|after| after >= Duration::from_secs(1)));
    assert!(!service.is_ready());
    engine.open();
    assert!(finish(first).await.1.is_ok() && finish(second).await.1.is_ok());
    until("ready again", async || service.is_ready()).await;
}

#[tokio::test]
async fn on_what_waits_is_done_in_its_turn() {
    let engine = Barrier::default();
    let service = service(&[NARROW[0], NARROW[1], ("queue_jobs", 3)], engine.clone());
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(service.remove_background(job(png(64, 64))).await.expect("room"));
    }
    assert!(service.remove_background(job(png(64, 64))).await.is_err());
    until("two run", async || service.status().await.expect("status").queued == 3).await;
    engine.open();
    for events in events {
        assert!(finish(events).await.1.is_ok());
    }
}

#[tokio::test]
async fn timeout_ends_a_job_that_waits_and_one_that_runs() {
    let engine = Barrier::default();
    let service = service(&NARROW, engine.clone());
    let jobs = (0..4).map(|_| {
        let mut late = job(png(64, 64));
        late.deadline = Some(Instant::now() + Duration::from_millis(150));
        run(&service, late)
    });
    for result in join_all(jobs).await {
        assert_eq!(result.expect_err("late").code, ErrorCode::DeadlineExceeded);
    }
    engine.open();
    assert!(run(&service, job(png(64, 64))).await.is_ok());
}

#[tokio::test]
async fn cancelled_jobs_are_skipped_and_cost_nothing() {
    let engine = Barrier::default();
    let service = service(&NARROW, engine.clone());
    let first = service.remove_background(job(png(64, 64))).await.expect("room");
    until("the first runs", async || engine.runs() == 1).await;
    let mut abandoned = Vec::new();
    for _ in 0..20 {
        abandoned.push(service.remove_background(job(png(64, 64))).await.expect("room"));
    }
    let last = service.remove_background(job(png(64, 64))).await.expect("room");
    drop(abandoned);
    until("the queue is short", async || {
        service.status().await.expect("status").admitted_pixels <= 2 * 64 * 64
    })
    .await;
    engine.open();
    assert!(finish(first).await.1.is_ok() && finish(last).await.1.is_ok());
    assert_eq!(engine.runs(), 4, "two looks each; nobody waited for the others");
}

#[tokio::test]
async fn sixty_four_at_once_are_done_or_told_to_come_back() {
    let service = service(&[NARROW[0], NARROW[1], ("queue_jobs", 30)], Brightness);
    let image = png(200, 150);
    let results = join_all((0..64).map(|_| run(&service, job(image.clone())))).await;
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(done.len() >= 32, "{}", done.len());
    for error in refused.into_iter().filter_map(Result::err) {
        assert_eq!(error.code, ErrorCode::Busy);
        assert!(error.retry_after.is_some());
    }
    let status = service.status().await.expect("status");
    assert_eq!((status.queued, status.admitted_pixels, status.ready), (0, 0, true));
}

#[tokio::test]
async fn a_panic_loses_one_job_only() {
    let service = service(&NARROW, FirstRunPanics::default());
    let lost = run(&service, job(png(64, 64))).await.expect_err("a panic");
    assert_eq!(lost.code, ErrorCode::Internal);
    for _ in 0..3 {
        assert!(run(&service, job(png(64, 64))).await.is_ok());
    }
}

#[tokio::test]
async fn a_picture_that_never_fits_is_no_matter_of_patience() {
    let small = [("memory_mb", 800), ("queue_mb", 50), NARROW[0], NARROW[1]];
    let service = service(&small, Brightness);
    let error = run(&service, job(png(9000, 9000))).await.expect_err("too large");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.message.contains("81.0 megapixels"), "{}", error.message);
    assert!(run(&service, job(png(64, 64))).await.is_ok());
}

#[tokio::test]
async fn draining_refuses_what_is_new_and_finishes_what_is_in() {
    let engine = Barrier::default();
    let service = service(&NARROW, engine.clone());
    let inside = service.remove_background(job(png(64, 64))).await.expect("room");
    service.drain();
    assert!(!service.is_ready());
    let refused = service.remove_background(job(png(64, 64))).await.err().expect("draining");
    assert_eq!(refused.code, ErrorCode::Unavailable);
    engine.open();
    assert!(finish(inside).await.1.is_ok());
}
