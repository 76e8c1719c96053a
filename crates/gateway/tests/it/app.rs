//! A gateway on a port of its own, between scripted services that note what
//! they are asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gateway::{DEFAULTS, GatewayConfig, Server};
use proto::{
    BillingHandle, CutOut, FakeBilling, FakeInference, InferenceHandle, RemoveJob, ServiceError,
    billing_v1 as pb, inference_v1::ImageFormat,
};
use reqwest::{RequestBuilder, Response, multipart};
use runtime::{
    config::Layers,
    shutdown::{DrainConfig, Shutdown},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

/// What the fake network answers with.
pub(crate) const CUT_OUT: &[u8] = b"finished picture";

/// A picture as far as its header goes, which is all that the gateway reads.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend(width.to_be_bytes());
    file.extend(height.to_be_bytes());
    file.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
    file
}

/// A form with a picture.
pub(crate) fn photo() -> multipart::Form {
    file("photo.png", png(400, 300))
}

/// A form with a file of that name.
pub(crate) fn file(name: &'static str, bytes: Vec<u8>) -> multipart::Form {
    multipart::Form::new().part("image", multipart::Part::bytes(bytes).file_name(name))
}

/// What the services were asked, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn note(&self, entry: impl Into<String>) {
        self.0.lock().expect("journal").push(entry.into());
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.lock().expect("journal").clone()
    }

    /// Waits until that is noted.
    pub(crate) async fn await_entry(&self, entry: &str) {
        let start = Instant::now();
        while !self.entries().iter().any(|noted| noted == entry) {
            assert!(start.elapsed() < Duration::from_secs(10), "{entry}: {:?}", self.entries());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Builds a [`TestApp`].
pub(crate) struct Setup {
    layers: Layers,
    inference: FakeInference,
    billing: FakeBilling,
    journal: Journal,
    drain: DrainConfig,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let journal = Journal::default();
        let layers = Layers::new(DEFAULTS)
            .flag("gateway.listen", Some("127.0.0.1:0"))
            .flag("gateway.threads", Some(1));
        Self {
            layers,
            inference: FakeInference::answering(|job| finish(&job)),
            billing: willing(&journal),
            journal,
            drain: DrainConfig { notice_seconds: 0.0, drain_seconds: 5.0 },
        }
    }

    /// Sets a key of the `[gateway]` section.
    pub(crate) fn set(mut self, key: &str, value: impl serde::Serialize) -> Self {
        self.layers = self.layers.flag(&format!("gateway.{key}"), Some(value));
        self
    }

    pub(crate) fn inference(mut self, fake: FakeInference) -> Self {
        self.inference = fake;
        self
    }

    /// Every job fails so.
    pub(crate) fn failing(self, error: ServiceError) -> Self {
        self.inference(FakeInference::new(move |_| Err(error.clone())))
    }

    /// Every caller and every reservation is refused so.
    pub(crate) fn refusing(mut self, error: ServiceError) -> Self {
        let (journal, refusal) = (self.journal.clone(), error.clone());
        self.billing.reserve = Some(Box::new(move |_| {
            journal.note("reserve");
            Err(error.clone())
        }));
        self.billing.identify = Some(Box::new(move |_| Err(refusal.clone())));
        self
    }

    /// Changes what billing answers.
    pub(crate) fn billing(mut self, change: impl FnOnce(&mut FakeBilling, &Journal)) -> Self {
        change(&mut self.billing, &self.journal);
        self
    }

    pub(crate) fn drain_seconds(mut self, seconds: f64) -> Self {
        self.drain.drain_seconds = seconds;
        self
    }

    pub(crate) fn start(self) -> TestApp {
        let config: GatewayConfig = self.layers.section("gateway").expect("configuration");
        let shutdown = Shutdown::default();
        let server = gateway::build(
            &config,
            InferenceHandle::fake(self.inference),
            BillingHandle::fake(self.billing),
            shutdown.clone(),
            self.drain,
        )
        .expect("builds");
        TestApp::around(server, shutdown, self.journal)
    }
}

/// A picture of the size and format that was asked for.
pub(crate) fn finish(job: &RemoveJob) -> CutOut {
    CutOut {
        image: CUT_OUT.into(),
        width: job.width,
        height: job.height,
        format: ImageFormat::try_from(job.spec.format).expect("a format"),
        model: "fake-1".to_owned(),
        processing_ms: 7,
    }
}

/// Lets everybody in, charges one credit, notes what it is asked.
fn willing(journal: &Journal) -> FakeBilling {
    let [identified, reserved, committed, released] = [(); 4].map(|()| journal.clone());
    FakeBilling {
        identify: Some(Box::new(move |_| {
            identified.note("identify");
            Ok(pb::IdentifyResponse {})
        })),
        reserve: Some(Box::new(move |request| {
            reserved.note("reserve");
            Ok(pb::ReserveResponse {
                operation_id: request.operation_id,
                credits: request.credits,
                rate: Some(pb::RateStatus { limit: 60, remaining: 59, reset_seconds: 1 }),
            })
        })),
        commit: Some(Box::new(move |_| {
            committed.note("commit");
            Ok(pb::CommitResponse { credits_charged: 1 })
        })),
        release: Some(Box::new(move |_| {
            released.note("release");
            Ok(pb::ReleaseResponse {})
        })),
        get_status: Some(Box::new(|_| Ok(pb::GetStatusResponse { ready: true }))),
        ..FakeBilling::default()
    }
}

/// A running gateway.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) journal: Journal,
    pub(crate) shutdown: Shutdown,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
    client: reqwest::Client,
}

impl TestApp {
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    fn around(server: Server, shutdown: Shutdown, journal: Journal) -> Self {
        let address = server.address();
        let running = tokio::spawn(server.run());
        Self { address, journal, shutdown, running, client: reqwest::Client::new() }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().expect("method"), self.url(path))
    }

    /// `POST /rmbg` with a key and a form.
    pub(crate) fn rmbg(&self, form: multipart::Form) -> RequestBuilder {
        self.post("/rmbg").header("x-api-key", "key").multipart(form)
    }

    /// Sends bytes as they are and reads until the server closes.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may well refuse before it has read everything.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connects")
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Sends and reads a JSON answer with its status.
pub(crate) async fn json(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.expect("an answer")).await
}

/// Reads a JSON answer with its status.
pub(crate) async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text:?}"));
    (status, body)
}

/// Sends and expects the one error, in the one shape.
pub(crate) async fn expect_error(request: RequestBuilder, status: u16, message: &str) {
    let expected = serde_json::json!({ "error": message, "status": status });
    assert_eq!(json(request).await, (status, expected));
}

/// The header's text, or nothing.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}
