//! Over a real socket: the same bytes as in process, errors that survive, and an
//! orderly end.

use std::{net::SocketAddr, time::Duration};

use inference_worker::{InferenceService, serve};
use proto::{Endpoint, ErrorCode, InferenceHandle};
use runtime::shutdown::{DrainConfig, Shutdown};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::fixtures::{Barrier, Brightness, job, png, run, service};

struct Served {
    handle: InferenceHandle,
    shutdown: Shutdown,
    server: JoinHandle<()>,
}

async fn served(service: InferenceService) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let shutdown = Shutdown::default();
    let drain = DrainConfig { notice_seconds: 0.0, drain_seconds: 10.0 };
    let server = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { serve(service, listener, 1 << 20, shutdown, drain).await.expect("serves") }
    });
    Served { handle: reached(address).await, shutdown, server }
}

async fn reached(address: SocketAddr) -> InferenceHandle {
    let endpoint = Endpoint::follow(&format!("http://{address}")).expect("an address");
    while endpoint.live() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    InferenceHandle::remote(endpoint)
}

#[tokio::test]
async fn near_and_far_give_the_same_bytes() {
    let service = service(&[], Brightness);
    let far = served(service.clone()).await;
    let near = run(&service, job(png(400, 300))).await.expect("near");
    let mut stages = 0;
    let far = far.handle.run(job(png(400, 300)), |_| stages += 1).await.expect("far");
    assert_eq!(stages, 5);
    assert_eq!((far.image, far.model, far.width), (near.image, near.model, near.width));
}

#[tokio::test]
async fn errors_cross_the_wire() {
    let far = served(service(&[], Brightness)).await;
    let rows = [
        (job("plain text".into()), ErrorCode::InvalidImage),
        (job(vec![0; 2 << 20].into()), ErrorCode::InvalidArgument),
    ];
    for (job, code) in rows {
        assert_eq!(far.handle.run(job, |_| ()).await.expect_err("refused").code, code);
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_job() {
    let engine = Barrier::default();
    let narrow = [("engine_threads", 1), ("codec_threads", 1)];
    let far = served(service(&narrow, engine.clone())).await;
    let call = far.handle.remove_background(job(png(64, 64))).await.expect("admitted");
    drop(call);
    for _ in 0..500 {
        if far.handle.status().await.expect("status").admitted_pixels == 0 {
            return engine.open();
        }
        engine.open();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the abandoned job still counts");
}

#[tokio::test]
async fn what_is_in_flight_finishes_and_the_server_ends() {
    let engine = Barrier::default();
    let far = served(service(&[], engine.clone())).await;
    let handle = far.handle.clone();
    let inside = tokio::spawn(async move { handle.run(job(png(64, 64)), |_| ()).await });
    while engine.runs() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    far.shutdown.request();
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.open();
    assert!(inside.await.expect("joined").is_ok());
    drop(far.handle);
    tokio::time::timeout(Duration::from_secs(8), far.server).await.expect("in time").expect("ends");
}
