//! One suite for both implementations of the counters, and a comparison of the
//! two over random sequences of calls.

use std::time::Duration;

use billing::{
    clock::Moment,
    counters::{
        Admission, Applied, Ask, Counters, DailyLimit, Load, LocalCounters, Profile, Projection,
        RateLimit, RedisCounters, Usage,
    },
    identity::{AccountId, OperationId},
    store::{CycleUsage, MonthUsage},
    window::CalendarMonth,
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{Redis, unique};

const MARCH: CalendarMonth = CalendarMonth { year: 2025, month: 3 };

macro_rules! conformance {
    ($($test:ident)+) => {
        mod local {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&super::LocalCounters::default()).await;
            })+
        }
        mod redis {
            $(#[tokio::test]
            async fn $test() {
                let redis = crate::support::Redis::start();
                let counters = super::RedisCounters::new(&redis.url(), 4).expect("an address");
                super::$test(&counters).await;
            })+
        }
    };
}

conformance! {
    a_change_needs_an_account
    changes_count_once_in_any_order
    a_gap_shows_until_it_is_filled
    a_careful_load_keeps_what_is_later
    an_exact_load_replaces_everything
    a_period_comes_and_goes
    an_operation_is_admitted_once
    the_tightest_limit_is_told_and_refusals_cost_nothing
    the_mark_stands_once_all_is_loaded
}

/// A change that brings one window and month to a sum of API usage.
fn change(account: AccountId, version: i64, sum: i64) -> Projection {
    let profile = Profile {
        account,
        membership: "Free".to_owned(),
        credits: 100,
        prepaid_credits: 1000 - version,
        period: None,
        version,
    };
    Projection {
        profile,
        cycles: vec![CycleUsage { start: 7, end: 70, app: 0, api: sum }],
        months: vec![MonthUsage { month: MARCH.number(), app: 0, api: sum }],
    }
}

async fn expect(counters: &dyn Counters, account: AccountId, version: i64, api: i64) {
    let usage = Usage { app: 0, api };
    assert_eq!(counters.versions(&[account]).await.expect("up"), [Some(version)]);
    assert_eq!(counters.month(account, MARCH).await.expect("up"), usage);
    assert_eq!(counters.cycle(account, 7).await.expect("up"), usage);
}

async fn a_change_needs_an_account(counters: &dyn Counters) {
    let account = AccountId::generate();
    assert_eq!(counters.apply(&change(account, 3, 1)).await.expect("up"), Applied::Missing);
    assert_eq!(counters.profile(account).await.expect("up"), None);
    assert_eq!(counters.versions(&[account]).await.expect("up"), [None]);
    counters.load(&change(account, 2, 5), Load::Careful).await.expect("up");
    assert_eq!(counters.apply(&change(account, 3, 6)).await.expect("up"), Applied::Counted);
    expect(counters, account, 3, 6).await;
    assert_eq!(counters.cycle(account, 8).await.expect("up"), Usage::default());
    let windows = counters.cycles(account).await.expect("up");
    assert_eq!(windows, [CycleUsage { start: 7, end: 70, app: 0, api: 6 }]);
}

async fn changes_count_once_in_any_order(counters: &dyn Counters) {
    let account = AccountId::generate();
    counters.load(&change(account, 0, 0), Load::Careful).await.expect("up");
    for version in [3, 1, 1, 5, 2, 3, 4, 5, 2] {
        counters.apply(&change(account, version, version)).await.expect("up");
    }
    expect(counters, account, 5, 5).await;
    let profile = counters.profile(account).await.expect("up").expect("loaded");
    assert_eq!(profile.prepaid_credits, 995, "the latest change's");
}

async fn a_gap_shows_until_it_is_filled(counters: &dyn Counters) {
    let account = AccountId::generate();
    counters.load(&change(account, 10, 1), Load::Careful).await.expect("up");
    for version in [12, 13, 15] {
        counters.apply(&change(account, version, version)).await.expect("up");
    }
    expect(counters, account, 10, 15).await;
    counters.apply(&change(account, 11, 11)).await.expect("up");
    expect(counters, account, 13, 15).await;
    counters.load(&change(account, 14, 14), Load::Careful).await.expect("up");
    expect(counters, account, 15, 15).await;
}

