//! The time of every step and the peak memory, for 0.25, 3 and 12 megapixels and
//! every output format, on one thread. `scripts/bench` runs it.
//!
//! `bench [MODEL] [--runs N] [--megapixels 0.25,3,12]`

use std::{error::Error, io::Cursor, time::Duration};

use clap::Parser;
use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use imaging::{OutputFormat, RenderOptions};
use inference_worker::{
    Network, Processor, StageTimings, Step, engine::Backend, memory, models::ModelStore,
};

#[derive(Parser)]
struct Arguments {
    /// The network: a name, or the path of an .onnx file.
    #[arg(default_value = "builtin")]
    model: String,
    /// Runs of each row; the fastest counts.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Sizes of the photo.
    #[arg(long, value_delimiter = ',', default_value = "0.25,3,12")]
    megapixels: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    memory::return_freed_memory();
    let model = ModelStore::of_user().resolve(&arguments.model)?;
    let processor = Processor::new(Network::load(model, Backend::Cpu)?);
    print_head(processor.model());
    for &megapixels in &arguments.megapixels {
        let photo = jpeg(megapixels)?;
        for format in [OutputFormat::Png, OutputFormat::WebP, OutputFormat::Jpeg, OutputFormat::Bmp]
        {
            let options = RenderOptions { format, ..Default::default() };
            let row = measure(&processor, &photo, &options, arguments.runs)?;
            print_row(megapixels, format.extension(), &row);
        }
        let options = RenderOptions { mask: true, format: OutputFormat::Png, ..Default::default() };
        print_row(megapixels, "mask", &measure(&processor, &photo, &options, arguments.runs)?);
    }
    Ok(())
}

struct Row {
    timings: StageTimings,
    peak_mb: u64,
}

fn measure(
    processor: &Processor,
    photo: &[u8],
    options: &RenderOptions,
    runs: u32,
) -> Result<Row, Box<dyn Error>> {
    memory::reset_peak()?;
    let mut best: Option<StageTimings> = None;
    for _ in 0..runs.max(1) {
        let (_, timings) = processor.process(photo, options)?;
        if best.is_none_or(|best| timings.total() < best.total()) {
            best = Some(timings);
        }
    }
    let peak_mb = memory::usage()?.peak >> 20;
    Ok(Row { timings: best.unwrap_or_default(), peak_mb })
}

#[allow(clippy::print_stdout, reason = "the table is what this program is for")]
fn print_head(model: &str) {
    let steps = Step::ALL.map(|step| format!(" {:>10}", step.name())).concat();
    println!("network {model}, milliseconds on one thread\n");
    println!("{:>5} {:>5}{steps} {:>10} {:>8}", "MP", "to", "whole", "peak MB");
}

#[allow(clippy::print_stdout, reason = "the table is what this program is for")]
fn print_row(megapixels: f64, to: &str, row: &Row) {
    let cell = |took: Duration| format!(" {:>10.1}", took.as_secs_f64() * 1000.0);
    let steps = Step::ALL.map(|step| cell(row.timings.of(step))).concat();
    let whole = cell(row.timings.total());
    println!("{megapixels:>5} {to:>5}{steps}{whole} {:>8}", row.peak_mb);
}

/// A photo-like picture: a furry disc on a smooth ground, with grain.
fn jpeg(megapixels: f64) -> Result<Vec<u8>, Box<dyn Error>> {
    let side = (megapixels * 1e6).sqrt();
    let (width, height) = ((side * 1.155) as u32, (side / 1.155) as u32);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let grain = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(2_246_822_519));
        let grain = ((grain ^ (grain >> 15)).wrapping_mul(0x2C1B_3C6D) >> 27) as u8;
        let (across, down) =
            (f64::from(x) / f64::from(width) - 0.5, f64::from(y) / f64::from(height) - 0.5);
        let edge = 0.28 + 0.02 * (down.atan2(across) * 90.0).sin();
        let base = if across.hypot(down) < edge { [200, 120, 70] } else { [60, 110, 150] };
        Rgb(base.map(|level: u8| level + grain))
    });
    let mut file = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut file, 90).encode_image(&picture)?;
    Ok(file.into_inner())
}
