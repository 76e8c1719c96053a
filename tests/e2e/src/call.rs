//! One request and its answer.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;
use ureq::{
    Agent,
    http::{HeaderMap, Method, Request},
};

use crate::Form;

/// Long enough for a 100-megapixel picture in an unoptimised build.
const LIMIT: Duration = Duration::from_secs(180);
const LARGEST_ANSWER: u64 = 1 << 30;

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Call {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: Method, path: &str) -> Self {
        Self { address, method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Calls as the holder of an API key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Calls as a signed-in user.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a form.
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        self.body(&Form::content_type(), form.into_body())
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string().into_bytes())
    }

    /// Sends any bytes under any type.
    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Self {
        self.body = Some(bytes);
        self.header("content-type", content_type)
    }

    /// Sends the request and reads the whole answer. `None` where the
    /// connection failed: refused, reset or cut.
    #[must_use]
    pub fn try_send(self) -> Option<Answer> {
        self.exchange().ok()
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Panics
    /// Where the connection fails.
    #[must_use]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.exchange().unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    fn exchange(self) -> Result<Answer, ureq::Error> {
        // One connection a request: the server may close idle ones as it likes.
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(LIMIT))
            .max_idle_connections(0)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("http://{}{}", self.address, self.path))
            .header("accept-encoding", "identity");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = match self.body {
            Some(body) => agent.run(request.body(body)?)?,
            None => agent.run(request.body(())?)?,
        };
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(LARGEST_ANSWER).read_to_vec()?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Writes the first `share` (0…1) of the request to a fresh connection and
    /// hands it over, for tests in which the client goes away.
    ///
    /// # Panics
    /// Where the server does not take it.
    #[must_use]
    pub fn begin(self, share: f64) -> TcpStream {
        let bytes = self.wire();
        let end = (bytes.len() as f64 * share) as usize;
        let mut stream = TcpStream::connect(self.address).expect("connect");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
        stream.write_all(&bytes[..end.min(bytes.len())]).expect("write");
        stream
    }

    fn wire(&self) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default();
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.address);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        [head.as_bytes(), body].concat()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's text, empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A header that holds a number.
    ///
    /// # Panics
    /// Where it is absent or no number.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        let text = self.header(name);
        text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} in {self}"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Checks for a success and passes the answer on.
    ///
    /// # Panics
    /// Where the status is not 200.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self}");
        self
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.body[..self.body.len().min(2000)];
        write!(f, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(shown))
    }
}
