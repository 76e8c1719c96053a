//! Lossy colour through libwebp.

use std::mem::MaybeUninit;
use std::slice;

use libwebp_sys as ffi;

use crate::ImagingError;

/// Lossy quality, 0…100: edges of hair stay clean; 75, the library's default, shows blocks there.
const QUALITY: f32 = 85.0;

/// Effort, 0…6; see the module above for the figures.
const METHOD: i32 = 2;

/// A complete file with one `VP8 ` chunk, from RGB or (fourth byte ignored) RGBX.
pub(super) fn encode(
    pixels: &[u8],
    size: (u32, u32),
    channels: u32,
) -> Result<Vec<u8>, ImagingError> {
    let config = config()?;
    let mut picture = Picture::new()?;
    picture.import(pixels, size, channels)?;
    picture.encode(&config)
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
        ffi::WebPPicture::new().map(Self).map_err(|()| failed("version"))
    }

    fn import(
        &mut self,
        pixels: &[u8],
        (width, height): (u32, u32),
        channels: u32,
    ) -> Result<(), ImagingError> {
        let side = |value: u32| i32::try_from(value).map_err(|_| failed("size"));
        if pixels.len() as u64 != u64::from(width) * u64::from(height) * u64::from(channels) {
            return Err(failed("length"));
        }
        self.0.width = side(width)?;
        self.0.height = side(height)?;
        let stride = side(width * channels)?;
        // SAFETY: the picture is initialised, and the slice holds `height` rows of `stride` bytes,
        // as just checked; libwebp copies out of the slice and keeps no pointer to it.
        let done = unsafe {
            if channels == 3 {
                ffi::WebPPictureImportRGB(&mut self.0, pixels.as_ptr(), stride)
            } else {
                ffi::WebPPictureImportRGBX(&mut self.0, pixels.as_ptr(), stride)
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
