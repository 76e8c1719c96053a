//! Accounts from registering to leaving, and what cannot be found out about
//! them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use billing::{
    identity::{AccountId, EmailAddress},
    store::NewAccount,
};
use proto::{
    Billing as _, ErrorCode,
    billing_v1::{self as pb, caller::Credential},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::{Bed, Customer, eventually, on_both, unique};

on_both! {
    from_registering_to_leaving
    a_reset_ends_all_sessions
    registering_a_known_address_looks_like_any_other
    whoever_registers_a_foreign_address_first_gets_nothing
    a_reset_ends_what_was_opened_before_the_address_was_proven
    attempts_are_bounded_for_any_address
    links_expire_and_work_once
    keys_are_their_owners
    no_secret_is_stored_in_clear
    the_owner_is_made_once
}

const PASSWORD: &str = "correct horse";

fn address() -> String {
    format!("192.0.2.{}", std::process::id() % 250)
}

async fn register(bed: &Bed, email: &str, password: &str) -> pb::RegisterResponse {
    let request =
        pb::RegisterRequest { email: email.into(), password: password.into(), address: address() };
    bed.service.register(request).await.expect("registered")
}

async fn login(bed: &Bed, email: &str, password: &str) -> Result<String, ErrorCode> {
    let request =
        pb::LoginRequest { email: email.into(), password: password.into(), address: address() };
    bed.service.login(request).await.map(|answer| answer.token).map_err(|error| error.code)
}

async fn verify(bed: &Bed, token: &str) -> Result<(), ErrorCode> {
    let request = pb::VerifyEmailRequest { token: token.into(), address: address() };
    bed.service.verify_email(request).await.map(drop).map_err(|error| error.code)
}

async fn confirm(bed: &Bed, token: &str, password: &str) -> Result<(), ErrorCode> {
    let request = pb::ConfirmPasswordResetRequest {
        token: token.into(),
        password: password.into(),
        address: address(),
    };
    bed.service.confirm_password_reset(request).await.map(drop).map_err(|error| error.code)
}

async fn ask_reset(bed: &Bed, email: &str) {
    let request = pb::RequestPasswordResetRequest { email: email.into(), address: address() };
    bed.service.request_password_reset(request).await.expect("always");
}

async fn account(bed: &Bed, token: &str) -> Result<pb::GetAccountResponse, ErrorCode> {
    let request = pb::GetAccountRequest { session_token: token.into() };
    bed.service.get_account(request).await.map_err(|error| error.code)
}

/// The mails to an address, oldest first.
fn mails(bed: &Bed, email: &str) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(bed.folder.path().join("outbox")) else { return Vec::new() };
    let mut paths: Vec<_> = files.filter_map(Result::ok).map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("a mail"));
    texts.filter(|text| text.contains(&format!("To: {email}"))).collect()
}

/// The token of the nth mail to an address.
async fn token(bed: &Bed, email: &str, nth: usize) -> String {
    eventually("the mail is there", async || mails(bed, email).len() >= nth).await;
    let text = mails(bed, email)[nth - 1].replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = text.split_once("token=").expect("a link");
    rest.split_whitespace().next().expect("a token").to_owned()
}

