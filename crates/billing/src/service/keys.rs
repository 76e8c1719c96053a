//! API keys in the profile, and the note of when each was last used.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
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
/// anybody looks at when. In the keys' order, for processes that write the same
/// keys in different orders wait for each other for ever.
#[derive(Debug, Default)]
pub(super) struct UsedKeys(Mutex<BTreeMap<KeyId, i64>>);

impl UsedKeys {
    pub(super) fn note(&self, key: KeyId, now: Moment) {
        self.lock().insert(key, now.seconds());
    }

    fn take(&self) -> Vec<(KeyId, i64)> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    /// Takes back what could not be written, unless it is known better by now.
    fn put_back(&self, used: Vec<(KeyId, i64)>) {
        let mut notes = self.lock();
        for (key, at) in used {
            notes.entry(key).or_insert(at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KeyId, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(super) async fn list_keys(
        &self,
        request: pb::ListKeysRequest,
    ) -> Answer<pb::ListKeysResponse> {
        let account = self.session_account(&request.session_token).await?;
        if let Err(error) = self.write_used_keys().await {
            tracing::warn!(%error, "keys are listed without their last use");
        }
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
        let record = self.keep_key(&key, account, name).await?;
        Ok((key, record))
    }

    /// Makes a key that was drawn before good for an account.
    pub(super) async fn keep_key(
        &self,
        key: &ApiKey,
        account: AccountId,
        name: &str,
    ) -> Answer<KeyRecord> {
        let new = NewKey {
            id: KeyId::generate(),
            account,
            digest: key.digest(),
            prefix: key.prefix().to_owned(),
            name: key_name(name)?,
            now: self.clock.now(),
        };
        self.store.create_key(&new).await?;
        Ok(KeyRecord {
            id: new.id,
            name: new.name,
            prefix: new.prefix,
            created_at: new.now.seconds(),
            last_used_at: None,
        })
    }

    pub(super) async fn write_used_keys(&self) -> Answer<()> {
        let used = self.used_keys.take();
        if used.is_empty() {
            return Ok(());
        }
        let written = self.store.touch_keys(&used).await;
        if written.is_err() {
            self.used_keys.put_back(used);
        }
        Ok(written?)
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
