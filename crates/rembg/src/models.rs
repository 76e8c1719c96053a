//! `rembg models`: what there is, fetching it, checking it, measuring it.

use std::process::ExitCode;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use inference_worker::{
    eval::{self, EvalOptions},
    models::{ModelStore, Presence, Progress, catalogue},
};

use crate::{
    cli::{EvalArgs, ModelsCommand},
    complain,
    failure::Failure,
    say, settings,
};

/// Runs one of the commands; all of them block, which is all this process does.
pub(crate) fn run(command: ModelsCommand) -> Result<ExitCode, Failure> {
    match command {
        ModelsCommand::List { place } => list(&settings::inference(&place, None)?.store()),
        ModelsCommand::Pull { name, from, place } => {
            pull(&settings::inference(&place, None)?.store(), &name, from)
        }
        ModelsCommand::Verify { name, place } => {
            verify(&settings::inference(&place, None)?.store(), name)
        }
        ModelsCommand::Eval(args) => evaluate(&args),
    }
}

fn list(store: &ModelStore) -> Result<ExitCode, Failure> {
    say(&format!("{:<24} {:<9} {:>9}  {:<14} {}", "NAME", "WHERE", "INPUT", "LICENCE", "FOR"));
    for row in store.list().map_err(Failure::failed)? {
        let manifest = &row.manifest;
        let place = match row.presence {
            Presence::Embedded => "built in",
            Presence::Pulled => "here",
            Presence::Published => "to pull",
        };
        let input = format!("{}x{}", manifest.input.width, manifest.input.height);
        let about = row.about.unwrap_or_default();
        say(&format!(
            "{:<24} {place:<9} {input:>9}  {:<14} {about}",
            manifest.name, manifest.licence
        ));
    }
    complain(&format!("models are kept in {}", store.folder().display()));
    Ok(ExitCode::SUCCESS)
}

fn pull(store: &ModelStore, name: &str, from: Option<String>) -> Result<ExitCode, Failure> {
    let bar = ProgressBar::no_length();
    let style = "{bar:32} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    let mut on_progress = |progress: Progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.received);
    };
    let pulled = match from {
        None => store.pull(name, &mut on_progress),
        Some(url) => {
            let published = catalogue().iter().find(|published| published.manifest.name == name);
            let mut published = published
                .cloned()
                .ok_or_else(|| Failure::usage(format!("no model '{name}' is published")))?;
            published.url = url;
            store.pull_published(&published, &mut on_progress)
        }
    };
    bar.finish_and_clear();
    let manifest = pulled.map_err(Failure::failed)?;
    let file = store.folder().join(&manifest.file);
    let size = std::fs::metadata(&file).map_or(0, |data| data.len());
    complain(&format!("{name} is here and verified: {} ({})", file.display(), HumanBytes(size)));
    Ok(ExitCode::SUCCESS)
}

fn verify(store: &ModelStore, name: Option<String>) -> Result<ExitCode, Failure> {
    let names = match name {
        Some(name) => vec![name],
        None => present(store)?,
    };
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match store.verify(&name) {
            Ok(_) => say(&format!("{name}: good")),
            Err(error) => {
                complain(&format!("{name}: {error}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn present(store: &ModelStore) -> Result<Vec<String>, Failure> {
    let rows = store.list().map_err(Failure::failed)?;
    let here = rows.into_iter().filter(|row| row.presence != Presence::Published);
    Ok(here.map(|row| row.manifest.name).collect())
}

fn evaluate(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let mut config = settings::inference(&args.place, args.model.as_deref())?;
    config.second_look &= !args.no_second_look;
    let processor = settings::processor(&config)?;
    let options = EvalOptions {
        images: args.images.clone(),
        masks: args.masks.clone(),
        refine: !args.no_refine,
        jobs: args.jobs,
    };
    let bar = ProgressBar::no_length();
    let report = eval::evaluate(&processor, &options, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })
    .map_err(|error| Failure::usage(error.to_string()))?;
    bar.finish_and_clear();
    say(&report.to_string());
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
