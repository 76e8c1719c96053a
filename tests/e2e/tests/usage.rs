//! `GET /api/membership-usage`: every parameter, both modes of window.

use e2e::{Deployment, Form, TestServer, photo};
use serde_json::{Value, json};

use crate::{accounts::sign_in, expect};

const REFUSED: &[(&str, &str)] = &[
    ("year=0", "'year' must be an integer between 1 and 9999, got: '0'"),
    ("year=abc", "'year' must be an integer between 1 and 9999, got: 'abc'"),
    ("month=13", "'month' must be an integer between 1 and 12, got: '13'"),
    ("month=0", "'month' must be an integer between 1 and 12, got: '0'"),
    (
        "periodStartUnix=1740441600&month=3",
        "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other.",
    ),
    (
        "periodStartUnix=1740441600&year=2025",
        "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other.",
    ),
];

#[test]
fn every_parameter_in_one_process() {
    every_parameter(Deployment::OneProcess);
}

#[test]
fn every_parameter_in_three_processes() {
    every_parameter(Deployment::ThreeProcesses);
}

#[test]
fn every_parameter_with_redis_and_postgres() {
    every_parameter(Deployment::ThreeWithBackends);
}

fn every_parameter(deployment: Deployment) {
    let server = deployment.server().start();
    callers(&server);
    refusals(&server);
    counters(&server);
    if deployment == Deployment::ThreeWithBackends {
        redis_names(&server);
    }
}

fn usage(server: &TestServer, key: &str, query: &str) -> Value {
    server.get(&format!("/api/membership-usage?{query}")).key(key).send().ok().json()
}

fn callers(server: &TestServer) {
    let anonymous = server.get("/api/membership-usage").send();
    assert_eq!(anonymous.status, 401, "{anonymous}");
    let unknown = server.get("/api/membership-usage").key("nonsense").send();
    expect::error(&unknown, 401, "invalid api key");
    let token = sign_in(server, "usage@example.com");
    assert_eq!(server.get("/api/membership-usage").bearer(&token).send().status, 401);
}

fn refusals(server: &TestServer) {
    for (query, message) in REFUSED {
        let answer = server.get(&format!("/api/membership-usage?{query}")).key(server.key()).send();
        expect::error(&answer, 400, message);
    }
}

fn counters(server: &TestServer) {
    let account = server.account().prepaid(7).create();
    let fresh = usage(server, &account.key, "");
    let expected = json!({"membership": "Free", "credits": 50, "prepaidCredits": 7,
                          "app_usage": 0, "api_usage": 0});
    assert_eq!(fresh, expected);
    for _ in 0..2 {
        let form = Form::image(&photo());
        assert_eq!(server.post("/rmbg").key(&account.key).form(form).send().status, 200);
    }
    let failed = server.post("/rmbg").key(&account.key).form(Form::image(b"no picture")).send();
    assert_eq!(failed.status, 400);
    let spent = usage(server, &account.key, "");
    assert_eq!((&spent["api_usage"], &spent["app_usage"]), (&json!(2), &json!(0)));
    assert!(spent.get("billingCycle").is_none(), "{spent}");
    assert_eq!(usage(server, &account.key, "year=2020&month=1")["api_usage"], 0);
    for query in [
        "expand=billing_cycle",
        "includeBillingCycle=1",
        "includeBillingCycle=true",
        "expand=a,billing_cycle",
    ] {
        window(&usage(server, &account.key, query));
    }
    list(server, &account.key);
}

/// Without Stripe the window is the UTC calendar month.
fn window(answer: &Value) {
    let cycle = &answer["billingCycle"];
    let (start, end) = (cycle["periodStartUnix"].as_i64(), cycle["periodEndUnix"].as_i64());
    let days = (end.expect("an end") + 1 - start.expect("a start")) / 86_400;
    assert!((28..=31).contains(&days), "{cycle}");
    assert_eq!(start.expect("a start") % 86_400, 0);
    for (name, value) in [
        ("appUsage", json!(0)),
        ("apiUsage", json!(2)),
        ("includedCredits", json!(50)),
        ("prepaidCredits", json!(7)),
        ("usedIncludedCredits", json!(2)),
        ("remainingIncludedCredits", json!(48)),
        ("stripeBillingSynced", json!(false)),
    ] {
        assert_eq!(cycle[name], value, "{name} in {cycle}");
    }
}

fn list(server: &TestServer, key: &str) {
    let listed = usage(server, key, "listBillingCycles=1&year=nonsense");
    let cycles = listed["billingCycles"].as_array().expect("a list").clone();
    assert_eq!(listed.as_object().map(serde_json::Map::len), Some(1), "{listed}");
    assert_eq!(cycles.len(), 1, "{listed}");
    assert_eq!((&cycles[0]["apiUsage"], &cycles[0]["appUsage"]), (&json!(2), &json!(0)));
    let start = cycles[0]["periodStartUnix"].as_i64().expect("a start");
    let query = format!("periodStartUnix={start}");
    assert_eq!(usage(server, key, &query)["api_usage"], 2);
    let earlier = format!("periodStartUnix={}", start - 86_400);
    assert_eq!(usage(server, key, &earlier)["api_usage"], 0);
}

/// Other tools read these keys; their names are part of the contract.
fn redis_names(server: &TestServer) {
    let redis = server.redis().expect("this deployment has one");
    let keys = redis.cli(&["keys", "users:*"]).expect("keys");
    assert!(
        keys.lines().any(|key| key.contains(":api_usage:2") && !key.contains("cycle")),
        "{keys}"
    );
    assert!(keys.lines().any(|key| key.contains(":api_usage:cycle:")), "{keys}");
    let padded = keys.lines().any(|key| key.contains("_usage:") && key.ends_with(":0"));
    assert!(!padded, "months have no leading zero: {keys}");
    let hash = keys
        .lines()
        .find(|key| key.matches(':').count() == 1)
        .unwrap_or_else(|| panic!("a user's hash in {keys}"));
    let fields = redis.cli(&["hkeys", hash]).expect("fields");
    for field in ["membership", "credits", "prepaid_credits"] {
        assert!(fields.lines().any(|name| name == field), "{field} in {fields}");
    }
}
