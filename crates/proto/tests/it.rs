//! A service behaves the same in process and over gRPC: results, errors,
//! deadlines and abandonment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use proto::{
    BillingGrpc, BillingHandle, CutOut, Endpoint, ErrorCode, FakeBilling, FakeInference,
    InferenceGrpc, InferenceHandle, JobEvent, RemoveJob, ServiceError, billing_v1,
    billing_v1::billing_service_server::BillingServiceServer,
    inference_v1::{
        ImageFormat, RenderSpec, Stage, inference_service_server::InferenceServiceServer,
    },
};
use tokio::{net::TcpListener, time::sleep};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// Longer than several messages, and no multiple of a message.
fn picture() -> Bytes {
    (0..1_000_003_u32).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

fn job() -> RemoveJob {
    RemoveJob {
        image: picture(),
        width: 640,
        height: 480,
        spec: RenderSpec { format: ImageFormat::Png.into(), angle: -12.5, ..Default::default() },
        request_id: "r-1".into(),
        deadline: None,
        model: None,
    }
}

/// Answers with the picture it was given.
fn echo() -> FakeInference {
    FakeInference::new(|job| {
        let done = CutOut {
            image: job.image,
            width: job.width,
            height: job.height,
            format: job.spec.format(),
            model: format!("{}/{}", job.request_id, job.spec.angle),
            processing_ms: 7,
        };
        let events = [JobEvent::Progress(Stage::Decoding), JobEvent::Done(done)];
        Ok(stream::iter(events.map(Ok)).boxed())
    })
}

async fn serve(inference: InferenceHandle, billing: BillingHandle) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let server = Server::builder()
        .add_service(InferenceServiceServer::new(InferenceGrpc::new(inference, 2_000_000)))
        .add_service(BillingServiceServer::new(BillingGrpc::new(billing)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let endpoint = Endpoint::follow(&format!("http://{address}")).expect("valid");
    while endpoint.live() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    endpoint
}

async fn both(fake: impl Fn() -> FakeInference) -> [InferenceHandle; 2] {
    let served = InferenceHandle::fake(fake());
    let endpoint = serve(served, BillingHandle::fake(FakeBilling::default())).await;
    [InferenceHandle::fake(fake()), InferenceHandle::remote(endpoint)]
}

#[tokio::test]
async fn a_picture_and_its_progress_survive() {
    let mut results = Vec::new();
    for handle in both(echo).await {
        let mut stages = Vec::new();
        let done = handle.run(job(), |stage| stages.push(stage)).await.expect("done");
        assert_eq!(stages, [Stage::Decoding]);
        assert_eq!(done.image, picture());
        results.push(done);
    }
    assert_eq!(results[0], results[1]);
}

#[tokio::test]
async fn errors_survive() {
    let refuse = || {
        FakeInference::new(|_| {
            Err(ServiceError::new(ErrorCode::Busy, "full").retry_after(Duration::from_secs(3)))
        })
    };
    let fail_late = || {
        FakeInference::new(|_| {
            let events = [
                Ok(JobEvent::Progress(Stage::Queued)),
                Err(ServiceError::new(ErrorCode::InvalidImage, "broken")),
            ];
            Ok(stream::iter(events).boxed())
        })
    };
    for handle in both(refuse).await {
        let error = handle.run(job(), drop).await.expect_err("refused");
        assert_eq!(
            (error.code, error.retry_after),
            (ErrorCode::Busy, Some(Duration::from_secs(3)))
        );
    }
    for handle in both(fail_late).await {
        let error = handle.run(job(), drop).await.expect_err("failed");
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidImage, "broken"));
    }
}

#[tokio::test]
async fn a_picture_that_is_too_large_for_the_worker_is_refused() {
    let [_, remote] = both(echo).await;
    let large = RemoveJob { image: vec![0; 2_000_001].into(), ..job() };
    let error = remote.run(large, drop).await.expect_err("refused");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

/// Never finishes; the flag goes up when the job is abandoned.
fn endless(abandoned: &Arc<AtomicBool>) -> FakeInference {
    struct OnDrop(Arc<AtomicBool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let abandoned = Arc::clone(abandoned);
    FakeInference::new(move |_| {
        let guard = OnDrop(Arc::clone(&abandoned));
        let first = stream::iter([Ok(JobEvent::Progress(Stage::Queued))]);
        let never = stream::unfold(guard, |guard| async move {
            std::future::pending::<()>().await;
            drop(guard);
            None
        });
        Ok(first.chain(never).boxed())
    })
}

async fn goes_up(flag: &AtomicBool) {
    for _ in 0..200 {
        if flag.load(Ordering::SeqCst) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the job was never abandoned");
}

#[tokio::test]
async fn leaving_abandons_the_job() {
    let abandoned = Arc::new(AtomicBool::new(false));
    for handle in both(|| endless(&abandoned)).await {
        abandoned.store(false, Ordering::SeqCst);
        let mut events = handle.remove_background(job()).await.expect("admitted");
        assert!(events.next().await.is_some_and(|event| event.is_ok()));
        drop(events);
        goes_up(&abandoned).await;
    }
}

#[tokio::test]
async fn the_deadline_ends_and_abandons_the_job() {
    let abandoned = Arc::new(AtomicBool::new(false));
    for handle in both(|| endless(&abandoned)).await {
        abandoned.store(false, Ordering::SeqCst);
        let deadline = Some(Instant::now() + Duration::from_millis(300));
        let error = handle.run(RemoveJob { deadline, ..job() }, drop).await.expect_err("late");
        assert_eq!(error.code, ErrorCode::DeadlineExceeded);
        goes_up(&abandoned).await;
    }
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let endpoint = Endpoint::follow("http://127.0.0.1:1").expect("valid");
    sleep(Duration::from_millis(50)).await;
    let error = InferenceHandle::remote(endpoint.clone()).run(job(), drop).await.expect_err("gone");
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(error.retry_after.is_some());
    let status = BillingHandle::remote(endpoint).get_status(billing_v1::GetStatusRequest {}).await;
    assert_eq!(status.expect_err("gone").code, ErrorCode::Unavailable);
}

#[tokio::test]
async fn billing_calls_and_their_errors_survive() {
    let rate = billing_v1::RateStatus { limit: 60, remaining: 0, reset_seconds: 9 };
    let fake = move || FakeBilling {
        commit: Some(Box::new(|request| {
            assert_eq!(request.operation_id, "op");
            Ok(billing_v1::CommitResponse { credits_charged: 1 })
        })),
        reserve: Some(Box::new(move |_| {
            Err(ServiceError::new(ErrorCode::RateLimited, "slow down").rate(rate))
        })),
        ..Default::default()
    };
    let served = serve(InferenceHandle::fake(echo()), BillingHandle::fake(fake())).await;
    for handle in [BillingHandle::fake(fake()), BillingHandle::remote(served)] {
        let request = billing_v1::CommitRequest { operation_id: "op".into() };
        assert_eq!(handle.commit(request).await.expect("charged").credits_charged, 1);
        let error = handle.reserve(Default::default()).await.expect_err("limited");
        assert_eq!((error.code, error.rate), (ErrorCode::RateLimited, Some(rate)));
    }
}
