//! The `billing` process, to be killed.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use proto::{BillingHandle, Endpoint, billing_v1 as pb};

use super::{eventually, free_port};

/// A running `billing` process.
pub(crate) struct Process {
    child: Child,
    handle: BillingHandle,
}

impl Process {
    /// Starts it with settings, as `REMBG_…` variables, and a log file.
    pub(crate) async fn start(settings: &[(&str, String)], log: &std::path::Path) -> Self {
        let port = free_port();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_billing"));
        for (key, value) in settings {
            let name = key.split('.').map(str::to_uppercase).collect::<Vec<_>>().join("__");
            command.env(format!("REMBG_{name}"), value);
        }
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the process starts");
        let endpoint = Endpoint::follow(&format!("http://127.0.0.1:{port}")).expect("an address");
        let handle = BillingHandle::remote(endpoint).with_deadline(Duration::from_secs(5));
        eventually("the process is ready", async || {
            handle.get_status(pb::GetStatusRequest {}).await.is_ok_and(|status| status.ready)
        })
        .await;
        Self { child, handle }
    }

    pub(crate) fn handle(&self) -> BillingHandle {
        self.handle.clone()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// `kill -TERM`; whether it left with 0.
    pub(crate) fn terminate(&mut self) -> bool {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        sent.success() && self.child.wait().expect("it ends").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
