//! `rembg accounts`, `rembg keys` and `rembg billing`: an operator's hand in the
//! store of a data directory, also while a server runs on it.

use std::process::ExitCode;

use billing::{
    BillingConfig, BillingService,
    admin::AccountOrder,
    identity::{EmailAddress, KeyId},
};
use time::OffsetDateTime;

use crate::{
    cli::{AccountsCommand, BillingCommand, KeysCommand, Place},
    complain,
    failure::Failure,
    say, settings,
};

/// Runs a command on accounts.
pub(crate) async fn accounts(command: AccountsCommand) -> Result<ExitCode, Failure> {
    let AccountsCommand::Create { email, verified, plan, prepaid, place } = command;
    let order = AccountOrder {
        email: address(&email)?,
        verified,
        plan,
        prepaid: prepaid.unwrap_or_default(),
    };
    let id = open(&place).await?.create_account(&order).await.map_err(Failure::failed)?;
    say(&id.to_string());
    if !verified {
        complain("the address is not verified yet: picture calls get 403 until it is");
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command on keys.
pub(crate) async fn keys(command: KeysCommand) -> Result<ExitCode, Failure> {
    match command {
        KeysCommand::Create { email, name, place } => {
            let service = open(&place).await?;
            let key = service.create_key_for(&address(&email)?, &name).await;
            // The key alone, so that a script can take it.
            say(key.map_err(Failure::failed)?.expose());
        }
        KeysCommand::List { email, place } => list(&open(&place).await?, &address(&email)?).await?,
        KeysCommand::Revoke { email, id, place } => {
            let id: KeyId =
                id.parse().map_err(|_| Failure::usage(format!("'{id}' is no key's id")))?;
            let service = open(&place).await?;
            service.revoke_key_of(&address(&email)?, id).await.map_err(Failure::failed)?;
            complain("the key is revoked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(service: &BillingService, email: &EmailAddress) -> Result<(), Failure> {
    let keys = service.keys_of(email).await.map_err(Failure::failed)?;
    if keys.is_empty() {
        complain(&format!("{email} has no keys; `rembg keys create {email}` makes one"));
        return Ok(());
    }
    say(&format!(
        "{:<36}  {:<14}  {:<20}  {:<20}  {}",
        "ID", "PREFIX", "CREATED", "LAST USED", "NAME"
    ));
    for key in keys {
        let used = key.last_used_at.map_or_else(|| "never".into(), moment);
        let (id, created) = (key.id.to_string(), moment(key.created_at));
        say(&format!("{id:<36}  {:<14}  {created:<20}  {used:<20}  {}", key.prefix, key.name));
    }
    Ok(())
}

/// Runs a command on the credits.
pub(crate) async fn billing(command: BillingCommand) -> Result<ExitCode, Failure> {
    let BillingCommand::Rebuild { place } = command;
    let rebuilt = open(&place).await?.rebuild().await.map_err(Failure::failed)?;
    complain(&format!("the counters of {} accounts are as the ledger has them", rebuilt.accounts));
    Ok(ExitCode::SUCCESS)
}

async fn open(place: &Place) -> Result<BillingService, Failure> {
    let config = BillingConfig::from_layers(&settings::at(place)?)?;
    BillingService::build(&config).await.map_err(Failure::failed)
}

fn address(email: &str) -> Result<EmailAddress, Failure> {
    email.parse().map_err(|_| Failure::usage(format!("'{email}' is no e-mail address")))
}

fn moment(unix: i64) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp(unix)
        .ok()
        .and_then(|moment| moment.format(&format).ok())
        .unwrap_or_else(|| unix.to_string())
}
