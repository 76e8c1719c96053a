//! Nothing of a picture on disk or in logs; no secret in clear anywhere.

use std::{fs, path::Path};

use e2e::{Deployment, Drawing, Form, Kind, TestServer};
use serde_json::json;

use crate::accounts::sign_in;

/// Long enough to be no accident.
const SAMPLE: usize = 24;

#[test]
fn nothing_leaks_in_one_process() {
    nothing_leaks(Deployment::OneProcess);
}

#[test]
fn nothing_leaks_with_redis_and_postgres() {
    nothing_leaks(Deployment::ThreeWithBackends);
}

fn nothing_leaks(deployment: Deployment) {
    let server = deployment.server().env("REMBG_TELEMETRY__LOG", "debug").start();
    let account = server.account().create();
    let token = sign_in(&server, "secret-keeper@example.com");
    let pictures = traffic(&server, &account.key, &token);
    let secrets = [account.key.as_str(), &token, "correct horse battery staple"];
    let logs = server.logs();
    for secret in secrets {
        assert!(!logs.contains(secret), "a secret in the logs");
    }
    if deployment == Deployment::ThreeWithBackends {
        assert!(!logs.contains(server.key()));
        assert_eq!(files(&server.temporary()), Vec::<Vec<u8>>::new());
    }
    let kept: Vec<Vec<u8>> =
        [server.data(), server.temporary()].iter().flat_map(|folder| files(folder)).collect();
    for file in kept.iter().map(Vec::as_slice).chain([logs.as_bytes()]) {
        for picture in &pictures {
            assert!(!contains(file, &picture[picture.len() / 2..][..SAMPLE]), "a picture's bytes");
        }
        assert!(!contains(file, account.key.as_bytes()), "a key in clear");
        assert!(!contains(file, token.as_bytes()), "a token in clear");
    }
    stores(&server, &secrets);
}

/// Successes, failures and a client that leaves; returns what was sent and got.
fn traffic(server: &TestServer, key: &str, token: &str) -> Vec<Vec<u8>> {
    let mut pictures = Vec::new();
    for kind in Kind::ALL {
        // Noise, so that no sample of a file occurs elsewhere by chance.
        let file = Drawing::new(160, 120).seed(99).file(kind);
        let answer = server.post("/rmbg").key(key).form(Form::image(&file)).send().ok();
        let cut = Form::image(&file[..file.len() * 3 / 4]);
        assert_eq!(server.post("/rmbg").bearer(token).form(cut).send().status, 400);
        drop(server.rmbg(Form::image(&file)).begin(0.7));
        pictures.extend([file, answer.body]);
    }
    let wrong = json!({"email": "secret-keeper@example.com", "password": "not the password"});
    assert_eq!(server.post("/api/auth/login").json(&wrong).send().status, 401);
    pictures
}

fn stores(server: &TestServer, secrets: &[&str]) {
    let Some((redis, postgres)) = server.redis().zip(server.postgres()) else { return };
    let tables = postgres
        .sql("select table_name from information_schema.tables where table_schema = 'public'")
        .expect("tables");
    for table in tables.lines() {
        let rows = postgres.sql(&format!("select t::text from \"{table}\" t")).unwrap_or_default();
        assert!(secrets.iter().all(|secret| !rows.contains(secret)), "a secret in {table}");
    }
    for key in redis.cli(&["keys", "*"]).expect("keys").lines() {
        assert!(secrets.iter().all(|secret| !key.contains(secret)), "a secret in {key}");
    }
}

/// The contents of all files under a folder, but for the key that the first
/// start leaves on purpose and the mails that carry links.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "outbox" {
            found.extend(files(&path));
        } else if path.is_file() && entry.file_name() != "dev-api-key" {
            found.push(fs::read(&path).unwrap_or_default());
        }
    }
    found
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

/// The first key is for its owner's eyes only.
#[test]
fn the_first_key_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut server = TestServer::one_process();
    let file = server.data().join("dev-api-key");
    let mode = fs::metadata(&file).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&file).expect("the key");
    server.edge().kill();
    server.restart();
    assert_eq!(fs::read(&file).expect("the key"), before, "made once, at the first start");
}
