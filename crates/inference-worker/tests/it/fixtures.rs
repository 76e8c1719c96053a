//! Pictures, jobs, and engines that wait, fail or count as a test wants.

use std::{
    io::Cursor,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use image::{DynamicImage, ImageFormat as FileFormat, Rgb, RgbImage};
use inference_worker::{
    DEFAULTS, InferenceConfig, InferenceService, Network,
    engine::{Engine, EngineError, Tensor},
    models::builtin,
};
use proto::{
    CutOut, Inference as _, JobEvent, JobEvents, RemoveJob, ServiceError,
    inference_v1::{ImageFormat, RenderSpec, Stage},
};
use runtime::config::Layers;

/// A picture with something in the middle.
pub(crate) fn picture(width: u32, height: u32) -> DynamicImage {
    disc(width, height, 0.3)
}

/// A picture with a disc of that radius, a share of its sides, in the middle.
pub(crate) fn disc(width: u32, height: u32, radius: f64) -> DynamicImage {
    let inside = |x: u32, y: u32| {
        let across = f64::from(x) / f64::from(width) - 0.5;
        let down = f64::from(y) / f64::from(height) - 0.5;
        across.hypot(down) < radius
    };
    RgbImage::from_fn(width, height, |x, y| {
        if inside(x, y) { Rgb([220, 60, 40]) } else { Rgb([20, (x % 80) as u8, 90]) }
    })
    .into()
}

pub(crate) fn encoded(picture: &DynamicImage, format: FileFormat) -> Bytes {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner().into()
}

pub(crate) fn png(width: u32, height: u32) -> Bytes {
    encoded(&picture(width, height), FileFormat::Png)
}

pub(crate) fn job(image: Bytes) -> RemoveJob {
    job_with(
        image,
        RenderSpec { format: ImageFormat::Png.into(), expand: true, ..Default::default() },
    )
}

pub(crate) fn job_with(image: Bytes, spec: RenderSpec) -> RemoveJob {
    // The size is left at zero: the worker must not rely on it.
    let (width, height, deadline, model) = (0, 0, None, None);
    RemoveJob { image, width, height, spec, request_id: "test".into(), deadline, model }
}

/// The defaults with some keys changed.
pub(crate) fn config(changes: &[(&str, usize)]) -> InferenceConfig {
    let layers = changes.iter().fold(Layers::new(DEFAULTS), |layers, (key, value)| {
        layers.flag(&format!("inference.{key}"), Some(value))
    });
    InferenceConfig::load(&layers).expect("valid")
}

pub(crate) fn service(
    changes: &[(&str, usize)],
    engine: impl Engine + 'static,
) -> InferenceService {
    InferenceService::new(&config(changes), vec![network(engine)]).expect("builds")
}

pub(crate) fn network(engine: impl Engine + 'static) -> Network {
    Network::new(builtin().manifest, Box::new(engine))
}

/// Runs a job to its end and keeps what it told on the way.
pub(crate) async fn finish(mut events: JobEvents) -> (Vec<Stage>, Result<CutOut, ServiceError>) {
    let mut stages = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(JobEvent::Progress(stage)) => stages.push(stage),
            Ok(JobEvent::Done(cut_out)) => return (stages, Ok(cut_out)),
            Err(error) => return (stages, Err(error)),
        }
    }
    panic!("the job ended without a result");
}

pub(crate) async fn run(
    service: &InferenceService,
    job: RemoveJob,
) -> Result<CutOut, ServiceError> {
    finish(service.remove_background(job).await?).await.1
}

/// An engine that opens only when it is told to, and counts its runs.
#[derive(Clone, Default)]
pub(crate) struct Barrier {
    open: Arc<(Mutex<bool>, Condvar)>,
    runs: Arc<AtomicUsize>,
}

impl Barrier {
    pub(crate) fn open(&self) {
        *self.open.0.lock().expect("lock") = true;
        self.open.1.notify_all();
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

impl Engine for Barrier {
    fn run(&self, input: Vec<f32>) -> Result<Tensor, EngineError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let open = self.open.0.lock().expect("lock");
        drop(self.open.1.wait_while(open, |open| !*open).expect("lock"));
        Brightness.run(input)
    }
}

/// An engine that takes what is bright in the first channel for the subject.
pub(crate) struct Brightness;

impl Engine for Brightness {
    fn run(&self, input: Vec<f32>) -> Result<Tensor, EngineError> {
        let side = (input.len() / 3).isqrt();
        let values = input[..side * side].iter().map(|&red| f32::from(u8::from(red > 0.0)));
        Ok(Tensor { shape: vec![1, 1, side, side], values: values.collect() })
    }
}

/// An engine that panics at its first run.
#[derive(Default)]
pub(crate) struct FirstRunPanics(AtomicUsize);

impl Engine for FirstRunPanics {
    fn run(&self, input: Vec<f32>) -> Result<Tensor, EngineError> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "a panic that the test wants");
        Brightness.run(input)
    }
}