async fn from_registering_to_leaving(bed: Bed) {
    let email = format!("{}@Example.org", unique("Ann"));
    let registered = register(&bed, &email, PASSWORD).await;
    let email = email.to_lowercase();
    assert_eq!(registered.email, email);
    // Before that, nothing tells it from an address that was known already.
    assert_eq!(login(&bed, &email, PASSWORD).await, Err(ErrorCode::InvalidCredentials));
    verify(&bed, &token(&bed, &email, 1).await).await.expect("verified");
    let session = login(&bed, &email, PASSWORD).await.expect("signed in");
    let reserve = pb::ReserveRequest {
        caller: Some(pb::Caller {
            credential: Some(Credential::SessionToken(session.clone())),
            address: address(),
        }),
        operation_id: unique("op"),
        credits: 1,
        ..Default::default()
    };
    let reserved = bed.reserve(reserve).await.expect("verified");
    assert_eq!(bed.commit(&reserved.operation_id).await, 1);
    let mine = account(&bed, &session).await.expect("mine");
    assert_eq!((mine.id.as_str(), mine.email_verified), (registered.id.as_str(), true));
    assert_eq!(
        (mine.membership.as_str(), mine.credits, mine.remaining_included_credits),
        ("Free", 5, 4)
    );
    assert_eq!(mine.billing_cycle.map(|cycle| (cycle.app_usage, cycle.api_usage)), Some((1, 0)));
    let logout = pb::LogoutRequest { session_token: session.clone() };
    bed.service.logout(logout.clone()).await.expect("signed out");
    assert_eq!(account(&bed, &session).await.expect_err("dead"), ErrorCode::InvalidSession);
    assert_eq!(bed.service.logout(logout).await.expect_err("dead").code, ErrorCode::InvalidSession);
}

async fn a_reset_ends_all_sessions(bed: Bed) {
    let email = format!("{}@example.org", unique("ann"));
    register(&bed, &email, PASSWORD).await;
    verify(&bed, &token(&bed, &email, 1).await).await.expect("verified");
    let session = login(&bed, &email, PASSWORD).await.expect("signed in");
    ask_reset(&bed, &email).await;
    let link = token(&bed, &email, 2).await;
    assert_eq!(confirm(&bed, &link, "short").await, Err(ErrorCode::InvalidArgument));
    confirm(&bed, &link, "another password").await.expect("set");
    assert_eq!(confirm(&bed, &link, "a third password").await, Err(ErrorCode::InvalidArgument));
    assert_eq!(account(&bed, &session).await.expect_err("ended"), ErrorCode::InvalidSession);
    assert_eq!(login(&bed, &email, PASSWORD).await, Err(ErrorCode::InvalidCredentials));
    login(&bed, &email, "another password").await.expect("signed in");
}

async fn registering_a_known_address_looks_like_any_other(bed: Bed) {
    let email = format!("{}@example.org", unique("ann"));
    let first = register(&bed, &email, PASSWORD).await;
    verify(&bed, &token(&bed, &email, 1).await).await.expect("verified");
    let second = register(&bed, &email, "somebody else's").await;
    assert_eq!(second.email, first.email);
    assert_eq!(second.id.len(), first.id.len());
    eventually("a mail tells its owner", async || mails(&bed, &email).len() == 2).await;
    assert!(!mails(&bed, &email)[1].contains("token="));
    login(&bed, &email, PASSWORD).await.expect("unchanged");
    assert_eq!(login(&bed, &email, "somebody else's").await, Err(ErrorCode::InvalidCredentials));
    for email in ["nobody@example.org", "not an address", ""] {
        ask_reset(&bed, email).await;
        assert_eq!(login(&bed, email, PASSWORD).await, Err(ErrorCode::InvalidCredentials));
    }
}

async fn whoever_registers_a_foreign_address_first_gets_nothing(bed: Bed) {
    let email = format!("{}@example.org", unique("ann"));
    register(&bed, &email, "the stranger's").await;
    token(&bed, &email, 1).await;
    assert_eq!(login(&bed, &email, "the stranger's").await, Err(ErrorCode::InvalidCredentials));
    register(&bed, &email, PASSWORD).await;
    verify(&bed, &token(&bed, &email, 2).await).await.expect("verified");
    assert_eq!(login(&bed, &email, "the stranger's").await, Err(ErrorCode::InvalidCredentials));
    login(&bed, &email, PASSWORD).await.expect("the owner's password");
    let stale = verify(&bed, &token(&bed, &email, 1).await).await;
    assert_eq!(stale, Err(ErrorCode::InvalidArgument), "the stranger's link is dead");
}

