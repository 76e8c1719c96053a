//! The `rembg` command: the whole service in one process, or files with no
//! server at all.

mod accounts;
mod cli;
mod failure;
mod models;
mod remove;
mod serve;
mod settings;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    // Before the first thread: afterwards the allocator has made up its mind.
    inference_worker::memory::return_freed_memory();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(Failure::failed(error)),
    };
    outcome.unwrap_or_else(|failure| {
        complain(&format!("rembg: {failure}"));
        failure.exit_code()
    })
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Remove(args) => remove::run(args).await,
        Command::Models(command) => tokio::task::block_in_place(|| models::run(command)),
        Command::Accounts(command) => accounts::accounts(command).await,
        Command::Keys(command) => accounts::keys(command).await,
        Command::Billing(command) => accounts::billing(command).await,
        Command::Config => {
            say(&settings::DEFAULTS.join("\n"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Threads that can work at once.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A line for the person at the terminal, on standard error: standard output
/// belongs to results. A closed terminal is no reason to stop.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line of result on standard output.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
}
