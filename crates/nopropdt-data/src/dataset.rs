//! A dataset in memory.

use crate::{DataError, ImageShape, Note, Split};

/// Training and test images of the same shape, labelled with the same classes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dataset {
    /// Name, as users write it.
    pub name: String,
    /// Names of the classes; label k means the k-th.
    pub class_names: Vec<String>,
    /// Images to train on.
    pub train: Split,
    /// Images to test on, never trained on.
    pub test: Split,
    /// What its user should know of how it was read.
    pub notes: Vec<Note>,
}

impl Dataset {
    /// A dataset whose parts fit together.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when a split is empty, the two differ in shape or full scale, or a label has no class name.
    pub fn new(
        name: impl Into<String>,
        class_names: Vec<String>,
        train: Split,
        test: Split,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let wrong = |rule, found: String| Err(DataError::invalid(&name, rule, found));
        if train.is_empty() || test.is_empty() {
            let found = format!("{} and {}", train.len(), test.len());
            return wrong("there must be training and test images", found);
        }
        if train.shape() != test.shape() {
            let found = format!("{} and {}", train.shape(), test.shape());
            return wrong("training and test images must have one shape", found);
        }
        if train.pixel_scale() != test.pixel_scale() {
            let found = format!("{} and {}", train.pixel_scale(), test.pixel_scale());
            return wrong("training and test images must have one full scale", found);
        }
        for (split, part) in [(&train, "training"), (&test, "test")] {
            check_labels(&format!("{name}: {part} labels"), split.labels(), class_names.len())?;
        }
        Ok(Self { name, class_names, train, test, notes: Vec::new() })
    }

    /// The test images, where the classes are those of `class_names`, such as a model's; also what the user should know of how they were
    /// read.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when the classes are others.
    pub fn into_test(self, class_names: &[String]) -> Result<(Split, Vec<Note>), DataError> {
        let wrong = |found: String| DataError::invalid(&self.name, "must have the model's classes", found);
        if self.classes() != class_names.len() {
            return Err(wrong(format!("it has {}, the model {}", self.classes(), class_names.len())));
        }
        let mut pairs = self.class_names.iter().zip(class_names).enumerate();
        if let Some((class, (found, wanted))) = pairs.find(|(_, (found, wanted))| found != wanted) {
            return Err(wrong(format!("its class {class} is {found:?}, the model's {wanted:?}")));
        }
        Ok((self.test, self.notes))
    }

    /// Shape of every image.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        self.train.shape()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }
}

/// Fails at the first label that is not below `classes`.
fn check_labels(what: &str, labels: &[u16], classes: usize) -> Result<(), DataError> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(DataError::label(what, classes, index, labels[index].into())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_names::{DIGITS, owned};

    fn digit_names() -> Vec<String> {
        owned(DIGITS)
    }

    fn split(side: usize, labels: Vec<u16>) -> Split {
        let shape = ImageShape { height: side, width: side, channels: 1 };
        Split::new(shape, vec![9; side * side * labels.len()], labels).unwrap()
    }

    fn message(train: Split, test: Split) -> String {
        Dataset::new("toy", digit_names(), train, test).unwrap_err().to_string()
    }

    #[test]
    fn parts_that_fit_make_a_dataset() {
        let dataset = Dataset::new("toy", digit_names(), split(2, vec![0, 9]), split(2, vec![5])).unwrap();
        assert_eq!((dataset.classes(), dataset.shape().len()), (10, 4));
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let empty = message(split(2, vec![1]), split(2, vec![]));
        assert_eq!(empty, "toy: there must be training and test images; 1 and 0");
        let shape = message(split(2, vec![1]), split(3, vec![1]));
        assert_eq!(shape, "toy: training and test images must have one shape; 2x2x1 and 3x3x1");
        let scale = message(split(2, vec![1]), split(2, vec![1]).with_full_scale(16).unwrap());
        assert_eq!(scale, "toy: training and test images must have one full scale; 255 and 16");
        let label = message(split(2, vec![1]), split(2, vec![1, 10]));
        assert_eq!(label, "toy: test labels: labels must be below 10; label 1 is 10");
    }
}
