//! Decode, orient, colour, resize, matte, foreground, compose and encode: pure pixel work.
