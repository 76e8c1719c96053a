//! WebP through libwebp: lossy colour with lossless alpha.

use std::mem::MaybeUninit;
use std::slice;

use libwebp_sys as ffi;

use super::parts;
use crate::ImagingError;
use crate::render::Raster;

/// Lossy quality, 0…100.
const QUALITY: f32 = 85.0;

/// Effort, 0…6.
const METHOD: i32 = 2;

pub(super) fn encode(raster: Raster) -> Result<Vec<u8>, ImagingError> {
    let mut picture = Picture::new()?;
    picture.import(&raster)?;
    drop(raster);
    picture.encode(&config()?)
}

fn config() -> Result<ffi::WebPConfig, ImagingError> {
    let mut config = ffi::WebPConfig::new().map_err(|()| failed("configuration"))?;
    config.quality = QUALITY;
    config.method = METHOD;
    // SAFETY: `config` is initialised and outlives the call, which only reads it.
    if unsafe { ffi::WebPValidateConfig(&config) } == 0 {
        return Err(failed("configuration"));
    }
    Ok(config)
}

fn failed(step: &str) -> ImagingError {
    ImagingError::internal("WebP", step)
}

/// Owns a `WebPPicture` and frees its planes.
struct Picture(ffi::WebPPicture);

impl Picture {
    fn new() -> Result<Self, ImagingError> {
        let picture = ffi::WebPPicture::new().map_err(|()| failed("version"))?;
        Ok(Self(picture))
    }

    fn import(&mut self, raster: &Raster) -> Result<(), ImagingError> {
        let grey_as_rgb;
        let (pixels, size, channels) = match raster {
            Raster::Grey(image) => {
                grey_as_rgb = image.as_raw().iter().flat_map(|&v| [v; 3]).collect::<Vec<_>>();
                let (_, size, _) = parts(raster);
                (grey_as_rgb.as_slice(), size, 3)
            }
            _ => parts(raster),
        };
        let side = |value| i32::try_from(value).map_err(|_| failed("size"));
        self.0.width = side(size.width)?;
        self.0.height = side(size.height)?;
        let stride = side(size.width * channels as u32)?;
        // SAFETY: the picture is initialised with the width and height that the slice has rows of
        // `stride` bytes for; libwebp copies out of the slice and keeps no pointer to it.
        let done = unsafe {
            if channels == 3 {
                ffi::WebPPictureImportRGB(&mut self.0, pixels.as_ptr(), stride)
            } else {
                ffi::WebPPictureImportRGBA(&mut self.0, pixels.as_ptr(), stride)
            }
        };
        if done == 0 {
            return Err(failed("import"));
        }
        Ok(())
    }

    fn encode(mut self, config: &ffi::WebPConfig) -> Result<Vec<u8>, ImagingError> {
        let mut writer = MaybeUninit::<ffi::WebPMemoryWriter>::uninit();
        // SAFETY: initialises every field of the writer.
        let mut writer = unsafe {
            ffi::WebPMemoryWriterInit(writer.as_mut_ptr());
            writer.assume_init()
        };
        self.0.writer = Some(ffi::WebPMemoryWrite);
        self.0.custom_ptr = (&raw mut writer).cast();
        // SAFETY: configuration and picture are valid; the writer outlives the call and is what
        // `WebPMemoryWrite` expects behind `custom_ptr`.
        let done = unsafe { ffi::WebPEncode(config, &mut self.0) };
        let bytes = if writer.mem.is_null() {
            Vec::new()
        } else {
            // SAFETY: the writer holds `size` initialised bytes at `mem`.
            unsafe { slice::from_raw_parts(writer.mem, writer.size) }.to_vec()
        };
        // SAFETY: frees what the writer allocated; it is not used afterwards.
        unsafe { ffi::WebPMemoryWriterClear(&mut writer) };
        if done == 0 {
            return Err(failed(&format!("{:?}", self.0.error_code)));
        }
        Ok(bytes)
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture was initialised in `new`; freeing an empty one is allowed.
        unsafe { ffi::WebPPictureFree(&mut self.0) };
    }
}
