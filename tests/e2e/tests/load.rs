//! Many at once, one huge, and many one after another.

use std::thread;

use e2e::{Answer, Deployment, Drawing, Form, Kind, TestServer, flat_png, photo};

use crate::expect;

const BUSY: &str = "The service is busy. Please retry shortly.";
const GIB: u64 = 1 << 30;

#[test]
fn sixty_four_at_once_in_one_process() {
    sixty_four_at_once(&Deployment::OneProcess.server().start());
}

#[test]
fn sixty_four_at_once_in_three_processes() {
    sixty_four_at_once(&Deployment::ThreeProcesses.server().start());
}

fn sixty_four_at_once(server: &TestServer) {
    let picture = Drawing::new(320, 240).file(Kind::Jpeg);
    let answers = at_once(server, 64, &Form::image(&picture));
    let served = answers.iter().filter(|answer| served_or_busy(answer)).count();
    assert!(served >= 1);
    assert_eq!(server.rmbg(Form::image(&photo())).send().status, 200);
}

/// With a queue of one, most of sixteen are told to come back.
#[test]
fn a_full_queue_answers_at_once() {
    let server = Deployment::OneProcess.server().env("REMBG_INFERENCE__QUEUE_JOBS", "1").start();
    let picture = Drawing::new(1600, 1200).file(Kind::Jpeg);
    let answers = at_once(&server, 16, &Form::image(&picture));
    let served = answers.iter().filter(|answer| served_or_busy(answer)).count();
    assert!((1..16).contains(&served), "{served} of 16 were served");
    assert_eq!(server.rmbg(Form::image(&photo())).send().status, 200);
}

fn at_once(server: &TestServer, count: usize, form: &Form) -> Vec<Answer> {
    thread::scope(|scope| {
        let calls: Vec<_> = (0..count)
            .map(|_| {
                let call = server.rmbg(form.clone());
                scope.spawn(move || call.send())
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("answers")).collect()
    })
}

/// True for a picture, false for a polite «later»; anything else fails.
fn served_or_busy(answer: &Answer) -> bool {
    if answer.status == 200 {
        return true;
    }
    expect::error(answer, 503, BUSY);
    assert!(answer.number("retry-after") >= 1, "{answer}");
    false
}

/// A hundred megapixels in a file of some kilobytes: served, or not now, within the
/// memory that the configuration names.
#[test]
fn the_largest_picture_stays_within_two_gibibytes() {
    let mut server = TestServer::one_process();
    let huge = flat_png(10_000, 10_000);
    let form = |format, width| Form::image(&huge).text("format", format).text("w", width);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let calls: Vec<_> = [("png", "1000"), ("jpeg", "0"), ("webp", "0")]
            .map(|(format, width)| {
                let call = server.rmbg(form(format, width));
                scope.spawn(move || call.send())
            })
            .into_iter()
            .collect();
        calls.into_iter().map(|call| call.join().expect("answers")).collect()
    });
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 503 | 504), "{answer}");
    }
    assert!(answers.iter().any(|answer| answer.status == 200), "one at a time fits");
    assert_eq!(server.rmbg(Form::image(&photo())).send().status, 200);
    let peak = server.edge().peak_resident();
    assert!(peak < 2 * GIB, "{} MiB", peak >> 20);
}

/// Two thousand mixed requests: the memory after the first two hundred is the
/// memory at the end, give or take a tenth.
#[test]
fn a_soak_does_not_grow() {
    let server = TestServer::one_process();
    mixed(&server, 0..200);
    let settled = server.resident();
    mixed(&server, 200..2000);
    let end = server.resident();
    assert!(end * 10 <= settled * 11, "{} MiB became {} MiB", settled >> 20, end >> 20);
}

/// Four clients share the numbers; every fourth request is a mistake.
fn mixed(server: &TestServer, numbers: std::ops::Range<u64>) {
    thread::scope(|scope| {
        for client in 0..4 {
            let numbers = numbers.clone().filter(move |number| number % 4 == client);
            scope.spawn(move || numbers.for_each(|number| one_of_the_mix(server, number)));
        }
    });
}

fn one_of_the_mix(server: &TestServer, number: u64) {
    let turn = (number / 4) as usize;
    let side = 24 + (turn % 7) as u32 * 16;
    let file = Drawing::new(side, 80).seed(number % 5).file(Kind::ALL[turn / 4 % 4]);
    let form = Form::image(&file).text("format", Kind::ALL[turn / 16 % 4].name());
    let (form, expected) = match turn % 4 {
        0 => (Form::image(&file[..file.len() / 2]), 400),
        1 => (form.text("angle", "30"), 200),
        2 => (form.text("w", "200"), 200),
        _ => (form.text("mask", "true"), 200),
    };
    let answer = server.rmbg(form).send();
    assert_eq!(answer.status, expected, "{answer}");
}
