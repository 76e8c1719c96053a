//! The service under test: one process or three, with a data directory of its
//! own.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use ureq::http::Method;

use crate::{
    Form,
    accounts::{Account, AccountBuilder},
    backends::{Postgres, Redis},
    call::Call,
    process::Process,
    wait::eventually,
};

/// An unoptimised build plans the network once at start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How the service is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// `rembg serve`.
    OneProcess,
    /// Gateway, worker and billing, with SQLite and counters in process.
    ThreeProcesses,
    /// Gateway, worker and billing, with Postgres and Redis.
    ThreeWithBackends,
}

impl Deployment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OneProcess, Self::ThreeProcesses, Self::ThreeWithBackends];

    /// A server laid out like this, still to be configured and started.
    #[must_use]
    pub fn server(self) -> ServerBuilder {
        ServerBuilder { deployment: self, environment: BTreeMap::new() }
    }
}

/// Collects what differs from the defaults.
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    deployment: Deployment,
    environment: BTreeMap<String, String>,
}

impl ServerBuilder {
    /// Sets an environment variable for every process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts the processes and waits until they are ready.
    ///
    /// # Panics
    /// Where they are not ready in time; their logs are in the message.
    #[must_use]
    pub fn start(self) -> TestServer {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["data", "logs", "tmp", "home"] {
            fs::create_dir(folder.path().join(name)).expect("folder");
        }
        let backends = (self.deployment == Deployment::ThreeWithBackends)
            .then(|| (Redis::start(), Postgres::start()));
        let mut server = TestServer {
            deployment: self.deployment,
            address: loopback(free_port()),
            environment: self.environment,
            processes: Vec::new(),
            backends,
            folder,
            owner_key: String::new(),
        };
        server.describe_surroundings();
        server.start_processes();
        server.wait_until_ready();
        server.owner_key = server.first_key();
        server
    }
}

/// A running service.
#[derive(Debug)]
pub struct TestServer {
    deployment: Deployment,
    address: SocketAddr,
    environment: BTreeMap<String, String>,
    processes: Vec<Process>,
    backends: Option<(Redis, Postgres)>,
    folder: TempDir,
    owner_key: String,
}

impl TestServer {
    /// `rembg serve` with its defaults.
    #[must_use]
    pub fn one_process() -> Self {
        Deployment::OneProcess.server().start()
    }

