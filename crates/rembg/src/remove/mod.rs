//! `rembg remove`: the same pipeline that serves requests, on files, with no
//! server. One bad picture never stops the others; the exit code tells.

mod files;
mod plan;
mod work;

use std::{
    io::IsTerminal as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use validation::{Field, RawFields};

use self::{
    plan::{Item, Target, plan},
    work::{Outcome, Worker, render_options},
};
use crate::{cli::RemoveArgs, failure::Failure, settings};

const DEFAULT_FORMAT: &str = "png";

/// Works on everything that was named. The exit code is 0 when all went well
/// and 1 when a picture failed.
pub(crate) async fn run(args: RemoveArgs) -> Result<ExitCode, Failure> {
    let fields = raw_fields(&args);
    let options =
        validation::parse_options(&fields).map_err(|fault| Failure::usage(fault.message()))?;
    let items = plan(&args.inputs, args.output.as_deref(), options.format.name())
        .map_err(|error| Failure::usage(error.to_string()))?;
    refuse_terminal(&items)?;
    let jobs = args.jobs.map_or_else(crate::cores, NonZeroUsize::get).min(items.len().max(1));
    let config = settings::inference(&args.place, args.model.as_deref())?;
    let worker = Worker {
        processor: settings::processor(&config)?,
        fields,
        options: render_options(&options),
        overwrite: args.overwrite,
    };
    let report = work_through(Arc::new(worker), items, jobs, args.quiet).await;
    Ok(report.tell(args.quiet))
}

/// The options as the text that a request would carry, so that the command line
/// has the contract's rules and messages.
fn raw_fields(args: &RemoveArgs) -> RawFields {
    let from_name = args.output.as_deref().and_then(named_format);
    let format = args.format.clone().or(from_name).unwrap_or_else(|| DEFAULT_FORMAT.into());
    let mut fields = RawFields::default();
    let mut set = |field: Field, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(field.name(), value);
        }
    };
    set(Field::Format, Some(format));
    set(Field::W, args.width.clone());
    set(Field::H, args.height.clone());
    set(Field::ExactResize, Some(args.exact.to_string()));
    set(Field::Mask, Some(args.mask.to_string()));
    set(Field::BgColor, args.bg_color.clone());
    set(Field::Angle, args.angle.clone());
    set(Field::Expand, Some((!args.no_expand).to_string()));
    fields
}

/// The format that an output's name asks for; a folder's name asks for none.
fn named_format(output: &Path) -> Option<String> {
    if output.is_dir() {
        return None;
    }
    let extension = output.extension()?.to_str()?.to_ascii_lowercase();
    validation::ALLOWED_EXTENSIONS.contains(&extension.as_str()).then_some(extension)
}

fn refuse_terminal(items: &[Item]) -> Result<(), Failure> {
    let to_stdout = items.iter().any(|item| item.target == Target::Stdout);
    if to_stdout && std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "a picture is no text: redirect standard output, or name a file with --output",
        ));
    }
    Ok(())
}

async fn work_through(worker: Arc<Worker>, items: Vec<Item>, jobs: usize, quiet: bool) -> Report {
    let bar = progress_bar(items.len(), quiet);
    let mut outcomes =
        stream::iter(items).map(|item| Arc::clone(&worker).work(item)).buffer_unordered(jobs);
    let mut report = Report::default();
    while let Some((item, outcome)) = outcomes.next().await {
        report.add(&item, outcome, &bar);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report
}

/// A bar for folders; for one picture it would only flicker.
fn progress_bar(pictures: usize, quiet: bool) -> ProgressBar {
    if quiet || pictures < 2 {
        return ProgressBar::hidden();
    }
    let style = "{bar:32} {pos}/{len} pictures, {per_sec}, {eta} left";
    ProgressBar::new(pictures as u64).with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

#[derive(Default)]
struct Report {
    done: usize,
    kept: usize,
    failed: Vec<(String, String)>,
    written: Option<PathBuf>,
}

impl Report {
    fn add(&mut self, item: &Item, outcome: Result<Outcome, String>, bar: &ProgressBar) {
        match outcome {
            Ok(Outcome::Written) => self.done += 1,
            Ok(Outcome::AlreadyThere) => self.kept += 1,
            Err(why) => {
                bar.suspend(|| crate::complain(&format!("{}: {why}", item.source)));
                self.failed.push((item.source.to_string(), why));
                return;
            }
        }
        if let Target::File(path) = &item.target {
            self.written = Some(path.clone());
        }
    }

    fn tell(&self, quiet: bool) -> ExitCode {
        let pictures = self.done + self.kept + self.failed.len();
        if pictures > 1 && !self.failed.is_empty() {
            crate::complain(&format!("{} of {pictures} pictures failed:", self.failed.len()));
            for (source, why) in &self.failed {
                crate::complain(&format!("  {source}: {why}"));
            }
        }
        if !quiet && self.failed.is_empty() {
            self.tell_success(pictures);
        }
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn tell_success(&self, pictures: usize) {
        match &self.written {
            Some(path) if pictures == 1 && self.kept == 1 => {
                crate::complain(&format!(
                    "{} is there already; --overwrite makes it anew",
                    path.display()
                ));
            }
            Some(path) if pictures == 1 => crate::complain(&format!("wrote {}", path.display())),
            Some(_) if self.kept > 0 => {
                crate::complain(&format!(
                    "{} pictures done, {} were there already",
                    self.done, self.kept
                ));
            }
            Some(_) => crate::complain(&format!("{} pictures done", self.done)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_output_says_the_format() {
        let cases =
            [("a.WEBP", Some("webp")), ("a.jpg", Some("jpg")), ("a", None), ("a.tif", None)];
        for (name, expected) in cases {
            assert_eq!(named_format(Path::new(name)).as_deref(), expected, "{name}");
        }
    }
}
