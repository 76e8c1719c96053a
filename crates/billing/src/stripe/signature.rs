//! The signature of a webhook call: HMAC-SHA256 over the time stamp and the raw
//! body (<https://docs.stripe.com/webhooks#verify-manually>). Several secrets
//! may be valid at once, so that one can replace another without a gap.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::clock::Moment;

/// The call does not come from Stripe, or too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid signature")]
pub struct BadSignature;

/// Checks signatures.
#[derive(Clone)]
pub struct Signatures {
    secrets: Vec<String>,
    tolerance_seconds: u32,
}

impl std::fmt::Debug for Signatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signatures").field("secrets", &"[redacted]").finish_non_exhaustive()
    }
}

impl Signatures {
    /// Takes the secrets with commas between them.
    #[must_use]
    pub fn new(secrets: &str, tolerance_seconds: u32) -> Self {
        let secrets = secrets.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self { secrets: secrets.map(str::to_owned).collect(), tolerance_seconds }
    }

    /// Checks the `Stripe-Signature` header of a body.
    ///
    /// # Errors
    /// [`BadSignature`], whatever is wrong.
    pub fn check(&self, body: &[u8], header: &str, now: Moment) -> Result<(), BadSignature> {
        let stamp = values(header, "t").next().ok_or(BadSignature)?;
        let told: i64 = stamp.parse().map_err(|_| BadSignature)?;
        if now.seconds().abs_diff(told) > u64::from(self.tolerance_seconds) {
            return Err(BadSignature);
        }
        let signed = values(header, "v1").filter_map(|text| hex::decode(text).ok());
        let valid = signed.into_iter().any(|signature| {
            self.secrets.iter().any(|secret| matches(secret, stamp, body, &signature))
        });
        if valid { Ok(()) } else { Err(BadSignature) }
    }

    /// Signs a body as Stripe does, with the first secret; for tests.
    #[must_use]
    pub fn sign(&self, body: &[u8], now: Moment) -> Option<String> {
        let stamp = now.seconds().to_string();
        let signature = mac(self.secrets.first()?, &stamp, body)?.finalize().into_bytes();
        Some(format!("t={stamp},v1={}", hex::encode(signature)))
    }
}

fn values<'h>(header: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    header.split(',').filter_map(move |part| {
        let (key, value) = part.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

fn mac(secret: &str, stamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// Compares in constant time.
fn matches(secret: &str, stamp: &str, body: &[u8], signature: &[u8]) -> bool {
    mac(secret, stamp, body).is_some_and(|mac| mac.verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_742_000_000;

    fn at(seconds: i64) -> Moment {
        Moment::from_seconds(seconds)
    }

    #[test]
    fn what_is_signed_with_any_secret_passes() {
        let [old, new] = ["whsec_old", "whsec_new"].map(|secret| Signatures::new(secret, 300));
        let both = Signatures::new("whsec_new, whsec_old", 300);
        for signer in [&old, &new] {
            let header = signer.sign(b"{}", at(NOW)).expect("a secret");
            assert_eq!(both.check(b"{}", &header, at(NOW + 299)), Ok(()));
        }
    }

    #[test]
    fn anything_else_does_not() {
        let signatures = Signatures::new("whsec_a", 300);
        let good = signatures.sign(b"{}", at(NOW)).expect("a secret");
        let foreign = Signatures::new("whsec_b", 300).sign(b"{}", at(NOW)).expect("a secret");
        for (body, header, now) in [
            (&b"{ }"[..], good.as_str(), NOW),
            (b"{}", good.as_str(), NOW + 301),
            (b"{}", good.as_str(), NOW - 301),
            (b"{}", foreign.as_str(), NOW),
            (b"{}", "", NOW),
            (b"{}", "t=1742000000", NOW),
            (b"{}", "t=now,v1=00", NOW),
            (b"{}", "t=1742000000,v1=zz", NOW),
        ] {
            assert_eq!(signatures.check(body, header, at(now)), Err(BadSignature), "{header}");
        }
        assert_eq!(Signatures::new("", 300).check(b"{}", &good, at(NOW)), Err(BadSignature));
    }
}
