//! From the network's matte to the photo's size.

use image::GrayImage;

use crate::{ImagingError, Matte, Photo};

/// The full-size alpha matte of `photo`, 0 = background, 255 = subject.
///
/// # Errors
/// [`ImagingError::Internal`] when the photo is empty.
pub fn refine(photo: &Photo, matte: &Matte) -> Result<GrayImage, ImagingError> {
    let size = photo.size();
    let (w, h) = (matte.width() as usize, matte.height() as usize);
    let sx = w as f32 / size.width as f32;
    let sy = h as f32 / size.height as f32;
    let v = matte.values();
    Ok(GrayImage::from_fn(size.width, size.height, |x, y| {
        let fx = ((x as f32 + 0.5) * sx - 0.5).clamp(0.0, (w - 1) as f32);
        let fy = ((y as f32 + 0.5) * sy - 0.5).clamp(0.0, (h - 1) as f32);
        let (x0, y0) = (fx as usize, fy as usize);
        let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
        let (tx, ty) = (fx - x0 as f32, fy - y0 as f32);
        let top = v[y0 * w + x0] * (1.0 - tx) + v[y0 * w + x1] * tx;
        let bottom = v[y1 * w + x0] * (1.0 - tx) + v[y1 * w + x1] * tx;
        image::Luma([((top * (1.0 - ty) + bottom * ty) * 255.0 + 0.5) as u8])
    }))
}
