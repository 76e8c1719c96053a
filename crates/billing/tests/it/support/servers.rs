//! Redis and Postgres on free ports. Each runs below a shell that ends it when
//! this process is gone, however it went.

use std::{
    io::Write as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// Ends the server by the signal that we name, or, when our end of its standard
/// input closes without a word, for good.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >/dev/null 2>&1 </dev/null & server=$!
read -r signal
kill "-${signal:-INT}" $server; wait $server
[ -n "$signal" ] || rm -rf "$folder"
"#;

/// A server process and its folder.
pub(crate) struct Server {
    keeper: Child,
    port: u16,
    command: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(command: Vec<String>, port: u16, folder: tempfile::TempDir) -> Self {
        let keeper = keep(folder.path(), &command);
        let server = Self { keeper, port, command, folder };
        server.wait();
        server
    }

    /// Stops it by a signal, to be resumed.
    pub(crate) fn stop(&mut self, signal: &str) {
        let mut words = self.keeper.stdin.take().expect("it runs");
        writeln!(words, "{signal}").expect("the keeper listens");
        drop(words);
        self.keeper.wait().expect("the keeper ends");
    }

    /// Starts it again on the same port and folder.
    pub(crate) fn resume(&mut self) {
        self.keeper = keep(self.folder.path(), &self.command);
        self.wait();
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "{} does not answer", self.command.join(" "));
            pause();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Nothing is lost where it is gone already.
        let _ = self.keeper.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "servers are started and dropped outside of async code"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn keep(folder: &Path, command: &[String]) -> Child {
    Command::new("sh")
        .args(["-c", KEEPER, "keeper", &text(folder)])
        .args(command)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell")
}

/// A port for a server that is about to start, never the same twice in this process.
///
/// Below the range that Linux gives to whoever names no port (from 32768), so that nothing takes it
/// before the server does.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let spread = std::process::id().wrapping_mul(797).wrapping_add(turn);
        let port = (FIRST + spread % COUNT) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A Redis of its own, empty.
pub(crate) struct Redis(Server);

impl Redis {
    pub(crate) fn start() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
        let mut command: Vec<String> =
            ["redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
                .map(str::to_owned)
                .into();
        command.extend(["--port".into(), port.to_string(), "--dir".into(), text(folder.path())]);
        Self(Server::start(command, port, folder))
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port
    }

    pub(crate) fn stop(&mut self) {
        self.0.stop("INT");
    }

    pub(crate) fn resume(&mut self) {
        self.0.resume();
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.0.port)
    }
}

/// A Postgres of its own.
pub(crate) struct Postgres(pub(crate) Server);

impl Postgres {
    /// One that every test may make databases on.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Without fsync: these tests kill processes, not machines.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let bin = postgres_bin();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
            .expect("a folder");
        let mut init = as_somebody(&bin.join("initdb"));
        init.extend(["-D", &text(&data), "-U", "rembg", "-A", "trust", "-N"].map(str::to_owned));
        let done = Command::new(&init[0]).args(&init[1..]).output().expect("initdb runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let port = free_port();
        let mut command = as_somebody(&bin.join("postgres"));
        command.extend(
            ["-D", &text(&data), "-p", &port.to_string(), "-h", "127.0.0.1"].map(str::to_owned),
        );
        command.extend(
            ["-k", &text(folder.path()), "-c", "max_connections=500", "-c", "fsync=off"]
                .map(str::to_owned),
        );
        let server = Self(Server::start(command, port, folder));
        server.wait_ready();
        server
    }

    /// Listening comes a moment before answering.
    pub(crate) fn wait_ready(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.sql("postgres", "SELECT 1") {
            assert!(Instant::now() < until, "Postgres does not answer");
            pause();
        }
    }

    /// Makes a database and returns its address.
    pub(crate) fn database(&self, name: &str) -> String {
        let name = name.replace('-', "_");
        assert!(self.sql("postgres", &format!("CREATE DATABASE {name}")), "a database");
        format!("postgres://rembg@127.0.0.1:{}/{name}", self.0.port)
    }

    fn sql(&self, database: &str, statement: &str) -> bool {
        let address = format!("postgres://rembg@127.0.0.1:{}/{database}", self.0.port);
        let done =
            Command::new(postgres_bin().join("psql")).args([&address, "-qc", statement]).output();
        done.is_ok_and(|done| done.status.success())
    }
}

/// A database as text.
pub(crate) fn dump(url: &str) -> Vec<u8> {
    let done = Command::new(postgres_bin().join("pg_dump"))
        .args(["--inserts", url])
        .output()
        .expect("pg_dump runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Postgres refuses to run as root.
fn as_somebody(program: &Path) -> Vec<String> {
    let whoami = Command::new("id").arg("-u").output().expect("id runs");
    let root = whoami.stdout.trim_ascii() == b"0";
    let user: &[&str] =
        if root { &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] } else { &[] };
    user.iter().map(|part| (*part).to_owned()).chain([text(program)]).collect()
}

fn postgres_bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Postgres is installed");
    let bins = versions.filter_map(Result::ok).map(|version| version.path().join("bin"));
    bins.filter(|bin| bin.join("initdb").exists()).max().expect("Postgres is installed")
}

fn text(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}
