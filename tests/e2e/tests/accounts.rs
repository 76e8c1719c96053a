//! Accounts over HTTP: the table of section 3, and what must not be told.

use std::{fs, time::Duration};

use e2e::{Answer, Deployment, Form, TestServer, eventually, photo};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::expect;

const PASSWORD: &str = "correct horse battery staple";
const MAIL_LIMIT: Duration = Duration::from_secs(10);

#[test]
fn the_life_of_an_account_in_one_process() {
    life(&Deployment::OneProcess.server().start());
}

#[test]
fn the_life_of_an_account_with_redis_and_postgres() {
    life(&Deployment::ThreeWithBackends.server().start());
}

fn life(server: &TestServer) {
    let email = "ada@example.com";
    registration(server, email);
    sign_in_and_out(server, email);
    profile(server, email);
    keys(server, email);
    reset(server, email);
    nothing_is_sold_without_stripe(server, email);
}

fn post(server: &TestServer, path: &str, body: &Value) -> Answer {
    server.post(path).json(body).send()
}

/// The token in the newest mail to an address.
fn mailed_token(server: &TestServer, email: &str, seen: usize) -> String {
    eventually(MAIL_LIMIT, || tokens(server, email).into_iter().nth(seen))
        .unwrap_or_else(|| panic!("no mail number {seen} to {email}"))
}

fn tokens(server: &TestServer, email: &str) -> Vec<String> {
    let Ok(outbox) = fs::read_dir(server.data().join("outbox")) else { return Vec::new() };
    let mut mails: Vec<_> = outbox
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter_map(|(when, path)| Some((when, fs::read_to_string(path).ok()?)))
        .filter(|(_, mail)| mail.contains(email))
        .collect();
    mails.sort();
    mails.into_iter().filter_map(|(_, mail)| token(&mail)).collect()
}

/// What follows `token=` in a link, soft line breaks of the mail undone.
fn token(mail: &str) -> Option<String> {
    let text = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let (_, rest) = text.split_once("token=")?;
    let token: String = rest
        .chars()
        .take_while(|char| char.is_ascii_alphanumeric() || "-_.".contains(*char))
        .collect();
    (!token.is_empty()).then_some(token)
}

/// Registers, verifies and signs in; returns the token.
pub(crate) fn sign_in(server: &TestServer, email: &str) -> String {
    let account = json!({"email": email, "password": PASSWORD});
    assert_eq!(post(server, "/api/auth/register", &account).status, 201);
    let token = mailed_token(server, email, 0);
    assert_eq!(post(server, "/api/auth/verify", &json!({"token": token})).status, 200);
    login(server, email, PASSWORD)
}

fn login(server: &TestServer, email: &str, password: &str) -> String {
    let answer =
        post(server, "/api/auth/login", &json!({"email": email, "password": password})).ok();
    assert!(!answer.json()["expiresAt"].is_null(), "{answer}");
    answer.json()["token"].as_str().expect("a token").to_owned()
}

fn registration(server: &TestServer, email: &str) {
    let account = json!({"email": email, "password": PASSWORD});
    let first = post(server, "/api/auth/register", &account);
    assert_eq!(first.status, 201, "{first}");
    assert_eq!(
        (&first.json()["email"], &first.json()["emailVerified"]),
        (&json!(email), &json!(false))
    );
    // Whoever asks learns nothing about who is registered.
    let again = post(server, "/api/auth/register", &account);
    assert_eq!(again.status, 201);
    assert_eq!(shape(&again.json()), shape(&first.json()));
    for bad in
        [json!({}), json!({"email": "no-address", "password": PASSWORD}), json!({"email": email})]
    {
        let refused = post(server, "/api/auth/register", &bad);
        assert_eq!((refused.status, &refused.json()["status"]), (400, &json!(400)), "{bad}");
    }
    // Nobody signs in before the address is verified.
    let early = post(server, "/api/auth/login", &account);
    expect::error(&early, 401, "invalid email or password");
    let token = mailed_token(server, email, 0);
    let wrong = post(server, "/api/auth/verify", &json!({"token": "0000"}));
    assert!(matches!(wrong.status, 400 | 401), "{wrong}");
    assert_eq!(post(server, "/api/auth/verify", &json!({"token": token})).status, 200);
    let session = login(server, email, PASSWORD);
    let picture = server.post("/rmbg").bearer(&session).form(Form::image(&photo())).send();
    assert_eq!(picture.status, 200, "{picture}");
}

