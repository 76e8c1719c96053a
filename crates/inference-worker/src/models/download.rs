//! One file over HTTP, to the end or not at all: bytes go to a `.part` file that
//! survives an interruption, a later try asks only for the rest, and the file
//! gets its name after its checksum was found right.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use ureq::{Agent, Body, http::Response};

use super::{Checksum, ModelError};

const CONNECT: Duration = Duration::from_secs(15);
/// How long a connection may be silent before it counts as broken.
const SILENCE: Duration = Duration::from_secs(30);
/// Connections that may break before a pull gives up.
const ATTEMPTS: u32 = 4;
const PIECE: usize = 256 * 1024;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are on disk.
    pub received: u64,
    /// Bytes of the whole file, where the server says.
    pub total: Option<u64>,
}

/// Downloads `url` to `target`.
pub(super) fn fetch(
    url: &str,
    target: &Path,
    checksum: &Checksum,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<(), ModelError> {
    let download = Download { url, part: part_of(target), agent: agent() };
    download.to_end(on_progress)?;
    download.check(checksum)?;
    fs::rename(&download.part, target).map_err(|error| ModelError::io(target, error))
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .build()
        .into()
}

struct Download<'u> {
    url: &'u str,
    part: PathBuf,
    agent: Agent,
}

/// What the server made of the request for the rest.
enum Answer {
    /// The rest from this byte on, of a file this long.
    Rest { from: u64, total: Option<u64>, body: Body },
    /// There is no rest.
    Complete,
}

impl Download<'_> {
    fn to_end(&self, on_progress: &mut dyn FnMut(Progress)) -> Result<(), ModelError> {
        let mut attempt = 1;
        loop {
            let before = self.received();
            match self.attempt(on_progress) {
                Ok(()) => return Ok(()),
                // A broken connection is worth another only while it brings
                // something.
                Err(_) if attempt < ATTEMPTS && self.received() > before => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn received(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |metadata| metadata.len())
    }

    fn attempt(&self, on_progress: &mut dyn FnMut(Progress)) -> Result<(), ModelError> {
        let Answer::Rest { from, total, body } = self.ask(self.received())? else {
            return Ok(());
        };
        let mut file = self.open(from)?;
        let received = self.copy(body, &mut file, from, total, on_progress)?;
        file.sync_all().map_err(|error| ModelError::io(&self.part, error))?;
        match total {
            Some(total) if received != total => {
                Err(self.failed(format!("ended after {received} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }

    fn ask(&self, received: u64) -> Result<Answer, ModelError> {
        // Ranges count the bytes of the encoded body, so it must not be encoded.
        let request = self.agent.get(self.url).header("accept-encoding", "identity");
        let request = match received {
            0 => request,
            _ => request.header("range", format!("bytes={received}-")),
        };
        let response = request.call().map_err(|error| self.failed(error.to_string()))?;
        let range = content_range(&response);
        match (response.status().as_u16(), range) {
            (200, _) => {
                let total = response.body().content_length();
                Ok(Answer::Rest { from: 0, total, body: response.into_body() })
            }
            (206, Some((Some(from), total))) if from == received => {
                Ok(Answer::Rest { from, total, body: response.into_body() })
            }
            (416, Some((_, Some(total)))) if total == received => Ok(Answer::Complete),
            (206 | 416, _) => self.start_over(),
            (status, _) => Err(self.failed(format!("HTTP status {status}"))),
        }
    }

    /// What is here is no beginning of what is there.
    fn start_over(&self) -> Result<Answer, ModelError> {
        self.open(0)?;
        self.ask(0)
    }

    fn open(&self, from: u64) -> Result<File, ModelError> {
        let opened = if from == 0 {
            File::create(&self.part)
        } else {
            OpenOptions::new().append(true).open(&self.part)
        };
        opened.map_err(|error| ModelError::io(&self.part, error))
    }

    fn copy(
        &self,
        body: Body,
        file: &mut File,
        from: u64,
        total: Option<u64>,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<u64, ModelError> {
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        let mut piece = vec![0; PIECE];
        let mut received = from;
        loop {
            on_progress(Progress { received, total });
            let read = match reader.read(&mut piece) {
                Ok(0) => return Ok(received),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| self.failed(error.to_string()))?,
            };
            file.write_all(&piece[..read]).map_err(|error| ModelError::io(&self.part, error))?;
            received += read as u64;
        }
    }

    /// A file with a wrong checksum is removed: going on from it can never help.
    fn check(&self, checksum: &Checksum) -> Result<(), ModelError> {
        let io = |error| ModelError::io(&self.part, error);
        let found = checksum.of_file(&self.part).map_err(io)?;
        if found.eq_ignore_ascii_case(checksum.expected()) {
            return Ok(());
        }
        fs::remove_file(&self.part).map_err(io)?;
        Err(ModelError::Checksum {
            path: self.part.clone(),
            kind: checksum.kind(),
            found,
            expected: checksum.expected().to_owned(),
        })
    }

    fn failed(&self, reason: String) -> ModelError {
        ModelError::Download { url: self.url.to_owned(), reason }
    }
}

/// First byte and length of the whole in `Content-Range: bytes 5-9/10`, or of
/// the whole alone in `bytes */10` (RFC 9110, 14.4).
fn content_range(response: &Response<Body>) -> Option<(Option<u64>, Option<u64>)> {
    let header = response.headers().get("content-range")?.to_str().ok()?;
    let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-').and_then(|(first, _)| first.parse().ok());
    Some((first, total.parse().ok()))
}
