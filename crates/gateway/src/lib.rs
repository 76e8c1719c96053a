//! The public HTTP edge.
