//! SIGTERM: what is in flight finishes, what is new is refused, the exit is
//! clean and in time.

use std::{
    thread,
    time::{Duration, Instant},
};

use e2e::{Deployment, Drawing, Form, Kind, eventually, pause, photo};

/// `shutdown.drain_seconds` and some.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// Time enough for an upload to be admitted.
const ADMITTED: Duration = Duration::from_millis(300);

#[test]
fn one_process_drains() {
    drains(Deployment::OneProcess, 0);
}

#[test]
fn the_gateway_drains() {
    drains(Deployment::ThreeProcesses, 2);
}

#[test]
fn the_worker_drains() {
    drains(Deployment::ThreeProcesses, 0);
}

#[test]
fn billing_drains() {
    let mut server = Deployment::ThreeProcesses.server().start();
    assert_eq!(server.rmbg(Form::image(&photo())).send().status, 200);
    server.processes()[1].terminate();
    let exit = server.processes()[1].wait(DRAIN_LIMIT).expect("left in time");
    assert!(exit.success(), "{exit}");
}

/// Sends requests that take a while, asks the process to leave, and looks at
/// both sides.
fn drains(deployment: Deployment, position: usize) {
    let mut server = deployment.server().start();
    let form = Form::image(&Drawing::new(2400, 1800).file(Kind::Jpeg)).text("format", "png");
    let flights: Vec<_> = (0..3)
        .map(|_| {
            let call = server.rmbg(form.clone());
            thread::spawn(move || call.send())
        })
        .collect();
    pause(ADMITTED);
    let asked = Instant::now();
    server.processes()[position].terminate();
    let refused = eventually(DRAIN_LIMIT, || {
        let answer = server.rmbg(Form::image(&photo())).try_send();
        answer.is_none_or(|answer| answer.status == 503).then_some(())
    });
    assert!(refused.is_some(), "new requests are refused");
    for flight in flights {
        let answer = flight.join().expect("answers");
        assert_eq!(answer.status, 200, "in flight: {answer}");
    }
    let exit = server.processes()[position].wait(DRAIN_LIMIT);
    let exit = exit.unwrap_or_else(|| panic!("still there after {:?}", asked.elapsed()));
    assert!(exit.success(), "{exit}\n{}", server.logs());
}