    /// The key of an account that does not run out.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.owner_key
    }

    /// A `GET`, without credentials.
    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A `POST`, without credentials.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// Any method, without credentials.
    #[must_use]
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// `POST /rmbg` with the owner's key.
    #[must_use]
    pub fn rmbg(&self, form: Form) -> Call {
        self.post("/rmbg").key(&self.owner_key).form(form)
    }

    /// A new account, still to be described.
    #[must_use]
    pub fn account(&self) -> AccountBuilder<'_> {
        AccountBuilder::new(self)
    }

    /// The account that the anonymous trial is compared with: verified, with
    /// the default plan.
    #[must_use]
    pub fn free_account(&self) -> Account {
        self.account().create()
    }

    /// Runs the `rembg` command on the server's data directory and stores.
    ///
    /// # Panics
    /// Where it fails.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(program("rembg"))
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data())
            .env_clear()
            .envs(&self.environment)
            .output()
            .expect("rembg runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rembg {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Everything the processes have printed.
    #[must_use]
    pub fn logs(&self) -> String {
        self.processes.iter().map(Process::log).collect()
    }

    /// The processes; the one that clients talk to is the last.
    pub fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    /// The process that clients talk to.
    ///
    /// # Panics
    /// Never: a started server has processes.
    pub fn edge(&mut self) -> &mut Process {
        self.processes.last_mut().expect("a started server")
    }

    /// Resident memory of all processes now, in bytes.
    #[must_use]
    pub fn resident(&self) -> u64 {
        self.processes.iter().map(Process::resident).sum()
    }

    /// Redis, where the deployment has one.
    #[must_use]
    pub fn redis(&self) -> Option<&Redis> {
        self.backends.as_ref().map(|(redis, _)| redis)
    }

    /// Postgres, where the deployment has one.
    #[must_use]
    pub fn postgres(&self) -> Option<&Postgres> {
        self.backends.as_ref().map(|(_, postgres)| postgres)
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The only folder for temporary files that the processes know.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// Starts the processes again on the same data, after a test ended them.
    pub fn restart(&mut self) {
        self.processes.clear();
        self.start_processes();
        self.wait_until_ready();
    }

    /// Starts one of the processes again where it was, after a test ended it.
    ///
    /// # Panics
    /// Where there is no such process.
    pub fn revive(&mut self, position: usize) {
        let (name, arguments) = self.processes[position].invocation();
        let logs = self.folder.path().join("logs");
        self.processes[position] =
            Process::start(&program(&name), &arguments, &self.environment, &logs);
    }

    fn describe_surroundings(&mut self) {
        let mut set = |name: &str, value: String| {
            self.environment.entry(name.to_owned()).or_insert(value);
        };
        set("HOME", self.folder.path().join("home").display().to_string());
        set("TMPDIR", self.folder.path().join("tmp").display().to_string());
        if let Some((redis, postgres)) = &self.backends {
            set("REDIS_URL", redis.url());
            set("DATABASE_URL", postgres.url());
        }
    }

    fn start_processes(&mut self) {
        match self.deployment {
            Deployment::OneProcess => self.start_one(),
            Deployment::ThreeProcesses | Deployment::ThreeWithBackends => self.start_three(),
        }
    }

    fn start_one(&mut self) {
        let arguments = vec![
            "serve".to_owned(),
            "--listen".to_owned(),
            self.address.to_string(),
            "--data-dir".to_owned(),
            self.data().display().to_string(),
        ];
        self.start_process("rembg", &arguments);
    }

    fn start_three(&mut self) {
        let (worker, billing) = (loopback(free_port()), loopback(free_port()));
        for (name, value) in [
            ("REMBG_INFERENCE__LISTEN", worker.to_string()),
            ("REMBG_BILLING__LISTEN", billing.to_string()),
            ("REMBG_BILLING__DATA_DIR", self.data().display().to_string()),
            ("REMBG_GATEWAY__LISTEN", self.address.to_string()),
            ("REMBG_SERVICES__INFERENCE", format!("http://{worker}")),
            ("REMBG_SERVICES__BILLING", format!("http://{billing}")),
        ] {
            self.environment.insert(name.to_owned(), value);
        }
        for name in ["inference-worker", "billing", "rembg-gateway"] {
            self.start_process(name, &[]);
        }
    }

    fn start_process(&mut self, name: &str, arguments: &[String]) {
        let logs = self.folder.path().join("logs");
        let process = Process::start(&program(name), arguments, &self.environment, &logs);
        self.processes.push(process);
    }

    fn wait_until_ready(&mut self) {
        let ready = eventually(START_LIMIT, || {
            let alive = self.processes.iter_mut().all(Process::runs);
            let ready = self.get("/readyz").try_send().is_some_and(|answer| answer.status == 200);
            (ready || !alive).then_some(ready)
        });
        assert_eq!(ready, Some(true), "not ready:\n{}", self.last_words());
    }

    fn last_words(&self) -> String {
        self.processes.iter().map(Process::describe).collect()
    }

    /// One process makes its owner itself; three are given one.
    fn first_key(&self) -> String {
        match self.deployment {
            Deployment::OneProcess => {
                let file = self.data().join("dev-api-key");
                fs::read_to_string(file).expect("the first key").trim().to_owned()
            }
            Deployment::ThreeProcesses | Deployment::ThreeWithBackends => {
                self.account().email("owner@example.com").plan("Owner").create().key
            }
        }
    }
}

impl Drop for TestServer {
    #[expect(clippy::print_stderr, reason = "the logs of a failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last_words());
        }
    }
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
        if TcpListener::bind(loopback(port)).is_ok() {
            return port;
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// One of the workspace's programs: in `REMBG_BIN_DIR` where that is set, else
/// built here.
///
/// # Panics
/// Where the programs do not build.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| match std::env::var_os("REMBG_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => build(),
    });
    folder.join(name)
}

/// Builds all programs beside this test, so that a bare `cargo test` never
/// meets old ones.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let folder = test.ancestors().nth(2).expect("target folder").to_owned();
    let release = folder.ends_with("release");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--bins", "--quiet"])
        .args(release.then_some("--release"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the programs do not build");
    folder
}
