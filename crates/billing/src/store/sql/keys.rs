//! API keys.

use async_trait::async_trait;

use super::{Backend, Result, account_columns};
use crate::{
    clock::Moment,
    identity::{AccountId, KeyId},
    secret::Digest,
    store::{KeyHolder, KeyRecord, Keys, NewKey},
};

#[async_trait]
impl Keys for Backend {
    async fn create_key(&self, key: &NewKey) -> Result<()> {
        sqlx::query(
            "INSERT INTO api_keys (id, account_id, digest, prefix, name, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.id.to_string())
        .bind(key.account.to_string())
        .bind(key.digest.as_slice())
        .bind(&key.prefix)
        .bind(&key.name)
        .bind(key.now.seconds())
        .execute(self.writer())
        .await?;
        Ok(())
    }

    async fn key_holder(&self, key: Digest) -> Result<Option<KeyHolder>> {
        let holder = sqlx::query_as(concat!(
            "SELECT k.id AS key_id, ",
            account_columns!(),
            " FROM api_keys AS k JOIN accounts ON accounts.id = k.account_id \
             WHERE k.digest = $1 AND k.revoked_at IS NULL"
        ))
        .bind(key.as_slice())
        .fetch_optional(self.reader())
        .await?;
        Ok(holder)
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<KeyRecord>> {
        let keys = sqlx::query_as(
            "SELECT id, name, prefix, created_at, last_used_at FROM api_keys \
             WHERE account_id = $1 AND revoked_at IS NULL ORDER BY id",
        )
        .bind(account.to_string())
        .fetch_all(self.reader())
        .await?;
        Ok(keys)
    }

    async fn revoke_key(&self, account: AccountId, key: KeyId, now: Moment) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL",
        )
        .bind(key.to_string())
        .bind(account.to_string())
        .bind(now.seconds())
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn touch_keys(&self, used: &[(KeyId, i64)]) -> Result<()> {
        let mut tx = self.begin().await?;
        for (key, at) in used {
            sqlx::query(
                "UPDATE api_keys SET last_used_at = $2 \
                 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
            )
            .bind(key.to_string())
            .bind(at)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
