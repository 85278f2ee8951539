//! Files that hold many images without saying what they show: IDX files of images, and arrays of NumPy files.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::gunzip::MAGIC as GZIP;
use crate::idx::IdxFile;
use crate::picture::{Picture, check_size};
use crate::{DataError, ImageShape, npz, plain_file};

/// What begins such a file: IDX images, a zip archive, gzip data.
const BEGINNINGS: [&[u8]; 3] = [&[0, 0, 8, 3], b"PK\x03\x04", &GZIP];

/// Images of one file, in memory as bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFile {
    path: PathBuf,
    array: Option<String>,
    shape: ImageShape,
    pixels: Vec<u8>,
}

impl ImageFile {
    /// Whether the file at `path` is one by its first bytes: an IDX file of images, plain or as gzip data, or a NumPy archive.
    ///
    /// # Errors
    /// When it can't be read or is no plain file.
    pub fn is_one(path: &Path) -> Result<bool, DataError> {
        let beginning = beginning(path)?;
        Ok(BEGINNINGS.iter().any(|mark| beginning.starts_with(mark)))
    }

    /// Reads all images. Of a NumPy file these are the images of `array`; where none is named, `test_images`, `images`, `x_test` or `x`, the
    /// first that is there, or else the only array.
    ///
    /// # Errors
    /// When the file can't be read or is damaged, an array is not there or holds no images, or an array is named of a file that has none.
    pub fn read(path: &Path, array: Option<&str>) -> Result<Self, DataError> {
        let (beginning, path) = (beginning(path)?, path.to_owned());
        if beginning.starts_with(b"PK") {
            let (array, shape, pixels) = npz::read_images(&path, array)?;
            return Ok(Self { path, array: Some(array), shape, pixels });
        }
        if let Some(array) = array {
            let found = format!("it has no array {array:?}");
            return Err(DataError::in_file(&path, "must be a NumPy file to have arrays", found));
        }
        let ([height, width], pixels) = IdxFile::at(&path).read_images_of_any_size()?;
        Ok(Self { path, array: None, shape: ImageShape { height, width, channels: 1 }, pixels })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The array that its images are of, in a NumPy file.
    #[must_use]
    pub fn array(&self) -> Option<&str> {
        self.array.as_deref()
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pixels.len() / self.shape.len()
    }

    /// True without images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Image `index`, brought to `shape` as a picture of a folder is: cut to the middle and scaled, grey for 1 channel and colour for 3. Each
    /// value is in 0..1, row by row, channels innermost.
    ///
    /// # Errors
    /// When there is no such image, or `shape` has other channels or a side that is not 1 to 256 pixels.
    pub fn image(&self, index: usize, shape: ImageShape) -> Result<Vec<f32>, DataError> {
        check_size(shape)?;
        let len = self.shape.len();
        let Some(pixels) = self.pixels.chunks_exact(len).nth(index) else {
            let rule = format!("images are 0 to {}", self.len().saturating_sub(1));
            return Err(DataError::in_file(&self.path, rule, format!("asked for {index}")));
        };
        Ok(Picture::of_pixels(self.shape, pixels.to_vec()).values(shape))
    }
}

/// The first bytes of a file.
fn beginning(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut beginning = Vec::new();
    let (file, _) = plain_file::open(path)?;
    file.take(4).read_to_end(&mut beginning).map_err(DataError::io("read", path))?;
    Ok(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: ImageShape = ImageShape { height: 2, width: 3, channels: 1 };

    fn idx(folder: &Path, sizes: [u32; 3], pixels: &[u8]) -> PathBuf {
        let path = folder.join("images");
        let mut bytes = vec![0, 0, 8, 3];
        sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend(pixels);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn images_of_an_idx_file_come_as_they_are_or_brought_to_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let pixels: Vec<u8> = (0..12).map(|n| n * 20).collect();
        let path = idx(folder.path(), [2, 2, 3], &pixels);
        assert!(ImageFile::is_one(&path).unwrap());
        let file = ImageFile::read(&path, None).unwrap();
        assert_eq!((file.len(), file.array()), (2, None));
        let wanted: Vec<f32> = pixels[6..].iter().map(|&value| f32::from(value) / 255.0).collect();
        assert_eq!(file.image(1, GREY).unwrap(), wanted);
        let colour = file.image(1, ImageShape { channels: 3, ..GREY }).unwrap();
        assert!(colour.chunks_exact(3).zip(&wanted).all(|(rgb, &grey)| rgb == [grey; 3]));
        assert_eq!(file.image(0, ImageShape { height: 4, width: 4, channels: 1 }).unwrap().len(), 16);
        let beyond = file.image(2, GREY).unwrap_err().to_string();
        assert!(beyond.ends_with("images: images are 0 to 1; asked for 2"), "{beyond}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = idx(folder.path(), [2, 2, 3], &[0; 11]);
        let short = ImageFile::read(&path, None).unwrap_err().to_string();
        assert!(short.ends_with("header promises 12 pixel bytes; file holds 11"), "{short}");
        let large = idx(folder.path(), [1, 300, 1], &[0; 300]);
        let large = ImageFile::read(&large, None).unwrap_err().to_string();
        assert!(large.contains("1 to 256 pixels high and wide; header says 300x1"), "{large}");
        let array = ImageFile::read(&path, Some("x")).unwrap_err().to_string();
        assert!(array.ends_with("must be a NumPy file to have arrays; it has no array \"x\""), "{array}");
    }
}
