//! Credits are money: each success is charged once, nothing else ever.

use std::thread;

use e2e::{Account, Deployment, Form, TestServer, photo};
use serde_json::json;

use crate::identity::small;

#[test]
fn charged_exactly_once_in_one_process() {
    charged_exactly_once(Deployment::OneProcess);
}

#[test]
fn charged_exactly_once_with_redis_and_postgres() {
    charged_exactly_once(Deployment::ThreeWithBackends);
}

fn charged_exactly_once(deployment: Deployment) {
    let folder = tempfile::tempdir().expect("folder");
    let server = small(deployment, folder.path());
    idempotency(&server);
    failures_cost_nothing(&server);
    the_last_credit_is_spent_once(&server);
    a_restart_forgets_nothing(server);
}

fn used(server: &TestServer, account: &Account) -> i64 {
    let usage = server.get("/api/membership-usage").key(&account.key).send().ok();
    usage.json()["api_usage"].as_i64().expect("a count")
}

fn prepaid(server: &TestServer, account: &Account) -> i64 {
    let usage = server.get("/api/membership-usage").key(&account.key).send().ok();
    usage.json()["prepaidCredits"].as_i64().expect("a count")
}

fn idempotency(server: &TestServer) {
    let account = server.account().prepaid(10).create();
    let send = |key: &str, width: &str| {
        let form = Form::image(&photo()).text("w", width);
        server.post("/rmbg").key(&account.key).header("idempotency-key", key).form(form).send()
    };
    let first = send("order-1", "40").ok();
    assert_eq!(first.number("x-credits-charged"), 1);
    for _ in 0..3 {
        let again = send("order-1", "40").ok();
        assert_eq!(again.number("x-credits-charged"), 0);
        assert!(again.body == first.body);
    }
    assert_eq!(send("order-2", "40").ok().number("x-credits-charged"), 1);
    assert_eq!(used(server, &account), 2);
    // The same key for another request is the caller's mistake, not a free one.
    let other = send("order-1", "41");
    assert!(other.status >= 400 || other.number("x-credits-charged") == 1, "{other}");
}

fn failures_cost_nothing(server: &TestServer) {
    let account = server.account().prepaid(5).create();
    for form in [Form::new(), Form::image(b"junk"), Form::image(&photo()).text("w", "x")] {
        let answer = server.post("/rmbg").key(&account.key).form(form).send();
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("x-credits-charged"), "");
    }
    // It decodes up to its middle only, so a reservation was made and given back.
    let broken = photo();
    let answer = server.post("/rmbg").key(&account.key).form(Form::image(&broken[..1500])).send();
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!((used(server, &account), prepaid(server, &account)), (0, 5));
}

/// Twelve requests at once for five credits: five pictures.
fn the_last_credit_is_spent_once(server: &TestServer) {
    let account = server.account().prepaid(2).create();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .map(|_| {
                let call = server.post("/rmbg").key(&account.key).form(Form::image(&photo()));
                scope.spawn(move || call.send().status)
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("answers")).collect()
    });
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(200), count(429)), (5, 7), "{statuses:?}");
    // What was paid from prepaid credits is not in the window's usage.
    assert_eq!((used(server, &account), prepaid(server, &account)), (3, 0));
}

fn a_restart_forgets_nothing(mut server: TestServer) {
    let account = server.account().prepaid(4).create();
    let send = |server: &TestServer| {
        server.post("/rmbg").key(&account.key).form(Form::image(&photo())).send().status
    };
    assert_eq!([send(&server), send(&server)], [200, 200]);
    let before =
        server.get("/api/membership-usage?expand=billing_cycle").key(&account.key).send().json();
    for process in server.processes() {
        process.kill();
    }
    server.restart();
    let after =
        server.get("/api/membership-usage?expand=billing_cycle").key(&account.key).send().json();
    assert_eq!(before, after);
    if let Some(redis) = server.redis() {
        assert_eq!(redis.cli(&["flushall"]).as_deref(), Some("OK"));
        let _ = server.command(&["billing", "rebuild"]);
        let rebuilt =
            server.get("/api/membership-usage?expand=billing_cycle").key(&account.key).send();
        assert_eq!(rebuilt.json(), before, "the ledger fills an emptied Redis exactly");
    }
    assert_eq!(json!(used(&server, &account)), json!(2));
}
