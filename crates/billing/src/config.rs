//! The `[billing]` section. `billing.toml` beside this crate documents each key.

use std::{net::SocketAddr, path::PathBuf};

use runtime::config::{ConfigError, Layers};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

/// The embedded defaults of the section.
pub const DEFAULTS: &str = include_str!("../billing.toml");

/// Well-known environment variables and the keys that they set, for
/// [`Layers::environment`].
pub const WELL_KNOWN: [(&str, &str); 6] = [
    ("DATABASE_URL", "billing.database_url"),
    ("REDIS_URL", "billing.redis_url"),
    ("SMTP_URL", "billing.mail.smtp_url"),
    ("STRIPE_SECRET_KEY", "billing.stripe.secret_key"),
    ("STRIPE_WEBHOOK_SECRET", "billing.stripe.webhook_secret"),
    ("STRIPE_API_BASE", "billing.stripe.api_base"),
];

/// Where people reach a service that was not told.
const LOCAL_URL: &str = "http://127.0.0.1:8080";

/// The `[billing]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingConfig {
    /// Where the `billing` process listens.
    pub listen: SocketAddr,
    /// Where it serves metrics.
    #[serde(deserialize_with = "address_or_nothing")]
    pub metrics_listen: Option<SocketAddr>,
    /// What is kept on disk.
    pub data_dir: PathBuf,
    /// Postgres; empty is SQLite.
    pub database_url: SecretString,
    /// Connections to Postgres at most.
    pub database_connections: u32,
    /// Redis; empty is in process.
    pub redis_url: SecretString,
    /// Connections to Redis at most.
    pub redis_connections: usize,
    /// The plans file; empty is the embedded one.
    pub plans_file: PathBuf,
    /// Where people reach the service.
    pub public_url: String,
    /// The age at which the sweeper gives a reservation back.
    pub reservation_seconds: u32,
    /// The `[billing.limits]` section.
    pub limits: LimitsConfig,
    /// The `[billing.accounts]` section.
    pub accounts: AccountsConfig,
    /// The `[billing.mail]` section.
    pub mail: MailConfig,
    /// The `[billing.stripe]` section.
    pub stripe: StripeConfig,
}

/// The `[billing.limits]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Anonymous pictures a UTC day and address.
    pub anonymous_per_day: u32,
    /// Anonymous requests a minute and address.
    pub anonymous_per_minute: u32,
    /// Requests a minute and address of everybody else.
    pub address_per_minute: u32,
    /// Attempts at accounts a quarter of an hour and address.
    pub attempts_per_address: u32,
    /// Attempts at one account a quarter of an hour.
    pub attempts_per_account: u32,
}

/// The `[billing.accounts]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsConfig {
    /// How long a sign-in lasts.
    pub session_days: u32,
    /// How long a verification link works.
    pub verify_link_hours: u32,
    /// How long a reset link works.
    pub reset_link_hours: u32,
    /// Argon2's memory.
    pub argon2_memory_kib: u32,
    /// Argon2's passes.
    pub argon2_passes: u32,
    /// The least time that register and reset take.
    pub answer_floor_ms: u32,
}

/// The `[billing.mail]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The SMTP server; empty is the outbox.
    pub smtp_url: SecretString,
    /// The sender.
    pub from: String,
}

/// The `[billing.stripe]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeConfig {
    /// The secret key; empty sells nothing.
    pub secret_key: SecretString,
    /// Webhook secrets, with commas between.
    pub webhook_secret: SecretString,
    /// How far off an event's time stamp may be.
    pub tolerance_seconds: u32,
    /// Another server in Stripe's place.
    pub api_base: String,
}

impl BillingConfig {
    /// Parses and checks the section.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mut config: Self = layers.section("billing")?;
        if config.public_url.is_empty() {
            LOCAL_URL.clone_into(&mut config.public_url);
        }
        for (key, value) in [
            ("billing.limits.anonymous_per_minute", config.limits.anonymous_per_minute),
            ("billing.limits.address_per_minute", config.limits.address_per_minute),
            ("billing.limits.attempts_per_address", config.limits.attempts_per_address),
            ("billing.limits.attempts_per_account", config.limits.attempts_per_account),
            ("billing.reservation_seconds", config.reservation_seconds),
            ("billing.database_connections", config.database_connections),
        ] {
            if value == 0 {
                return Err(ConfigError::Rejected { key, reason: "must be at least 1".into() });
            }
        }
        Ok(config)
    }
}

/// A secret that is set.
pub(crate) fn given(secret: &SecretString) -> Option<&str> {
    Some(secret.expose_secret()).filter(|text| !text.is_empty())
}

fn address_or_nothing<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_defaults_are_valid() {
        let config = BillingConfig::from_layers(&Layers::new(DEFAULTS)).expect("valid");
        assert!(given(&config.database_url).is_none() && config.metrics_listen.is_none());
    }

    #[test]
    fn secrets_do_not_print() {
        let layers = Layers::new(DEFAULTS).flag("billing.stripe.secret_key", Some("sk_live_abc"));
        let config = BillingConfig::from_layers(&layers).expect("valid");
        assert!(!format!("{config:?}").contains("abc"));
    }

    #[test]
    fn a_bad_value_names_its_key() {
        for (key, value) in
            [("billing.listen", "nowhere"), ("billing.limits.attempts_per_account", "0")]
        {
            let layers = Layers::new(DEFAULTS).flag(key, Some(value));
            let error = BillingConfig::from_layers(&layers).expect_err(key).to_string();
            assert!(error.contains(key.rsplit('.').next().unwrap_or(key)), "{error}");
        }
        let layers = Layers::new(DEFAULTS).flag("billing.reservation_seconds", Some(0));
        let error = BillingConfig::from_layers(&layers).expect_err("zero").to_string();
        assert!(error.contains("billing.reservation_seconds"), "{error}");
    }
}