/// The names of an object's members.
fn shape(value: &Value) -> Vec<&String> {
    value.as_object().expect("an object").keys().collect()
}

fn sign_in_and_out(server: &TestServer, email: &str) {
    for (address, password) in [(email, "wrong"), ("nobody@example.com", PASSWORD)] {
        let answer =
            post(server, "/api/auth/login", &json!({"email": address, "password": password}));
        expect::error(&answer, 401, "invalid email or password");
    }
    let token = login(server, email, PASSWORD);
    assert_eq!(server.get("/api/me").bearer(&token).send().status, 200);
    let out = server.post("/api/auth/logout").bearer(&token).send();
    assert_eq!((out.status, out.body.len()), (204, 0));
    assert_eq!(server.get("/api/me").bearer(&token).send().status, 401);
}

fn profile(server: &TestServer, email: &str) {
    assert_eq!(server.get("/api/me").send().status, 401);
    let token = login(server, email, PASSWORD);
    let me = server.get("/api/me").bearer(&token).send().ok();
    assert!(me.json().to_string().contains(email), "{me}");
}

fn keys(server: &TestServer, email: &str) {
    let token = login(server, email, PASSWORD);
    let made = server.post("/api/keys").bearer(&token).json(&json!({"name": "laptop"})).send();
    assert_eq!(made.status, 201, "{made}");
    let key = made.json()["key"].as_str().expect("shown once").to_owned();
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(server.post("/rmbg").key(&key).form(Form::image(&photo())).send().status, 200);
    let listed = server.get("/api/keys").bearer(&token).send().ok();
    let text = listed.json().to_string();
    assert!(!text.contains(&key), "a key is shown once");
    let found = find(&listed.json(), &id);
    assert_eq!(found["name"], "laptop");
    assert!(key.starts_with(found["prefix"].as_str().expect("a prefix")));
    assert!(!found["createdAt"].is_null() && !found["lastUsedAt"].is_null(), "{found}");
    let stranger = sign_in(server, "mallory@example.com");
    let path = format!("/api/keys/{id}");
    assert_eq!(server.call(Method::DELETE, &path).bearer(&stranger).send().status, 404);
    assert_eq!(server.call(Method::DELETE, &path).bearer(&token).send().status, 204);
    let refused = server.post("/rmbg").key(&key).form(Form::image(&photo())).send();
    expect::error(&refused, 401, "invalid api key");
}

/// The listed key with that id, whether the list is bare or a member.
fn find(listed: &Value, id: &str) -> Value {
    let list = listed.as_array().or_else(|| listed["keys"].as_array()).expect("a list");
    list.iter().find(|key| key["id"] == id).expect("the key").clone()
}

fn reset(server: &TestServer, email: &str) {
    let before = login(server, email, PASSWORD);
    let seen = tokens(server, email).len();
    for address in [email, "nobody@example.com"] {
        let asked = post(server, "/api/auth/password-reset", &json!({"email": address}));
        assert_eq!(asked.status, 202, "{asked}");
    }
    let token = mailed_token(server, email, seen);
    let confirm = json!({"token": token, "password": "another long password"});
    assert_eq!(post(server, "/api/auth/password-reset/confirm", &confirm).status, 200);
    assert_eq!(server.get("/api/me").bearer(&before).send().status, 401, "all sessions end");
    let old = post(server, "/api/auth/login", &json!({"email": email, "password": PASSWORD}));
    assert_eq!(old.status, 401);
    let again = post(server, "/api/auth/password-reset/confirm", &confirm);
    assert!(matches!(again.status, 400 | 401), "a link works once: {again}");
    let back = json!({"email": email, "password": "another long password"});
    assert_eq!(post(server, "/api/auth/login", &back).status, 200);
}

fn nothing_is_sold_without_stripe(server: &TestServer, email: &str) {
    let token = login(server, email, "another long password");
    for path in ["/api/billing/checkout", "/api/billing/portal"] {
        let call = server.post(path).bearer(&token).json(&json!({"plan": "Starter"}));
        let answer = call.send();
        assert!(matches!(answer.status, 400 | 404 | 503), "{path}: {answer}");
        assert_eq!(
            server.post(path).json(&json!({"plan": "Starter"})).send().status,
            401,
            "{path}"
        );
    }
    let event = server
        .post("/api/stripe/webhook")
        .header("stripe-signature", "t=1,v1=00")
        .body("application/json", b"{}".to_vec())
        .send();
    assert_eq!(event.status, 400, "{event}");
}
