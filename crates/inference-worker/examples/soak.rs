//! Two thousand mixed jobs through the service in this process, some abandoned,
//! some damaged; prints resident memory after 200 and at the end.
//!
//! `soak [JOBS] [CLIENTS]`

use std::{
    error::Error,
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use image::{DynamicImage, ImageFormat as FileFormat, Rgb, RgbImage};
use inference_worker::{DEFAULTS, InferenceConfig, InferenceService, build, memory};
use proto::{
    ErrorCode, InferenceHandle, RemoveJob,
    inference_v1::{ImageFormat, RenderSpec},
};
use runtime::config::Layers;

const SETTLED: usize = 200;
const SETTLING: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    memory::return_freed_memory();
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let jobs = arguments.next().transpose()?.unwrap_or(2000);
    let clients = arguments.next().transpose()?.unwrap_or(8);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(soak(jobs, clients))
}

async fn soak(jobs: usize, clients: usize) -> Result<(), Box<dyn Error>> {
    let service = build(&InferenceConfig::load(&Layers::new(DEFAULTS).environment(&[]))?)?;
    let pictures: Arc<[Bytes]> = pictures()?.into();
    say(&format!("start: {} MB", resident_mb()));
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let client = client(service.clone(), Arc::clone(&pictures), Arc::clone(&next), jobs);
        tasks.push(tokio::spawn(client));
    }
    for task in tasks {
        task.await?;
    }
    say(&format!("after {jobs}: {} MB", resident_mb()));
    tokio::time::sleep(SETTLING).await;
    let usage = memory::usage()?;
    say(&format!("a moment later: {} MB, peak {} MB", usage.resident >> 20, usage.peak >> 20));
    Ok(())
}

async fn client(
    service: InferenceService,
    pictures: Arc<[Bytes]>,
    next: Arc<AtomicUsize>,
    jobs: usize,
) {
    let handle = InferenceHandle::local(service);
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= jobs {
            return;
        }
        if at == SETTLED {
            say(&format!("after {SETTLED}: {} MB", resident_mb()));
        }
        let job = job(&pictures, at);
        if at.is_multiple_of(17) {
            // A caller who leaves at once.
            drop(handle.remove_background(job).await);
            continue;
        }
        if let Err(error) = handle.run(job, |_| ()).await
            && error.code != ErrorCode::InvalidImage
        {
            say(&format!("job {at}: {error}"));
        }
    }
}

fn job(pictures: &[Bytes], at: usize) -> RemoveJob {
    use ImageFormat::{Bmp, Jpeg, Png, Webp};
    let mut image = pictures[at % pictures.len()].clone();
    if at.is_multiple_of(13) {
        image.truncate(image.len() / 2);
    }
    let spec = RenderSpec {
        format: [Webp, Png, Jpeg, Bmp][at / 3 % 4].into(),
        width: [0, 0, 640, 1500][at / 5 % 4],
        mask: at.is_multiple_of(7),
        angle: if at.is_multiple_of(11) { 30.0 } else { 0.0 },
        expand: true,
        ..Default::default()
    };
    let request_id = at.to_string();
    RemoveJob { image, width: 0, height: 0, spec, request_id, deadline: None, model: None }
}

fn pictures() -> Result<Vec<Bytes>, Box<dyn Error>> {
    let sizes = [(320, 240), (640, 480), (1200, 900), (2000, 1500), (150, 150), (800, 600)];
    let formats = [FileFormat::Jpeg, FileFormat::Png, FileFormat::Bmp];
    let mut pictures = Vec::new();
    for (index, (width, height)) in sizes.into_iter().enumerate() {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let inside = x.abs_diff(width / 2) < width / 4 && y.abs_diff(height / 2) < height / 4;
            if inside { Rgb([220, 90, (x ^ y) as u8]) } else { Rgb([30, (x % 97) as u8, 80]) }
        });
        let mut file = Cursor::new(Vec::new());
        DynamicImage::from(picture).write_to(&mut file, formats[index % formats.len()])?;
        pictures.push(file.into_inner().into());
    }
    Ok(pictures)
}

fn resident_mb() -> u64 {
    memory::usage().map_or(0, |usage| usage.resident >> 20)
}

#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
