//! Reading and writing of pictures. A result appears whole or not at all.

use std::{
    io::{Read as _, Write as _},
    path::Path,
};

use bytes::Bytes;

use super::plan::{Source, Target};

/// Reads a picture, at most `limit` bytes and one more: enough to tell that it
/// is too large. Returns the bytes and the true size.
pub(super) fn read(source: &Source, limit: u64) -> std::io::Result<(Bytes, u64)> {
    let mut bytes = Vec::new();
    match source {
        Source::Stdin => {
            std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)?;
            let size = bytes.len() as u64;
            Ok((bytes.into(), size))
        }
        Source::File(path) => {
            let file = std::fs::File::open(path)?;
            let size = file.metadata()?.len();
            if size <= limit {
                file.take(limit).read_to_end(&mut bytes)?;
            }
            Ok((bytes.into(), size))
        }
    }
}

/// Writes a picture: to a file by way of a temporary one beside it, so that an
/// interrupted run leaves no half of a picture.
pub(super) fn write(target: &Target, bytes: &[u8]) -> std::io::Result<()> {
    match target {
        Target::Stdout => {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        }
        Target::File(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new().prefix(".rembg-").tempfile_in(folder)?;
            file.write_all(bytes)?;
            readable_like_any_file(file.as_file())?;
            file.persist(path)?;
            Ok(())
        }
    }
}

/// Temporary files are private; a result is a file like any other.
#[cfg(unix)]
fn readable_like_any_file(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_like_any_file(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
