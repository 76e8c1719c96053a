//! Who calls, and which short-term limits they fall under.

use std::{net::IpAddr, time::Duration};

use proto::billing_v1::{self as pb, Caller as PbCaller, caller::Credential};

use super::{Answer, Inner, fault};
use crate::{
    counters::{DailyLimit, RateLimit},
    identity::KeyId,
    plans::Plan,
    secret::{ApiKey, SessionToken},
    store::{Account, KeyHolder, UsageKind},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A caller that was recognised.
pub(super) enum Caller {
    /// An account, by one of its keys or by a session.
    Account { account: Box<Account>, kind: UsageKind, key: Option<KeyId> },
    /// Nobody; counted by address.
    Anonymous,
}

impl Inner {
    pub(super) async fn identify(
        &self,
        request: pb::IdentifyRequest,
    ) -> Answer<pb::IdentifyResponse> {
        self.permitted(&request.caller.unwrap_or_default()).await?;
        Ok(pb::IdentifyResponse {})
    }

    /// Recognises a caller who may ask for pictures: an account's address must
    /// be verified.
    pub(super) async fn permitted(&self, caller: &PbCaller) -> Answer<Caller> {
        let caller = self.recognise(caller).await?;
        match &caller {
            Caller::Account { account, .. } if account.verified_at.is_none() => {
                Err(fault::not_verified())
            }
            _ => Ok(caller),
        }
    }

    /// Recognises a caller.
    async fn recognise(&self, caller: &PbCaller) -> Answer<Caller> {
        match &caller.credential {
            Some(Credential::ApiKey(key)) => {
                let KeyHolder { key_id, account } = self.key_holder(key).await?;
                Ok(Caller::Account {
                    account: Box::new(account),
                    kind: UsageKind::Api,
                    key: Some(key_id),
                })
            }
            Some(Credential::SessionToken(token)) => {
                let account = self.session_account(token).await?;
                Ok(Caller::Account { account: Box::new(account), kind: UsageKind::App, key: None })
            }
            Some(Credential::Anonymous(_)) | None => Ok(Caller::Anonymous),
        }
    }

    pub(super) async fn key_holder(&self, key: &str) -> Answer<KeyHolder> {
        let key = ApiKey::parse(key).ok_or_else(fault::invalid_key)?;
        let holder = self.store.key_holder(key.digest()).await?;
        let holder = holder.ok_or_else(fault::invalid_key)?;
        self.used_keys.note(holder.key_id, self.clock.now());
        Ok(holder)
    }

    pub(super) async fn session_account(&self, token: &str) -> Answer<Account> {
        let token = SessionToken::parse(token).ok_or_else(fault::invalid_session)?;
        let found = self.store.session_account(token.digest(), self.clock.now()).await;
        found?.ok_or_else(fault::invalid_session)
    }

    /// The limits of an account's request: its key's, its own, its address's.
    pub(super) fn account_limits(
        &self,
        account: &Account,
        key: Option<KeyId>,
        plan: &Plan,
        address: &str,
    ) -> Vec<RateLimit> {
        let limit = |name: String, limit: u32| RateLimit { name, limit, period: MINUTE };
        let at_address = self.config.limits.address_per_minute.max(plan.rate);
        let mut limits = vec![
            limit(format!("account:{}", account.id), plan.rate),
            limit(format!("address:{}", network(address)), at_address),
        ];
        limits.extend(key.map(|key| limit(format!("key:{key}"), plan.rate)));
        limits
    }

    /// The limits of an anonymous request.
    pub(super) fn anonymous_limits(&self, address: &str) -> (Vec<RateLimit>, DailyLimit) {
        let limits = &self.config.limits;
        let name = network(address);
        let rate = RateLimit {
            name: format!("anonymous:{name}"),
            limit: limits.anonymous_per_minute,
            period: MINUTE,
        };
        (vec![rate], DailyLimit { name, limit: limits.anonymous_per_day })
    }
}

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 host
/// may pick any address from.
pub(super) fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(v4) => v4.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_by_network() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
            ("", ""),
        ] {
            assert_eq!(network(address), expected);
        }
    }
}