async fn a_careful_load_keeps_what_is_later(counters: &dyn Counters) {
    let account = AccountId::generate();
    counters.load(&change(account, 5, 5), Load::Careful).await.expect("up");
    counters.apply(&change(account, 6, 6)).await.expect("up");
    counters.load(&change(account, 5, 5), Load::Careful).await.expect("up");
    expect(counters, account, 6, 6).await;
    let profile = counters.profile(account).await.expect("up").expect("loaded");
    assert_eq!(profile.prepaid_credits, 994);
}

async fn an_exact_load_replaces_everything(counters: &dyn Counters) {
    let account = AccountId::generate();
    counters.load(&change(account, 50, 500), Load::Careful).await.expect("up");
    counters.load(&change(account, 4, 4), Load::Exact).await.expect("up");
    expect(counters, account, 4, 4).await;
    counters.load(&change(account, 4, 3), Load::Careful).await.expect("up");
    expect(counters, account, 4, 3).await;
}

async fn a_period_comes_and_goes(counters: &dyn Counters) {
    let account = AccountId::generate();
    for (version, period) in [(1, None), (2, Some((100, 200))), (3, Some((200, 300))), (4, None)] {
        let mut next = change(account, version, 0);
        next.profile.period = period;
        counters.load(&next, Load::Careful).await.expect("up");
        assert_eq!(counters.profile(account).await.expect("up"), Some(next.profile));
    }
}

fn rate(name: &str, limit: u32) -> RateLimit {
    RateLimit { name: name.to_owned(), limit, period: Duration::from_secs(60) }
}

fn operation() -> OperationId {
    unique("operation").parse().expect("an operation")
}

async fn an_operation_is_admitted_once(counters: &dyn Counters) {
    let (name, operation, now) = (unique("rate"), operation(), Moment::from_seconds(1_000_000));
    let daily = Some(DailyLimit { name: name.clone(), limit: 1 });
    let ask = Ask { operation: &operation, rates: vec![rate(&name, 5)], daily, now };
    let first = counters.admit(&ask).await.expect("up");
    assert!(matches!(first, Admission::Admitted(rate) if rate.remaining == 4));
    for _ in 0..10 {
        assert_eq!(counters.admit(&ask).await.expect("up"), first);
    }
    let another = self::operation();
    let refused = counters.admit(&Ask { operation: &another, ..ask.clone() }).await.expect("up");
    assert!(matches!(refused, Admission::DayIsOver(rate) if rate.remaining == 4), "{refused:?}");
    counters.finish_anonymous(&operation, false).await.expect("up");
    counters.finish_anonymous(&operation, false).await.expect("up");
    let third = self::operation();
    let admitted = counters.admit(&Ask { operation: &third, ..ask.clone() }).await.expect("up");
    assert!(matches!(admitted, Admission::Admitted(_)), "{admitted:?}");
    counters.finish_anonymous(&third, true).await.expect("up");
    counters.finish_anonymous(&third, false).await.expect("up");
    let fourth = self::operation();
    let refused = counters.admit(&Ask { operation: &fourth, ..ask.clone() }).await.expect("up");
    assert!(matches!(refused, Admission::DayIsOver(_)), "{refused:?}");
}

async fn the_tightest_limit_is_told_and_refusals_cost_nothing(counters: &dyn Counters) {
    let (wide, tight) = (unique("wide"), unique("tight"));
    let now = Moment::from_seconds(1_000_000);
    let ask = async |rates: Vec<RateLimit>| {
        let operation = operation();
        counters.admit(&Ask { operation: &operation, rates, daily: None, now }).await.expect("up")
    };
    for remaining in [1, 0] {
        let answer = ask(vec![rate(&wide, 100), rate(&tight, 2)]).await;
        assert!(
            matches!(answer, Admission::Admitted(rate) if (rate.limit, rate.remaining) == (2, remaining))
        );
    }
    for _ in 0..5 {
        let answer = ask(vec![rate(&wide, 100), rate(&tight, 2)]).await;
        let Admission::TooFast(status, wait) = answer else { panic!("{answer:?}") };
        assert_eq!((status.limit, status.remaining, status.reset_seconds), (2, 0, 60));
        assert_eq!(wait, Duration::from_secs(30));
    }
    let answer = ask(vec![rate(&wide, 100)]).await;
    assert!(matches!(answer, Admission::Admitted(rate) if rate.remaining == 97), "{answer:?}");
}

