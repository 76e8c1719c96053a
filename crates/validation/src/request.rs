//! A whole request: the picture's facts and the options, judged together.

use crate::number::parse_bool;
use crate::{
    Dimensions, Field, FieldError, ImageFacts, Limits, Message, Options, Pixels, RawFields,
    Rejection,
};

/// Judges a request, `image` being `None` when it had no picture.
///
/// # Errors
///
/// A [`Rejection`] with every fault, in the order image, format, w, h,
/// exact_resize, mask, bg_color, angle, expand, then conflicts.
pub fn parse(
    image: Option<ImageFacts<'_>>,
    fields: &RawFields,
    limits: &Limits,
) -> Result<Options, Rejection> {
    let image_faults = match image {
        None => vec![Message::NoImage],
        Some(facts) => facts.faults(limits),
    };
    let mut faults = Vec::new();
    faults.extend(
        image_faults.into_iter().map(|message| FieldError { field: Field::Image, message }),
    );
    let options = read_options(fields, &mut faults);
    Rejection::unless_faulty(options, faults)
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

/// Judges the size of the answer, which follows from rotation, w and h.
///
/// # Errors
///
/// A [`Rejection`] with the picture-too-large messages when the rotation makes
/// it too large and w/h do not bring it back, or when scaling to one side takes
/// the other beyond the limit.
pub fn check_output(output: Dimensions, limits: &Limits) -> Result<(), Rejection> {
    let faults = Message::oversize(output, limits.max_side)
        .map(|message| FieldError { field: Field::Image, message })
        .collect();
    Rejection::unless_faulty((), faults)
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
        reader.fault(Field::Mask, Message::MaskWithBackground);
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
                self.fault(field, message);
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

    fn fault(&mut self, field: Field, message: Message) {
        self.faults.push(FieldError { field, message });
    }
}
