//! Measuring a network over a folder of photos and masks.

use std::{fs, num::NonZero, path::Path};

use image::{GrayImage, ImageFormat as FileFormat, Luma};
use inference_worker::{
    Processor,
    eval::{EvalOptions, evaluate},
};

use crate::fixtures::{Brightness, encoded, network, picture};

fn write_pair(images: &Path, masks: &Path, name: &str) {
    let photo = picture(256, 256);
    let mask = GrayImage::from_fn(256, 256, |x, y| {
        Luma([if photo.to_rgb8().get_pixel(x, y).0[0] > 128 { 255 } else { 0 }])
    });
    fs::write(images.join(format!("{name}.png")), encoded(&photo, FileFormat::Png)).unwrap();
    fs::write(masks.join(format!("{name}.png")), encoded(&mask.into(), FileFormat::Png)).unwrap();
}

#[test]
fn a_network_that_is_right_is_measured_as_right() {
    let (images, masks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a", "b", "c"] {
        write_pair(images.path(), masks.path(), name);
    }
    fs::write(images.path().join("broken.png"), "no picture").unwrap();
    fs::write(masks.path().join("broken.png"), "no picture").unwrap();
    let options = |jobs, refine| EvalOptions {
        images: images.path().into(),
        masks: masks.path().into(),
        refine,
        jobs: NonZero::new(jobs).unwrap(),
    };
    let processor = Processor::new(network(Brightness));
    for (jobs, refine) in [(1, false), (1, true), (3, true)] {
        let report = evaluate(&processor, &options(jobs, refine), |_, _| ()).expect("measured");
        assert_eq!((report.pictures, report.failed.len()), (3, 1));
        assert!(report.mae < 0.01, "{report}");
        assert!(report.max_f > 0.99 && report.iou > 0.97, "{report}");
        assert!(report.structure > 0.97 && report.boundary > 0.99, "{report}");
        assert!(report.milliseconds > 0.0);
    }
}
