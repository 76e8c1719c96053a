//! Times every stage on one core at 0.25, 3 and 12 megapixels.
//!
//! `cargo run --release -p imaging --example stages -- PHOTO [MATTE]`
//!
//! `MATTE` is a square of raw little-endian float32 values, as a network gave them; without it a
//! soft-edged disc stands in. Prints a table in milliseconds of processor time of this thread, the
//! best of several runs: every stage is single-threaded, and a busy machine disturbs this least.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Duration;

use imaging::{
    Cutout, DecodeLimits, Filter, InputSpec, Matte, OutputFormat, Photo, RenderOptions, Scale,
    Size, TensorLayout, decode, encode, estimate_foreground, network_input, refine, render,
};

const MEGAPIXELS: [f64; 3] = [0.25, 3.0, 12.0];
const SIDE: u32 = 256;
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: stages PHOTO [MATTE]")?;
    let photo = decode(&std::fs::read(path)?, &DecodeLimits::default())?;
    let matte = match arguments.next() {
        Some(path) => read_matte(&std::fs::read(path)?)?,
        None => disc(SIDE)?,
    };
    println!("| stage, ms | 0.25 MP | 3 MP | 12 MP |\n|---|---|---|---|");
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for megapixels in MEGAPIXELS {
        for (stage, cell) in measure(&photo, &matte, megapixels)? {
            match rows.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, cells)) => cells.push(cell),
                None => rows.push((stage, vec![cell])),
            }
        }
    }
    for (stage, cells) in rows {
        println!("| {stage} | {} |", cells.join(" | "));
    }
    Ok(())
}

fn read_matte(bytes: &[u8]) -> Result<Matte, Box<dyn Error>> {
    let values: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let side = values.len().isqrt() as u32;
    Ok(Matte::new(values, side, side)?)
}

fn disc(side: u32) -> Result<Matte, Box<dyn Error>> {
    let centre = (f64::from(side) - 1.0) / 2.0;
    let value = |index: u32| {
        let (x, y) = (f64::from(index % side), f64::from(index / side));
        let distance = (x - centre).hypot(y - centre);
        ((f64::from(side) * 0.35 - distance) / 6.0 + 0.5) as f32
    };
    Ok(Matte::new((0..side * side).map(value).collect(), side, side)?)
}

fn measure(
    photo: &Photo,
    matte: &Matte,
    megapixels: f64,
) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let bytes = jpeg_of(photo, megapixels)?;
    let spec = InputSpec {
        size: Size::new(SIDE, SIDE),
        layout: TensorLayout::Nchw,
        scale: Scale::Full,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        filter: Filter::Bilinear,
    };
    let mut cells = Vec::new();
    let photo =
        time(&mut cells, "decode JPEG", || (), |()| decode(&bytes, &DecodeLimits::default()))?;
    time(&mut cells, "network input", || (), |()| network_input(&photo, &spec))?;
    let alpha = time(&mut cells, "refine", || (), |()| refine(&photo, matte))?;
    let share = alpha.iter().filter(|a| !matches!(a, 0 | 255)).count() as f64 / alpha.len() as f64;
    cells.push(("(undecided, %)", format!("{:.1}", share * 100.0)));
    let cutout = time(
        &mut cells,
        "foreground",
        || (photo.clone(), alpha.clone()),
        |(photo, alpha)| estimate_foreground(photo, alpha),
    )?;
    time_outputs(&mut cells, &cutout)?;
    Ok(cells)
}

fn time_outputs(
    cells: &mut Vec<(&'static str, String)>,
    cutout: &Cutout,
) -> Result<(), Box<dyn Error>> {
    let formats = [
        ("render", "encode PNG", OutputFormat::Png),
        ("render, on white", "encode JPEG", OutputFormat::Jpeg),
        ("render for WebP", "encode WebP", OutputFormat::WebP),
        ("render for BMP", "encode BMP", OutputFormat::Bmp),
    ];
    for (render_name, encode_name, format) in formats {
        let options = RenderOptions { format, ..RenderOptions::default() };
        let rendered = time(cells, render_name, || cutout.clone(), |c| render(c, &options))?;
        let bytes = time(cells, encode_name, || rendered.clone(), encode)?;
        cells.push((encode_label(format), format!("{}", bytes.len() / 1024)));
    }
    let turned = RenderOptions { angle: 10.0, ..RenderOptions::default() };
    time(cells, "render, 10° turn", || cutout.clone(), |c| render(c, &turned))?;
    let halved = RenderOptions { width: Some(cutout.size().width / 2), ..RenderOptions::default() };
    time(cells, "render, half size", || cutout.clone(), |c| render(c, &halved))?;
    Ok(())
}

fn encode_label(format: OutputFormat) -> &'static str {
    match format {
        OutputFormat::Png => "(PNG, KiB)",
        OutputFormat::Jpeg => "(JPEG, KiB)",
        OutputFormat::WebP => "(WebP, KiB)",
        OutputFormat::Bmp => "(BMP, KiB)",
    }
}

/// The photo as a JPEG file of about `megapixels`.
fn jpeg_of(photo: &Photo, megapixels: f64) -> Result<Vec<u8>, Box<dyn Error>> {
    let size = photo.size();
    let factor = (megapixels * 1e6 / size.pixels() as f64).sqrt();
    let options = RenderOptions {
        width: Some((f64::from(size.width) * factor).round() as u32),
        format: OutputFormat::Jpeg,
        ..RenderOptions::default()
    };
    let opaque = image::GrayImage::from_pixel(size.width, size.height, image::Luma([255]));
    let cutout = Cutout::from_matte(photo.clone(), opaque)?;
    Ok(encode(render(cutout, &options)?)?)
}

/// Runs a stage several times, keeps the best time, and returns the last result.
fn time<I, O, E>(
    cells: &mut Vec<(&'static str, String)>,
    name: &'static str,
    prepare: impl Fn() -> I,
    stage: impl Fn(I) -> Result<O, E>,
) -> Result<O, E> {
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..RUNS {
        let input = prepare();
        let start = processor_time();
        let output = stage(input)?;
        best = best.min((processor_time() - start).as_secs_f64() * 1e3);
        last = Some(output);
    }
    cells.push((name, format!("{best:.1}")));
    match last {
        Some(output) => Ok(output),
        None => stage(prepare()),
    }
}

/// Time that this thread has spent running.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes the structure it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
