//! JSON bodies, brought to the same raw text that a form would have sent.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{Field, RawFields};

/// The body is no JSON object.
#[derive(Debug, thiserror::Error)]
#[error("Request body must be a JSON object.")]
pub struct NotAnObject;

/// A JSON request, its picture still encoded.
#[derive(Debug)]
pub struct JsonRequest<'a> {
    /// The text of `image`, borrowed where the body's own bytes allow it.
    /// `None` when absent or null.
    pub image: Option<Cow<'a, str>>,
    /// The options. A number keeps its own spelling, `true` becomes `true`,
    /// null counts as absent, and anything nested stays JSON text, which no
    /// field accepts.
    pub fields: RawFields,
}

impl<'a> JsonRequest<'a> {
    /// Reads `body`; of a repeated member the last one counts, as JSON readers
    /// agree on.
    ///
    /// # Errors
    ///
    /// [`NotAnObject`] when the body is anything but one JSON object.
    pub fn parse(body: &'a [u8]) -> Result<Self, NotAnObject> {
        let members: Members<'a> = serde_json::from_slice(body).map_err(|_| NotAnObject)?;
        let fields = members.fields.iter();
        Ok(Self {
            image: members.image.and_then(raw_text),
            fields: fields
                .filter_map(|(field, value)| Some((field.name(), raw_text(value)?)))
                .collect(),
        })
    }
}

/// The members that are known. The others are read and forgotten, so that a body
/// of many costs no more than its bytes.
#[derive(Default)]
struct Members<'a> {
    image: Option<&'a RawValue>,
    fields: Vec<(Field, &'a RawValue)>,
}

impl<'a> Members<'a> {
    fn insert(&mut self, name: Name, value: &'a RawValue) {
        match name {
            Name::Image => self.image = Some(value),
            Name::Option(field) => {
                self.fields.retain(|(known, _)| *known != field);
                self.fields.push((field, value));
            }
            Name::Other => {}
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some((name, value)) = map.next_entry::<Name, &RawValue>()? {
            members.insert(name, value);
        }
        Ok(members)
    }
}

/// The name of a member, as far as it matters.
#[derive(Clone, Copy)]
enum Name {
    Image,
    Option(Field),
    Other,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "image" => Name::Image,
            _ => Field::option_named(name).map_or(Name::Other, Name::Option),
        })
    }
}

/// A string's content, or the literal as it stands; `None` for null.
fn raw_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let literal = value.get();
    match literal {
        "null" => None,
        _ => Some(unquoted(literal).unwrap_or(Cow::Borrowed(literal))),
    }
}

/// The content of a JSON string, copied only when it has escapes.
fn unquoted(literal: &str) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(literal).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;

    fn fields(body: &str) -> RawFields {
        JsonRequest::parse(body.as_bytes()).expect("an object").fields
    }

    #[test]
    fn values_keep_their_spelling() {
        let cases: &[(&str, Option<&str>)] = &[
            (r#"{"w": 500}"#, Some("500")),
            (r#"{"w": 500.0}"#, Some("500.0")),
            (r#"{"w": 99999999999999999999}"#, Some("99999999999999999999")),
            (r#"{"w": 1e3}"#, Some("1e3")),
            (r#"{"w": "500"}"#, Some("500")),
            (r#"{"w": true}"#, Some("true")),
            (r#"{"w": [1]}"#, Some("[1]")),
            (r#"{"w": "caf\u00e9\n!"}"#, Some("café\n!")),
            (r#"{"\u0077": 7}"#, Some("7")),
            (r#"{"w": 1, "w": 2}"#, Some("2")),
            (r#"{"w": 1, "w": null}"#, None),
            (r#"{"w": null}"#, None),
            (r#"{"w": ""}"#, None),
            (r#"{"other": 1}"#, None),
            ("{}", None),
        ];
        for (body, expected) in cases {
            assert_eq!(fields(body).get(Field::W), *expected, "{body}");
        }
    }

    #[test]
    fn the_picture_is_borrowed() {
        let request = JsonRequest::parse(br#"{"image": "iVBORw0K"}"#).expect("an object");
        assert!(matches!(request.image, Some(Cow::Borrowed("iVBORw0K"))));
        let escaped = JsonRequest::parse(br#"{"image": "a\/b"}"#).expect("an object");
        assert_eq!(escaped.image.as_deref(), Some("a/b"));
        let absent = JsonRequest::parse(br#"{"image": null}"#).expect("an object");
        assert_eq!(absent.image, None);
    }

    #[test]
    fn anything_else_is_refused() {
        for body in ["", "[]", "1", "null", "\"x\"", "{", "{\"w\": }", "{} x", "\u{feff}{}"] {
            assert!(JsonRequest::parse(body.as_bytes()).is_err(), "{body:?}");
        }
        assert!(JsonRequest::parse(b"{\"w\": \"\xff\"}").is_err());
    }
}
