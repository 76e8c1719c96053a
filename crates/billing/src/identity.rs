//! The names of things: accounts, keys, operations, e-mail addresses. Each is
//! parsed once at the edge and trusted from there on.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A text is not what it should be; the message is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

macro_rules! uuid_name {
    ($(#[$doc:meta])* $Name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $Name(Uuid);

        impl $Name {
            /// A fresh one; later ones sort after earlier ones.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $Name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Uuid::parse_str(text).map(Self).map_err(|_| Malformed($what))
            }
        }

        impl TryFrom<String> for $Name {
            type Error = Malformed;

            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }
    };
}

uuid_name! {
    /// An account; the `{uid}` of the counters and Stripe's `client_reference_id`.
    AccountId, "not an account id"
}

uuid_name! {
    /// An API key's public name; the key itself is a [`crate::secret::ApiKey`].
    KeyId, "not a key id"
}

/// One attempt at one request. Reserve, commit and release are idempotent by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OperationId(String);

impl OperationId {
    const LONGEST: usize = 128;

    /// The text as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperationId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fits = !text.is_empty() && text.len() <= Self::LONGEST;
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Malformed("an operation id is 1 to 128 printable ASCII characters"))
        }
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address in the one spelling that is stored: trimmed, lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    const LONGEST: usize = 254;

    /// The normalised address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let normal = text.trim().to_lowercase();
        let valid = normal.len() <= Self::LONGEST && normal.parse::<lettre::Address>().is_ok();
        if valid { Ok(Self(normal)) } else { Err(Malformed("'email' must be an e-mail address")) }
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            (" Ann@Example.ORG ", Some("ann@example.org")),
            ("owner@localhost", Some("owner@localhost")),
            ("ann", None),
            ("ann@", None),
            ("a b@example.org", None),
            ("ann@example.org\r\nBcc: x@example.org", None),
            ("", None),
        ] {
            let parsed = text.parse::<EmailAddress>().ok();
            assert_eq!(parsed.as_ref().map(EmailAddress::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn operation_ids() {
        assert!("019a-x".parse::<OperationId>().is_ok());
        for bad in ["", "with space", "ümlaut", &"x".repeat(129)] {
            assert!(bad.parse::<OperationId>().is_err(), "{bad:?}");
        }
    }
}
