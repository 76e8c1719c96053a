//! Leaving in order.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use proto::{FakeInference, JobEvent};

use crate::app::{Setup, finish, photo};

/// Work that takes a while.
fn slow(millis: u64) -> FakeInference {
    FakeInference::new(move |job| {
        let work = async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(JobEvent::Done(finish(&job)))
        };
        Ok(stream::once(work).boxed())
    })
}

#[tokio::test]
async fn what_is_in_flight_finishes_and_new_connections_are_refused() {
    let app = Setup::new().inference(slow(800)).start();
    let flight = tokio::spawn(app.rmbg(photo()).send());
    app.journal.await_entry("reserve").await;
    app.shutdown.request();
    let started = Instant::now();
    while tokio::net::TcpStream::connect(app.address).await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(3), "still listening");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(flight.await.expect("runs").expect("answer").status(), 200);
    app.running.await.expect("runs").expect("ends well");
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(app.journal.entries(), ["reserve", "commit"]);
}

#[tokio::test]
async fn what_takes_too_long_is_cut() {
    let app = Setup::new().inference(slow(60_000)).drain_seconds(0.5).start();
    let flight = tokio::spawn(app.rmbg(photo()).send());
    app.journal.await_entry("reserve").await;
    let started = Instant::now();
    app.shutdown.request();
    app.running.await.expect("runs").expect("ends well");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    flight.abort();
}
