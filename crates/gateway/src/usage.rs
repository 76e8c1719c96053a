//! `GET /api/membership-usage`: what a key's account has used.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    http::StatusCode,
    web::{Data, Query},
};
use proto::billing_v1::{
    self as pb, GetMembershipUsageRequest, GetMembershipUsageResponse, ListBillingCyclesRequest,
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use validation::{UsageQuery, UsageScope};

use crate::{app::App, credentials::Credentials, error::ApiError, identity::first_told};

/// Counters of a calendar month or of one billing window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MembershipUsage {
    /// The plan.
    #[schema(example = "Premium-20000")]
    membership: String,
    /// Included credits of the plan a window.
    #[schema(example = 18500)]
    credits: i64,
    /// Prepaid credits left.
    #[serde(rename = "prepaidCredits")]
    #[schema(example = 2000)]
    prepaid_credits: i64,
    /// Pictures made as a signed-in user.
    #[schema(example = 8500)]
    app_usage: i64,
    /// Pictures made by API key.
    #[schema(example = 10000)]
    api_usage: i64,
    /// Only when asked for.
    #[serde(rename = "billingCycle", skip_serializing_if = "Option::is_none")]
    billing_cycle: Option<BillingCycle>,
}

/// One billing window and what it holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BillingCycle {
    /// Its first second.
    #[schema(example = 1_740_441_600)]
    period_start_unix: i64,
    /// Its last second; of the current one, where Stripe has told it, Stripe's end of the period.
    #[schema(example = 1_743_033_599)]
    period_end_unix: i64,
    /// Pictures made as a signed-in user.
    #[schema(example = 4200)]
    app_usage: i64,
    /// Pictures made by API key.
    #[schema(example = 5100)]
    api_usage: i64,
    /// Credits that the plan includes.
    #[schema(example = 18500)]
    included_credits: i64,
    /// Prepaid credits left.
    #[schema(example = 2000)]
    prepaid_credits: i64,
    /// Included credits used.
    #[schema(example = 9300)]
    used_included_credits: i64,
    /// Included credits left, never below 0.
    #[schema(example = 9200)]
    remaining_included_credits: i64,
    /// Whether the window is Stripe's; else it is the calendar month in UTC.
    #[schema(example = true)]
    stripe_billing_synced: bool,
}

/// Every billing window with usage, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BillingCycles {
    billing_cycles: Vec<CycleUsage>,
}

/// The counters of one billing window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CycleUsage {
    /// Its first second.
    #[schema(example = 1_774_268_612)]
    period_start_unix: i64,
    /// Its last second; of the current one, where Stripe has told it, Stripe's end of the period.
    #[schema(example = 1_776_947_012)]
    period_end_unix: i64,
    /// Pictures made as a signed-in user.
    #[schema(example = 120)]
    app_usage: i64,
    /// Pictures made by API key.
    #[schema(example = 880)]
    api_usage: i64,
}

/// Either answer of the endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum UsageAnswer {
    /// Without `listBillingCycles`.
    Usage(MembershipUsage),
    /// With `listBillingCycles`.
    Cycles(BillingCycles),
}

/// What the account behind an API key has used.
#[utoipa::path(get, path = "/api/membership-usage", tag = "Usage",
    operation_id = "membership_usage", security(("api_key" = [])),
    params(
        ("year" = Option<u16>, Query, minimum = 1, maximum = 9999,
         description = "Calendar year in UTC; now when absent."),
        ("month" = Option<u8>, Query, minimum = 1, maximum = 12,
         description = "Calendar month in UTC; now when absent."),
        ("periodStartUnix" = Option<i64>, Query, minimum = 0, example = 1_740_441_600,
         description = "One billing window, by its first second. Not together with year or month."),
        ("expand" = Option<String>, Query, example = "billing_cycle",
         description = "Comma-separated flags; `billing_cycle` adds `billingCycle`."),
        ("includeBillingCycle" = Option<bool>, Query,
         description = "`1` or `true` adds `billingCycle`."),
        ("listBillingCycles" = Option<bool>, Query,
         description = "`1` or `true` returns only the list of windows and ignores the rest."),
    ),
    responses((status = 200, description = "Also at zero balance.", body = UsageAnswer)))]
pub(crate) async fn membership_usage(
    request: HttpRequest,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let caller = Credentials::api_key(request.headers(), app.proxies.client_of(&request))?;
    let query = match query_of(&request) {
        Ok(query) => query,
        Err(fault) => return Err(first_told(&app, caller, fault, is_of_key).await),
    };
    let answer = match query {
        UsageQuery::Windows => {
            let list = ListBillingCyclesRequest { caller: Some(caller) };
            UsageAnswer::Cycles(app.billing.list_billing_cycles(list).await?.into())
        }
        UsageQuery::Usage { scope, with_billing_cycle } => {
            let usage = usage_request(caller, scope, with_billing_cycle);
            UsageAnswer::Usage(app.billing.get_membership_usage(usage).await?.into())
        }
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// Accounts that may make no pictures may still ask what they have used.
fn is_of_key(refusal: &ApiError) -> bool {
    refusal.status_code() == StatusCode::UNAUTHORIZED
}

fn query_of(request: &HttpRequest) -> Result<UsageQuery, ApiError> {
    let parameters = Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|_| ApiError::bad_request("The query string cannot be read."))?;
    Ok(UsageQuery::parse(&parameters, OffsetDateTime::now_utc())?)
}

fn usage_request(
    caller: pb::Caller,
    scope: UsageScope,
    include_billing_cycle: bool,
) -> GetMembershipUsageRequest {
    let (year, month, period_start_unix) = match scope {
        UsageScope::Month { year, month } => (Some(year.into()), Some(month.into()), None),
        UsageScope::Window { start } => (None, None, Some(start)),
    };
    let caller = Some(caller);
    GetMembershipUsageRequest { caller, year, month, period_start_unix, include_billing_cycle }
}

impl From<GetMembershipUsageResponse> for MembershipUsage {
    fn from(usage: GetMembershipUsageResponse) -> Self {
        Self {
            membership: usage.membership,
            credits: usage.credits,
            prepaid_credits: usage.prepaid_credits,
            app_usage: usage.app_usage,
            api_usage: usage.api_usage,
            billing_cycle: usage.billing_cycle.map(Into::into),
        }
    }
}

impl From<pb::BillingCycle> for BillingCycle {
    fn from(cycle: pb::BillingCycle) -> Self {
        Self {
            period_start_unix: cycle.period_start_unix,
            period_end_unix: cycle.period_end_unix,
            app_usage: cycle.app_usage,
            api_usage: cycle.api_usage,
            included_credits: cycle.included_credits,
            prepaid_credits: cycle.prepaid_credits,
            used_included_credits: cycle.used_included_credits,
            remaining_included_credits: cycle.remaining_included_credits,
            stripe_billing_synced: cycle.stripe_billing_synced,
        }
    }
}

impl From<pb::ListBillingCyclesResponse> for BillingCycles {
    fn from(list: pb::ListBillingCyclesResponse) -> Self {
        let billing_cycles = list.billing_cycles.into_iter().map(|cycle| CycleUsage {
            period_start_unix: cycle.period_start_unix,
            period_end_unix: cycle.period_end_unix,
            app_usage: cycle.app_usage,
            api_usage: cycle.api_usage,
        });
        Self { billing_cycles: billing_cycles.collect() }
    }
}
