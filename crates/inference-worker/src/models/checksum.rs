//! SHA-256 and MD5 of files, read in pieces.

use std::{
    fs::File,
    io::{Read as _, Result},
    path::Path,
};

use md5::Md5;
use serde::Deserialize;
use sha2::{Digest, Sha256};

const PIECE: usize = 1 << 20;

/// A published checksum in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// As new manifests state it.
    Sha256(String),
    /// As the rembg project publishes it: good against a damaged download.
    Md5(String),
}

impl Checksum {
    /// The expected value.
    #[must_use]
    pub fn expected(&self) -> &str {
        match self {
            Self::Sha256(value) | Self::Md5(value) => value,
        }
    }

    /// The name of the sum.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Md5(_) => "MD5",
        }
    }

    /// The same sum of a file.
    pub(crate) fn of_file(&self, path: &Path) -> Result<String> {
        match self {
            Self::Sha256(_) => digest_of_file::<Sha256>(path),
            Self::Md5(_) => digest_of_file::<Md5>(path),
        }
    }
}

/// SHA-256 of a file in hexadecimal.
pub(crate) fn sha256_of_file(path: &Path) -> Result<String> {
    digest_of_file::<Sha256>(path)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn digest_of_file<D: Digest>(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let mut digest = D::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_the_standards_own_examples() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "abc").expect("write");
        let rows = [
            (
                Checksum::Sha256(String::new()),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (Checksum::Md5(String::new()), "900150983cd24fb0d6963f7d28e17f72"),
        ];
        for (sum, expected) in rows {
            assert_eq!(sum.of_file(file.path()).expect("readable"), expected);
        }
    }
}
