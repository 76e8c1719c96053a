//! From a job on the wire to what the pixel code is told, and what it will cost.

use imaging::{Header, OutputFormat, RenderOptions};
use proto::{
    ErrorCode, ServiceError,
    inference_v1::{ImageFormat, RenderSpec},
};

use crate::{admission::Cost, error::JobError};

/// The render options in a spec. The caller has validated it; what cannot be
/// meant is refused all the same.
pub(crate) fn render_options(spec: &RenderSpec) -> Result<RenderOptions, ServiceError> {
    if !(-360.0..=360.0).contains(&spec.angle) {
        return Err(ServiceError::new(ErrorCode::InvalidArgument, "angle is not within ±360"));
    }
    let side = |pixels: u32| (pixels > 0).then_some(pixels);
    Ok(RenderOptions {
        angle: spec.angle,
        expand: spec.expand,
        width: side(spec.width),
        height: side(spec.height),
        exact: spec.exact,
        mask: spec.mask,
        background: spec.background.map(u32::to_be_bytes),
        format: output_format(spec.format()),
    })
}

fn output_format(format: ImageFormat) -> OutputFormat {
    match format {
        ImageFormat::Unspecified => OutputFormat::default(),
        ImageFormat::Png => OutputFormat::Png,
        ImageFormat::Jpeg => OutputFormat::Jpeg,
        ImageFormat::Webp => OutputFormat::WebP,
        ImageFormat::Bmp => OutputFormat::Bmp,
    }
}

/// The wire's name of a format.
pub(crate) fn image_format(format: OutputFormat) -> ImageFormat {
    match format {
        OutputFormat::Png => ImageFormat::Png,
        OutputFormat::Jpeg => ImageFormat::Jpeg,
        OutputFormat::WebP => ImageFormat::Webp,
        OutputFormat::Bmp => ImageFormat::Bmp,
    }
}

/// The most bytes that a pixel of the largest picture on the way costs, result
/// included: measured with noise, the worst case, by resetting the process's
/// peak between jobs.
pub(crate) const BYTES_A_PIXEL: u64 = 16;

/// What a pixel of the rotated canvas costs while it is made smaller: itself
/// and its share of the resizer's intermediate rows.
const BYTES_A_CANVAS_PIXEL: u64 = 8;
/// What a pixel of the photo costs at that time: premultiplied colour and alpha.
const BYTES_A_TURNED_PIXEL: u64 = 4;

/// What a job will need, from the file's own header: what the caller says of
/// the size is never trusted. Memory goes with the largest picture on the way,
/// be it the decoded or the delivered one; a rotated canvas that is not
/// delivered as it is exists only in bands.
pub(crate) fn cost(image: &[u8], options: &RenderOptions) -> Result<Cost, JobError> {
    let header: Header = imaging::probe(image)?;
    imaging::DecodeLimits::default().check(header.stored)?;
    let decoded = header.stored.pixels();
    let delivered = options.output_size(header.oriented)?.pixels();
    let canvas = options.canvas_pixels(header.oriented)?;
    let turning = decoded * BYTES_A_TURNED_PIXEL + canvas * BYTES_A_CANVAS_PIXEL;
    let working_bytes = (decoded.max(delivered) * BYTES_A_PIXEL).max(turning);
    let pixels = decoded.max(canvas).max(delivered);
    Ok(Cost { pixels, working_bytes, bytes: image.len() as u64 })
}

#[cfg(test)]
mod tests {
    use imaging::Size;

    use super::*;

    /// The 54-byte header of a BMP with no pixels behind it.
    fn bmp_header(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"BM".to_vec();
        bytes.resize(14, 0);
        bytes.extend(40_u32.to_le_bytes());
        bytes.extend(width.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        bytes.extend([1, 0, 24, 0]);
        bytes.resize(54, 0);
        bytes
    }

    #[test]
    fn the_spec_becomes_options() {
        let spec = RenderSpec {
            format: ImageFormat::Png.into(),
            width: 640,
            background: Some(0x1122_33FF),
            angle: -90.0,
            ..Default::default()
        };
        let options = render_options(&spec).expect("valid");
        assert_eq!((options.width, options.height), (Some(640), None));
        assert_eq!(options.background, Some([0x11, 0x22, 0x33, 0xFF]));
        assert_eq!(options.format, OutputFormat::Png);
    }

    #[test]
    fn an_impossible_angle_is_refused() {
        for angle in [f64::NAN, f64::INFINITY, 361.0] {
            let spec = RenderSpec { angle, ..Default::default() };
            assert_eq!(render_options(&spec).expect_err("bad").code, ErrorCode::InvalidArgument);
        }
    }

    #[test]
    fn the_largest_picture_on_the_way_counts() {
        let format = OutputFormat::Png;
        let options = |angle, width| RenderOptions { angle, width, format, ..Default::default() };
        let turned = imaging::rotated_size(Size::new(1250, 2500), 45.0, true).pixels();
        let rows = [
            (options(0.0, None), 1250 * 2500),
            (options(0.0, Some(100)), 1250 * 2500),
            (options(0.0, Some(4000)), 4000 * 8000),
            (options(45.0, None), turned),
            (options(90.0, Some(100)), 1250 * 2500),
        ];
        for (options, pixels) in rows {
            let image = bmp_header(1250, 2500);
            let working_bytes = pixels * BYTES_A_PIXEL;
            let expected = Cost { pixels, working_bytes, bytes: 54 };
            assert_eq!(cost(&image, &options).expect("fits"), expected);
        }
    }

    #[test]
    fn a_rotated_canvas_that_is_made_smaller_costs_its_bands_only() {
        let image = bmp_header(10_000, 10_000);
        let whole = RenderOptions { format: OutputFormat::Png, ..Default::default() };
        let turned = RenderOptions { angle: 45.0, width: Some(500), ..whole };
        let memory = |options| cost(&image, options).expect("fits").working_bytes;
        assert_eq!(memory(&turned), memory(&whole));
    }

    #[test]
    fn limits_hold_before_anything_is_decoded() {
        let options = RenderOptions::default();
        assert!(cost(&bmp_header(10_001, 1), &options).is_err());
        assert!(cost(&bmp_header(1, 10_001), &options).is_err());
        assert!(cost(b"text", &options).is_err());
    }
}
