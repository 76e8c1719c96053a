//! The folder of pulled networks: each an `.onnx` file with its manifest beside
//! it. A network is complete when its manifest is there; that is written last.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Checksum, Manifest, ModelError, ModelFile, Published, catalogue,
    checksum::{self, sha256_of_file},
    download::fetch,
    embedded::{EMBEDDED, embedded},
};
use crate::engine::guess_manifest;

pub use super::download::Progress;

/// The folder of pulled networks.
#[derive(Debug, Clone)]
pub struct ModelStore {
    folder: PathBuf,
}

/// Where a listed network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// In the binary.
    Embedded,
    /// In the folder.
    Pulled,
    /// Not here; it can be pulled.
    Published,
}

/// A line of the list of networks.
#[derive(Debug, Clone)]
pub struct StoredModel {
    /// What it is.
    pub manifest: Manifest,
    /// Where it is.
    pub presence: Presence,
    /// What it is good for, where that is known.
    pub about: Option<&'static str>,
}

impl ModelStore {
    /// The store in a folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The user's own store: `$XDG_DATA_HOME/rembg/models`, by default
    /// `~/.local/share/rembg/models`.
    #[must_use]
    pub fn of_user() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let data = variable("XDG_DATA_HOME").map(PathBuf::from).unwrap_or_else(|| {
            Path::new(&variable("HOME").unwrap_or_default()).join(".local/share")
        });
        Self::new(data.join("rembg/models"))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The embedded networks, those in the folder, and those that can be pulled.
    ///
    /// # Errors
    /// Where the folder cannot be read or a manifest in it cannot be used.
    pub fn list(&self) -> Result<Vec<StoredModel>, ModelError> {
        let pulled = self.pulled()?;
        let missing = catalogue()
            .iter()
            .filter(|published| pulled.iter().all(|here| here.name != published.manifest.name))
            .map(|published| published.manifest.clone());
        let rows = EMBEDDED
            .iter()
            .map(|network| (network.manifest(), Presence::Embedded))
            .chain(pulled.iter().cloned().map(|manifest| (manifest, Presence::Pulled)))
            .chain(missing.map(|manifest| (manifest, Presence::Published)));
        Ok(rows
            .map(|(manifest, presence)| StoredModel {
                about: about(&manifest.name),
                manifest,
                presence,
            })
            .collect())
    }

