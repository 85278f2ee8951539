//! Transparent pixels, laid on white as a page or a viewer shows them: what lies under them is nobody's picture.

use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

/// Lays an image's pixels on white, each by its alpha. The alpha itself stays, to be dropped: opaque pixels keep their bits.
///
/// Many writers leave the fourth byte of a BMP's pixels 0 and mean nothing by it: such a BMP is opaque.
pub(super) fn lay_on_white(image: &mut DynamicImage, is_bmp: bool) {
    match image {
        DynamicImage::ImageLumaA8(image) => lay(image, is_bmp),
        DynamicImage::ImageRgba8(image) => lay(image, is_bmp),
        DynamicImage::ImageLumaA16(image) => lay(image, is_bmp),
        DynamicImage::ImageRgba16(image) => lay(image, is_bmp),
        _ => {}
    }
}

fn lay<P>(image: &mut ImageBuffer<P, Vec<P::Subpixel>>, is_bmp: bool)
where
    P: Pixel,
    P::Subpixel: Primitive + Into<u64> + TryFrom<u64>,
{
    let white: u64 = P::Subpixel::DEFAULT_MAX_VALUE.into();
    let alpha = |pixel: &P| -> u64 { pixel.channels().last().map_or(white, |&alpha| alpha.into()) };
    if is_bmp && image.pixels().all(|pixel| alpha(pixel) == 0) {
        return;
    }
    for pixel in image.pixels_mut() {
        let alpha = alpha(pixel);
        if alpha == white {
            continue;
        }
        pixel.apply_without_alpha(|value| {
            let laid = (value.into() * alpha + white * (white - alpha) + white / 2) / white;
            P::Subpixel::try_from(laid).unwrap_or(P::Subpixel::DEFAULT_MAX_VALUE)
        });
    }
}
