//! `multipart/form-data`, written by hand so that a test can send what no
//! well-behaved client would.

const BOUNDARY: &str = "----rembg-e2e-boundary";

/// A form in the order its parts were added.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    /// A form without parts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A form with the picture as the published client sends it: always named
    /// `image.png`, whatever the bytes are.
    #[must_use]
    pub fn image(bytes: &[u8]) -> Self {
        Self::new().file(Some("image.png"), Some("image/png"), bytes)
    }

    /// Adds the `image` part with any file name and declared type.
    #[must_use]
    pub fn file(self, name: Option<&str>, content_type: Option<&str>, bytes: &[u8]) -> Self {
        let mut head = String::from("Content-Disposition: form-data; name=\"image\"");
        if let Some(name) = name {
            head.push_str(&format!("; filename=\"{name}\""));
        }
        if let Some(content_type) = content_type {
            head.push_str(&format!("\r\nContent-Type: {content_type}"));
        }
        self.part(&head, bytes)
    }

    /// Adds a text field.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&head, value.as_bytes())
    }

    fn part(mut self, head: &str, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// The header that belongs to the body.
    #[must_use]
    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    /// The finished body.
    #[must_use]
    pub fn into_body(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}
