//! Accounts, mailed links and sessions.

use async_trait::async_trait;
use sqlx::FromRow;

use super::{Backend, Result, account_columns};
use crate::{
    clock::Moment,
    identity::{AccountId, EmailAddress},
    secret::Digest,
    store::{
        Account, Accounts, Credentials, EmailPurpose, EmailTokenUse, NewAccount, NewEmailToken,
    },
};

#[derive(FromRow)]
struct VersionRow {
    #[sqlx(try_from = "String")]
    id: AccountId,
    version: i64,
}

#[derive(FromRow)]
struct TokenRow {
    #[sqlx(try_from = "String")]
    account_id: AccountId,
    password_hash: Option<String>,
}

#[async_trait]
impl Accounts for Backend {
    async fn create_account(&self, account: &NewAccount) -> Result<bool> {
        let now = account.now.seconds();
        let done = sqlx::query(
            "INSERT INTO accounts (id, email, password_hash, verified_at, created_at, plan, version) \
             VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT DO NOTHING",
        )
        .bind(account.id.to_string())
        .bind(account.email.as_str())
        .bind(account.password_hash.as_deref())
        .bind(account.verified.then_some(now))
        .bind(now)
        .bind(&account.plan)
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        let account = sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts WHERE accounts.id = $1"
        ))
        .bind(id.to_string())
        .fetch_optional(self.reader())
        .await?;
        Ok(account)
    }

    async fn account_by_email(&self, email: &EmailAddress) -> Result<Option<Account>> {
        let account = sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts WHERE accounts.email = $1"
        ))
        .bind(email.as_str())
        .fetch_optional(self.reader())
        .await?;
        Ok(account)
    }

    async fn first_on_plan(&self, plan: &str) -> Result<Option<Account>> {
        let account = sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts WHERE accounts.plan = $1 ORDER BY accounts.id LIMIT 1"
        ))
        .bind(plan)
        .fetch_optional(self.reader())
        .await?;
        Ok(account)
    }

    async fn versions(
        &self,
        after: Option<AccountId>,
        limit: i64,
    ) -> Result<Vec<(AccountId, i64)>> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<VersionRow> =
            sqlx::query_as("SELECT id, version FROM accounts WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(limit)
                .fetch_all(self.reader())
                .await?;
        Ok(rows.into_iter().map(|row| (row.id, row.version)).collect())
    }

    async fn credentials(&self, email: &EmailAddress) -> Result<Option<Credentials>> {
        let found = sqlx::query_as("SELECT id, password_hash FROM accounts WHERE email = $1")
            .bind(email.as_str())
            .fetch_optional(self.reader())
            .await?;
        Ok(found)
    }

    async fn put_email_token(&self, token: &NewEmailToken) -> Result<()> {
        sqlx::query(
            "INSERT INTO email_tokens (digest, account_id, purpose, password_hash, expires_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token.digest.as_slice())
        .bind(token.account.to_string())
        .bind(token.purpose.name())
        .bind(token.password_hash.as_deref())
        .bind(token.expires_at)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    async fn verify_email(&self, token: Digest, now: Moment) -> Result<EmailTokenUse> {
        let mut tx = self.begin().await?;
        let Some(used) = take_token(&mut tx, token, EmailPurpose::Verify, now).await? else {
            return Ok(EmailTokenUse::Invalid);
        };
        let account = used.account_id.to_string();
        let before: Option<String> =
            sqlx::query_scalar("SELECT password_hash FROM accounts WHERE id = $1")
                .bind(&account)
                .fetch_one(&mut *tx)
                .await?;
        sqlx::query(
            "UPDATE accounts SET verified_at = COALESCE(verified_at, $2), \
             password_hash = COALESCE($3, password_hash) WHERE id = $1",
        )
        .bind(&account)
        .bind(now.seconds())
        .bind(used.password_hash.as_deref())
        .execute(&mut *tx)
        .await?;
        if before.is_some() && used.password_hash.is_some() && used.password_hash != before {
            // The password may have been somebody else's.
            end_access(&mut tx, &account, now).await?;
        }
        // A link of an earlier registration must not set its password later.
        sqlx::query("DELETE FROM email_tokens WHERE account_id = $1 AND purpose = $2")
            .bind(&account)
            .bind(EmailPurpose::Verify.name())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(EmailTokenUse::Done(used.account_id))
    }

    async fn reset_password(
        &self,
        token: Digest,
        hash: &str,
        now: Moment,
    ) -> Result<EmailTokenUse> {
        let mut tx = self.begin().await?;
        let Some(used) = take_token(&mut tx, token, EmailPurpose::Reset, now).await? else {
            return Ok(EmailTokenUse::Invalid);
        };
        let account = used.account_id.to_string();
        let claimed: bool = sqlx::query_scalar(
            "SELECT verified_at IS NULL AND password_hash IS NOT NULL FROM accounts WHERE id = $1",
        )
        .bind(&account)
        .fetch_one(&mut *tx)
        .await?;
        if claimed {
            // The password, and keys made under it, may have been somebody else's.
            end_access(&mut tx, &account, now).await?;
        }
        sqlx::query(
            "UPDATE accounts SET verified_at = COALESCE(verified_at, $2), password_hash = $3 WHERE id = $1",
        )
        .bind(&account)
        .bind(now.seconds())
        .bind(hash)
        .execute(&mut *tx)
        .await?;
        for statement in [
            "DELETE FROM sessions WHERE account_id = $1",
            "DELETE FROM email_tokens WHERE account_id = $1",
        ] {
            sqlx::query(statement).bind(&account).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(EmailTokenUse::Done(used.account_id))
    }

    async fn open_session(
        &self,
        account: AccountId,
        token: Digest,
        now: Moment,
        expires_at: i64,
    ) -> Result<()> {
        sqlx::query("INSERT INTO sessions (digest, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(token.as_slice())
            .bind(account.to_string())
            .bind(now.seconds())
            .bind(expires_at)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    async fn session_account(&self, token: Digest, now: Moment) -> Result<Option<Account>> {
        let account = sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            " FROM sessions AS s JOIN accounts ON accounts.id = s.account_id \
             WHERE s.digest = $1 AND s.expires_at > $2"
        ))
        .bind(token.as_slice())
        .bind(now.seconds())
        .fetch_optional(self.reader())
        .await?;
        Ok(account)
    }

    async fn close_session(&self, token: Digest) -> Result<bool> {
        let done = sqlx::query("DELETE FROM sessions WHERE digest = $1")
            .bind(token.as_slice())
            .execute(self.writer())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn delete_expired(&self, now: Moment) -> Result<()> {
        for statement in [
            "DELETE FROM sessions WHERE expires_at <= $1",
            "DELETE FROM email_tokens WHERE expires_at <= $1",
        ] {
            sqlx::query(statement).bind(now.seconds()).execute(self.writer()).await?;
        }
        Ok(())
    }
}

/// Deletes a live token and returns what it was for, so that two uses at once
/// cannot both succeed.
async fn take_token(
    tx: &mut sqlx::Transaction<'static, super::Db>,
    token: Digest,
    purpose: EmailPurpose,
    now: Moment,
) -> Result<Option<TokenRow>> {
    let row = sqlx::query_as(
        "DELETE FROM email_tokens WHERE digest = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING account_id, password_hash",
    )
    .bind(token.as_slice())
    .bind(purpose.name())
    .bind(now.seconds())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row)
}

async fn end_access(
    tx: &mut sqlx::Transaction<'static, super::Db>,
    account: &str,
    now: Moment,
) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE account_id = $1")
        .bind(account)
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL")
        .bind(account)
        .bind(now.seconds())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
