//! What must be known of a network besides its weights: how it wants its photo,
//! which of its outputs is the matte and what that still needs, and its rights.

use std::path::Path;

use imaging::{Filter, InputSpec, Scale, Size, TensorLayout};
use serde::{Deserialize, Serialize};

use super::ModelError;

/// The longest side of a network's input that is taken for meant.
const MAX_INPUT_SIDE: u32 = 4096;
const NAME_RULE: &str = "only letters, digits, '.', '-' and '_'";

/// A network's description, as its `.toml` file beside the `.onnx` file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name that `--model` and clients use.
    pub name: String,
    /// Changes whenever the weights do.
    pub version: String,
    /// The `.onnx` file, in the folder of the manifest.
    pub file: String,
    /// SHA-256 of the file in hexadecimal; checked before the file is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The terms the weights are under.
    pub licence: String,
    /// Where they come from.
    pub source: String,
    /// How the photo goes in.
    pub input: Input,
    /// How the matte comes out.
    #[serde(default)]
    pub output: Output,
    /// Whether it looks at photos twice, and at what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_look: Option<SecondLook>,
}

/// The `[input]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input's name in the graph; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Columns of the tensor.
    pub width: u32,
    /// Rows of the tensor.
    pub height: u32,
    /// Order of the axes.
    #[serde(default)]
    pub layout: Layout,
    /// What 8-bit samples are divided by.
    #[serde(default)]
    pub scale: Divisor,
    /// Taken off after scaling.
    pub mean: [f32; 3],
    /// Divided by last.
    pub std: [f32; 3],
    /// How the photo is stretched to the tensor's size.
    #[serde(default)]
    pub filter: Resampling,
}

/// Order of the input's axes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    #[default]
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// What 8-bit samples are divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Divisor {
    /// 255.
    #[default]
    Full,
    /// The brightest sample of the photo, as the rembg project does.
    Brightest,
}

/// How the photo is stretched to the tensor's size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// Antialiased triangle.
    #[default]
    Bilinear,
    /// Three-lobed sinc.
    Lanczos3,
}

/// The `[output]` section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The output's name in the graph; wins over `index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The output by number.
    #[serde(default)]
    pub index: usize,
    /// What turns the output into 0…1.
    #[serde(default)]
    pub activation: Activation,
    /// Which channel is the subject, where there are several.
    #[serde(default)]
    pub channel: usize,
}

/// What turns a network's output into 0…1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// It is 0…1 already.
    #[default]
    None,
    /// The logistic function.
    Sigmoid,
    /// Softmax over the channels.
    SoftmaxChannel,
    /// Stretched so that its least value is 0 and its greatest 1.
    Minmax,
}

