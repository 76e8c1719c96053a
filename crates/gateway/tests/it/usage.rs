//! `GET /api/membership-usage`: what becomes of each parameter.

use proto::{ErrorCode, ServiceError, billing_v1 as pb};
use serde_json::json;

use crate::app::{Setup, TestApp, expect_error, json as call};

fn cycle() -> pb::BillingCycle {
    pb::BillingCycle {
        period_start_unix: 1_740_441_600,
        period_end_unix: 1_743_033_599,
        app_usage: 4200,
        api_usage: 5100,
        included_credits: 18_500,
        prepaid_credits: 2000,
        used_included_credits: 9300,
        remaining_included_credits: 9200,
        stripe_billing_synced: true,
    }
}

fn scripted() -> TestApp {
    let setup = Setup::new().billing(|billing, journal| {
        let journal = journal.clone();
        billing.get_membership_usage = Some(Box::new(move |request| {
            let when = (request.year.is_some(), request.month, request.period_start_unix);
            journal.note(format!("{when:?}"));
            Ok(pb::GetMembershipUsageResponse {
                membership: "Premium-20000".into(),
                credits: 18_500,
                prepaid_credits: 2000,
                app_usage: 8500,
                api_usage: 10_000,
                billing_cycle: request.include_billing_cycle.then(cycle),
            })
        }));
        billing.list_billing_cycles = Some(Box::new(|_| {
            Ok(pb::ListBillingCyclesResponse {
                billing_cycles: vec![pb::CycleUsage {
                    period_start_unix: 1_774_268_612,
                    period_end_unix: 1_776_947_012,
                    app_usage: 120,
                    api_usage: 880,
                }],
            })
        }));
    });
    setup.start()
}

fn ask(app: &TestApp, query: &str) -> reqwest::RequestBuilder {
    app.get(&format!("/api/membership-usage?{query}")).header("x-api-key", "key")
}

#[tokio::test]
async fn the_answers_are_the_contracts() {
    let app = scripted();
    let usage = json!({ "membership": "Premium-20000", "credits": 18500, "prepaidCredits": 2000,
                        "app_usage": 8500, "api_usage": 10000 });
    assert_eq!(call(ask(&app, "")).await, (200, usage.clone()));
    let mut with_cycle = usage;
    with_cycle["billingCycle"] = json!({
        "periodStartUnix": 1740441600, "periodEndUnix": 1743033599, "appUsage": 4200,
        "apiUsage": 5100, "includedCredits": 18500, "prepaidCredits": 2000,
        "usedIncludedCredits": 9300, "remainingIncludedCredits": 9200,
        "stripeBillingSynced": true,
    });
    for query in ["expand=a,billing_cycle", "includeBillingCycle=1", "includeBillingCycle=true"] {
        assert_eq!(call(ask(&app, query)).await, (200, with_cycle.clone()), "{query}");
    }
    let list = json!({ "billingCycles": [{ "periodStartUnix": 1774268612,
        "periodEndUnix": 1776947012, "appUsage": 120, "apiUsage": 880 }] });
    assert_eq!(call(ask(&app, "listBillingCycles=1&year=x")).await, (200, list));
}

#[tokio::test]
async fn parameters_reach_billing() {
    let app = scripted();
    for query in ["year=2025&month=%30%33", "periodStartUnix=1740441600"] {
        assert_eq!(call(ask(&app, query)).await.0, 200, "{query}");
    }
    let expected = ["(true, Some(3), None)", "(false, None, Some(1740441600))"];
    assert_eq!(app.journal.entries(), expected);
}

#[tokio::test]
async fn faulty_parameters() {
    let app = scripted();
    let cases = [
        ("year=0", "'year' must be an integer between 1 and 9999, got: '0'"),
        ("month=13", "'month' must be an integer between 1 and 12, got: '13'"),
        ("month=ab%20c", "'month' must be an integer between 1 and 12, got: 'ab c'"),
        (
            "periodStartUnix=5&year=2025",
            "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other.",
        ),
        ("includeBillingCycle=x", "'includeBillingCycle' must be true or false, got: 'x'"),
    ];
    for (query, message) in cases {
        expect_error(ask(&app, query), 400, message).await;
    }
}

#[tokio::test]
async fn a_bad_key_comes_before_faulty_parameters() {
    let app = Setup::new().refusing(ServiceError::new(ErrorCode::InvalidApiKey, "why")).start();
    expect_error(ask(&app, "year=x"), 401, "invalid api key").await;
}

#[tokio::test]
async fn only_keys_may_ask() {
    let app = scripted();
    let anonymous = app.get("/api/membership-usage");
    expect_error(anonymous, 401, "invalid api key").await;
    let user = app.get("/api/membership-usage").bearer_auth("token");
    expect_error(user, 401, "invalid api key").await;
}
