//! Images of which some lie in memory and the others in a temporary file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::DataError;

/// Images of `len` bytes each, in the order they were added: the first of them in memory, the others in a file that nobody else knows and that
/// goes with this value.
pub(crate) struct Spilled {
    len: usize,
    /// Images in memory.
    kept: usize,
    memory: Vec<u8>,
    file: File,
    path: PathBuf,
    /// Images in the file.
    spilled: usize,
}

impl Spilled {
    /// None yet of `count` images, of which as many will be kept in memory as `bytes` have room for.
    ///
    /// # Errors
    /// [`DataError::Io`] when there can be no file in the system's folder for temporary files; [`DataError::TooManyPictures`] when there is not
    /// so much memory.
    pub(crate) fn new(len: usize, count: usize, bytes: u64) -> Result<Self, DataError> {
        let kept = usize::try_from(bytes / len.max(1) as u64).unwrap_or(usize::MAX).min(count);
        let mut memory = Vec::new();
        let room = kept.checked_mul(len).filter(|&room| memory.try_reserve_exact(room).is_ok());
        room.ok_or(DataError::TooManyPictures { images: kept, bytes: len })?;
        let (file, path) = unnamed()?;
        Ok(Self { len, kept, memory, file, path, spilled: 0 })
    }

    /// Adds images, end to end.
    ///
    /// # Errors
    /// [`DataError::Io`] when the file can't be written, as on a full disk.
    pub(crate) fn add(&mut self, images: &[u8]) -> Result<(), DataError> {
        let room = (self.kept - self.memory.len() / self.len).saturating_mul(self.len);
        let (kept, spilled) = images.split_at(room.min(images.len()));
        self.memory.extend_from_slice(kept);
        self.spilled += spilled.len() / self.len;
        self.file.write_all(spilled).map_err(DataError::io("write", &self.path))
    }

    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.memory.len() / self.len + self.spilled
    }

    /// The bytes of an image.
    ///
    /// # Panics
    /// When there is no such image; or when the system can't read back what it wrote, of which nothing can be made.
    pub(super) fn image(&self, index: usize) -> Cow<'_, [u8]> {
        let in_memory = self.memory.len() / self.len;
        if index < in_memory {
            return self.memory[index * self.len..][..self.len].into();
        }
        let place = index - in_memory;
        assert!(place < self.spilled, "image: must be below {}; found {index}", in_memory + self.spilled);
        let mut image = vec![0; self.len];
        if let Err(error) = read_at(&self.file, &mut image, place as u64 * self.len as u64) {
            panic!("{}: images that were written can't be read again: {error}", self.path.display());
        }
        image.into()
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        // On Unix its name has gone already.
        std::fs::remove_file(&self.path).ok();
    }
}

/// A new file in the folder for temporary files, without a name where that can be.
fn unnamed() -> Result<(File, PathBuf), DataError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = std::env::temp_dir();
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("nopropdt-images-{}-{number}", std::process::id()));
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => {
                if cfg!(unix) {
                    std::fs::remove_file(&path).map_err(DataError::io("unname", &path))?;
                }
                return Ok((file, path));
            }
            // Left by another process of the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(DataError::io("create", path)(error)),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes = &mut bytes[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_back_from_memory_and_file() {
        for (bytes, in_memory) in [(0, 0), (7, 2), (9, 3), (100, 5)] {
            let mut spilled = Spilled::new(3, 5, bytes).unwrap();
            spilled.add(&[1, 2, 3, 4, 5, 6]).unwrap();
            spilled.add(&[7, 8, 9, 10, 11, 12, 13, 14, 15]).unwrap();
            assert_eq!((spilled.memory.len(), spilled.spilled), (3 * in_memory, 5 - in_memory));
            for index in [4, 0, 2, 1, 3] {
                let first = 3 * index as u8 + 1;
                assert_eq!(*spilled.image(index), [first, first + 1, first + 2], "{bytes}");
            }
            assert!(!spilled.path.exists() || !cfg!(unix));
        }
    }

    #[test]
    #[should_panic(expected = "image: must be below 1; found 1")]
    fn there_is_no_image_behind_the_last() {
        let mut spilled = Spilled::new(2, 1, 0).unwrap();
        spilled.add(&[1, 2]).unwrap();
        spilled.image(1);
    }
}
