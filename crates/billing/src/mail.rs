//! Mails: over SMTP, or without a server as `.eml` files in the outbox, with
//! the link printed for whoever started the service. Sending goes on beside the
//! call that asked for it, so that no answer tells by its time whether a mail
//! was sent.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{identity::EmailAddress, secret::EmailToken};

/// Mails under way at most; more are dropped, for people ask again.
const UNDER_WAY: usize = 64;
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// The section cannot be used, or a mail cannot be made; the text says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MailError(String);

fn failed(error: impl std::fmt::Display) -> MailError {
    MailError(error.to_string())
}

/// What is written to people.
#[derive(Debug)]
pub(crate) enum Letter {
    /// Please verify the address.
    Verify(EmailToken),
    /// Somebody registered an address that has an account.
    KnownAlready,
    /// Set a new password.
    Reset(EmailToken),
}

impl Letter {
    fn subject(&self) -> &'static str {
        match self {
            Self::Verify(_) => "Please verify your e-mail address",
            Self::KnownAlready => "You already have an account",
            Self::Reset(_) => "Set a new password",
        }
    }

    fn link(&self, base: &str) -> String {
        let base = base.trim_end_matches('/');
        match self {
            Self::Verify(token) => format!("{base}/verify?token={}", token.expose()),
            Self::KnownAlready => format!("{base}/profile"),
            Self::Reset(token) => format!("{base}/reset?token={}", token.expose()),
        }
    }

    fn text(&self, base: &str) -> String {
        let (why, otherwise) = match self {
            Self::Verify(_) => (
                "Please open this link to verify your e-mail address:",
                "If you did not register, ignore this mail.",
            ),
            Self::KnownAlready => (
                "Somebody registered with your e-mail address, which has an account already. Sign in here:",
                "If you forgot the password, ask for a new one there. If it was not you, ignore this mail.",
            ),
            Self::Reset(_) => (
                "Please open this link to set a new password:",
                "If you did not ask for it, ignore this mail; your password stays as it is.",
            ),
        };
        format!("Hello,\n\n{why}\n\n{}\n\n{otherwise}\n", self.link(base))
    }
}

enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Outbox(PathBuf),
}

/// Sends mails.
#[derive(Clone)]
pub(crate) struct Mailer {
    way: Arc<Way>,
    from: Mailbox,
    base: String,
    under_way: Arc<Semaphore>,
}

impl Mailer {
    /// Over SMTP where there is a server, else to the outbox.
    pub(crate) fn new(
        smtp_url: Option<&str>,
        outbox: PathBuf,
        from: &str,
        base: &str,
    ) -> Result<Self, MailError> {
        let way = match smtp_url {
            Some(url) => {
                let transport =
                    AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(failed)?.build();
                Way::Smtp(Box::new(transport))
            }
            None => Way::Outbox(outbox),
        };
        Ok(Self {
            way: Arc::new(way),
            from: from.parse().map_err(failed)?,
            base: base.to_owned(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
        })
    }

    /// Sends a mail, by and by.
    pub(crate) fn send(&self, to: &EmailAddress, letter: Letter) {
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else {
            tracing::error!("too many mails under way, one was dropped");
            return;
        };
        let (mailer, to) = (self.clone(), to.clone());
        tokio::spawn(async move {
            if let Err(error) = mailer.deliver(&to, &letter).await {
                tracing::error!(%error, "a mail could not be sent");
            }
            drop(permit);
        });
    }

    async fn deliver(&self, to: &EmailAddress, letter: &Letter) -> Result<(), MailError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.as_str().parse().map_err(failed)?)
            .subject(letter.subject())
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text(&self.base))
            .map_err(failed)?;
        match &*self.way {
            Way::Smtp(transport) => send_patiently(transport, message).await,
            Way::Outbox(folder) => {
                keep(folder.clone(), message.formatted()).await?;
                print_link(to, &letter.link(&self.base));
                Ok(())
            }
        }
    }
}

async fn send_patiently(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    message: Message,
) -> Result<(), MailError> {
    for pause in PAUSES {
        match transport.send(message.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_permanent() => return Err(failed(error)),
            Err(error) => tracing::warn!(%error, "a mail will be tried again"),
        }
        tokio::time::sleep(pause).await;
    }
    transport.send(message).await.map(drop).map_err(failed)
}

/// A mail holds a link that signs somebody in: only the service's user may read
/// it. It appears under its name when it is whole.
async fn keep(folder: PathBuf, bytes: Vec<u8>) -> Result<(), MailError> {
    use tokio::io::AsyncWriteExt as _;
    tokio::fs::create_dir_all(&folder).await.map_err(failed)?;
    let name = Uuid::now_v7();
    let unfinished = folder.join(format!(".{name}"));
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&unfinished).await.map_err(failed)?;
    file.write_all(&bytes).await.map_err(failed)?;
    file.flush().await.map_err(failed)?;
    tokio::fs::rename(&unfinished, folder.join(format!("{name}.eml"))).await.map_err(failed)
}

#[expect(
    clippy::print_stdout,
    reason = "for the person at the terminal, and no log must hold a link"
)]
fn print_link(to: &EmailAddress, link: &str) {
    println!("mail for {to}: {link}");
}
