//! A dataset in memory.

use crate::{DataError, InputShape, Note, Split};

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
    /// Images to measure a training by, where the dataset comes with some; never trained on.
    pub validation: Option<Split>,
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
        check_labels(&name, "training", train.labels(), class_names.len())?;
        let dataset = Self { name, class_names, train, test, validation: None, notes: Vec::new() };
        dataset.check_beside_training(&dataset.test, "test")?;
        Ok(dataset)
    }

    /// The same dataset with these images for validation.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when there are none, they differ from the training images in shape or full scale, or a label has no
    /// class name.
    pub fn with_validation(mut self, validation: Split) -> Result<Self, DataError> {
        self.check_beside_training(&validation, "validation")?;
        self.validation = Some(validation);
        Ok(self)
    }

    /// Fails unless images fit to the training images.
    fn check_beside_training(&self, images: &Split, part: &str) -> Result<(), DataError> {
        let train = &self.train;
        let wrong = |rule: String, found: String| Err(DataError::invalid(&self.name, rule, found));
        if train.is_empty() || images.is_empty() {
            let found = format!("{} and {}", train.len(), images.len());
            return wrong(format!("there must be training and {part} images"), found);
        }
        if train.shape() != images.shape() {
            let found = format!("{} and {}", train.shape(), images.shape());
            return wrong(format!("training and {part} images must have one shape"), found);
        }
        if !train.has_scale_of(images) {
            let found = format!("{} and {}", train.pixel_scale(), images.pixel_scale());
            return wrong(format!("training and {part} images must have one full scale"), found);
        }
        check_labels(&self.name, part, images.labels(), self.classes())
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

    /// Shape of every input.
    #[must_use]
    pub fn shape(&self) -> &InputShape {
        self.train.shape()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }
}

/// Fails at the first label of a part that is not below `classes`.
fn check_labels(name: &str, part: &str, labels: &[u16], classes: usize) -> Result<(), DataError> {
    let what = format!("{name}: {part} labels");
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(DataError::label(what, classes, index, labels[index].into())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageShape;
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
        let label = message(split(2, vec![11]), split(2, vec![1]));
        assert_eq!(label, "toy: training labels: labels must be below 10; label 0 is 11");
    }

    #[test]
    fn images_for_validation_must_fit_too() {
        let with = |validation| {
            let dataset =
                Dataset::new("toy", digit_names(), split(2, vec![0, 9]), split(2, vec![5])).unwrap();
            assert!(dataset.validation.is_none());
            dataset.with_validation(validation)
        };
        assert_eq!(with(split(2, vec![3, 4])).unwrap().validation.unwrap().labels(), [3, 4]);
        for (validation, expected) in [
            (split(2, vec![]), "there must be training and validation images; 2 and 0"),
            (split(3, vec![1]), "training and validation images must have one shape; 2x2x1 and 3x3x1"),
            (
                split(2, vec![1]).with_full_scale(16).unwrap(),
                "training and validation images must have one full scale; 255 and 16",
            ),
            (split(2, vec![10]), "validation labels: labels must be below 10; label 0 is 10"),
        ] {
            assert_eq!(with(validation).unwrap_err().to_string(), format!("toy: {expected}"));
        }
    }
}
