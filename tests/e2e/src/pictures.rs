//! Pictures to send, and a look into those that come back.

use std::io::{Cursor, Write as _};

use image::{
    ColorType, DynamicImage, ImageEncoder as _, ImageReader, Rgb, RgbImage,
    codecs::{bmp::BmpEncoder, jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

/// The four formats that go in and come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/webp`
    Webp,
    /// `image/bmp`
    Bmp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Webp, Self::Bmp];

    /// The value of the `format` field.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
        }
    }

    /// The type of an answer in this format.
    #[must_use]
    pub fn content_type(self) -> String {
        format!("image/{}", self.name())
    }
}

/// A made-up photo: a warm subject with a soft edge before a cool background,
/// the same bytes for the same numbers.
#[derive(Debug, Clone, Copy)]
pub struct Drawing {
    width: u32,
    height: u32,
    seed: u64,
}

impl Drawing {
    /// A photo of that many pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, seed: 1 }
    }

    /// Another photo of the same size.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Its pixels.
    #[must_use]
    pub fn pixels(self) -> RgbImage {
        let mut noise = SmallRng::seed_from_u64(self.seed);
        let (middle_x, middle_y) = (self.width as f32 / 2.0, self.height as f32 / 2.0);
        RgbImage::from_fn(self.width, self.height, |x, y| {
            let across = (x as f32 - middle_x) / (middle_x * 0.6);
            let down = (y as f32 - middle_y) / (middle_y * 0.7);
            let inside = ((1.1 - (across * across + down * down).sqrt()) * 6.0).clamp(0.0, 1.0);
            let grain = noise.random_range(-12.0..12.0_f32);
            let mix = |back: f32, front: f32| (back + (front - back) * inside + grain) as u8;
            Rgb([mix(60.0, 220.0), mix(110.0, 140.0), mix(180.0, 70.0)])
        })
    }

    /// Its file.
    ///
    /// # Panics
    /// Never: every size of a test can be encoded.
    #[must_use]
    pub fn file(self, kind: Kind) -> Vec<u8> {
        let pixels = self.pixels();
        let (width, height) = pixels.dimensions();
        let (pixels, colour) = (pixels.as_raw(), ColorType::Rgb8.into());
        let mut file = Cursor::new(Vec::new());
        match kind {
            Kind::Png => PngEncoder::new(&mut file).write_image(pixels, width, height, colour),
            Kind::Jpeg => JpegEncoder::new_with_quality(&mut file, 90)
                .write_image(pixels, width, height, colour),
            Kind::Webp => {
                WebPEncoder::new_lossless(&mut file).write_image(pixels, width, height, colour)
            }
            Kind::Bmp => BmpEncoder::new(&mut file).write_image(pixels, width, height, colour),
        }
        .expect("encodes");
        file.into_inner()
    }
}

/// A small JPEG that every test may send.
#[must_use]
pub fn photo() -> Vec<u8> {
    Drawing::new(96, 72).file(Kind::Jpeg)
}

/// A huge PNG of one colour, written row by row: cheap to make, dear to decode.
#[must_use]
pub fn flat_png(width: u32, height: u32) -> Vec<u8> {
    let row = [200, 80, 40].repeat(width as usize);
    rows_of_png(width, height, png::ColorType::Rgb, png::BitDepth::Eight, &row)
}

/// A huge PNG with one bit a pixel, for tests that end at its header.
#[must_use]
pub fn blank_png(width: u32, height: u32) -> Vec<u8> {
    let row = vec![0; width.div_ceil(8) as usize];
    rows_of_png(width, height, png::ColorType::Grayscale, png::BitDepth::One, &row)
}

fn rows_of_png(
    width: u32,
    height: u32,
    colour: png::ColorType,
    depth: png::BitDepth,
    row: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("header");
    let mut rows = writer.stream_writer().expect("stream");
    for _ in 0..height {
        rows.write_all(row).expect("row");
    }
    rows.finish().expect("end");
    drop(writer);
    file
}

/// A decoded answer.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// The format its signature tells.
    pub kind: Kind,
    /// What is in it, in the channels that the file has.
    pub image: DynamicImage,
}

impl Pixels {
    /// Width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.image.width(), self.image.height())
    }

    /// One pixel as red, green, blue, alpha.
    #[must_use]
    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        image::GenericImageView::get_pixel(&self.image, x, y).0
    }

    /// Whether nothing shows through.
    #[must_use]
    pub fn opaque(&self) -> bool {
        self.image.to_rgba8().pixels().all(|pixel| pixel.0[3] == 255)
    }
}

/// Decodes an answer by its signature.
///
/// # Panics
/// Where it is none of the four formats or damaged.
#[must_use]
pub fn decode(file: &[u8]) -> Pixels {
    let reader = ImageReader::new(Cursor::new(file)).with_guessed_format().expect("in memory");
    let kind = match reader.format() {
        Some(image::ImageFormat::Png) => Kind::Png,
        Some(image::ImageFormat::Jpeg) => Kind::Jpeg,
        Some(image::ImageFormat::WebP) => Kind::Webp,
        Some(image::ImageFormat::Bmp) => Kind::Bmp,
        other => panic!("{other:?} is no format of the contract"),
    };
    Pixels { kind, image: reader.decode().expect("decodes") }
}
