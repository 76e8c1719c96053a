//! The fields of a request, by name, before anything is known about them.

use serde::{Serialize, Serializer};

/// A field that the contract knows, in the order in which faults are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The picture.
    Image,
    /// Output format.
    Format,
    /// Width to fit.
    W,
    /// Height to fit.
    H,
    /// Whether w × h may distort.
    ExactResize,
    /// Whether the matte alone is wanted.
    Mask,
    /// Background colour.
    BgColor,
    /// Rotation.
    Angle,
    /// Whether the canvas grows with a rotation.
    Expand,
}

impl Field {
    /// Every field but the picture: those that arrive as text.
    pub const OPTIONS: [Self; 8] = [
        Self::Format,
        Self::W,
        Self::H,
        Self::ExactResize,
        Self::Mask,
        Self::BgColor,
        Self::Angle,
        Self::Expand,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Format => "format",
            Self::W => "w",
            Self::H => "h",
            Self::ExactResize => "exact_resize",
            Self::Mask => "mask",
            Self::BgColor => "bg_color",
            Self::Angle => "angle",
            Self::Expand => "expand",
        }
    }

    /// The option called `name`; names are case-sensitive, as form fields are.
    #[must_use]
    pub fn option_named(name: &str) -> Option<Self> {
        Self::OPTIONS.into_iter().find(|field| field.name() == name)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The text fields of one request as the client sent them.
///
/// Unknown names are dropped and of a repeated field the first value counts,
/// so the memory held is bounded by the known fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawFields {
    values: [Option<String>; Field::OPTIONS.len()],
}

impl RawFields {
    /// Keeps `value` unless `name` is unknown or already has one.
    pub fn insert(&mut self, name: &str, value: impl Into<String>) {
        if let Some(position) = Self::position(name) {
            self.values[position].get_or_insert_with(|| value.into());
        }
    }

    /// The raw text of `field`, or `None` where it is absent or blank: both
    /// mean unset.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        let value = self.values[Self::position(field.name())?].as_deref()?;
        (!value.trim().is_empty()).then_some(value)
    }

    fn position(name: &str) -> Option<usize> {
        Field::OPTIONS.iter().position(|field| field.name() == name)
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for RawFields {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut fields = Self::default();
        for (name, value) in pairs {
            fields.insert(name.as_ref(), value);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_value_of_a_repeated_field_counts() {
        let fields: RawFields = [("w", "1"), ("w", "2"), ("nonsense", "x")].into_iter().collect();
        assert_eq!(fields.get(Field::W), Some("1"));
    }

    #[test]
    fn blank_means_unset_and_names_are_case_sensitive() {
        let fields: RawFields = [("w", ""), ("h", " \t"), ("MASK", "true")].into_iter().collect();
        for field in Field::OPTIONS {
            assert_eq!(fields.get(field), None, "{field}");
        }
    }

    #[test]
    fn the_picture_is_no_text_field() {
        let fields: RawFields = [("image", "x")].into_iter().collect();
        assert_eq!(fields.get(Field::Image), None);
    }
}
