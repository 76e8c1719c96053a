//! Pulling a network from a server that behaves, breaks off, ignores ranges, or
//! has something else.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use inference_worker::models::{
    Checksum, ModelError, ModelFile, ModelStore, Progress, Published, builtin,
};
use tempfile::TempDir;

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Good,
    NoRanges,
    /// Every connection ends after so many bytes of the body.
    BreaksAfter(usize),
    Missing,
}

/// A server of one file on a port of its own; keeps the `Range` headers it got.
struct FileServer {
    address: SocketAddr,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl FileServer {
    fn start(file: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let range = answer(&stream, &file, manner);
                seen.lock().expect("lock").push(range);
            }
        });
        Self { address, ranges }
    }

    fn published(&self, checksum: Checksum) -> Published {
        let mut manifest = builtin().manifest;
        manifest.name = "net".into();
        manifest.file = "net.onnx".into();
        let url = format!("http://{}/net.onnx", self.address);
        Published { url, about: "a test".into(), checksum, manifest }
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().expect("lock").clone()
    }
}

fn answer(mut stream: &TcpStream, file: &[u8], manner: Manner) -> Option<String> {
    let mut range = None;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        let line = line.to_lowercase();
        range = range.or(line.strip_prefix("range: ").map(str::to_owned));
    }
    let from = range
        .as_deref()
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let total = file.len();
    let (head, body) = match (manner, from) {
        (Manner::Missing, _) => ("404 Not Found".to_owned(), &file[..0]),
        (Manner::NoRanges, _) | (_, None) => ("200 OK".to_owned(), file),
        (_, Some(from)) if from >= total => {
            (format!("416 Range Not Satisfiable\r\ncontent-range: bytes */{total}"), &file[..0])
        }
        (_, Some(from)) => {
            let last = total - 1;
            let head = format!("206 Partial Content\r\ncontent-range: bytes {from}-{last}/{total}");
            (head, &file[from..])
        }
    };
    let length = body.len();
    let sent = match manner {
        Manner::BreaksAfter(bytes) => &body[..bytes.min(length)],
        _ => body,
    };
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // A client that has seen enough may close early.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
    range
}

fn store() -> (TempDir, ModelStore) {
    let folder = tempfile::tempdir().expect("folder");
    let store = ModelStore::new(folder.path().join("models"));
    (folder, store)
}

fn right_sum() -> Checksum {
    Checksum::Sha256(builtin().manifest.sha256.expect("stated"))
}

fn weights() -> Vec<u8> {
    builtin().weights.into_owned()
}

fn pull(store: &ModelStore, published: &Published) -> Result<Vec<Progress>, ModelError> {
    let mut told = Vec::new();
    store.pull_published(published, &mut |progress| told.push(progress))?;
    Ok(told)
}

#[test]
fn a_pulled_network_is_there_is_verified_and_is_not_pulled_again() {
    let (_folder, store) = store();
    let server = FileServer::start(weights(), Manner::Good);
    let published = server.published(right_sum());
    let told = pull(&store, &published).expect("pulled");
    let total = weights().len() as u64;
    assert_eq!(told.last(), Some(&Progress { received: total, total: Some(total) }));
    assert!(store.verify("net").is_ok());
    let ModelFile { manifest, weights: stored, .. } = store.resolve("net").expect("there");
    assert_eq!((manifest.name.as_str(), stored.as_ref()), ("net", weights().as_slice()));
    pull(&store, &published).expect("verified only");
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_connection_that_breaks_is_gone_on_with() {
    let (_folder, store) = store();
    let third = weights().len() / 3 + 1;
    let server = FileServer::start(weights(), Manner::BreaksAfter(third));
    pull(&store, &server.published(right_sum())).expect("pulled in three parts");
    let expected = [None, Some(format!("bytes={third}-")), Some(format!("bytes={}-", 2 * third))];
    assert_eq!(server.ranges(), expected);
}

#[test]
fn an_interrupted_pull_is_gone_on_with_later() {
    let (_folder, store) = store();
    let tenth = weights().len() / 10 + 1;
    let breaking = FileServer::start(weights(), Manner::BreaksAfter(tenth));
    let error = pull(&store, &breaking.published(right_sum())).expect_err("breaks too often");
    assert!(matches!(error, ModelError::Download { .. }), "{error}");
    assert!(matches!(store.resolve("net"), Err(ModelError::Unknown(_))));
    let good = FileServer::start(weights(), Manner::Good);
    pull(&store, &good.published(right_sum())).expect("the rest");
    assert_eq!(good.ranges(), [Some(format!("bytes={}-", 4 * tenth))]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (_folder, store) = store();
    std::fs::create_dir_all(store.folder()).expect("folder");
    std::fs::write(store.folder().join("net.onnx.part"), &weights()[..1000]).expect("write");
    let server = FileServer::start(weights(), Manner::NoRanges);
    pull(&store, &server.published(right_sum())).expect("pulled");
    assert!(store.verify("net").is_ok());
}

#[test]
fn a_part_that_is_complete_or_too_long_is_dealt_with() {
    for extra in [0, 10] {
        let (_folder, store) = store();
        std::fs::create_dir_all(store.folder()).expect("folder");
        let mut part = weights();
        part.extend(vec![0; extra]);
        std::fs::write(store.folder().join("net.onnx.part"), part).expect("write");
        let server = FileServer::start(weights(), Manner::Good);
        pull(&store, &server.published(right_sum())).expect("pulled");
        assert!(store.verify("net").is_ok());
    }
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let (_folder, store) = store();
    let server = FileServer::start(b"something else".to_vec(), Manner::Good);
    let md5 = Checksum::Md5("8e83ca70e441ab06c318d82300c84806".into());
    for sum in [right_sum(), md5] {
        let error = pull(&store, &server.published(sum)).expect_err("wrong");
        assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
        assert_eq!(std::fs::read_dir(store.folder()).expect("folder").count(), 0);
    }
}

#[test]
fn what_cannot_be_fetched_says_why() {
    let (_folder, store) = store();
    let server = FileServer::start(weights(), Manner::Missing);
    let error = pull(&store, &server.published(right_sum())).expect_err("missing");
    assert!(error.to_string().contains("404"), "{error}");
    assert!(matches!(store.pull("depth", &mut |_| ()), Err(ModelError::Unknown(_))));
}
