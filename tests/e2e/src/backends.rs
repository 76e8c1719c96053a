//! Redis and Postgres of the test's own, on free ports, gone with the test.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{server::free_port, wait::eventually};

const START_LIMIT: Duration = Duration::from_secs(60);

/// An empty Redis without persistence.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// Where `redis-server` is missing or does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let port = free_port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let redis = Self { child, port, _folder: folder };
        eventually(START_LIMIT, || redis.cli(&["ping"]).filter(|answer| answer == "PONG"))
            .expect("redis answers");
        redis
    }

    /// Where it listens, as `REDIS_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Runs one command and returns its answer as `redis-cli` prints it.
    #[must_use]
    pub fn cli(&self, command: &[&str]) -> Option<String> {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(command)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An empty Postgres that trusts this machine. It refuses to run as root, so
/// root starts it as the account that its package makes.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    /// Where Postgres is missing or does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let owner = unprivileged();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        let data = folder.path().join("data");
        let made = run_as(owner, &programs().join("initdb"))
            .args(["--auth=trust", "--username=rembg", "--no-sync", "--encoding=UTF8", "-D"])
            .arg(&data)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb: {made}");
        let port = free_port();
        let child = run_as(owner, &programs().join("postgres"))
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("postgres runs");
        let postgres = Self { child, port, _folder: folder };
        eventually(START_LIMIT, || postgres.sql("select 1")).expect("postgres answers");
        postgres
    }

    /// Where it listens, as `DATABASE_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://rembg@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs a query and returns its bare rows.
    #[must_use]
    pub fn sql(&self, query: &str) -> Option<String> {
        let output = Command::new(programs().join("psql"))
            .args(["-At", "-d", &self.url(), "-c", query])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is Postgres's fast shutdown: it takes its children along.
        let id = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: kill takes two integers; the id is that of our own child,
        // which has not been waited for.
        unsafe { libc::kill(id, libc::SIGINT) };
        let _ = self.child.wait();
    }
}

fn run_as(owner: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

/// Debian keeps the server's programs outside the path, by major version.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("postgresql is installed");
    let newest = versions
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(|path| version(path.file_name().unwrap_or_default()));
    newest.expect("postgresql is installed").join("bin")
}

fn version(name: &OsStr) -> u32 {
    name.to_string_lossy().parse().unwrap_or(0)
}

/// User and group of the account `postgres` where this process is root.
fn unprivileged() -> Option<(u32, u32)> {
    // SAFETY: geteuid has no preconditions and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").expect("accounts");
    let line = accounts.lines().find(|line| line.starts_with("postgres:")).expect("the account");
    let mut fields = line.split(':').skip(2).map(|field| field.parse().expect("an id"));
    Some((fields.next().expect("a user"), fields.next().expect("a group")))
}
