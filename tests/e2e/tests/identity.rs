//! Who calls, what it costs and where it ends: the account and limit rows of the
//! contract, on every deployment.

use std::{fs, path::Path};

use e2e::{Deployment, Form, TestServer, photo};

use crate::{accounts::sign_in, expect};

/// Small numbers, so that a test reaches every limit.
pub(crate) const PLANS: &str = r#"
[[plan]]
name = "Free"
default = true
credits = 3
rate = 1000

[[plan]]
name = "Slow"
credits = 1000
rate = 2

[[plan]]
name = "Owner"
owner = true
credits = 1000000000
rate = 1000000
"#;

/// A server with the plans above and an anonymous trial of two pictures.
pub(crate) fn small(deployment: Deployment, folder: &Path) -> TestServer {
    let plans = folder.join("plans.toml");
    fs::write(&plans, PLANS).expect("plans");
    deployment
        .server()
        .env("REMBG_BILLING__PLANS_FILE", &plans.display().to_string())
        .env("REMBG_BILLING__LIMITS__ANONYMOUS_PER_DAY", "2")
        .env("REMBG_BILLING__LIMITS__ANONYMOUS_PER_MINUTE", "1000")
        .start()
}

#[test]
fn every_caller_in_one_process() {
    every_caller(Deployment::OneProcess);
}

#[test]
fn every_caller_in_three_processes() {
    every_caller(Deployment::ThreeProcesses);
}

#[test]
fn every_caller_with_redis_and_postgres() {
    every_caller(Deployment::ThreeWithBackends);
}

fn every_caller(deployment: Deployment) {
    let folder = tempfile::tempdir().expect("folder");
    let server = small(deployment, folder.path());
    anonymous(&server);
    keys(&server);
    two_identities(&server);
    unverified(&server);
    short_term(&server);
    credits(&server);
    a_token_spends_the_accounts_credits(&server);
}

fn send(server: &TestServer, key: &str) -> e2e::Answer {
    server.post("/rmbg").key(key).form(Form::image(&photo())).send()
}

fn anonymous(server: &TestServer) {
    for _ in 0..2 {
        let answer = server.post("/rmbg").form(Form::image(&photo())).send().ok();
        assert_eq!(answer.number("x-credits-charged"), 0);
    }
    let message = "You've reached your daily limit. Please sign up for more access.";
    let refused = server.post("/rmbg").form(Form::image(&photo())).send();
    expect::limit(&refused, "daily_limit", message);
    assert_eq!(send(server, server.key()).status, 200, "keys do not count as anonymous");
}

fn keys(server: &TestServer) {
    for key in ["nonsense", "rk_0000000000000000000000000000000000000000", ""] {
        expect::error(&send(server, key), 401, "invalid api key");
    }
    let account = server.free_account();
    assert_eq!(send(server, &account.key).status, 200);
    let listed = server.command(&["keys", "list", &account.email]);
    let id = listed
        .split_whitespace()
        .find(|word| word.len() == 36 && word.matches('-').count() == 4)
        .unwrap_or_else(|| panic!("an id in {listed:?}"));
    let _ = server.command(&["keys", "revoke", &account.email, id]);
    expect::error(&send(server, &account.key), 401, "invalid api key");
}

fn two_identities(server: &TestServer) {
    let answer = server.rmbg(Form::image(&photo())).bearer("anything").send();
    let message = "This is a mistake: Cannot use both API key and user token";
    expect::error(&answer, 400, message);
}

fn unverified(server: &TestServer) {
    let account = server.account().unverified().create();
    let message = "Email address not verified – please check your inbox";
    expect::error(&send(server, &account.key), 403, message);
}

fn short_term(server: &TestServer) {
    let account = server.account().plan("Slow").create();
    let message = "You're making requests too quickly, Please Upgrade or slow down.";
    let refused = (0..8).map(|_| send(server, &account.key)).find(|answer| answer.status != 200);
    let refused = refused.expect("two a minute are fewer than eight at once");
    expect::limit(&refused, "rate_limited", message);
    assert_eq!(refused.number("x-ratelimit-limit"), 2);
    assert_eq!(refused.number("x-ratelimit-remaining"), 0);
}

/// Three included credits, then two prepaid ones, then none.
fn credits(server: &TestServer) {
    let account = server.account().prepaid(2).create();
    for _ in 0..5 {
        assert_eq!(send(server, &account.key).ok().number("x-credits-charged"), 1);
    }
    let message = "You've reached your monthly limit. Consider purchasing more credits.";
    expect::limit(&send(server, &account.key), "out_of_credits", message);
}

fn a_token_spends_the_accounts_credits(server: &TestServer) {
    let person = sign_in(server, "web-editor@example.com");
    for _ in 0..3 {
        let call = server.post("/rmbg").bearer(&person).form(Form::image(&photo()));
        assert_eq!(call.send().ok().number("x-credits-charged"), 1);
    }
    let call = server.post("/rmbg").bearer(&person).form(Form::image(&photo()));
    assert_eq!(call.send().json()["code"], "out_of_credits");
    let unknown = server.post("/rmbg").bearer("no-such-token").form(Form::image(&photo())).send();
    assert_eq!(unknown.status, 401, "{unknown}");
}