async fn the_mark_stands_once_all_is_loaded(counters: &dyn Counters) {
    assert!(!counters.is_filled().await.expect("up"));
    counters.mark_filled().await.expect("up");
    assert!(counters.is_filled().await.expect("up"));
    counters.ping().await.expect("up");
}

/// A call to both implementations.
#[derive(Debug, Clone)]
enum Call {
    Admit { operation: u8, limits: Vec<u32>, daily: Option<u32>, later_ms: u32 },
    Finish { operation: u8, succeeded: bool },
    Apply { version: i64, sum: i64 },
    Load { version: i64, sum: i64, exact: bool },
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let admit =
        (any::<u8>(), prop::collection::vec(1u32..6, 1..4), prop::option::of(0u32..4), 0u32..1_000)
            .prop_map(|(operation, limits, daily, later_ms)| Call::Admit {
                operation,
                limits,
                daily,
                later_ms,
            });
    let finish = (any::<u8>(), any::<bool>())
        .prop_map(|(operation, succeeded)| Call::Finish { operation, succeeded });
    let apply = (0i64..12).prop_map(|version| Call::Apply { version, sum: version * 2 });
    let load = (0i64..12, any::<bool>()).prop_map(|(version, exact)| Call::Load {
        version,
        sum: version * 2,
        exact,
    });
    prop::collection::vec(prop_oneof![4 => admit, 2 => finish, 4 => apply, 1 => load], 1..40)
}

#[test]
fn both_implementations_answer_alike() {
    let redis = Redis::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config =
        ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&calls(), |calls| {
            runtime.block_on(async {
                let remote = RedisCounters::new(&redis.url(), 4).expect("an address");
                let ours = play(&LocalCounters::default(), &calls).await;
                prop_assert_eq!(ours, play(&remote, &calls).await);
                Ok(())
            })
        })
        .expect("alike");
}

/// Plays the calls on names of their own and tells every answer.
async fn play(counters: &dyn Counters, calls: &[Call]) -> Vec<String> {
    let (account, names) = (AccountId::generate(), unique("play"));
    let operation = |n: u8| format!("{names}-{n}").parse::<OperationId>().expect("an operation");
    let mut now = 1_000_000_000_000;
    let mut told = Vec::new();
    for call in calls {
        told.push(match call {
            Call::Admit { operation: n, limits, daily, later_ms } => {
                now += i64::from(*later_ms);
                let rates =
                    limits.iter().map(|limit| rate(&format!("{names}-{limit}"), *limit)).collect();
                let daily = daily.map(|limit| DailyLimit { name: names.clone(), limit });
                let now = Moment::from_seconds(now / 1000);
                let ask = Ask { operation: &operation(*n), rates, daily, now };
                format!("{:?}", counters.admit(&ask).await.expect("up"))
            }
            Call::Finish { operation: n, succeeded } => {
                format!("{:?}", counters.finish_anonymous(&operation(*n), *succeeded).await)
            }
            Call::Apply { version, sum } => {
                format!("{:?}", counters.apply(&change(account, *version, *sum)).await.expect("up"))
            }
            Call::Load { version, sum, exact } => {
                let how = if *exact { Load::Exact } else { Load::Careful };
                format!("{:?}", counters.load(&change(account, *version, *sum), how).await)
            }
        });
        let version = counters.versions(&[account]).await.expect("up");
        let usage = counters.cycle(account, 7).await.expect("up");
        let profile =
            counters.profile(account).await.expect("up").map(|profile| profile.prepaid_credits);
        told.push(format!("{version:?} {usage:?} {profile:?}"));
    }
    told
}
