//! The same photo, options and model give the same bytes, wherever the parts
//! run and how often one asks.

use e2e::{Deployment, Drawing, Form, Kind, TestServer};

#[test]
fn one_process_and_three_give_the_same_bytes() {
    let servers: Vec<TestServer> =
        Deployment::ALL.into_iter().map(|deployment| deployment.server().start()).collect();
    let fields: [&[(&str, &str)]; 6] = [
        &[],
        &[("format", "png")],
        &[("format", "jpeg"), ("bg_color", "teal")],
        &[("format", "bmp")],
        &[("format", "png"), ("mask", "true"), ("w", "77")],
        &[("format", "webp"), ("angle", "33.3"), ("h", "150")],
    ];
    for (at, fields) in fields.into_iter().enumerate() {
        let picture = Drawing::new(241, 177).seed(at as u64).file(Kind::Jpeg);
        let form =
            fields.iter().fold(Form::image(&picture), |form, (name, value)| form.text(name, value));
        let answers: Vec<Vec<u8>> = servers
            .iter()
            .chain(&servers)
            .map(|server| server.rmbg(form.clone()).send().ok().body)
            .collect();
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{fields:?}");
    }
}