    fn pulled(&self) -> Result<Vec<Manifest>, ModelError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| ModelError::io(&self.folder, error))?,
        };
        let mut manifests = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| ModelError::io(&self.folder, error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                manifests.push(Manifest::read(&path)?);
            }
        }
        manifests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(manifests)
    }

    /// Downloads a published network, going on where an earlier try stopped,
    /// and checks it. One that is here already is checked only.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] for a name that is not published,
    /// [`ModelError::Download`], or [`ModelError::Checksum`].
    pub fn pull(
        &self,
        name: &str,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, ModelError> {
        let published = published(name).ok_or_else(|| ModelError::Unknown(name.to_owned()))?;
        self.pull_published(published, on_progress)
    }

    /// [`Self::pull`] for a network that is described by the caller, such as one
    /// from a mirror.
    ///
    /// # Errors
    /// As [`Self::pull`].
    pub fn pull_published(
        &self,
        published: &Published,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, ModelError> {
        if self.manifest_path(&published.manifest.name).exists() {
            return self.verify(&published.manifest.name);
        }
        fs::create_dir_all(&self.folder).map_err(|error| ModelError::io(&self.folder, error))?;
        let file = self.folder.join(&published.manifest.file);
        fetch(&published.url, &file, &published.checksum, on_progress)?;
        let sum = sha256_of_file(&file).map_err(|error| ModelError::io(&file, error))?;
        let manifest = Manifest { sha256: Some(sum), ..published.manifest.clone() };
        self.write(&manifest)?;
        Ok(manifest)
    }

    fn write(&self, manifest: &Manifest) -> Result<(), ModelError> {
        let path = self.manifest_path(&manifest.name);
        let text = toml::to_string(manifest)
            .map_err(|error| ModelError::io(&path, io::Error::other(error)))?;
        let part = path.with_extension("toml.part");
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &path))
            .map_err(|error| ModelError::io(&path, error))
    }

    fn manifest_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    /// Computes the checksum of a network again.
    ///
    /// # Errors
    /// [`ModelError::Checksum`] where the file is damaged,
    /// [`ModelError::NotPulled`] or [`ModelError::Unknown`] where it is not here.
    pub fn verify(&self, name: &str) -> Result<Manifest, ModelError> {
        if let Some(network) = embedded(name) {
            let model = network.alone();
            check(&model.manifest, Path::new(&model.manifest.file), &model.weights)?;
            return Ok(model.manifest);
        }
        Ok(self.named(name)?.manifest)
    }

    /// The network behind `--model`: the path of an `.onnx` file, or a name. A
    /// file's manifest is looked for beside it, as `.toml`; without one it is
    /// guessed from the graph. With it comes the one that takes its second look.
    ///
    /// # Errors
    /// [`ModelError::Unknown`], [`ModelError::NotPulled`], or whatever is wrong
    /// with the file or its manifest.
    pub fn resolve(&self, path_or_name: &str) -> Result<ModelFile, ModelError> {
        let model = self.alone(path_or_name)?;
        let second = model.manifest.second_model().map(|name| {
            self.alone_by_name(name).map_err(|error| ModelError::Manifest {
                origin: path_or_name.to_owned(),
                reason: format!("second_look.model: {error}"),
            })
        });
        Ok(ModelFile { second: second.transpose()?.map(Box::new), ..model })
    }

    /// The same network, which looks at every photo once, whatever its manifest says: the one that
    /// takes its second look need not be here.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_looking_once(&self, path_or_name: &str) -> Result<ModelFile, ModelError> {
        Ok(self.alone(path_or_name)?.looking_once())
    }

    fn alone(&self, path_or_name: &str) -> Result<ModelFile, ModelError> {
        let path = Path::new(path_or_name);
        let is_path = path.extension().is_some_and(|extension| extension == "onnx");
        if is_path { from_path(path) } else { self.alone_by_name(path_or_name) }
    }

    fn alone_by_name(&self, name: &str) -> Result<ModelFile, ModelError> {
        embedded(name).map_or_else(|| self.named(name), |network| Ok(network.alone()))
    }

    fn named(&self, name: &str) -> Result<ModelFile, ModelError> {
        let path = self.manifest_path(name);
        // A name with a separator would leave the folder.
        if name.contains(['/', '\\']) || !path.exists() {
            let known = published(name).is_some();
            let name = name.to_owned();
            return Err(if known {
                ModelError::NotPulled(name)
            } else {
                ModelError::Unknown(name)
            });
        }
        let manifest = Manifest::read(&path)?;
        let file = self.folder.join(&manifest.file);
        read_checked(manifest, &file)
    }
}

fn published(name: &str) -> Option<&'static Published> {
    catalogue().iter().find(|published| published.manifest.name == name)
}

/// What the network of that name is good for, where that is known.
fn about(name: &str) -> Option<&'static str> {
    let embedded = embedded(name).map(|network| network.about);
    embedded.or_else(|| published(name).map(|published| published.about.as_str()))
}

fn from_path(path: &Path) -> Result<ModelFile, ModelError> {
    let sidecar = path.with_extension("toml");
    if sidecar.exists() {
        return read_checked(Manifest::read(&sidecar)?, path);
    }
    let weights = fs::read(path).map_err(|error| ModelError::io(path, error))?;
    let manifest = guess_manifest(&name_of(path), &weights)?;
    tracing::info!(model = manifest.name, input = ?manifest.input, output = ?manifest.output,
        "no manifest beside the model, guessed one");
    Ok(ModelFile { manifest, weights: weights.into(), second: None })
}

/// The file's name without its ending, with nothing that a manifest would refuse.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    stem.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}

fn read_checked(manifest: Manifest, path: &Path) -> Result<ModelFile, ModelError> {
    let weights = fs::read(path).map_err(|error| ModelError::io(path, error))?;
    check(&manifest, path, &weights)?;
    Ok(ModelFile { manifest, weights: weights.into(), second: None })
}

