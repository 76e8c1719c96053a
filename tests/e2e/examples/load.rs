//! Requests a second and waiting times against `rembg serve`, with 1, 2 and 8
//! clients that each wait for their answer. `scripts/bench` runs it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use e2e::{Drawing, Form, Kind, TestServer};

/// Width, height and how many requests are measured, so that each row takes
/// some seconds and no more.
const PICTURES: [(u32, u32, u32); 2] = [(577, 433, 120), (2000, 1500, 40)];
const CLIENTS: [u32; 3] = [1, 2, 8];

#[allow(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() {
    let server = TestServer::one_process();
    println!("| megapixels | clients | requests/s | median ms | 95 % ms |\n|---|---|---|---|---|");
    for (width, height, count) in PICTURES {
        let picture = Drawing::new(width, height).file(Kind::Jpeg);
        let form = Form::image(&picture).text("format", "png");
        let _ = measure(&server, &form, 2, 4);
        for clients in CLIENTS {
            let (whole, times) = measure(&server, &form, clients, count);
            let share = |part: f64| times[(times.len() as f64 * part) as usize].as_millis();
            println!(
                "| {:.2} | {clients} | {:.1} | {} | {} |",
                f64::from(width * height) / 1e6,
                f64::from(count) / whole.as_secs_f64(),
                share(0.5),
                share(0.95),
            );
        }
    }
}

/// The time for all requests, and each one's, sorted.
fn measure(
    server: &TestServer,
    form: &Form,
    clients: u32,
    count: u32,
) -> (Duration, Vec<Duration>) {
    let left = AtomicU32::new(count);
    let started = Instant::now();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..clients).map(|_| scope.spawn(|| client(server, form, &left))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client")).collect()
    });
    let whole = started.elapsed();
    times.sort();
    (whole, times)
}

fn client(server: &TestServer, form: &Form, left: &AtomicU32) -> Vec<Duration> {
    let mut times = Vec::new();
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        let started = Instant::now();
        let _ = server.rmbg(form.clone()).send().ok();
        times.push(started.elapsed());
    }
    times
}
