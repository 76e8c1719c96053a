//! Accounts made from the command line, with a key each.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::TestServer;

/// An account and its first key.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its address.
    pub email: String,
    /// A key of it.
    pub key: String,
}

/// Describes an account before it is made: verified, with the default plan and
/// no prepaid credits, unless said otherwise.
#[derive(Debug)]
pub struct AccountBuilder<'s> {
    server: &'s TestServer,
    email: String,
    verified: bool,
    plan: Option<String>,
    prepaid: u32,
}

impl<'s> AccountBuilder<'s> {
    pub(crate) fn new(server: &'s TestServer) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let email = format!("user-{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { server, email, verified: true, plan: None, prepaid: 0 }
    }

    /// Chooses the address.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.email = email.to_owned();
        self
    }

    /// Leaves the address unverified.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.verified = false;
        self
    }

    /// Chooses a plan.
    #[must_use]
    pub fn plan(mut self, name: &str) -> Self {
        self.plan = Some(name.to_owned());
        self
    }

    /// Gives prepaid credits.
    #[must_use]
    pub fn prepaid(mut self, credits: u32) -> Self {
        self.prepaid = credits;
        self
    }

    /// Makes the account and a key.
    #[must_use]
    pub fn create(self) -> Account {
        let prepaid = self.prepaid.to_string();
        let mut arguments = vec!["accounts", "create", &self.email, "--prepaid", &prepaid];
        if self.verified {
            arguments.push("--verified");
        }
        if let Some(plan) = &self.plan {
            arguments.extend(["--plan", plan]);
        }
        let _ = self.server.command(&arguments);
        let key = self.server.command(&["keys", "create", &self.email]);
        Account { email: self.email, key }
    }
}
