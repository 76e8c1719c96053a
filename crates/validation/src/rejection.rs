//! Why a request was refused, in the order that the contract promises.

use serde::Serialize;

use crate::{Field, Message};

/// One fault of one field or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The name on the wire of what is at fault.
    pub field: &'static str,
    /// What is wrong with it, for the client.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, message: &impl ToString) -> Self {
        Self { field, message: message.to_string() }
    }
}

/// All faults of one request; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    faults: Vec<FieldError>,
}

impl Rejection {
    /// A refusal for a single fault of the picture, such as damage that only
    /// decoding shows.
    #[must_use]
    pub fn of_image(message: &Message) -> Self {
        Self { faults: vec![FieldError::new(Field::Image.name(), message)] }
    }

    /// `value`, unless there were faults.
    pub(crate) fn unless_faulty<T>(value: T, faults: Vec<FieldError>) -> Result<T, Self> {
        if faults.is_empty() { Ok(value) } else { Err(Self { faults }) }
    }

    /// The headline: the fault itself, or that there are several.
    #[must_use]
    pub fn message(&self) -> String {
        match self.faults.as_slice() {
            [only] => only.message.clone(),
            _ => "Multiple validation errors".to_owned(),
        }
    }

    /// The list of faults, which is shown only when there are several.
    #[must_use]
    pub fn details(&self) -> Option<&[FieldError]> {
        (self.faults.len() > 1).then_some(&self.faults)
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message())?;
        for fault in self.details().unwrap_or_default() {
            write!(out, "\n  {}", fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejection {}
