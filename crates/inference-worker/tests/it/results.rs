//! What comes out: the right picture, the same bytes every time, and errors that
//! say whose fault it is.

use image::{DynamicImage, ImageFormat as FileFormat, Rgba, RgbaImage};
use imaging::{OutputFormat, RenderOptions};
use inference_worker::{
    DEFAULTS, InferenceConfig, InferenceService, Network, Processor, Step, build, engine::Backend,
    models::builtin,
};
use proto::{
    ErrorCode, Inference as _,
    inference_v1::{ImageFormat, RenderSpec, Stage},
};
use runtime::config::Layers;

use crate::fixtures::{
    Barrier, Brightness, config, disc, encoded, finish, job, job_with, network, picture, png, run,
    service,
};

fn open(bytes: &[u8]) -> DynamicImage {
    let format = image::guess_format(bytes).expect("a picture");
    image::ImageReader::with_format(std::io::Cursor::new(bytes), format).decode().expect("decodes")
}

#[tokio::test]
async fn the_embedded_networks_cut_out_a_picture() {
    for (name, with_version) in [("builtin", "builtin-20"), ("quality", "quality-12")] {
        let layers = Layers::new(DEFAULTS).flag("inference.model", Some(name));
        let config = InferenceConfig::load(&layers).expect("valid");
        cuts_out_a_picture(&build(&config).expect("builds"), with_version).await;
    }
}

async fn cuts_out_a_picture(service: &InferenceService, model: &str) {
    let image = encoded(&picture(320, 240), FileFormat::Jpeg);
    let events = service.remove_background(job(image)).await.expect("admitted");
    let (stages, cut_out) = finish(events).await;
    use Stage::{Decoding, Encoding, Inferring, Queued, Refining};
    assert_eq!(stages, [Queued, Decoding, Inferring, Refining, Encoding]);
    let cut_out = cut_out.expect("a picture");
    assert_eq!((cut_out.width, cut_out.height), (320, 240));
    assert_eq!((cut_out.format, cut_out.model.as_str()), (ImageFormat::Png, model));
    let picture = open(&cut_out.image).into_rgba8();
    assert!(picture.get_pixel(160, 120).0[3] > picture.get_pixel(2, 2).0[3]);
}

#[tokio::test]
async fn the_same_bytes_whatever_the_threads_and_with_no_server() {
    let image = encoded(&picture(500, 300), FileFormat::Jpeg);
    let builtin = || Network::load(builtin(), Backend::Cpu).expect("loads");
    let processor = Processor::new(builtin());
    let threads = |count| [("engine_threads", count), ("codec_threads", count)];
    let (one, many) = (build(&config(&threads(1))), build(&config(&threads(4))));
    let (one, many) = (one.expect("builds"), many.expect("builds"));
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Webp, ImageFormat::Bmp] {
        let spec = RenderSpec { format: format.into(), angle: 7.0, ..Default::default() };
        let (a, b, c) = tokio::join!(
            run(&one, job_with(image.clone(), spec)),
            run(&many, job_with(image.clone(), spec)),
            run(&many, job_with(image.clone(), spec)),
        );
        let (a, b, c) = (a.expect("one"), b.expect("many"), c.expect("again"));
        let options = RenderOptions {
            angle: 7.0,
            expand: false,
            format: match format {
                ImageFormat::Png => OutputFormat::Png,
                ImageFormat::Jpeg => OutputFormat::Jpeg,
                ImageFormat::Bmp => OutputFormat::Bmp,
                _ => OutputFormat::WebP,
            },
            ..Default::default()
        };
        let (alone, _) = processor.process(&image, &options).expect("alone");
        assert!(a.image == b.image && b.image == c.image && c.image == alone.bytes, "{format:?}");
    }
}

#[tokio::test]
async fn a_photo_with_a_subject_is_looked_at_twice() {
    let engine = Barrier::default();
    engine.open();
    let service = service(&[], engine.clone());
    for (radius, looks) in [(0.1, 2), (0.3, 2), (0.0, 1)] {
        let before = engine.runs();
        let image = encoded(&disc(300, 200, radius), FileFormat::Png);
        run(&service, job(image)).await.expect("a picture");
        assert_eq!(engine.runs() - before, looks, "radius {radius}");
    }
}

