//! Whether the ledger's rows, the sums kept beside them, the counters and the
//! answers of the service all say the same.

use std::collections::HashSet;

use billing::window::CalendarMonth;
use sqlx::{PgPool, SqlitePool};

use super::{Bed, Customer};

/// The store from outside.
pub(crate) enum Audit {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

const ROWS: &str = "SELECT \
    CAST(COALESCE(SUM(CASE WHEN state = 'committed' THEN included ELSE 0 END), 0) AS BIGINT), \
    CAST(COALESCE(SUM(CASE WHEN state = 'committed' THEN prepaid ELSE 0 END), 0) AS BIGINT), \
    CAST(COALESCE(SUM(CASE WHEN state = 'reserved' THEN included ELSE 0 END), 0) AS BIGINT), \
    CAST(COALESCE(SUM(CASE WHEN state = 'reserved' THEN prepaid ELSE 0 END), 0) AS BIGINT) \
    FROM ledger WHERE account_id = $1";
const CYCLES: &str = "SELECT CAST(COALESCE(SUM(app + api), 0) AS BIGINT), \
    CAST(COALESCE(SUM(held), 0) AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT) FROM cycle_usage WHERE account_id = $1";
const MONTHS: &str = "SELECT CAST(COALESCE(SUM(app + api), 0) AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT), \
     CAST(0 AS BIGINT) FROM month_usage WHERE account_id = $1";
const IN_WINDOW: &str = "SELECT CAST(COALESCE(SUM(app + api), 0) AS BIGINT) FROM cycle_usage \
    WHERE account_id = $1 AND window_start = $2";
const IN_MONTH: &str = "SELECT CAST(COALESCE(SUM(app + api), 0) AS BIGINT) FROM month_usage \
    WHERE account_id = $1 AND month = $2";
const BALANCE: &str = "SELECT prepaid, prepaid_held, version, version FROM accounts WHERE id = $1";
const GRANTS: &str = "SELECT CAST(COALESCE(SUM(credits - reversed), 0) AS BIGINT), CAST(0 AS BIGINT), \
    CAST(0 AS BIGINT), CAST(0 AS BIGINT) FROM prepaid_grants WHERE account_id = $1";

type Row = (i64, i64, i64, i64);

impl Audit {
    pub(crate) async fn of(bed: &Bed) -> Self {
        let url: String = bed.layers.section("billing.database_url").expect("text");
        if url.is_empty() {
            let file = format!("sqlite://{}", bed.folder.path().join("rembg.db").display());
            Self::Sqlite(SqlitePool::connect(&file).await.expect("the file"))
        } else {
            Self::Postgres(PgPool::connect(&url).await.expect("the database"))
        }
    }

    async fn row(&self, statement: &'static str, account: &str) -> Row {
        match self {
            Self::Postgres(pool) => sqlx::query_as(statement).bind(account).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_as(statement).bind(account).fetch_one(pool).await,
        }
        .expect("a row")
    }

    /// What was charged in one window or month.
    async fn used_in(&self, statement: &'static str, account: &str, period: i64) -> i64 {
        match self {
            Self::Postgres(pool) => {
                sqlx::query_scalar(statement).bind(account).bind(period).fetch_one(pool).await
            }
            Self::Sqlite(pool) => {
                sqlx::query_scalar(statement).bind(account).bind(period).fetch_one(pool).await
            }
        }
        .expect("a sum")
    }

    /// The operations that a customer paid for.
    pub(crate) async fn committed(&self, customer: &Customer) -> HashSet<String> {
        const PAID: &str =
            "SELECT operation_id FROM ledger WHERE account_id = $1 AND state = 'committed'";
        let id = customer.id.to_string();
        let paid: Vec<String> = match self {
            Self::Postgres(pool) => sqlx::query_scalar(PAID).bind(id).fetch_all(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(PAID).bind(id).fetch_all(pool).await,
        }
        .expect("rows");
        paid.into_iter().collect()
    }

    /// Compares everything, and returns what was charged: included and prepaid.
    pub(crate) async fn check(&self, bed: &Bed, customer: &Customer) -> (i64, i64) {
        let id = customer.id.to_string();
        let (included, prepaid, held, prepaid_held) = self.row(ROWS, &id).await;
        let (used, cycle_held, ..) = self.row(CYCLES, &id).await;
        assert_eq!((used, cycle_held), (included, held), "windows against the ledger");
        assert_eq!(self.row(MONTHS, &id).await.0, included, "months against the ledger");
        let (balance, balance_held, version, _) = self.row(BALANCE, &id).await;
        let granted = self.row(GRANTS, &id).await.0;
        assert_eq!(
            (balance, balance_held),
            (granted - prepaid, prepaid_held),
            "prepaid against the ledger"
        );
        let usage = bed.usage(customer).await;
        let cycle = usage.billing_cycle.expect("asked for");
        // Since the last charge a month may have ended.
        let month = CalendarMonth::of(bed.clock.now()).number();
        let in_month = self.used_in(IN_MONTH, &id, month).await;
        assert_eq!(usage.app_usage + usage.api_usage, in_month, "the answer against the ledger");
        let in_window = self.used_in(IN_WINDOW, &id, cycle.period_start_unix).await;
        assert_eq!(cycle.used_included_credits, in_window, "the answer's window");
        assert_eq!(usage.prepaid_credits, balance.max(0), "the answer's balance");
        let counters = bed.service.counters();
        assert_eq!(counters.versions(&[customer.id]).await.expect("counters"), [Some(version)]);
        let windows = counters.cycles(customer.id).await.expect("counters");
        assert_eq!(windows.iter().map(|window| window.app + window.api).sum::<i64>(), included);
        (included, prepaid)
    }
}
