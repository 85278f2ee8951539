//! Images with their labels.

use crate::order::{Purpose, stream};
use crate::stratify::stratified_pick;
use crate::{DataError, ImageShape, Normalisation};

/// Images of one shape, each with a label, held as the bytes of the source; they become floats batch by batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    shape: ImageShape,
    pixels: Vec<u8>,
    labels: Vec<u16>,
    full_scale: u8,
    normalisation: Option<Normalisation>,
}

impl Split {
    /// A split of the given images, whose pixel value 255 stands for 1.0.
    ///
    /// # Shapes
    /// `pixels` [N, height, width, channels] in row-major order, `labels` `[N]`.
    ///
    /// # Errors
    /// [`DataError::Invalid`] unless `pixels` holds exactly N images, N fits 32 bits and no dimension is 0.
    pub fn new(shape: ImageShape, pixels: Vec<u8>, labels: Vec<u16>) -> Result<Self, DataError> {
        let wanted = shape.checked_len().and_then(|len| len.checked_mul(labels.len()));
        if wanted != Some(pixels.len()) || u32::try_from(labels.len()).is_err() {
            let rule = format!(
                "{} images of {shape} want that many pixels, at most 2^32 - 1 images and no empty dimension",
                labels.len()
            );
            return Err(DataError::invalid("split", rule, format!("found {} pixels", pixels.len())));
        }
        Ok(Self { shape, pixels, labels, full_scale: u8::MAX, normalisation: None })
    }

    /// The same split with another pixel value standing for 1.0, such as 16 for the digits.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when `full_scale` is 0 or a pixel exceeds it.
    pub fn with_full_scale(mut self, full_scale: u8) -> Result<Self, DataError> {
        let largest = self.pixels.iter().copied().max().unwrap_or(0);
        if full_scale == 0 || largest > full_scale {
            let rule = "full scale must be at least the largest pixel and not 0";
            let found = format!("full scale {full_scale}, largest pixel {largest}");
            return Err(DataError::invalid("split", rule, found));
        }
        self.full_scale = full_scale;
        Ok(self)
    }

    /// The same split with values of which each channel's mean is taken and that are divided by its deviation.
    ///
    /// # Errors
    /// [`DataError::Invalid`] unless there is a finite mean and a finite deviation above 0 for each channel.
    pub fn with_normalisation(mut self, normalisation: Normalisation) -> Result<Self, DataError> {
        normalisation.check(self.shape.channels)?;
        self.normalisation = Some(normalisation);
        Ok(self)
    }

    /// What values are normalised by, if they are.
    #[must_use]
    pub fn normalisation(&self) -> Option<&Normalisation> {
        self.normalisation.as_ref()
    }

    /// Mean and standard deviation of each channel over all images, of values in 0..1; a channel of one value
    /// has the deviation 1.
    #[must_use]
    pub fn statistics(&self) -> Normalisation {
        Normalisation::of(&self.pixels, self.shape.channels, self.pixel_scale())
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of every image.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The pixel value that stands for 1.0: x = pixel / scale.
    #[must_use]
    pub fn pixel_scale(&self) -> f32 {
        f32::from(self.full_scale)
    }

    /// Class of image `index`.
    ///
    /// # Panics
    /// When there is no such image.
    #[must_use]
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }

    /// All classes, in image order.
    #[must_use]
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Those of the first `classes` classes that no image is of, ascending.
    #[must_use]
    pub fn missing_classes(&self, classes: usize) -> Vec<usize> {
        let mut is_there = vec![false; classes];
        for &label in &self.labels {
            if let Some(is_there) = is_there.get_mut(usize::from(label)) {
                *is_there = true;
            }
        }
        (0..classes).filter(|&class| !is_there[class]).collect()
    }

    /// Bytes of image `index`, row by row, channels innermost.
    ///
    /// # Panics
    /// When there is no such image.
    #[must_use]
    pub fn pixels(&self, index: usize) -> &[u8] {
        let len = self.shape.len();
        &self.pixels[index * len..][..len]
    }

    /// Writes image `index`: its values scaled to 0..1 and, if the split has a normalisation, normalised.
    ///
    /// # Panics
    /// When there is no such image, or `image` has another length.
    pub fn fill(&self, index: usize, image: &mut [f32]) {
        let pixels = self.pixels(index);
        assert!(
            image.len() == pixels.len(),
            "fill: an image of {} wants {} values; the buffer has {}",
            self.shape,
            pixels.len(),
            image.len()
        );
        let scale = self.pixel_scale();
        for (value, &pixel) in image.iter_mut().zip(pixels) {
            // A division, not a product with 1/255, which would round twice.
            *value = f32::from(pixel) / scale;
        }
        if let Some(normalisation) = &self.normalisation {
            normalisation.apply(image);
        }
    }

    /// The value that a pixel of this byte gets in this channel.
    pub(crate) fn value(&self, channel: usize, pixel: u8) -> f32 {
        let value = f32::from(pixel) / self.pixel_scale();
        self.normalisation.as_ref().map_or(value, |normalisation| normalisation.value(channel, value))
    }

    /// The first `limit` images; all of them without a limit, or when there are no more than that.
    #[must_use]
    pub fn limited(mut self, limit: Option<usize>) -> Self {
        if let Some(limit) = limit.filter(|&limit| limit < self.len()) {
            self.labels.truncate(limit);
            self.labels.shrink_to_fit();
            self.pixels.truncate(limit * self.shape.len());
            self.pixels.shrink_to_fit();
        }
        self
    }

    /// A copy of the chosen images, in the order given.
    ///
    /// # Panics
    /// When an index names no image.
    #[must_use]
    pub fn select(&self, indices: &[u32]) -> Self {
        let mut pixels = Vec::with_capacity(indices.len() * self.shape.len());
        let mut labels = Vec::with_capacity(indices.len());
        for &index in indices {
            pixels.extend_from_slice(self.pixels(index as usize));
            labels.push(self.labels[index as usize]);
        }
        Self { pixels, labels, normalisation: self.normalisation.clone(), ..*self }
    }

    /// Takes `count` images out for validation and returns (what is left for training, validation).
    ///
    /// The seed draws them at random with each class in proportion (largest remainder); both parts keep the
    /// original order. A count of 0 leaves everything for training.
    ///
    /// # Errors
    /// [`DataError::ValidationCount`] unless `count` is below [`len`](Self::len).
    pub fn split_validation(self, count: usize, seed: u64) -> Result<(Self, Self), DataError> {
        if count >= self.len() {
            return Err(DataError::ValidationCount { count, available: self.len() });
        }
        let picked = stratified_pick(&self.labels, count, &mut stream(Purpose::Validation, seed, 0));
        Ok(self.part(&picked))
    }

    /// Parts the split into (the rest, the picked images); `picked` ascends.
    ///
    /// The rest is packed in place: a second copy of the training images would double the program's memory.
    pub(crate) fn part(mut self, picked: &[u32]) -> (Self, Self) {
        let taken = self.select(picked);
        let len = self.shape.len();
        let mut picked = picked.iter().peekable();
        let mut kept = 0;
        for index in 0..self.len() {
            if picked.next_if(|&&next| next as usize == index).is_some() {
                continue;
            }
            self.labels[kept] = self.labels[index];
            self.pixels.copy_within(index * len..(index + 1) * len, kept * len);
            kept += 1;
        }
        (self.limited(Some(kept)), taken)
    }
}

#[cfg(test)]
mod tests;