/// The `[second_look]` section: the mirror image of every photo with a subject is looked at
/// once more, of a subject that fills little of it alone. Absent is never.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondLook {
    /// Only the subject and its surroundings where these are less than this share of the photo.
    pub below: f32,
    /// How much of the subject's width and height its surroundings are, on each side.
    pub margin: f32,
    /// The network that takes this look, by the name of an embedded or pulled one; absent is the
    /// one that took the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Manifest {
    /// Parses and checks a manifest; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the key.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ModelError> {
        let refuse = |reason: String| ModelError::Manifest { origin: origin.to_owned(), reason };
        let manifest: Self = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        manifest.check().map_err(refuse)?;
        Ok(manifest)
    }

    /// Reads a manifest file.
    ///
    /// # Errors
    /// [`ModelError::Io`] where it cannot be read, else as [`Self::parse`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path).map_err(|error| ModelError::io(path, error))?;
        Self::parse(&text, &path.display().to_string())
    }

    fn check(&self) -> Result<(), String> {
        let Input { width, height, mean, std, .. } = &self.input;
        if !is_name(&self.name) {
            return Err(format!("name: {NAME_RULE}"));
        }
        if self.file.is_empty() || self.file.contains(['/', '\\']) {
            return Err("file: a bare file name, beside the manifest".into());
        }
        if !self.sha256.as_deref().is_none_or(is_sha256) {
            return Err("sha256: 64 hexadecimal digits".into());
        }
        if !(1..=MAX_INPUT_SIDE).contains(width) || !(1..=MAX_INPUT_SIDE).contains(height) {
            return Err(format!("input.width, input.height: 1 to {MAX_INPUT_SIDE}"));
        }
        if mean.iter().any(|value| !value.is_finite()) {
            return Err("input.mean: finite numbers".into());
        }
        if std.iter().any(|value| !value.is_finite() || *value == 0.0) {
            return Err("input.std: finite numbers other than 0".into());
        }
        if let Some(SecondLook { below, margin, model }) = &self.second_look {
            for (key, value) in [("below", below), ("margin", margin)] {
                if !(0.0..=1.0).contains(value) {
                    return Err(format!("second_look.{key}: 0 to 1"));
                }
            }
            if !model.as_deref().is_none_or(is_name) {
                return Err(format!("second_look.model: {NAME_RULE}"));
            }
        }
        Ok(())
    }

    /// Name and version as answers state them, e.g. `builtin-1`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The input in the terms of the pixel code.
    #[must_use]
    pub fn input_spec(&self) -> InputSpec {
        let input = &self.input;
        InputSpec {
            size: Size::new(input.width, input.height),
            layout: match input.layout {
                Layout::Nchw => TensorLayout::Nchw,
                Layout::Nhwc => TensorLayout::Nhwc,
            },
            scale: match input.scale {
                Divisor::Full => Scale::Full,
                Divisor::Brightest => Scale::Brightest,
            },
            mean: input.mean,
            std: input.std,
            filter: match input.filter {
                Resampling::Bilinear => Filter::Bilinear,
                Resampling::Lanczos3 => Filter::Lanczos3,
            },
        }
    }

    /// What to look at the second time in the terms of the pixel code.
    #[must_use]
    pub fn second_look(&self) -> Option<imaging::SecondLook> {
        let SecondLook { below, margin, .. } = *self.second_look.as_ref()?;
        Some(imaging::SecondLook { below, margin })
    }

    /// The name of the network that takes the second look, where that is another one.
    #[must_use]
    pub fn second_model(&self) -> Option<&str> {
        self.second_look.as_ref()?.model.as_deref().filter(|name| *name != self.name)
    }

    /// The shape of the input tensor.
    #[must_use]
    pub fn input_shape(&self) -> [usize; 4] {
        let (width, height) = (self.input.width as usize, self.input.height as usize);
        match self.input.layout {
            Layout::Nchw => [1, 3, height, width],
            Layout::Nhwc => [1, height, width, 3],
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "net"
        version = "2"
        file = "net.onnx"
        licence = "MIT"
        source = "https://example.org"
        [input]
        width = 320
        height = 240
        mean = [0.5, 0.5, 0.5]
        std = [1.0, 1.0, 1.0]
    "#;

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        let manifest = Manifest::parse(GOOD, "net.toml").expect("valid");
        assert_eq!(manifest.label(), "net-2");
        assert_eq!(manifest.input_shape(), [1, 3, 240, 320]);
        assert_eq!(manifest.output, Output::default());
        assert_eq!(manifest.input_spec().filter, Filter::Bilinear);
    }

    #[test]
    fn a_manifest_survives_being_written() {
        let manifest = Manifest::parse(GOOD, "net.toml").expect("valid");
        let written = toml::to_string(&manifest).expect("text");
        assert_eq!(Manifest::parse(&written, "again").expect("valid"), manifest);
    }

    #[test]
    fn errors_name_the_file_and_the_key() {
        let rows = [
            ("name = \"net\"", "name = \"../net\"", "name"),
            ("file = \"net.onnx\"", "file = \"/etc/net.onnx\"", "file"),
            ("licence = \"MIT\"", "", "licence"),
            ("licence = \"MIT\"", "licence = \"MIT\"\nsha256 = \"12\"", "sha256"),
            ("licence = \"MIT\"", "licence = \"MIT\"\ncolour = 1", "colour"),
            ("width = 320", "width = 0", "input.width"),
            ("width = 320", "width = 99999", "input.width"),
            ("width = 320", "width = \"wide\"", "width"),
            ("std = [1.0, 1.0, 1.0]", "std = [1.0, 0.0, 1.0]", "input.std"),
            ("std = [1.0, 1.0, 1.0]", "std = [1.0]", "std"),
            ("mean = [0.5, 0.5, 0.5]", "mean = [nan, 0.5, 0.5]", "input.mean"),
            ("width = 320", "width = 320\nlayout = \"chwn\"", "layout"),
            ("[input]", "[second_look]\nbelow = 2.0\nmargin = 0.1\n[input]", "second_look.below"),
            ("[input]", "[second_look]\nbelow = 0.5\nmargin = nan\n[input]", "second_look.margin"),
            ("[input]", "[second_look]\nbelow = 0.5\n[input]", "margin"),
            (
                "[input]",
                "[second_look]\nbelow = 0.5\nmargin = 0.1\nmodel = \"../net\"\n[input]",
                "second_look.model",
            ),
        ];
        for (from, to, key) in rows {
            let error = Manifest::parse(&GOOD.replace(from, to), "net.toml").expect_err(to);
            let text = error.to_string();
            assert!(text.contains("net.toml") && text.contains(key), "{to}: {text}");
        }
    }
}
