//! One job, from its place in the queue to its last event. Each stage runs on a
//! pool; between stages the job may end, because its time is over or because
//! nobody listens any more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use imaging::{Photo, RenderOptions};
use proto::{CutOut, JobEvent, ServiceError, inference_v1::Stage};
use tokio::{sync::mpsc, time::timeout_at};

use crate::{
    admission::{Admission, Hold, Running, Ticket},
    error::JobError,
    network::Network,
    pool::Pool,
    spec::image_format,
    stages::{Decoded, Finished, Passage, Seen},
    timing::StageTimings,
};

/// An event with the memory that it stands for, given back with the event.
pub(crate) type Told = (Result<JobEvent, ServiceError>, Option<Hold>);

/// More than a job ever tells: telling never waits.
pub(crate) const MOST_EVENTS: usize = 8;

/// What jobs run on.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) admission: Admission,
    pub(crate) codec: Pool,
    pub(crate) engine: Pool,
}

/// A job that was let in.
pub(crate) struct Job {
    pub(crate) image: Bytes,
    pub(crate) options: RenderOptions,
    pub(crate) network: Arc<Network>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) admitted: Instant,
}

impl Job {
    /// Runs to the end, the deadline, or until nobody listens.
    pub(crate) async fn run(
        self,
        workers: Arc<Workers>,
        ticket: Ticket,
        events: mpsc::Sender<Told>,
    ) {
        let admitted = self.admitted;
        let deadline = self.deadline;
        let stages = Stages { job: self, workers, events: events.clone() };
        let work = async {
            match deadline {
                None => stages.run(ticket).await,
                Some(deadline) => timeout_at(deadline.into(), stages.run(ticket))
                    .await
                    .unwrap_or(Err(JobError::DeadlineExceeded)),
            }
        };
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = events.closed() => return count("abandoned", admitted),
        };
        match outcome {
            Ok((cut_out, hold)) => {
                count("ok", admitted);
                tell(&events, (Ok(JobEvent::Done(cut_out)), Some(hold)));
            }
            Err(error) => {
                tracing::info!(%error, "job failed");
                let error = ServiceError::from(error);
                count(error.code.name(), admitted);
                tell(&events, (Err(error), None));
            }
        }
    }
}

fn count(outcome: &'static str, admitted: Instant) {
    metrics::counter!("rembg_jobs_total", "outcome" => outcome).increment(1);
    metrics::histogram!("rembg_job_seconds", "outcome" => outcome)
        .record(admitted.elapsed().as_secs_f64());
}

/// There is room for every event, so the only failure is a listener that left,
/// which ends the job elsewhere.
fn tell(events: &mpsc::Sender<Told>, event: Told) {
    let _ = events.try_send(event);
}

struct Stages {
    job: Job,
    workers: Arc<Workers>,
    events: mpsc::Sender<Told>,
}

impl Stages {
    async fn run(self, ticket: Ticket) -> Result<(CutOut, Hold), JobError> {
        let cost = ticket.cost();
        let turn = self.start(ticket).await;
        let (finished, timings) = self.pass(turn).await?;
        timings.record();
        self.workers.admission.pace().learn(cost.pixels, timings.total());
        let Finished { bytes, size } = finished;
        let hold = self.workers.admission.hold(bytes.len() as u64);
        let waited = self.job.admitted.elapsed();
        let cut_out = CutOut {
            image: bytes.into(),
            width: size.width,
            height: size.height,
            format: image_format(self.job.options.format),
            model: self.job.network.label().to_owned(),
            processing_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
        };
        Ok((cut_out, hold))
    }

    async fn start(&self, ticket: Ticket) -> Arc<Running> {
        self.enter(Stage::Queued);
        let running = ticket.start().await;
        record_wait(self.job.admitted.elapsed());
        Arc::new(running)
    }

    /// The four stages. Each piece of work holds the job's turn, so that memory
    /// counts as used until it is free, also where the job is given up midway.
    async fn pass(&self, turn: Arc<Running>) -> Result<(Finished, StageTimings), JobError> {
        let codec = &self.workers.codec;
        let options = self.job.options;

        self.enter(Stage::Decoding);
        let (image, network) = (self.job.image.clone(), Arc::clone(&self.job.network));
        let held = Arc::clone(&turn);
        let (decoded, passage) = codec
            .run(move || on_turn(held, Passage::default(), |p| p.decode(&image, &network)))
            .await;
        let decoded = decoded?;

        self.enter(Stage::Inferring);
        let (photo, seen, passage) = self.see(&turn, decoded, passage).await?;

        self.enter(Stage::Refining);
        let held = Arc::clone(&turn);
        let (cutout, passage) = codec
            .run(move || on_turn(held, passage, |p| p.cut_out(photo, seen, options.mask)))
            .await;
        let cutout = cutout?;

        self.enter(Stage::Encoding);
        let (finished, passage) =
            codec.run(move || on_turn(turn, passage, |p| p.encode(cutout, &options))).await;
        Ok((finished?, passage.timings))
    }

    /// Every look that the photo is worth, as [`Passage::see`], each step on its own pool.
    async fn see(
        &self,
        turn: &Arc<Running>,
        decoded: Decoded,
        passage: Passage,
    ) -> Result<(Photo, Seen, Passage), JobError> {
        let Workers { codec, engine, .. } = &*self.workers;
        let Decoded { photo, input } = decoded;
        let (held, network) = (Arc::clone(turn), Arc::clone(&self.job.network));
        let size = photo.size();
        let look = move |p: &mut Passage| (p.look(&input, size, &network), input);
        let ((first, input), passage) = engine.run(move || on_turn(held, passage, look)).await;
        let (whole, region) = first?;
        let Some(region) = region else {
            return Ok((photo, Seen { whole, closer: None }, passage));
        };

        let (held, network) = (Arc::clone(turn), Arc::clone(&self.job.network));
        let approach = move |p: &mut Passage| (p.approach(&photo, region, input, &network), photo);
        let ((input, photo), passage) = codec.run(move || on_turn(held, passage, approach)).await;
        let input = input?;

        let (held, network) = (Arc::clone(turn), Arc::clone(&self.job.network));
        let (closer, passage) =
            engine.run(move || on_turn(held, passage, |p| p.look_closer(input, &network))).await;
        Ok((photo, Seen { whole, closer: Some((region, closer?)) }, passage))
    }

    fn enter(&self, stage: Stage) {
        tell(&self.events, (Ok(JobEvent::Progress(stage)), None));
    }
}

/// Does a stage's work and gives its result together with the stopwatch. The
/// turn is given back after the work, whether or not anybody takes the result.
fn on_turn<T>(
    turn: Arc<Running>,
    mut passage: Passage,
    work: impl FnOnce(&mut Passage) -> T,
) -> (T, Passage) {
    let result = work(&mut passage);
    drop(turn);
    (result, passage)
}

fn record_wait(waited: Duration) {
    metrics::histogram!("rembg_stage_seconds", "stage" => "queued").record(waited.as_secs_f64());
}