/// Somebody may have set a password, and made keys under it, without ever
/// proving that the address is theirs. Keys that the operator made stay.
async fn a_reset_ends_what_was_opened_before_the_address_was_proven(bed: Bed) {
    for (password_hash, alive) in [(Some("the stranger's".to_owned()), false), (None, true)] {
        let email = format!("{}@example.org", unique("ann"));
        let address: EmailAddress = email.parse().expect("an address");
        let new = NewAccount {
            id: AccountId::generate(),
            email: address.clone(),
            password_hash,
            verified: false,
            plan: "Free".into(),
            now: bed.clock.now(),
        };
        assert!(bed.service.store().create_account(&new).await.expect("up"));
        let key = bed.service.create_key_for(&address, "early").await.expect("a key");
        ask_reset(&bed, &email).await;
        confirm(&bed, &token(&bed, &email, 1).await, PASSWORD).await.expect("set");
        login(&bed, &email, PASSWORD).await.expect("the owner's password");
        let customer = Customer { id: new.id, email, key };
        let refused = bed.reserve(customer.reserve(&unique("op"))).await.err();
        let expected = (!alive).then_some(ErrorCode::InvalidApiKey);
        assert_eq!(refused.map(|refused| refused.code), expected);
    }
}

async fn attempts_are_bounded_for_any_address(bed: Bed) {
    let bed = bed.set(&[("billing.limits.attempts_per_account", 3)]).await;
    let known = format!("{}@example.org", unique("ann"));
    register(&bed, &known, PASSWORD).await;
    for email in [known, format!("{}@example.org", unique("nobody"))] {
        for _ in 0..3 {
            assert_eq!(login(&bed, &email, "a guess").await, Err(ErrorCode::InvalidCredentials));
        }
        assert_eq!(login(&bed, &email, PASSWORD).await, Err(ErrorCode::RateLimited));
        bed.clock.advance(Duration::from_secs(15 * 60));
        assert_eq!(login(&bed, &email, "a guess").await, Err(ErrorCode::InvalidCredentials));
    }
    let bed = bed.set(&[("billing.limits.attempts_per_address", 2)]).await;
    bed.clock.advance(Duration::from_secs(15 * 60));
    for expected in
        [ErrorCode::InvalidCredentials, ErrorCode::InvalidCredentials, ErrorCode::RateLimited]
    {
        let email = format!("{}@example.org", unique("nobody"));
        assert_eq!(login(&bed, &email, "a guess").await, Err(expected));
    }
}

async fn links_expire_and_work_once(bed: Bed) {
    let email = format!("{}@example.org", unique("ann"));
    register(&bed, &email, PASSWORD).await;
    let link = token(&bed, &email, 1).await;
    ask_reset(&bed, &email).await;
    let reset = token(&bed, &email, 2).await;
    assert_eq!(verify(&bed, &reset).await, Err(ErrorCode::InvalidArgument), "for another purpose");
    bed.clock.advance(Duration::from_secs(3601));
    assert_eq!(confirm(&bed, &reset, PASSWORD).await, Err(ErrorCode::InvalidArgument));
    verify(&bed, &link).await.expect("a day is not over");
    assert_eq!(verify(&bed, &link).await, Err(ErrorCode::InvalidArgument));
    assert_eq!(verify(&bed, "nonsense").await, Err(ErrorCode::InvalidArgument));
    let session = login(&bed, &email, PASSWORD).await.expect("signed in");
    bed.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(account(&bed, &session).await.expect_err("expired"), ErrorCode::InvalidSession);
}

