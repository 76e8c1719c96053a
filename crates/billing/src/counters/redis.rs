//! Counters in Redis. Each decision is one Lua script, so it happens at once or
//! not at all, and each may be sent again: a reply that was lost changes
//! nothing. So every call is tried twice, the second time on a new connection.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use deadpool_redis::{
    Config, Connection, Pool, PoolConfig, Runtime, Timeouts,
    redis::{self, FromRedisValue, Script, ScriptInvocation},
};
use proto::billing_v1::RateStatus;

use super::{
    Admission, Applied, Ask, Counters, CountersError, Load, Profile, Projection, Result, Usage,
    gcra::period_micros, keys,
};
use crate::{
    identity::{AccountId, OperationId},
    store::CycleUsage,
    window::{CalendarMonth, day_number},
};

/// How long a connection and a reply may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer is remembered for an operation that asks again.
const REMEMBERED_MS: u64 = 60_000;
/// A day's count outlives the day, for attempts that end after midnight.
const DAY_KEPT_SECONDS: u64 = 2 * 86_400;

/// Counters in Redis.
pub struct RedisCounters {
    pool: Pool,
    admit: Script,
    finish_anonymous: Script,
    project: Script,
}

impl std::fmt::Debug for RedisCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCounters").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

impl RedisCounters {
    /// Prepares a pool; nothing connects yet.
    ///
    /// # Errors
    /// Where the address is none.
    pub fn new(url: &str, connections: usize) -> Result<Self> {
        let mut config = Config::from_url(url);
        config.pool = Some(PoolConfig {
            max_size: connections,
            timeouts: Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            },
            ..PoolConfig::default()
        });
        let pool = config.create_pool(Some(Runtime::Tokio1)).map_err(failed)?;
        Ok(Self {
            pool,
            admit: Script::new(include_str!("lua/admit.lua")),
            finish_anonymous: Script::new(include_str!("lua/finish_anonymous.lua")),
            project: Script::new(include_str!("lua/project.lua")),
        })
    }

    async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        match self.script_once(call).await {
            Ok(value) => Ok(value),
            Err(_) => self.script_once(call).await,
        }
    }

    async fn script_once<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        let mut connection = self.pool.get().await.map_err(failed)?;
        let reply = tokio::time::timeout(PATIENCE, call.invoke_async(&mut connection)).await;
        settle(connection, reply)
    }

    async fn query<T: FromRedisValue>(&self, pipe: &redis::Pipeline) -> Result<T> {
        match self.query_once(pipe).await {
            Ok(value) => Ok(value),
            Err(_) => self.query_once(pipe).await,
        }
    }

    async fn query_once<T: FromRedisValue>(&self, pipe: &redis::Pipeline) -> Result<T> {
        let mut connection = self.pool.get().await.map_err(failed)?;
        let reply = tokio::time::timeout(PATIENCE, pipe.query_async(&mut connection)).await;
        settle(connection, reply)
    }

    async fn project(&self, mode: &str, projection: &Projection) -> Result<Applied> {
        let reply: u8 = self.script(&project_call(&self.project, mode, projection)).await?;
        Ok(if reply == 0 { Applied::Missing } else { Applied::Counted })
    }

    async fn usage(&self, names: [String; 2]) -> Result<Usage> {
        let mut pipe = redis::pipe();
        for name in names {
            pipe.cmd("GET").arg(name);
        }
        let (app, api): (Option<i64>, Option<i64>) = self.query(&pipe).await?;
        Ok(Usage { app: app.unwrap_or(0), api: api.unwrap_or(0) })
    }
}

fn failed(error: impl std::fmt::Display) -> CountersError {
    CountersError(error.to_string())
}

/// A connection that failed or fell silent is not used again: a late reply
/// would be taken for the next one's.
fn settle<T>(
    connection: Connection,
    reply: std::result::Result<redis::RedisResult<T>, tokio::time::error::Elapsed>,
) -> Result<T> {
    match reply {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            drop(Connection::take(connection));
            Err(failed(error))
        }
        Err(_) => {
            drop(Connection::take(connection));
            Err(failed("no reply in time"))
        }
    }
}

#[async_trait]
impl Counters for RedisCounters {
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admission> {
        let reply: [i64; 5] = self.script(&admit_call(&self.admit, ask)).await?;
        let [verdict, limit, remaining, reset, wait] = reply;
        let [limit, remaining, reset_seconds] =
            [limit, remaining, reset].map(|n| u32::try_from(n).unwrap_or(0));
        let rate = RateStatus { limit, remaining, reset_seconds };
        match verdict {
            0 => Ok(Admission::Admitted(rate)),
            1 => Ok(Admission::TooFast(
                rate,
                Duration::from_micros(u64::try_from(wait).unwrap_or(0)),
            )),
            _ => Ok(Admission::DayIsOver(rate)),
        }
    }

    async fn finish_anonymous(&self, operation: &OperationId, succeeded: bool) -> Result<()> {
        let mut call = self.finish_anonymous.prepare_invoke();
        call.key(keys::anonymous(operation)).arg(u8::from(succeeded));
        self.script::<u8>(&call).await.map(drop)
    }

    async fn apply(&self, change: &Projection) -> Result<Applied> {
        self.project("apply", change).await
    }

