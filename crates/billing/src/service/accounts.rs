//! Registering, verifying, signing in and out, resetting. Whether an address
//! has an account cannot be told from outside: answers are the same, the same
//! hashing is done, mails go out beside the answer, and what little time a
//! database takes more or less is covered by a floor under the answer's time.

use std::{future::Future, time::Duration};

use proto::{ErrorCode, ServiceError, billing_v1 as pb};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Answer, Inner, caller::network, fault};
use crate::{
    counters::RateLimit,
    identity::{AccountId, EmailAddress, OperationId},
    mail::Letter,
    password::Password,
    secret::{Digest, EmailToken, SessionToken},
    store::{EmailPurpose, EmailTokenUse, NewAccount, NewEmailToken},
};

const QUARTER: Duration = Duration::from_secs(15 * 60);
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl Inner {
    pub(super) async fn register(
        &self,
        request: pb::RegisterRequest,
    ) -> Answer<pb::RegisterResponse> {
        let email: EmailAddress = request.email.parse()?;
        let password = Password::parse(request.password)?;
        self.throttle("register", &request.address, Some(&email)).await?;
        let id = self.under_the_floor(self.register_quietly(&email, password)).await?;
        Ok(pb::RegisterResponse { id: id.to_string(), email: email.as_str().to_owned() })
    }

    async fn register_quietly(
        &self,
        email: &EmailAddress,
        password: Password,
    ) -> Answer<AccountId> {
        let hash = self.passwords.hash(password).await?;
        let new = NewAccount {
            id: AccountId::generate(),
            email: email.clone(),
            // Nobody signs in before the address is verified: else a stranger's
            // password would tell a new address from a known one.
            password_hash: None,
            verified: false,
            plan: self.plans.default_plan().name.clone(),
            now: self.clock.now(),
        };
        if self.store.create_account(&new).await? {
            self.follow_account(new.id).await;
            self.mail_verification(new.id, email, hash).await?;
            return Ok(new.id);
        }
        let known = self.store.account_by_email(email).await?;
        match known {
            Some(account) if account.verified_at.is_none() => {
                self.mail_verification(account.id, email, hash).await?;
            }
            _ => self.mailer.send(email, Letter::KnownAlready),
        }
        Ok(new.id)
    }

    /// The link sets the password of the registration that it was mailed for:
    /// whoever registers somebody else's address first gets nothing by it.
    async fn mail_verification(
        &self,
        account: AccountId,
        email: &EmailAddress,
        hash: String,
    ) -> Answer<()> {
        let hours = self.config.accounts.verify_link_hours;
        let token = self.new_email_token(account, EmailPurpose::Verify, Some(hash), hours).await?;
        self.mailer.send(email, Letter::Verify(token));
        Ok(())
    }

    async fn new_email_token(
        &self,
        account: AccountId,
        purpose: EmailPurpose,
        password_hash: Option<String>,
        hours: u32,
    ) -> Answer<EmailToken> {
        let token = EmailToken::generate();
        let expires_at = self.clock.now().seconds() + i64::from(hours) * HOUR;
        let new =
            NewEmailToken { digest: token.digest(), account, purpose, password_hash, expires_at };
        self.store.put_email_token(&new).await?;
        Ok(token)
    }

    pub(super) async fn verify_email(
        &self,
        request: pb::VerifyEmailRequest,
    ) -> Answer<pb::VerifyEmailResponse> {
        self.throttle("verify", &request.address, None).await?;
        let token = EmailToken::parse(&request.token).ok_or_else(bad_link)?;
        let used = self.store.verify_email(token.digest(), self.clock.now()).await?;
        accept(used).map(|()| pb::VerifyEmailResponse {})
    }

    pub(super) async fn login(&self, request: pb::LoginRequest) -> Answer<pb::LoginResponse> {
        let email: EmailAddress = request.email.parse().map_err(|_| wrong_credentials())?;
        self.throttle("login", &request.address, Some(&email)).await?;
        let found = self.store.credentials(&email).await?;
        let (account, stored) =
            found.map_or((None, None), |found| (Some(found.id), found.password_hash));
        let guess = Password::guess(&request.password);
        let right = self.passwords.matches(guess, stored).await?;
        let account = account.filter(|_| right).ok_or_else(wrong_credentials)?;
        let token = SessionToken::generate();
        let now = self.clock.now();
        let expires_at_unix = now.seconds() + i64::from(self.config.accounts.session_days) * DAY;
        let opened = self.store.open_session(account, token.digest(), now, expires_at_unix).await;
        opened?;
        Ok(pb::LoginResponse { token: token.expose().to_owned(), expires_at_unix })
    }

    pub(super) async fn logout(&self, request: pb::LogoutRequest) -> Answer<pb::LogoutResponse> {
        let account = self.session_account(&request.session_token).await?;
        let token =
            SessionToken::parse(&request.session_token).ok_or_else(fault::invalid_session)?;
        self.store.close_session(token.digest()).await?;
        tracing::debug!(account = %account.id, "signed out");
        Ok(pb::LogoutResponse {})
    }

    pub(super) async fn request_password_reset(
        &self,
        request: pb::RequestPasswordResetRequest,
    ) -> Answer<pb::RequestPasswordResetResponse> {
        let email: Option<EmailAddress> = request.email.parse().ok();
        self.throttle("reset", &request.address, email.as_ref()).await?;
        self.under_the_floor(self.mail_reset(email)).await?;
        Ok(pb::RequestPasswordResetResponse {})
    }

    async fn mail_reset(&self, email: Option<EmailAddress>) -> Answer<()> {
        let Some(email) = email else { return Ok(()) };
        let found = self.store.account_by_email(&email).await?;
        if let Some(account) = found {
            let hours = self.config.accounts.reset_link_hours;
            let token = self.new_email_token(account.id, EmailPurpose::Reset, None, hours).await?;
            self.mailer.send(&email, Letter::Reset(token));
        }
        Ok(())
    }

    pub(super) async fn confirm_password_reset(
        &self,
        request: pb::ConfirmPasswordResetRequest,
    ) -> Answer<pb::ConfirmPasswordResetResponse> {
        let password = Password::parse(request.password)?;
        self.throttle("confirm", &request.address, None).await?;
        let token = EmailToken::parse(&request.token).ok_or_else(bad_link)?;
        let hash = self.passwords.hash(password).await?;
        let used = self.store.reset_password(token.digest(), &hash, self.clock.now()).await;
        accept(used?).map(|()| pb::ConfirmPasswordResetResponse {})
    }

    pub(super) async fn get_account(
        &self,
        request: pb::GetAccountRequest,
    ) -> Answer<pb::GetAccountResponse> {
        let account = self.session_account(&request.session_token).await?;
        let profile = self.profile(&account).await?;
        let cycle = self.billing_cycle(&profile, None).await?;
        Ok(pb::GetAccountResponse {
            id: account.id.to_string(),
            email: account.email.as_str().to_owned(),
            email_verified: account.verified_at.is_some(),
            created_at_unix: account.created_at,
            membership: profile.membership,
            credits: profile.credits,
            remaining_included_credits: cycle.remaining_included_credits,
            prepaid_credits: profile.prepaid_credits,
            billing_cycle: Some(cycle),
        })
    }

    /// Bounds attempts by address and by the account that they are aimed at,
    /// whether or not it exists.
    async fn throttle(
        &self,
        what: &str,
        address: &str,
        email: Option<&EmailAddress>,
    ) -> Answer<()> {
        let limits = &self.config.limits;
        let limit = |name: String, limit: u32| RateLimit { name, limit, period: QUARTER };
        let mut rates = vec![limit(
            format!("{what}:address:{}", network(address)),
            limits.attempts_per_address,
        )];
        if let Some(email) = email {
            // Hashed, so that Redis holds no addresses of people.
            let aim = Digest::of(&[email.as_str().as_bytes()]).to_hex();
            rates.push(limit(format!("{what}:account:{aim}"), limits.attempts_per_account));
        }
        let operation: OperationId = format!("{what}:{}", Uuid::now_v7()).parse()?;
        self.admit(&operation, rates, None).await.map(drop)
    }

    /// Answers no sooner than the floor, whatever was done.
    async fn under_the_floor<T>(&self, work: impl Future<Output = Answer<T>>) -> Answer<T> {
        let floor = Duration::from_millis(self.config.accounts.answer_floor_ms.into());
        let until = Instant::now() + floor;
        let result = work.await;
        tokio::time::sleep_until(until).await;
        result
    }
}

fn accept(used: EmailTokenUse) -> Answer<()> {
    match used {
        EmailTokenUse::Done(account) => {
            tracing::info!(%account, "a mailed link was used");
            Ok(())
        }
        EmailTokenUse::Invalid => Err(bad_link()),
    }
}

fn bad_link() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidArgument, "this link is invalid or has expired")
}

fn wrong_credentials() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidCredentials, "invalid email or password")
}
