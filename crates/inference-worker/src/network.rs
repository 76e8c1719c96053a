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

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;
    use crate::{engine::Tensor, models::builtin};

    /// Says the same of every place of a square of so many pixels a side.
    #[derive(Debug)]
    struct Uniform(usize, f32);

    impl Engine for Uniform {
        fn run(&self, input: Vec<f32>) -> Result<Tensor, EngineError> {
            let Self(side, value) = *self;
            assert_eq!(input.len(), 3 * side * side, "the input of another network");
            Ok(Tensor { shape: vec![1, 1, side, side], values: vec![value; side * side] })
        }
    }

    fn uniform(side: u32, value: f32) -> Network {
        let mut manifest = builtin().manifest;
        (manifest.input.width, manifest.input.height) = (side, side);
        Network::new(manifest, Box::new(Uniform(side as usize, value)))
    }

    #[test]
    fn another_network_takes_the_second_look_at_its_own_size() {
        let network = Network { second: Some(Box::new(uniform(64, 0.75))), ..uniform(32, 0.25) };
        let mut png = std::io::Cursor::new(Vec::new());
        let picture = RgbaImage::from_pixel(50, 40, Rgba([9, 90, 200, 255]));
        picture.write_to(&mut png, image::ImageFormat::Png).expect("encodes");
        let photo = imaging::decode(png.get_ref(), &imaging::DecodeLimits::default());
        let photo = photo.expect("a photo");
        let first = network.input(&photo).expect("an input");
        assert_eq!(network.matte(first.clone()).expect("looks").values()[0], 0.25);
        let part = Region { left: 10, top: 5, size: Size::new(20, 20) };
        for region in [Region::whole(photo.size()), part] {
            let input = network.closer_input(&photo, region, first.clone()).expect("an input");
            let matte = network.closer_matte(input).expect("looks");
            assert_eq!((matte.width(), matte.height(), matte.values()[0]), (64, 64, 0.75));
        }
    }
}
