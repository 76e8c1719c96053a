//! One child process with its log, its memory and its end.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::wait::eventually;

/// What a failing test shows of a log.
const LAST_LINES: usize = 25;

/// How a process left.
pub type Exit = ExitStatus;

/// A running program; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    arguments: Vec<String>,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program with nothing in its environment but what is given, its
    /// output in a file of the folder.
    ///
    /// # Panics
    /// Where the program cannot be started.
    #[must_use]
    pub fn start(
        program: &Path,
        arguments: &[String],
        environment: &BTreeMap<String, String>,
        logs: &Path,
    ) -> Self {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = logs.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log).expect("log file");
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("log file"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { name, arguments: arguments.to_vec(), child, log }
    }

    /// The program's name and arguments, to start it again.
    pub(crate) fn invocation(&self) -> (String, Vec<String>) {
        (self.name.clone(), self.arguments.clone())
    }

    /// Everything it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its name and the end of its log, for a failing test.
    #[must_use]
    pub fn describe(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(LAST_LINES)..];
        format!("--- {} ---\n{}\n", self.name, end.join("\n"))
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to leave.
    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Ends it without asking, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: kill takes two integers; the id is that of our own child,
        // which has not been waited for.
        unsafe { libc::kill(id, signal) };
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Option<Exit> {
        eventually(limit, || self.child.try_wait().ok().flatten())
    }

    /// Resident memory now, in bytes.
    #[must_use]
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory it ever had resident, in bytes.
    #[must_use]
    pub fn peak_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        let kibibytes: u64 =
            line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        kibibytes * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
