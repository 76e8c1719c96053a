//! Passwords, as Argon2id. The work is done on the blocking pool, one at a time
//! a core: it is meant to be dear, and must not be a way to stop the service.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
};
use tokio::sync::Semaphore;

use crate::identity::Malformed;

const SHORTEST: usize = 8;
const LONGEST: usize = 200;

/// A password as somebody typed it.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    /// Takes a password that may be set.
    pub(crate) fn parse(text: String) -> Result<Self, Malformed> {
        if (SHORTEST..=LONGEST).contains(&text.chars().count()) {
            Ok(Self(text))
        } else {
            Err(Malformed("'password' must be 8 to 200 characters"))
        }
    }

    /// Takes a password to compare; too long a one is compared to nothing
    /// that can match, so that its length costs no more than others.
    pub(crate) fn guess(text: &str) -> Self {
        Self(text.chars().take(LONGEST + 1).collect())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Passwords cannot be worked on; the text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("argon2: {0}")]
pub struct PasswordError(String);

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError(error.to_string())
}

/// Hashes and compares.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// Compared to where there is no account, so that this takes as long.
    nobody: String,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Prepares with a cost.
    pub(crate) fn new(memory_kib: u32, passes: u32) -> Result<Self, PasswordError> {
        let params = Params::new(memory_kib, passes, 1, None).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let random: [u8; 32] = rand::random();
        let nobody = argon2.hash_password(&random).map_err(failed)?.to_string();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { argon2, nobody, turns: Arc::new(Semaphore::new(cores)) })
    }

    /// The PHC text to store.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.work(move || {
            argon2.hash_password(password.0.as_bytes()).map(|hash| hash.to_string()).map_err(failed)
        })
        .await?
    }

    /// Compares with a stored text. `None` takes as long and never matches.
    pub(crate) async fn matches(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let argon2 = self.argon2.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        self.work(move || {
            let hash = PasswordHash::new(&stored).map_err(failed)?;
            Ok(argon2.verify_password(password.0.as_bytes(), &hash).is_ok() && known)
        })
        .await?
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(failed)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_matches() {
        let passwords = Passwords::new(64, 1).expect("a cost");
        let password = Password::parse("correct horse".into()).expect("long enough");
        let stored = passwords.hash(password.clone()).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$") && !stored.contains("horse"));
        assert!(passwords.matches(password.clone(), Some(stored.clone())).await.expect("compared"));
        assert!(
            !passwords.matches(Password::guess("wrong"), Some(stored)).await.expect("compared")
        );
        assert!(!passwords.matches(password, None).await.expect("compared"));
    }

    #[test]
    fn lengths() {
        for (text, ok) in [("1234567", false), ("12345678", true), (&"x".repeat(201), false)] {
            assert_eq!(Password::parse(text.to_owned()).is_ok(), ok);
        }
    }
}
