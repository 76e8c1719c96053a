//! API keys in the profile, and the note of when each was last used.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use proto::{ErrorCode, ServiceError, billing_v1 as pb};

use super::{Answer, Inner};
use crate::{
    clock::Moment,
    identity::{AccountId, KeyId},
    secret::ApiKey,
    store::{KeyRecord, NewKey},
};

const LONGEST_NAME: usize = 100;
/// More than anybody needs, few enough to list.
const MOST_KEYS: usize = 100;

/// When keys were used, until it is written. A key is used far more often than
/// anybody looks at when.
#[derive(Debug, Default)]
pub(super) struct UsedKeys(Mutex<HashMap<KeyId, i64>>);

impl UsedKeys {
    pub(super) fn note(&self, key: KeyId, now: Moment) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, now.seconds());
    }

    fn take(&self) -> Vec<(KeyId, i64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

impl Inner {
    pub(super) async fn list_keys(
        &self,
        request: pb::ListKeysRequest,
    ) -> Answer<pb::ListKeysResponse> {
        let account = self.session_account(&request.session_token).await?;
        self.write_used_keys().await?;
        let keys = self.store.keys(account.id).await?;
        Ok(pb::ListKeysResponse { keys: keys.into_iter().map(key_info).collect() })
    }

    pub(super) async fn create_key(
        &self,
        request: pb::CreateKeyRequest,
    ) -> Answer<pb::CreateKeyResponse> {
        let account = self.session_account(&request.session_token).await?;
        if self.store.keys(account.id).await?.len() >= MOST_KEYS {
            return Err(ServiceError::new(ErrorCode::Conflict, "too many keys: revoke one first"));
        }
        let (key, record) = self.issue_key(account.id, &request.name).await?;
        Ok(pb::CreateKeyResponse { info: Some(key_info(record)), key: key.expose().to_owned() })
    }

    pub(super) async fn revoke_key(
        &self,
        request: pb::RevokeKeyRequest,
    ) -> Answer<pb::RevokeKeyResponse> {
        let account = self.session_account(&request.session_token).await?;
        let unknown = || ServiceError::new(ErrorCode::NotFound, "no such key");
        let key: KeyId = request.id.parse().map_err(|_| unknown())?;
        let ended = self.store.revoke_key(account.id, key, self.clock.now()).await;
        if ended? { Ok(pb::RevokeKeyResponse {}) } else { Err(unknown()) }
    }

    /// Makes a key; the only time that it is seen.
    pub(super) async fn issue_key(
        &self,
        account: AccountId,
        name: &str,
    ) -> Answer<(ApiKey, KeyRecord)> {
        let key = ApiKey::generate();
        let new = NewKey {
            id: KeyId::generate(),
            account,
            digest: key.digest(),
            prefix: key.prefix().to_owned(),
            name: key_name(name)?,
            now: self.clock.now(),
        };
        self.store.create_key(&new).await?;
        let record = KeyRecord {
            id: new.id,
            name: new.name,
            prefix: new.prefix,
            created_at: new.now.seconds(),
            last_used_at: None,
        };
        Ok((key, record))
    }

    pub(super) async fn write_used_keys(&self) -> Answer<()> {
        let used = self.used_keys.take();
        if used.is_empty() { Ok(()) } else { Ok(self.store.touch_keys(&used).await?) }
    }
}

fn key_name(name: &str) -> Answer<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
    if fits && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let message = format!("'name' must be 1 to {LONGEST_NAME} characters");
    Err(ServiceError::new(ErrorCode::InvalidArgument, message))
}

fn key_info(key: KeyRecord) -> pb::KeyInfo {
    pb::KeyInfo {
        id: key.id.to_string(),
        name: key.name,
        prefix: key.prefix,
        created_at_unix: key.created_at,
        last_used_at_unix: key.last_used_at,
    }
}
