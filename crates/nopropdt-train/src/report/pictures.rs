//! Test images with their answers, as PNG data inside the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::data::{Picture, ReportError};
use super::html::escape;
use super::numbers;
use crate::pixels::Pixels;
use nopropdt_blocks::Readout;

/// The grid of test images, answered by a read-out.
pub(super) fn grid(
    pictures: &[Picture],
    class_names: &[String],
    readout: Readout,
) -> Result<String, ReportError> {
    if pictures.is_empty() {
        return Ok("<p class=\"empty card\">No images were kept.</p>".to_owned());
    }
    let mut cells = String::new();
    for (index, picture) in pictures.iter().enumerate() {
        let cell = cell(picture, class_names).map_err(|problem| ReportError::Picture {
            which: "picture",
            number: index + 1,
            problem,
        })?;
        cells.push_str(&cell);
    }
    let wrong = pictures.iter().filter(|picture| picture.label != picture.prediction).count();
    Ok(format!(
        "<figure class=\"card\"><div class=\"pictures\">{cells}</div><figcaption>True class → answer of the {readout}, with its \
         probability: of these {} images the {wrong} wrong ones come first, in red, those that the network was surest of before \
         the others; look whether you would have known better.</figcaption></figure>",
        pictures.len()
    ))
}

/// The embedding of each class.
pub(super) fn prototypes(pictures: &[Pixels], class_names: &[String]) -> Result<String, ReportError> {
    let mut cells = String::new();
    for (class, pixels) in pictures.iter().enumerate() {
        let cell = picture_of(pixels, class_names, class).map_err(|problem| ReportError::Picture {
            which: "prototype",
            number: class + 1,
            problem,
        })?;
        cells.push_str(&cell);
    }
    Ok(format!(
        "<figure class=\"card\"><div class=\"pictures\">{cells}</div><figcaption>What each class is denoised into: it began as a \
         training image and was learned since, so it should still show its class.</figcaption></figure>"
    ))
}

fn picture_of(pixels: &Pixels, class_names: &[String], class: usize) -> Result<String, String> {
    let name = class_name(class_names, "label", class)?;
    let image = embedded(pixels, name)?;
    Ok(format!("<div class=\"picture\">{image}<div><span>{}</span></div></div>", escape(name)))
}

fn cell(picture: &Picture, class_names: &[String]) -> Result<String, String> {
    let verdict = if picture.label == picture.prediction { "right" } else { "wrong" };
    Ok(format!(
        "<div class=\"picture {verdict}\">{}<div>{}</div></div>",
        image(picture, class_names)?,
        answer(picture, class_names)?
    ))
}

/// `label → answer` and the answer's probability.
pub(super) fn answer(picture: &Picture, class_names: &[String]) -> Result<String, String> {
    Ok(format!(
        "<span>{} → <b>{}</b></span> <small>{}</small>",
        escape(class_name(class_names, "label", picture.label)?),
        escape(class_name(class_names, "prediction", picture.prediction)?),
        numbers::percent(picture.confidence, 0)
    ))
}

/// An `<img>` that holds the picture itself; nothing for an input that is no picture.
pub(super) fn image(picture: &Picture, class_names: &[String]) -> Result<String, String> {
    let Some(pixels) = &picture.pixels else { return Ok(String::new()) };
    embedded(pixels, class_name(class_names, "label", picture.label)?)
}

/// An `<img>` that holds its pixels.
fn embedded(pixels: &Pixels, name: &str) -> Result<String, String> {
    let data = STANDARD.encode(pixels.png()?);
    Ok(format!("<img alt=\"{}\" src=\"data:image/png;base64,{data}\">", escape(name)))
}

/// The name of class `class`, which is the `role` (label, prediction) of a picture.
pub(super) fn class_name<'a>(class_names: &'a [String], role: &str, class: usize) -> Result<&'a str, String> {
    class_names.get(class).map(String::as_str).ok_or_else(|| {
        format!("{role} must be below the number of class names, {}; found {class}", class_names.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(channels: usize) -> Pixels {
        let values = (0..2 * 3 * channels).map(|index| 10 * index as u8).collect();
        Pixels { height: 2, width: 3, channels, values }
    }

    fn of(pixels: Pixels) -> Picture {
        Picture { pixels: Some(pixels), label: 0, prediction: 1, confidence: 0.987 }
    }

    fn picture(channels: usize) -> Picture {
        of(pixels(channels))
    }

    fn names() -> Vec<String> {
        vec!["<cat>".to_owned(), "dog".to_owned()]
    }

    #[test]
    fn grey_and_colour_pictures_come_back_pixel_for_pixel() {
        for channels in [1, 3] {
            let picture = picture(channels);
            let markup = image(&picture, &names()).unwrap();
            let data = markup.split_once("base64,").unwrap().1.trim_end_matches("\">");
            let file = STANDARD.decode(data).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((info.width, info.height), (3, 2));
            assert_eq!(pixels, picture.pixels.unwrap().values);
        }
    }

    #[test]
    fn what_is_no_picture_has_its_answer() {
        let grid = grid(&[Picture { pixels: None, ..picture(1) }], &names(), Readout::Chain).unwrap();
        assert!(grid.contains("&lt;cat&gt; → <b>dog</b>") && !grid.contains("<img"), "{grid}");
    }

    #[test]
    fn wrong_answers_are_marked_and_names_escaped() {
        let wrong = grid(&[picture(1)], &names(), Readout::Chain).unwrap();
        assert!(wrong.contains("class=\"picture wrong\"") && wrong.contains("the 1 wrong"));
        assert!(wrong.contains("&lt;cat&gt; → <b>dog</b>") && !wrong.contains("<cat>"));
        assert!(wrong.contains("99\u{a0}%"));
        let right = grid(&[Picture { prediction: 0, ..picture(3) }], &names(), Readout::Chain).unwrap();
        assert!(right.contains("class=\"picture right\"") && !right.contains("class=\"picture wrong\""));
    }

    #[test]
    fn a_picture_that_contradicts_itself_is_named() {
        let cases = [
            (of(Pixels { channels: 4, ..pixels(1) }), "channels must be 1 or 3; found 4"),
            (of(Pixels { height: 3, ..pixels(1) }), "= 3 × 3 × 1; found 6"),
            (of(Pixels { height: usize::MAX, ..pixels(1) }), "found 6"),
            (of(Pixels { height: 0, values: vec![], ..pixels(1) }), "must suit PNG; found 0 and 3"),
            (Picture { label: 2, ..picture(1) }, "label must be below the number of class names, 2; found 2"),
            (Picture { prediction: 9, ..picture(1) }, "prediction must be below"),
        ];
        for (bad, words) in cases {
            let message = grid(&[picture(1), bad], &names(), Readout::Chain).unwrap_err().to_string();
            assert!(message.starts_with("picture 2: ") && message.contains(words), "{message}");
        }
    }
}