#[tokio::test]
async fn a_second_look_can_be_left_out_and_is_the_same_with_no_server() {
    let image = encoded(&disc(900, 600, 0.1), FileFormat::Jpeg);
    let options = RenderOptions { expand: true, format: OutputFormat::Png, ..Default::default() };
    let process = |model| {
        let network = Network::load(model, Backend::Cpu).expect("loads");
        Processor::new(network).process(&image, &options).expect("a picture")
    };
    let (twice, timings) = process(builtin());
    assert_eq!(timings.runs(Step::Network), 2);
    let (once, timings) = process(builtin().looking_once());
    assert_eq!(timings.runs(Step::Network), 1);
    assert!(twice.bytes != once.bytes);

    let layers = Layers::new(DEFAULTS).flag("inference.second_look", Some(false));
    let leaving_out = InferenceConfig::load(&layers).expect("valid");
    for (config, expected) in [(config(&[]), twice), (leaving_out, once)] {
        let served = run(&build(&config).expect("builds"), job(image.clone())).await;
        assert!(served.expect("a picture").image == expected.bytes);
    }
}

#[tokio::test]
async fn a_mask_is_grey_and_follows_the_network() {
    let service = service(&[], Brightness);
    let spec = RenderSpec { mask: true, format: ImageFormat::Png.into(), ..Default::default() };
    let cut_out = run(&service, job_with(png(256, 256), spec)).await.expect("a mask");
    let mask = open(&cut_out.image);
    assert_eq!(mask.color(), image::ColorType::L8);
    let mask = mask.into_luma8();
    assert_eq!((mask.get_pixel(128, 128).0, mask.get_pixel(2, 2).0), ([255], [0]));
}

#[tokio::test]
async fn what_was_transparent_stays_transparent() {
    let mut picture: RgbaImage = picture(256, 256).into_rgba8();
    for (x, _, pixel) in picture.enumerate_pixels_mut() {
        *pixel = Rgba([pixel.0[0], pixel.0[1], pixel.0[2], if x < 128 { 0 } else { 128 }]);
    }
    let image = encoded(&picture.into(), FileFormat::Png);
    let cut_out = run(&service(&[], Brightness), job(image)).await.expect("a picture");
    let result = open(&cut_out.image).into_rgba8();
    assert_eq!(result.get_pixel(100, 128).0[3], 0);
    assert_eq!(result.get_pixel(160, 128).0[3], 128);
}

#[tokio::test]
async fn errors_say_whose_fault_it_is() {
    let service = service(&[], Brightness);
    let whole = png(300, 200);
    let cut = whole.slice(..whole.len() / 2);
    let mut elsewhere = job(whole.clone());
    elsewhere.model = Some("u2net".into());
    let huge = RenderSpec { width: 10_000, ..Default::default() };
    let rows = [
        (job("plain text".into()), ErrorCode::InvalidImage),
        (job(bytes::Bytes::new()), ErrorCode::InvalidImage),
        (job(cut), ErrorCode::InvalidImage),
        (elsewhere, ErrorCode::InvalidArgument),
        (job_with(png(100, 2000), huge), ErrorCode::InvalidArgument),
    ];
    for (job, code) in rows {
        let error = run(&service, job).await.expect_err("refused");
        assert_eq!(error.code, code, "{error}");
    }
}

#[tokio::test]
async fn a_job_may_ask_for_another_network_by_name() {
    let mut other = builtin();
    other.manifest.name = "other".into();
    let networks = vec![network(Brightness), Network::new(other.manifest, Box::new(Brightness))];
    let service = InferenceService::new(&config(&[]), networks).expect("builds");
    let mut asked = job(png(64, 64));
    asked.model = Some("other".into());
    assert_eq!(run(&service, asked).await.expect("a picture").model, "other-20");
    assert_eq!(run(&service, job(png(64, 64))).await.expect("a picture").model, "builtin-20");
}