    async fn load(&self, whole: &Projection, how: Load) -> Result<()> {
        let mode = match how {
            Load::Careful => "careful",
            Load::Exact => "exact",
        };
        self.project(mode, whole).await.map(drop)
    }

    async fn profile(&self, account: AccountId) -> Result<Option<Profile>> {
        let mut pipe = redis::pipe();
        pipe.cmd("HGETALL").arg(keys::user(account));
        let (hash,): (HashMap<String, String>,) = self.query(&pipe).await?;
        Ok(read_profile(account, &hash))
    }

    async fn versions(&self, accounts: &[AccountId]) -> Result<Vec<Option<i64>>> {
        let mut pipe = redis::pipe();
        for account in accounts {
            pipe.cmd("HGET").arg(keys::user(*account)).arg("version");
        }
        self.query(&pipe).await
    }

    async fn month(&self, account: AccountId, month: CalendarMonth) -> Result<Usage> {
        self.usage(["app", "api"].map(|kind| keys::month(account, kind, month))).await
    }

    async fn cycle(&self, account: AccountId, start: i64) -> Result<Usage> {
        self.usage(["app", "api"].map(|kind| keys::cycle(account, kind, start))).await
    }

    async fn cycles(&self, account: AccountId) -> Result<Vec<CycleUsage>> {
        let mut pipe = redis::pipe();
        pipe.cmd("ZRANGE").arg(keys::cycles(account)).arg(0).arg(-1).arg("WITHSCORES");
        let (windows,): (Vec<(i64, i64)>,) = self.query(&pipe).await?;
        if windows.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for (start, _) in &windows {
            pipe.cmd("GET").arg(keys::cycle(account, "app", *start));
            pipe.cmd("GET").arg(keys::cycle(account, "api", *start));
        }
        let sums: Vec<Option<i64>> = self.query(&pipe).await?;
        let sums = sums.chunks_exact(2).map(|pair| (pair[0].unwrap_or(0), pair[1].unwrap_or(0)));
        let zipped = windows.iter().zip(sums);
        let mut cycles: Vec<CycleUsage> =
            zipped.map(|(&(start, end), (app, api))| CycleUsage { start, end, app, api }).collect();
        cycles.sort_by_key(|cycle| cycle.start);
        Ok(cycles)
    }

    async fn is_filled(&self) -> Result<bool> {
        let mut pipe = redis::pipe();
        pipe.cmd("EXISTS").arg(keys::FILLED);
        let (filled,): (bool,) = self.query(&pipe).await?;
        Ok(filled)
    }

    async fn mark_filled(&self) -> Result<()> {
        let mut pipe = redis::pipe();
        pipe.cmd("SET").arg(keys::FILLED).arg(1);
        self.query::<((),)>(&pipe).await.map(drop)
    }

    async fn ping(&self) -> Result<()> {
        let mut pipe = redis::pipe();
        pipe.cmd("PING");
        self.query::<((),)>(&pipe).await.map(drop)
    }
}

fn admit_call<'s>(script: &'s Script, ask: &Ask<'_>) -> ScriptInvocation<'s> {
    let mut call = script.prepare_invoke();
    call.key(keys::answer(ask.operation));
    call.arg(ask.now.micros()).arg(ask.rates.len());
    for rate in &ask.rates {
        call.key(keys::rate(&rate.name));
        call.arg(period_micros(rate)).arg(rate.limit);
    }
    match &ask.daily {
        Some(daily) => {
            call.key(keys::day(&daily.name, day_number(ask.now)));
            call.key(keys::anonymous(ask.operation));
            call.arg(daily.limit);
        }
        None => {
            call.arg(-1);
        }
    }
    call.arg(DAY_KEPT_SECONDS).arg(REMEMBERED_MS);
    call
}

fn project_call<'s>(
    script: &'s Script,
    mode: &str,
    projection: &Projection,
) -> ScriptInvocation<'s> {
    let profile = &projection.profile;
    let account = profile.account;
    let mut call = script.prepare_invoke();
    call.key(keys::user(account)).key(keys::ahead(account)).key(keys::cycles(account));
    call.arg(mode).arg(profile.version);
    call.arg(&profile.membership).arg(profile.credits).arg(profile.prepaid_credits);
    match profile.period {
        Some((start, end)) => call.arg(start).arg(end),
        None => call.arg("").arg(""),
    };
    call.arg(projection.cycles.len());
    for cycle in &projection.cycles {
        call.arg(cycle.start).arg(cycle.end);
    }
    for cycle in &projection.cycles {
        for (kind, sum) in [("app", cycle.app), ("api", cycle.api)] {
            call.key(keys::cycle(account, kind, cycle.start)).arg(sum);
        }
    }
    let months = projection
        .months
        .iter()
        .filter_map(|sums| Some((CalendarMonth::from_number(sums.month)?, sums)));
    for (month, sums) in months {
        for (kind, sum) in [("app", sums.app), ("api", sums.api)] {
            call.key(keys::month(account, kind, month)).arg(sum);
        }
    }
    call
}

fn read_profile(account: AccountId, hash: &HashMap<String, String>) -> Option<Profile> {
    let number = |field: &str| hash.get(field)?.parse::<i64>().ok();
    Some(Profile {
        account,
        membership: hash.get("membership")?.clone(),
        credits: number("credits")?,
        prepaid_credits: number("prepaid_credits")?,
        period: number("billing_period_start").zip(number("billing_period_end")),
        version: number("version")?,
    })
}