fn check(manifest: &Manifest, path: &Path, weights: &[u8]) -> Result<(), ModelError> {
    let Some(expected) = manifest.sha256.clone() else { return Ok(()) };
    let found = checksum::sha256(weights);
    if found.eq_ignore_ascii_case(&expected) {
        return Ok(());
    }
    let kind = Checksum::Sha256(String::new()).kind();
    Err(ModelError::Checksum { path: path.to_owned(), kind, found, expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::builtin;

    fn store_with_copy() -> (tempfile::TempDir, ModelStore) {
        let folder = tempfile::tempdir().expect("folder");
        let store = ModelStore::new(folder.path());
        let ModelFile { manifest, weights, .. } = builtin();
        let copy = Manifest { name: "copy".into(), file: "copy.onnx".into(), ..manifest };
        fs::write(folder.path().join("copy.onnx"), weights).expect("write");
        store.write(&copy).expect("write");
        (folder, store)
    }

    #[test]
    fn the_list_says_where_each_network_is() {
        let (_folder, store) = store_with_copy();
        let list = store.list().expect("list");
        let presence =
            |name: &str| list.iter().find(|row| row.manifest.name == name).map(|row| row.presence);
        assert_eq!(presence("builtin"), Some(Presence::Embedded));
        assert_eq!(presence("quality"), Some(Presence::Embedded));
        assert_eq!(presence("copy"), Some(Presence::Pulled));
        assert_eq!(presence("u2netp"), Some(Presence::Published));
    }

    #[test]
    fn a_network_is_found_by_name_and_by_path() {
        let (folder, store) = store_with_copy();
        let path = folder.path().join("copy.onnx");
        for spec in ["copy", "builtin", "quality", path.to_str().expect("utf-8")] {
            store.resolve(spec).expect(spec);
        }
        for name in ["copy", "builtin", "quality"] {
            store.verify(name).expect(name);
        }
    }

    #[test]
    fn the_network_of_the_second_look_comes_along() {
        let (folder, store) = store_with_copy();
        let second = |spec: &str| {
            let second = store.resolve(spec).expect(spec).second;
            second.map(|model| model.manifest.name)
        };
        let path = folder.path().join("copy.onnx");
        for spec in ["builtin", "quality", "copy", path.to_str().expect("utf-8")] {
            assert_eq!(second(spec).as_deref(), Some("second"), "{spec}");
        }
        assert_eq!(second("second"), None);

        let mut manifest = builtin().manifest;
        (manifest.name, manifest.file) = ("lost".into(), "copy.onnx".into());
        manifest.second_look.as_mut().expect("looks twice").model = Some("nowhere".into());
        store.write(&manifest).expect("write");
        let error = store.resolve("lost").expect_err("no such network").to_string();
        for part in ["lost", "second_look.model", "nowhere"] {
            assert!(error.contains(part), "{error}");
        }
        let once = store.resolve_looking_once("lost").expect("needs no other");
        assert_eq!((once.manifest.second_look, once.second.is_some()), (None, false));
    }

    #[test]
    fn a_file_without_a_manifest_is_named_after_itself() {
        let (folder, store) = store_with_copy();
        let path = folder.path().join("my net.onnx");
        fs::copy(folder.path().join("copy.onnx"), &path).expect("copy");
        let model = store.resolve(path.to_str().expect("utf-8")).expect("resolves");
        assert_eq!(model.manifest.name, "my-net");
    }

    #[test]
    fn what_is_not_here_says_what_to_do() {
        let store = ModelStore::new("/nonexistent/models");
        assert!(matches!(store.resolve("u2net"), Err(ModelError::NotPulled(_))));
        assert!(matches!(store.resolve("depth"), Err(ModelError::Unknown(_))));
        assert!(matches!(store.resolve("../../etc/net"), Err(ModelError::Unknown(_))));
        assert!(matches!(store.resolve("/nonexistent/net.onnx"), Err(ModelError::Io { .. })));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let (folder, store) = store_with_copy();
        fs::write(folder.path().join("copy.onnx"), "damaged").expect("write");
        assert!(matches!(store.verify("copy"), Err(ModelError::Checksum { .. })));
        assert!(matches!(store.resolve("copy"), Err(ModelError::Checksum { .. })));
    }
}
