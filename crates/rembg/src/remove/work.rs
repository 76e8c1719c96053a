//! One picture: read, judge by the contract, work, write.

use std::sync::Arc;

use imaging::{OutputFormat, RenderOptions, Size};
use inference_worker::Processor;
use validation::{Dimensions, ImageFacts, Limits, Options, OutputSizes, RawFields};

use super::{
    files,
    plan::{Item, Target},
};

/// How a picture ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its result was written.
    Written,
    /// Its result was there from an earlier run.
    AlreadyThere,
}

/// What all pictures of a run share.
pub(super) struct Worker {
    pub(super) processor: Processor,
    pub(super) fields: RawFields,
    pub(super) options: RenderOptions,
    pub(super) overwrite: bool,
}

impl Worker {
    /// Works on one picture, on a thread where blocking is allowed.
    pub(super) async fn work(self: Arc<Self>, item: Item) -> (Item, Result<Outcome, String>) {
        let worker = Arc::clone(&self);
        let own = item.clone();
        let outcome = tokio::task::spawn_blocking(move || worker.work_blocking(&own)).await;
        (item, outcome.unwrap_or_else(|lost| Err(lost.to_string())))
    }

    fn work_blocking(&self, item: &Item) -> Result<Outcome, String> {
        if self.is_done(&item.target) {
            return Ok(Outcome::AlreadyThere);
        }
        let limits = Limits::default();
        let (bytes, size) =
            files::read(&item.source, limits.max_bytes).map_err(|error| error.to_string())?;
        self.judge(&bytes, size, &limits)?;
        let (finished, _) =
            self.processor.process(&bytes, &self.options).map_err(|error| error.to_string())?;
        files::write(&item.target, &finished.bytes)
            .map_err(|error| format!("cannot write {}: {error}", item.target))?;
        Ok(Outcome::Written)
    }

    fn is_done(&self, target: &Target) -> bool {
        matches!(target, Target::File(path) if !self.overwrite && path.exists())
    }

    /// The contract's own checks and messages, as an upload would get them.
    fn judge(&self, bytes: &[u8], size: u64, limits: &Limits) -> Result<(), String> {
        let header = imaging::probe(bytes).ok();
        let facts = ImageFacts {
            file_name: None,
            bytes: size,
            dimensions: header.map(|header| dimensions(header.oriented)),
        };
        let options = &self.options;
        let sizes = |source: Dimensions, _: &Options| {
            let source = Size { width: source.width, height: source.height };
            let rotated = imaging::rotated_size(source, options.angle, options.expand);
            let finished = imaging::fit_size(rotated, options.width, options.height, options.exact);
            OutputSizes { rotated: dimensions(rotated), finished: dimensions(finished) }
        };
        let judged = validation::parse(Some(facts), &self.fields, limits, sizes);
        judged.map(drop).map_err(|fault| fault.message())
    }
}

fn dimensions(size: Size) -> Dimensions {
    Dimensions { width: size.width, height: size.height }
}

/// What the pixel code is told.
pub(super) fn render_options(options: &Options) -> RenderOptions {
    RenderOptions {
        angle: options.angle.degrees(),
        expand: options.expand,
        width: options.width.map(validation::Pixels::get),
        height: options.height.map(validation::Pixels::get),
        exact: options.exact_resize,
        mask: options.mask,
        background: options
            .background
            .map(|colour| [colour.red, colour.green, colour.blue, colour.alpha]),
        format: match options.format {
            validation::OutputFormat::Webp => OutputFormat::WebP,
            validation::OutputFormat::Png => OutputFormat::Png,
            validation::OutputFormat::Jpeg => OutputFormat::Jpeg,
            validation::OutputFormat::Bmp => OutputFormat::Bmp,
        },
    }
}
