//! Alpha arithmetic in eight bits, rounded to nearest.

/// `a * b / 255`, rounded.
pub(crate) fn multiply(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// `over` on `under` with coverage `alpha`.
pub(crate) fn blend(over: u8, under: u8, alpha: u8) -> u8 {
    let (over, under, alpha) = (u32::from(over), u32::from(under), u32::from(alpha));
    let sum = over * alpha + under * (255 - alpha) + 128;
    ((sum + (sum >> 8)) >> 8) as u8
}

/// An unmultiplied RGBA pixel laid over an unmultiplied RGBA background (Porter–Duff *over*).
pub(crate) fn over(pixel: [u8; 4], background: [u8; 4]) -> [u8; 4] {
    let top = u32::from(pixel[3]) * 255;
    let bottom = u32::from(background[3]) * (255 - u32::from(pixel[3]));
    let total = top + bottom;
    if total == 0 {
        return [background[0], background[1], background[2], 0];
    }
    let mix = |c: usize| {
        let sum = u32::from(pixel[c]) * top + u32::from(background[c]) * bottom;
        ((sum + total / 2) / total) as u8
    };
    [mix(0), mix(1), mix(2), ((total + 127) / 255) as u8]
}

/// Multiplies the colours of RGBA pixels by their alpha.
pub(crate) fn premultiply(pixels: &mut [u8]) {
    for pixel in pixels.as_chunks_mut::<4>().0 {
        let [r, g, b, a] = *pixel;
        *pixel = [multiply(r, a), multiply(g, a), multiply(b, a), a];
    }
}

/// Undoes [`premultiply`]; a transparent pixel becomes black.
pub(crate) fn unmultiply(pixels: &mut [u8]) {
    for pixel in pixels.as_chunks_mut::<4>().0 {
        let [r, g, b, a] = *pixel;
        if a != 255 {
            *pixel = [divide(r, a), divide(g, a), divide(b, a), a];
        }
    }
}

fn divide(colour: u8, alpha: u8) -> u8 {
    let alpha = u32::from(alpha);
    let scaled = (u32::from(colour) * 255 + alpha / 2).checked_div(alpha);
    scaled.unwrap_or(0).min(255) as u8
}
