//! Inputs with their labels: images, or whatever a program makes.

#[cfg_attr(
    not(feature = "pictures"),
    allow(dead_code, reason = "only pictures of a folder may be too many for memory")
)]
mod spilled;
mod stored;

use crate::examples::fill_each;
use crate::order::{Purpose, stream};
use crate::stratify::stratified_pick;
use crate::{Brightness, DataError, Examples, ImageShape, InputShape, Normalisation};
#[cfg(feature = "pictures")]
pub(crate) use spilled::Spilled;
#[cfg(not(feature = "pictures"))]
use spilled::Spilled;
use std::borrow::Cow;
use std::sync::Arc;
use stored::Stored;

/// Inputs of one shape, each with a label. Images that were read are held as the bytes of the source and become floats batch by batch;
/// those that a program makes are asked for then.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    shape: InputShape,
    stored: Stored,
    labels: Vec<u16>,
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
        let stored = Stored::Bytes { pixels, full_scale: u8::MAX };
        Ok(Self { shape: shape.into(), stored, labels, normalisation: None })
    }

    /// A split of images that are partly in a file.
    ///
    /// # Panics
    /// When there are not as many labels as images, at most 2^32 - 1.
    #[cfg_attr(not(feature = "pictures"), expect(dead_code, reason = "only pictures are kept so"))]
    pub(crate) fn spilled(shape: ImageShape, images: Spilled, labels: Vec<u16>) -> Self {
        assert_eq!(images.len(), labels.len(), "split: each image has a label");
        let indices = (0..u32::try_from(labels.len()).expect("2^32 - 1 images at most")).collect();
        let stored = Stored::Spilled { images: Arc::new(images), indices };
        Self { shape: shape.into(), stored, labels, normalisation: None }
    }

    /// A split of inputs that a program makes: images drawn on the fly, vectors, sequences. They are asked for again in every epoch.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when there are more than 2^32 - 1 inputs, a size of their shape is 0, or a label is above 65535.
    pub fn of(examples: impl Examples + Send + 'static) -> Result<Self, DataError> {
        let (shape, len) = (InputShape::from(examples.shape()), examples.len());
        let wrong = |rule: &str, found: String| Err(DataError::invalid("split", rule, found));
        if shape.checked_len().is_none() {
            return wrong("inputs must have a shape without an empty dimension", format!("found {shape}"));
        }
        let Ok(count) = u32::try_from(len) else {
            return wrong("there must be at most 2^32 - 1 inputs", format!("found {len}"));
        };
        let labels = (0..len).map(|index| examples.label(index));
        let labels = labels.map(|label| u16::try_from(label).map_err(|_| label)).collect::<Result<_, _>>();
        let labels = match labels {
            Ok(labels) => labels,
            Err(label) => return wrong("labels must be at most 65535", format!("found {label}")),
        };
        let stored = Stored::Made { examples: Arc::new(examples), indices: (0..count).collect() };
        Ok(Self { shape, stored, labels, normalisation: None })
    }

    /// The same split with another pixel value standing for 1.0, such as 16 for the digits.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when `full_scale` is 0 or a pixel exceeds it, or there are no pixels, as of inputs that a program makes.
    pub fn with_full_scale(mut self, full_scale: u8) -> Result<Self, DataError> {
        let largest = self.stored.largest_pixel();
        match (&mut self.stored, largest) {
            (Stored::Bytes { full_scale: own, .. }, Some(largest))
                if full_scale > 0 && largest <= full_scale =>
            {
                *own = full_scale;
                Ok(self)
            }
            _ => {
                let rule = "full scale must be at least the largest pixel and not 0";
                let largest =
                    largest.map_or("no pixels".to_owned(), |pixel| format!("largest pixel {pixel}"));
                Err(DataError::invalid("split", rule, format!("full scale {full_scale}, {largest}")))
            }
        }
    }

    /// The same split with values of which each channel's mean is taken and that are divided by its deviation. The last axis counts as
    /// channels, so each value of a vector has moments of its own.
    ///
    /// # Errors
    /// [`DataError::Invalid`] unless there is a finite mean and a finite deviation above 0 for each channel.
    pub fn with_normalisation(mut self, normalisation: Normalisation) -> Result<Self, DataError> {
        normalisation.check(self.shape.channels())?;
        self.normalisation = Some(normalisation);
        Ok(self)
    }

    /// What values are normalised by, if they are.
    #[must_use]
    pub fn normalisation(&self) -> Option<&Normalisation> {
        self.normalisation.as_ref()
    }

    /// Mean and standard deviation of each channel over all inputs, before normalisation; a channel of one value
    /// has the deviation 1.
    #[must_use]
    pub fn statistics(&self) -> Normalisation {
        self.stored.statistics(&self.shape)
    }

    /// How bright its images are, before normalisation; None without images, or of inputs that are none.
    #[must_use]
    pub fn brightness(&self) -> Option<Brightness> {
        let image = self.shape.image()?;
        let mut values = vec![0.0; image.len()];
        let mean = |index| {
            self.stored.fill(index, &mut values);
            values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
        };
        Brightness::of(&(0..self.len()).map(mean).collect::<Vec<_>>())
    }

    /// Number of inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without inputs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of every input.
    #[must_use]
    pub fn shape(&self) -> &InputShape {
        &self.shape
    }

    /// The pixel value that stands for 1.0: x = pixel / scale; 1 for inputs that a program makes.
    #[must_use]
    pub fn pixel_scale(&self) -> f32 {
        self.stored.full_scale().map_or(1.0, f32::from)
    }

    /// The first input with a value that is NaN or infinite. Only a program makes such values; they are asked for.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<usize> {
        self.stored.first_not_finite(self.shape.len(), self.len())
    }

    /// Whether pixels of both mean the same; a program's values are as they are.
    pub(crate) fn has_scale_of(&self, other: &Self) -> bool {
        let scales = self.stored.full_scale().zip(other.stored.full_scale());
        scales.is_none_or(|(own, others)| own == others)
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
    /// When there is no such image; or the images are partly in a file, or a program makes the inputs: [`Split::bytes`] has the bytes of all.
    #[must_use]
    pub fn pixels(&self, index: usize) -> &[u8] {
        self.stored.pixels(self.shape.len(), index)
    }

    /// What tells input `index` from any other: the bytes of an image that was read; those of an input's values, as little-endian f32, where
    /// a program makes it.
    ///
    /// # Panics
    /// When there is no such input.
    #[must_use]
    pub fn bytes(&self, index: usize) -> Cow<'_, [u8]> {
        self.stored.bytes(self.shape.len(), index)
    }

    /// Image `index` as a picture: values 0 (dark) to 255 (bright), before normalisation, row by row, channels innermost. None where the
    /// inputs are no pictures: of another shape than images, or of neither one channel nor three.
    ///
    /// # Panics
    /// When there is no such image.
    #[must_use]
    pub fn picture(&self, index: usize) -> Option<(ImageShape, Vec<u8>)> {
        let shape = self.shape.image().filter(|shape| [1, 3].contains(&shape.channels))?;
        let mut values = vec![0.0; shape.len()];
        self.stored.fill(index, &mut values);
        Some((shape, values.iter().map(|value| (value * 255.0).round() as u8).collect()))
    }

    /// Writes input `index`: the values of an image scaled to 0..1 and, if the split has a normalisation, normalised.
    ///
    /// # Panics
    /// When there is no such input, or `input` has another length.
    pub fn fill(&self, index: usize, input: &mut [f32]) {
        let (wanted, found) = (self.shape.len(), input.len());
        assert!(
            found == wanted,
            "fill: an input of {} wants {wanted} values; the buffer has {found}",
            self.shape
        );
        self.stored.fill(index, input);
        if let Some(normalisation) = &self.normalisation {
            normalisation.apply(input);
        }
    }

    /// The value that black has in this channel.
    pub(crate) fn black_value(&self, channel: usize) -> f32 {
        let value = self.stored.black(channel);
        self.normalisation.as_ref().map_or(value, |normalisation| normalisation.value(channel, value))
    }

    /// The first `limit` images; all of them without a limit, or when there are no more than that.
    #[must_use]
    pub fn limited(mut self, limit: Option<usize>) -> Self {
        if let Some(limit) = limit.filter(|&limit| limit < self.len()) {
            self.labels.truncate(limit);
            self.labels.shrink_to_fit();
            self.stored.truncate(self.shape.len(), limit);
        }
        self
    }

    /// A copy of the chosen images, in the order given.
    ///
    /// # Panics
    /// When an index names no image.
    #[must_use]
    pub fn select(&self, indices: &[u32]) -> Self {
        let stored = self.stored.select(self.shape.len(), indices);
        let labels = indices.iter().map(|&index| self.labels[index as usize]).collect();
        Self { shape: self.shape.clone(), stored, labels, normalisation: self.normalisation.clone() }
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
            self.stored.move_to(len, index, kept);
            kept += 1;
        }
        (self.limited(Some(kept)), taken)
    }
}

impl Examples for Split {
    fn len(&self) -> usize {
        Split::len(self)
    }

    fn shape(&self) -> Vec<usize> {
        Split::shape(self).sizes().to_vec()
    }

    fn label(&self, index: usize) -> usize {
        Split::label(self, index)
    }

    fn fill(&self, index: usize, image: &mut [f32]) {
        Split::fill(self, index, image);
    }

    fn fill_batch(&self, indices: &[u32], inputs: &mut [f32], labels: &mut Vec<usize>) {
        let Some((examples, indices)) = self.stored.made(indices) else {
            return fill_each(self, indices, inputs, labels);
        };
        examples.fill_batch(&indices, inputs, labels);
        if let Some(normalisation) = &self.normalisation {
            normalisation.apply(inputs);
        }
    }

    fn black(&self, channel: usize) -> f32 {
        self.black_value(channel)
    }
}

#[cfg(test)]
mod tests;
