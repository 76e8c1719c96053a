//! API keys, session tokens and the tokens of mailed links: 256 random bits
//! behind a recognisable prefix. Only the SHA-256 digest is stored. A slow hash
//! would add nothing, for there is nothing to guess; and because a secret is
//! looked up by its digest, comparing takes no time that depends on how much of
//! a guess was right.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What the store keeps of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of several parts; lengths are mixed in, so that moving a byte
    /// from one part to the next changes it.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The bytes, for a bind parameter.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Lower-case hexadecimal, for a counter's name.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[digest]")
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $Name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $Name(String);

        impl $Name {
            const PREFIX: &str = $prefix;

            /// A fresh one from the operating system's randomness.
            #[must_use]
            pub fn generate() -> Self {
                let random: [u8; 32] = rand::random();
                Self(format!("{}{}", Self::PREFIX, hex::encode(random)))
            }

            /// Takes what a client sent; `None` when it cannot be one of ours.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix(Self::PREFIX)?;
                let well_formed = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                well_formed.then(|| Self(text.to_owned()))
            }

            /// What is stored.
            #[must_use]
            pub fn digest(&self) -> Digest {
                Digest::of(&[self.0.as_bytes()])
            }

            /// The secret itself, for the one answer or mail that shows it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[redacted]")
            }
        }
    };
}

secret! {
    /// What `x-api-key` carries.
    ApiKey, "rk_"
}

secret! {
    /// What `Authorization: Bearer` carries.
    SessionToken, "rs_"
}

secret! {
    /// What the link of a verification or reset mail carries.
    EmailToken, "rm_"
}

impl ApiKey {
    const SHOWN: usize = 11;

    /// The recognisable start; too short to help a guess.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0[..Self::SHOWN]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_parsing_and_never_prints() {
        let key = ApiKey::generate();
        let parsed = ApiKey::parse(key.expose()).expect("well formed");
        assert_eq!(parsed.digest(), key.digest());
        assert_eq!(key.prefix().len(), 11);
        assert_eq!(format!("{key:?}"), "[redacted]");
        assert_ne!(ApiKey::generate().digest(), key.digest());
    }

    #[test]
    fn foreign_texts_are_no_keys() {
        for text in ["", "rk_", "rk_zz", "sk_live_1", &format!("rs_{}", "a".repeat(64))] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }
}
