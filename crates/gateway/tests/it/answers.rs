//! Answers that nobody takes.

use std::time::{Duration, Instant};

use proto::{CutOut, FakeInference};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::app::{Setup, TestApp, finish, photo};

/// Of two such answers only one has room.
const HUGE: usize = 300 * 1024 * 1024;
const LONG: Duration = Duration::from_secs(60);

fn huge() -> FakeInference {
    FakeInference::answering(|job| CutOut { image: vec![0; HUGE].into(), ..finish(&job) })
}

/// A request whose answer is never read.
async fn unread(app: &TestApp) -> TcpStream {
    let mut stream = app.connect().await;
    let file = crate::app::png(400, 300);
    let mut request = b"POST /rmbg HTTP/1.1\r\nHost: x\r\nX-Api-Key: key\r\nContent-Type: \
        multipart/form-data; boundary=b\r\nContent-Length: "
        .to_vec();
    let part = b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n";
    let body = [part, file.as_slice(), b"\r\n--b--\r\n"].concat();
    request.extend(format!("{}\r\n\r\n", body.len()).bytes());
    request.extend(body);
    stream.write_all(&request).await.expect("sent");
    app.journal.await_entry("commit").await;
    stream
}

async fn status(app: &TestApp) -> u16 {
    app.rmbg(photo()).send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn unread_answers_share_bounded_memory_and_end() {
    let app = Setup::new()
        .inference(huge())
        .set("answer_memory_bytes", 640 * 1024 * 1024)
        .set("answer_pause_seconds", 8)
        .start();
    let mut stream = unread(&app).await;
    assert_eq!(status(&app).await, 503);
    app.journal.await_entry("release").await;
    let charged = app.journal.entries().into_iter().filter(|entry| entry == "commit").count();
    assert_eq!(charged, 1, "what cannot be delivered costs nothing");

    let started = Instant::now();
    while status(&app).await == 503 {
        assert!(started.elapsed() < LONG, "memory is not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut sink = tokio::io::sink();
    let rest = tokio::time::timeout(LONG, tokio::io::copy(&mut stream, &mut sink)).await;
    let taken = rest.expect("the connection ends").unwrap_or(0);
    assert!(taken < HUGE as u64, "{taken}");
}
