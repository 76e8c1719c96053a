//! `Debug` for the messages that carry a key, a token or a password: the type's
//! name and whatever may be read by anyone, the secret as `[redacted]`.

use std::fmt::{Debug, Formatter, Result};

use crate::billing_v1::{self as pb, caller::Credential, create_checkout_request::Item};

struct Redacted;

impl Debug for Redacted {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("[redacted]")
    }
}

impl Debug for Credential {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::ApiKey(_) => f.debug_tuple("ApiKey").field(&Redacted).finish(),
            Self::SessionToken(_) => f.debug_tuple("SessionToken").field(&Redacted).finish(),
            Self::Anonymous(_) => f.write_str("Anonymous"),
        }
    }
}

// What is bought is no secret; it shares its message with a token, and the
// generator leaves both out.
impl Debug for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Plan(name) => f.debug_tuple("Plan").field(name).finish(),
            Self::Pack(name) => f.debug_tuple("Pack").field(name).finish(),
        }
    }
}

macro_rules! redacted_debug {
    ($($message:ident { $($open:ident),* $(; $($secret:ident),+)? })*) => {$(
        impl Debug for pb::$message {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                f.debug_struct(stringify!($message))
                    $(.field(stringify!($open), &self.$open))*
                    $($(.field(stringify!($secret), &Redacted))+)?
                    .finish()
            }
        }
    )*};
}

redacted_debug! {
    Caller { credential, address }
    RegisterRequest { address; email, password }
    VerifyEmailRequest { address; token }
    LoginRequest { address; email, password }
    LoginResponse { expires_at_unix; token }
    LogoutRequest { ; session_token }
    ConfirmPasswordResetRequest { address; token, password }
    GetAccountRequest { ; session_token }
    ListKeysRequest { ; session_token }
    CreateKeyRequest { name; session_token }
    CreateKeyResponse { info; key }
    RevokeKeyRequest { id; session_token }
    CreateCheckoutRequest { item; session_token }
    CreatePortalRequest { ; session_token }
    ApplyStripeEventRequest { ; payload, signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let caller = pb::Caller {
            credential: Some(Credential::ApiKey("rk_live_abc".into())),
            address: "192.0.2.1".into(),
        };
        let login = pb::LoginRequest {
            email: "a@example.org".into(),
            password: "hunter2".into(),
            address: String::new(),
        };
        let printed = format!("{caller:?} {login:?}");
        assert!(printed.contains("192.0.2.1") && printed.contains("[redacted]"));
        assert!(!printed.contains("abc") && !printed.contains("hunter2"));
    }
}
