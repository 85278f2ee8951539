//! Images as they are drawn, and as PNG files.

use nopropdt_data::{ImageShape, Normalisation};

/// An image as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Rows of pixels, at least 1.
    pub height: usize,
    /// Pixels in a row, at least 1.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// [height, width, channels], row-major, 0 (dark) to 255 (bright).
    pub values: Vec<u8>,
}

impl Pixels {
    /// An image of values [height, width, channels] as a network sees them, back from their normalisation: 0 (dark) to 1 (bright), and what is
    /// beyond at the ends.
    pub(crate) fn seen(shape: ImageShape, values: &[f32], normalisation: Option<&Normalisation>) -> Self {
        let ImageShape { height, width, channels } = shape;
        let mut values = values.to_vec();
        if let Some(normalisation) = normalisation {
            normalisation.undo(&mut values);
        }
        let byte = |value: &f32| (255.0 * value).round().clamp(0.0, 255.0) as u8;
        Self { height, width, channels, values: values.iter().map(byte).collect() }
    }

    /// A PNG file of it.
    ///
    /// # Errors
    /// The rule that its fields break.
    pub(crate) fn png(&self) -> Result<Vec<u8>, String> {
        let Self { height, width, channels, values: ref pixels } = *self;
        let color = match channels {
            1 => png::ColorType::Grayscale,
            3 => png::ColorType::Rgb,
            other => return Err(format!("channels must be 1 or 3; found {other}")),
        };
        let wanted = height.checked_mul(width).and_then(|area| area.checked_mul(channels));
        if wanted != Some(pixels.len()) {
            let found = pixels.len();
            return Err(format!(
                "pixels must be height × width × channels = {height} × {width} × {channels}; found {found}"
            ));
        }
        let (Ok(columns), Ok(rows)) = (u32::try_from(width), u32::try_from(height)) else {
            return Err(format!("height and width must be below 2³²; found {height} and {width}"));
        };
        encode(columns, rows, color, pixels)
            .map_err(|error| format!("height and width must suit PNG; found {height} and {width} ({error})"))
    }
}

fn encode(
    columns: u32,
    rows: u32,
    color: png::ColorType,
    pixels: &[u8],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, columns, rows);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}
