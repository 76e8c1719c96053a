//! A loaded network: a photo in, a matte out.

use imaging::{ImagingError, InputSpec, Matte, Photo, Region, SecondLook, Size};

use crate::{
    engine::{self, Backend, Engine, EngineError},
    models::{Manifest, ModelError, ModelFile},
};

/// A network with what is needed to feed it and to read its answer.
pub struct Network {
    engine: Box<dyn Engine>,
    manifest: Manifest,
    input: InputSpec,
    second_look: Option<SecondLook>,
    /// What takes the second look, where that is another network.
    second: Option<Box<Network>>,
    label: String,
}

impl Network {
    /// Loads a network for a processor, and the one that takes its second look.
    ///
    /// # Errors
    /// [`ModelError::Engine`] where the engine cannot run it.
    pub fn load(model: ModelFile, backend: Backend) -> Result<Self, ModelError> {
        let engine = engine::load(&model, backend)?;
        let second = model.second.map(|second| Self::load(*second, backend)).transpose()?;
        Ok(Self { second: second.map(Box::new), ..Self::new(model.manifest, engine) })
    }

    /// A network on an engine of the caller's own, which takes the second look too.
    #[must_use]
    pub fn new(manifest: Manifest, engine: Box<dyn Engine>) -> Self {
        Self {
            engine,
            input: manifest.input_spec(),
            second_look: manifest.second_look(),
            second: None,
            label: manifest.label(),
            manifest,
        }
    }

    /// Name and version, e.g. `builtin-1`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The name by which a job asks for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The photo as the network's input tensor: codec work.
    ///
    /// # Errors
    /// Those of [`imaging::network_input`].
    pub fn input(&self, photo: &Photo) -> Result<Vec<f32>, ImagingError> {
        imaging::network_input(photo, &self.input)
    }

    /// What of a photo of size `photo` to look at next, after the first look's `matte`, unless it
    /// shows no subject.
    #[must_use]
    pub fn second_look(&self, matte: &Matte, photo: Size) -> Option<Region> {
        self.second_look?.region(matte, photo)
    }

    /// The input tensor for a second look at the mirror image of a `region` of the photo, of which
    /// `first` was the whole one's: codec work.
    ///
    /// # Errors
    /// Those of [`imaging::network_input`].
    pub fn closer_input(
        &self,
        photo: &Photo,
        region: Region,
        first: Vec<f32>,
    ) -> Result<Vec<f32>, ImagingError> {
        let looking = self.looking_closer();
        let whole = region == Region::whole(photo.size());
        let mut input = match (whole, &self.second) {
            (true, None) => first,
            (true, Some(_)) => looking.input(photo)?,
            (false, _) => looking.input(&photo.part(region))?,
        };
        imaging::mirror_input(&mut input, &looking.input);
        Ok(input)
    }

    /// Runs the network of the second look on a mirror image and turns its answer back: engine work.
    ///
    /// # Errors
    /// Those of [`Self::matte`].
    pub fn closer_matte(&self, input: Vec<f32>) -> Result<Matte, EngineError> {
        Ok(self.looking_closer().matte(input)?.mirrored())
    }

    fn looking_closer(&self) -> &Self {
        self.second.as_deref().unwrap_or(self)
    }

    /// Runs the network: engine work.
    ///
    /// # Errors
    /// Where the engine fails, or answers in a shape that the manifest does not
    /// describe.
    pub fn matte(&self, input: Vec<f32>) -> Result<Matte, EngineError> {
        engine::matte(&self.engine.run(input)?, &self.manifest)
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Network").field(&self.label).finish()
    }
}
