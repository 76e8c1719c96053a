//! A whole request: the picture's facts and the options, judged together.

use crate::number::parse_bool;
use crate::{
    Dimensions, Field, FieldError, ImageFacts, Limits, Message, Options, Pixels, RawFields,
    Rejection,
};

/// The sizes that a picture takes on its way to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSizes {
    /// Once rotated.
    pub rotated: Dimensions,
    /// As answered, scaled to w and h.
    pub finished: Dimensions,
}

/// Judges a request, `image` being `None` when it had no picture. `sizes` tells
/// what becomes of a picture that is that large; it is asked only where the
/// picture and every option that decides its size are sound.
///
/// # Errors
///
/// A [`Rejection`] with every fault, in the order image, format, w, h,
/// exact_resize, mask, bg_color, angle, expand, then conflicts.
pub fn parse(
    image: Option<ImageFacts<'_>>,
    fields: &RawFields,
    limits: &Limits,
    sizes: impl FnOnce(Dimensions, &Options) -> OutputSizes,
) -> Result<Options, Rejection> {
    let mut faults = Vec::new();
    let options = read_options(fields, &mut faults);
    let mut of_image = match image {
        None => vec![Message::NoImage],
        Some(facts) => facts.faults(limits),
    };
    let source = image.and_then(|facts| facts.dimensions).filter(|_| of_image.is_empty());
    if let Some(source) = source.filter(|_| !faults.iter().any(decides_size)) {
        of_image = output_faults(sizes(source, &options), limits);
    }
    let of_image =
        of_image.into_iter().map(|message| FieldError::new(Field::Image.name(), &message));
    Rejection::unless_faulty(options, of_image.chain(faults).collect())
}

/// Judges the options alone, for callers that have pictures of their own.
///
/// # Errors
///
/// A [`Rejection`] with every fault, ordered as in [`parse`].
pub fn parse_options(fields: &RawFields) -> Result<Options, Rejection> {
    let mut faults = Vec::new();
    let options = read_options(fields, &mut faults);
    Rejection::unless_faulty(options, faults)
}

/// Whether a fault leaves the size of the answer open.
fn decides_size(fault: &FieldError) -> bool {
    [Field::W, Field::H, Field::ExactResize, Field::Angle, Field::Expand]
        .iter()
        .any(|field| field.name() == fault.field)
}

/// What is wrong with an answer of that size. A rotation that made the picture
/// too large is named itself, not what the scaling made of it.
fn output_faults(sizes: OutputSizes, limits: &Limits) -> Vec<Message> {
    let oversize = |size| Message::oversize(size, limits.max_side).collect::<Vec<_>>();
    let finished = oversize(sizes.finished);
    let rotated = oversize(sizes.rotated);
    if finished.is_empty() || rotated.is_empty() { finished } else { rotated }
}

/// Reads every option; a faulty one keeps its default and adds to `faults`.
fn read_options(fields: &RawFields, faults: &mut Vec<FieldError>) -> Options {
    let defaults = Options::default();
    let mut reader = Reader { fields, faults };
    let options = Options {
        format: reader.read(Field::Format, str::parse).unwrap_or_default(),
        width: reader.pixels(Field::W),
        height: reader.pixels(Field::H),
        exact_resize: reader.boolean(Field::ExactResize, defaults.exact_resize),
        mask: reader.boolean(Field::Mask, defaults.mask),
        background: reader.read(Field::BgColor, str::parse),
        angle: reader.read(Field::Angle, str::parse).unwrap_or_default(),
        expand: reader.boolean(Field::Expand, defaults.expand),
    };
    // The contract speaks of a non-empty bg_color, not of a valid one.
    if options.mask && fields.get(Field::BgColor).is_some() {
        reader.fault(Field::Mask, &Message::MaskWithBackground);
    }
    options
}

/// Reads fields in the contract's order and gathers what is wrong with them.
struct Reader<'a> {
    fields: &'a RawFields,
    faults: &'a mut Vec<FieldError>,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, Message>,
    ) -> Option<T> {
        match parse(self.fields.get(field)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(field, &message);
                None
            }
        }
    }

    fn pixels(&mut self, field: Field) -> Option<Pixels> {
        self.read(field, |raw| Pixels::parse(field, raw)).flatten()
    }

    fn boolean(&mut self, field: Field, default: bool) -> bool {
        self.read(field, |raw| {
            parse_bool(raw).ok_or_else(|| Message::NotABoolean { field, raw: raw.to_owned() })
        })
        .unwrap_or(default)
    }

    fn fault(&mut self, field: Field, message: &Message) {
        self.faults.push(FieldError::new(field.name(), message));
    }
}
