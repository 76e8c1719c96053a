//! The inference service: lets jobs in and hands them to the pools.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use proto::{
    ErrorCode, Inference, JobEvents, RemoveJob, ServiceError, inference_v1::GetStatusResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument as _;

use crate::{
    admission::{Admission, Cost, Refusal, Ticket},
    config::InferenceConfig,
    error::JobError,
    job::{Job, MOST_EVENTS, Workers},
    memory,
    models::ModelError,
    network::Network,
    pace::Pace,
    pool::Pool,
    spec,
};

/// A draining instance's callers find another, or this one's successor.
const RETRY_ELSEWHERE: Duration = Duration::from_secs(1);
/// Between two looks at whether the work has paused.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// The service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A network cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The system refuses a thread.
    #[error("threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// Removes backgrounds. Clones share everything.
#[derive(Debug, Clone)]
pub struct InferenceService {
    workers: Arc<Workers>,
    networks: Arc<Networks>,
    draining: Arc<AtomicBool>,
    tidying: Arc<AtomicBool>,
    worked: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Networks {
    default: Arc<Network>,
    by_name: HashMap<String, Arc<Network>>,
}

/// Loads the networks and starts the pools.
///
/// # Errors
/// [`BuildError`] where a network cannot be used or a thread not be started.
pub fn build(config: &InferenceConfig) -> Result<InferenceService, BuildError> {
    let names = std::iter::once(&config.model).chain(&config.more_models);
    let networks = names.map(|name| config.network(name)).collect::<Result<Vec<_>, _>>()?;
    InferenceService::new(config, networks)
}

impl InferenceService {
    /// A service on networks of the caller's own; the first is the default.
    ///
    /// # Errors
    /// [`BuildError::Threads`]; [`BuildError::Model`] where there is no network.
    pub fn new(config: &InferenceConfig, networks: Vec<Network>) -> Result<Self, BuildError> {
        let workers = Workers {
            admission: Admission::new(config.bounds(), Pace::new(config.codec_threads())),
            codec: Pool::start("codec", config.codec_threads())?,
            engine: Pool::start("engine", config.engine_threads())?,
        };
        Ok(Self {
            workers: Arc::new(workers),
            networks: Arc::new(Networks::new(networks)?),
            draining: Arc::default(),
            tidying: Arc::default(),
            worked: Arc::default(),
        })
    }

    /// Name and version of the default network, e.g. `builtin-1`.
    #[must_use]
    pub fn model(&self) -> &str {
        self.networks.default.label()
    }

    /// From now on new jobs are refused; those that are in finish.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether any job is waiting, running, or not fetched yet.
    #[must_use]
    pub fn has_jobs(&self) -> bool {
        self.workers.admission.load().jobs > 0
    }

    /// Whether a job would be let in now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && self.workers.admission.has_room()
    }

    /// Sees to it that free memory is given back once the work has paused for a while.
    /// Not before: the next picture would fetch the same pages again.
    fn keep_tidy(&self) {
        self.worked.store(true, Ordering::Relaxed);
        if self.tidying.swap(true, Ordering::Relaxed) {
            return;
        }
        let service = self.clone();
        tokio::spawn(async move {
            let mut working = true;
            while working {
                tokio::time::sleep(TIDY_EVERY).await;
                working = service.worked.swap(false, Ordering::Relaxed) || service.has_jobs();
            }
            // Where the runtime is going away there is nothing to tidy.
            let _ = tokio::task::spawn_blocking(memory::trim).await;
            service.tidying.store(false, Ordering::Relaxed);
        });
    }

    fn admit(&self, cost: Cost) -> Result<Ticket, ServiceError> {
        let admission = &self.workers.admission;
        admission.admit(cost).map_err(|refusal| match refusal {
            Refusal::Full => {
                let wait = admission.pace().retry_after(admission.load().pixels);
                metrics::counter!("rembg_jobs_total", "outcome" => "busy").increment(1);
                ServiceError::new(ErrorCode::Busy, "the queue is full").retry_after(wait)
            }
            Refusal::TooLarge(limit) => {
                let millions = |pixels: u64| pixels as f64 / 1e6;
                let found = millions(cost.pixels);
                JobError::TooLarge { found, limit: millions(limit) }.into()
            }
        })
    }
}

impl Networks {
    fn new(networks: Vec<Network>) -> Result<Self, ModelError> {
        let networks: Vec<_> = networks.into_iter().map(Arc::new).collect();
        let default =
            networks.first().cloned().ok_or_else(|| ModelError::Unknown(String::new()))?;
        let by_name =
            networks.into_iter().map(|network| (network.name().to_owned(), network)).collect();
        Ok(Self { default, by_name })
    }

    fn get(&self, name: Option<&str>) -> Result<Arc<Network>, ServiceError> {
        let Some(name) = name else { return Ok(Arc::clone(&self.default)) };
        self.by_name.get(name).cloned().ok_or_else(|| {
            ServiceError::new(ErrorCode::InvalidArgument, format!("no model '{name}' is served"))
        })
    }
}

#[async_trait::async_trait]
impl Inference for InferenceService {
    async fn remove_background(&self, job: RemoveJob) -> Result<JobEvents, ServiceError> {
        if self.draining.load(Ordering::Relaxed) {
            let error = ServiceError::new(ErrorCode::Unavailable, "the worker is shutting down");
            return Err(error.retry_after(RETRY_ELSEWHERE));
        }
        let network = self.networks.get(job.model.as_deref())?;
        let options = spec::render_options(&job.spec)?;
        let ticket = self.admit(spec::cost(&job.image, &options)?)?;
        let span = tracing::info_span!("job", request_id = job.request_id);
        let work = Job {
            image: job.image,
            options,
            network,
            deadline: job.deadline,
            admitted: Instant::now(),
        };
        self.keep_tidy();
        let (events, told) = mpsc::channel(MOST_EVENTS);
        tokio::spawn(work.run(Arc::clone(&self.workers), ticket, events).instrument(span));
        // The result's memory counts until its stream is dropped.
        let mut kept = None;
        Ok(ReceiverStream::new(told)
            .map(move |(event, hold)| {
                kept = hold.or(kept.take());
                event
            })
            .boxed())
    }

    async fn status(&self) -> Result<GetStatusResponse, ServiceError> {
        let (load, bounds) = (self.workers.admission.load(), self.workers.admission.bounds());
        let count = |jobs: usize| u32::try_from(jobs).unwrap_or(u32::MAX);
        Ok(GetStatusResponse {
            ready: self.is_ready(),
            model: self.model().to_owned(),
            queued: count(load.jobs - load.running),
            queue_capacity: count(bounds.waiting),
            admitted_pixels: load.pixels,
            pixel_capacity: bounds.pixels,
        })
    }
}
