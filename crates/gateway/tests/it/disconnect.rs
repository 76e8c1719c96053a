//! A client that goes away stops costing.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt as _};
use proto::{FakeInference, JobEvent, ServiceError};
use tokio::io::AsyncWriteExt as _;

use crate::app::{Journal, Setup, TestApp, png};

/// The events of a job that never ends, noting when it is abandoned.
struct Endless(Journal);

impl Stream for Endless {
    type Item = Result<JobEvent, ServiceError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.note("abandoned");
    }
}

fn endless() -> (TestApp, Journal) {
    let work = Journal::default();
    let seen = work.clone();
    let inference = FakeInference::new(move |_| {
        seen.note("started");
        Ok(Endless(seen.clone()).boxed())
    });
    (Setup::new().inference(inference).start(), work)
}

fn request() -> Vec<u8> {
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
            .to_vec();
    body.extend(png(40, 30));
    body.extend(b"\r\n--b--\r\n");
    let head = format!(
        "POST /rmbg HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

#[tokio::test]
async fn its_work_is_abandoned_and_its_credit_given_back() {
    let (app, work) = endless();
    let mut stream = app.connect().await;
    stream.write_all(&request()).await.expect("sent");
    work.await_entry("started").await;
    drop(stream);
    work.await_entry("abandoned").await;
    app.journal.await_entry("release").await;
    assert_eq!(app.journal.entries(), ["reserve", "release"]);
}

#[tokio::test]
async fn half_an_upload_reserves_nothing() {
    let (app, _) = endless();
    let whole = request();
    for share in [40, whole.len() / 2, whole.len() - 3] {
        let mut stream = app.connect().await;
        stream.write_all(&whole[..share]).await.expect("sent");
        drop(stream);
    }
    // A whole request of the same gateway comes through after them.
    let mut stream = app.connect().await;
    stream.write_all(&whole).await.expect("sent");
    app.journal.await_entry("reserve").await;
    assert_eq!(app.journal.entries(), ["reserve"]);
}