async fn keys_are_their_owners(bed: Bed) {
    let (mine, other) =
        (format!("{}@example.org", unique("ann")), format!("{}@example.org", unique("bob")));
    for email in [&mine, &other] {
        register(&bed, email, PASSWORD).await;
        verify(&bed, &token(&bed, email, 1).await).await.expect("verified");
    }
    let session_token = login(&bed, &mine, PASSWORD).await.expect("signed in");
    let stranger = login(&bed, &other, PASSWORD).await.expect("signed in");
    let create = |name: &str| pb::CreateKeyRequest {
        session_token: session_token.clone(),
        name: name.into(),
    };
    for name in ["", "  ", "a\nb", &"x".repeat(101)] {
        let refused = bed.service.create_key(create(name)).await.expect_err("no name");
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
    }
    let created = bed.service.create_key(create(" laptop ")).await.expect("a key");
    let info = created.info.expect("told");
    assert!(
        created.key.starts_with(&info.prefix)
            && created.key.starts_with("rk_")
            && info.name == "laptop"
    );
    let list = async |session_token: &str| {
        let request = pb::ListKeysRequest { session_token: session_token.to_owned() };
        bed.service.list_keys(request).await.expect("keys").keys
    };
    assert_eq!(list(&session_token).await, std::slice::from_ref(&info));
    assert_eq!(list(&stranger).await, []);
    let caller = pb::Caller {
        credential: Some(Credential::ApiKey(created.key.clone())),
        address: address(),
    };
    let reserve = pb::ReserveRequest {
        caller: Some(caller),
        operation_id: unique("op"),
        ..Default::default()
    };
    bed.reserve(reserve.clone()).await.expect("works");
    assert!(list(&session_token).await[0].last_used_at_unix.is_some());
    let revoke = |session_token: &str, id: &str| pb::RevokeKeyRequest {
        session_token: session_token.to_owned(),
        id: id.to_owned(),
    };
    for (session, id) in [(&stranger, info.id.as_str()), (&session_token, "nonsense")] {
        let refused = bed.service.revoke_key(revoke(session, id)).await.expect_err("not theirs");
        assert_eq!(refused.code, ErrorCode::NotFound);
    }
    bed.service.revoke_key(revoke(&session_token, &info.id)).await.expect("ended");
    let again = bed.service.revoke_key(revoke(&session_token, &info.id)).await.expect_err("once");
    assert_eq!(again.code, ErrorCode::NotFound);
    assert_eq!(bed.reserve(reserve).await.expect_err("ended").code, ErrorCode::InvalidApiKey);
    assert_eq!(list(&session_token).await, []);
}

