//! Photos and the masks that belong to them, by name.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use image::GrayImage;
use imaging::{DecodeLimits, ImagingError};

const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// A folder cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A folder cannot be read.
    #[error("{}: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No photo has a mask.
    #[error("no photo in {} has a mask of the same name in {}", .images.display(), .masks.display())]
    NoPairs {
        /// The folder of photos.
        images: PathBuf,
        /// The folder of masks.
        masks: PathBuf,
    },
}

/// A photo and its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its place in the order of names.
    pub index: usize,
    /// The photo.
    pub image: PathBuf,
    /// The mask.
    pub mask: PathBuf,
}

/// All photos of a folder that have a mask, in the order of their names.
///
/// # Errors
/// [`EvalError`] where a folder cannot be read or there is no pair.
pub fn pairs(images: &Path, masks: &Path) -> Result<Vec<Pair>, EvalError> {
    let mask_of: HashMap<OsString, PathBuf> = pictures(masks)?.into_iter().collect();
    let mut photos = pictures(images)?;
    photos.sort();
    let paired =
        photos.into_iter().filter_map(|(name, image)| Some((image, mask_of.get(&name)?.clone())));
    let pairs: Vec<_> =
        paired.enumerate().map(|(index, (image, mask))| Pair { index, image, mask }).collect();
    if pairs.is_empty() {
        return Err(EvalError::NoPairs { images: images.into(), masks: masks.into() });
    }
    Ok(pairs)
}

fn pictures(folder: &Path) -> Result<Vec<(OsString, PathBuf)>, EvalError> {
    let refuse = |source| EvalError::Folder { folder: folder.into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let known = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| EXTENSIONS.contains(&extension.to_lowercase().as_str()));
        if let Some(name) = path.file_stem().filter(|_| known) {
            found.push((name.to_owned(), path.clone()));
        }
    }
    Ok(found)
}

/// A mask file's transparency where it has any, else its brightness.
pub(super) fn read_mask(bytes: &[u8]) -> Result<GrayImage, ImagingError> {
    let photo = imaging::decode(bytes, &DecodeLimits::default())?;
    Ok(photo.alpha.unwrap_or_else(|| {
        let (width, height) = photo.colour.dimensions();
        GrayImage::from_fn(width, height, |x, y| image::Luma([photo.colour.get_pixel(x, y).0[0]]))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_and_endings_do_not() {
        let (images, masks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["b.jpg", "a.JPEG", "alone.png", "notes.txt"] {
            fs::write(images.path().join(name), "").unwrap();
        }
        for name in ["a.png", "b.png", "notes.png"] {
            fs::write(masks.path().join(name), "").unwrap();
        }
        let pairs = pairs(images.path(), masks.path()).expect("pairs");
        let names: Vec<_> = pairs.iter().map(|pair| pair.image.file_name().unwrap()).collect();
        assert_eq!(names, ["a.JPEG", "b.jpg"]);
    }

    #[test]
    fn folders_that_cannot_be_used_say_why() {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(pairs(empty.path(), empty.path()), Err(EvalError::NoPairs { .. })));
        let missing = empty.path().join("missing");
        assert!(matches!(pairs(&missing, empty.path()), Err(EvalError::Folder { .. })));
    }
}
