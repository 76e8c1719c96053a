//! The request contract: fields to typed options, and every message.