async fn no_secret_is_stored_in_clear(bed: Bed) {
    let email = format!("{}@example.org", unique("ann"));
    register(&bed, &email, PASSWORD).await;
    verify(&bed, &token(&bed, &email, 1).await).await.expect("verified");
    ask_reset(&bed, &email).await;
    let link = token(&bed, &email, 2).await;
    let session = login(&bed, &email, PASSWORD).await.expect("signed in");
    let key = pb::CreateKeyRequest { session_token: session.clone(), name: "k".into() };
    let key = bed.service.create_key(key).await.expect("a key").key;
    let stored = bed.everything_stored();
    assert!(contains(&stored, email.as_bytes()), "the dump is one");
    for secret in [PASSWORD, &link, &session, &key, &key[11..], &session[3..], &link[3..]] {
        assert!(!contains(&stored, secret.as_bytes()), "a secret is stored in clear");
        let raw = hex::decode(secret.trim_start_matches(|c: char| !c.is_ascii_hexdigit()))
            .unwrap_or_default();
        assert!(raw.len() < 16 || !contains(&stored, &raw), "a secret is stored in clear");
    }
    let outbox = bed.folder.path().join("outbox");
    for file in std::fs::read_dir(outbox).expect("mails").filter_map(Result::ok) {
        assert_eq!(mode(&file.path()), 0o600, "a mail holds a link");
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

async fn the_owner_is_made_once(bed: Bed) {
    // Below a data directory that nothing has made yet, as where Postgres is the store.
    let file = bed.folder.path().join("new/dev-api-key");
    // A key that could not be left anywhere was never good, and is made anew.
    let blocked = bed.folder.path().join("blocked");
    std::fs::write(&blocked, "no folder").expect("a file");
    let nowhere = blocked.join("dev-api-key");
    bed.service.ensure_owner(&nowhere).await.expect_err("below a file");
    let key = bed.service.ensure_owner(&file).await.expect("made").expect("shown once");
    assert_eq!(std::fs::read_to_string(&file).expect("left there").trim(), key.expose());
    assert_eq!(mode(&file), 0o600);
    assert!(bed.restarted().await.ensure_owner(&file).await.expect("there").is_none());
    let caller = pb::Caller {
        credential: Some(Credential::ApiKey(key.expose().to_owned())),
        address: address(),
    };
    let request = pb::ReserveRequest {
        caller: Some(caller),
        operation_id: unique("op"),
        credits: 1,
        ..Default::default()
    };
    let reserved = bed.reserve(request).await.expect("works");
    assert_eq!((reserved.credits, reserved.rate.map(|rate| rate.limit)), (1, Some(1_000_000)));
}

/// Timing tells nothing: the medians of known and unknown addresses, taken in
/// turn, lie within noise of each other. Leaving a password's hashing out for
/// unknown ones would make a factor of ten.
#[tokio::test]
async fn nothing_is_told_by_time() {
    let bed = Bed::embedded().await.set(&[
        ("billing.accounts.argon2_memory_kib", 4096),
        ("billing.accounts.answer_floor_ms", 60),
        ("billing.limits.attempts_per_account", 1000),
        ("billing.limits.attempts_per_address", 1000),
    ]);
    let bed = bed.await;
    let known = format!("{}@example.org", unique("ann"));
    register(&bed, &known, PASSWORD).await;
    verify(&bed, &token(&bed, &known, 1).await).await.expect("verified");
    let mut times: [[Vec<Duration>; 2]; 3] = Default::default();
    for _ in 0..25 {
        for (at, email) in
            [&known, &format!("{}@example.org", unique("nobody"))].into_iter().enumerate()
        {
            let started = Instant::now();
            assert_eq!(
                login(&bed, email, "a wrong guess").await,
                Err(ErrorCode::InvalidCredentials)
            );
            times[0][at].push(started.elapsed());
            let started = Instant::now();
            ask_reset(&bed, email).await;
            times[1][at].push(started.elapsed());
            let started = Instant::now();
            register(&bed, email, "some password").await;
            times[2][at].push(started.elapsed());
        }
    }
    for (what, [known, unknown]) in
        ["login", "reset", "register"].into_iter().zip(times.map(|pair| pair.map(median)))
    {
        let ratio = known.as_secs_f64() / unknown.as_secs_f64();
        println!("{what}: {known:.2?} for a known address, {unknown:.2?} for an unknown one");
        assert!((0.5..2.0).contains(&ratio), "{what}: {known:?} against {unknown:?}");
    }
}

/// With an SMTP server configured, the mail goes there and nowhere else.
#[tokio::test]
async fn mails_go_over_smtp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let mut bed = Bed::embedded().await;
    bed.layers = bed
        .layers
        .flag("billing.mail.smtp_url", Some(format!("smtp://127.0.0.1:{port}")))
        .flag("billing.public_url", Some("https://example.org/"));
    bed.service = bed.restarted().await;
    let email = format!("{}@example.org", unique("ann"));
    register(&bed, &email, PASSWORD).await;
    let (stream, _) = listener.accept().await.expect("it comes");
    let mail = receive(stream).await;
    assert!(mail.contains(&format!("To: {email}")), "{mail}");
    assert!(mail.contains("https://example.org/verify?token"), "{mail}");
    assert!(mails(&bed, &email).is_empty());
}

/// Speaks just enough SMTP to take one mail.
async fn receive(mut stream: TcpStream) -> String {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = String::new();
    let mut within = false;
    write.write_all(b"220 here\r\n").await.expect("open");
    while let Some(line) = lines.next_line().await.expect("open") {
        let answer = match (within, line.as_str()) {
            (true, ".") => return mail,
            (true, _) => {
                mail.push_str(&line);
                mail.push('\n');
                continue;
            }
            (false, "DATA") => {
                within = true;
                "354 go on"
            }
            (false, _) => "250 fine",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.expect("open");
    }
    mail
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
