//! The golden files of `tests/golden`, which `xtask/golden/generate.py` wrote with PyTorch; read by tests alone.

use crate::batch::Batch;
use crate::method::{BlockStep, LossTerms};
use crate::named::Named;
use crate::{ConvBlock, EmbeddingConfig, EmbeddingStart, NetworkConfig};
use nopropdt_tensor::gradient_check::compare;
use nopropdt_tensor::{Parameters, Tensor};
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Largest relative error of a value computed forwards.
pub(crate) const FORWARD: f64 = 1e-4;
/// Largest relative error of a gradient.
pub(crate) const GRADIENT: f64 = 1e-3;
/// What is left of a gradient whose true value is zero, relative to the largest gradient of its parameter set. A bias before
/// a batch norm, which subtracts it again, has such a gradient: sums that cancel but for rounding, so there is nothing of
/// its own to compare it with.
const ROUNDING: f64 = 1e-5;

/// The small network of the losses' files: the paper's block with widths of a few, on images of 9×10 with two channels.
pub(crate) fn small_network() -> NetworkConfig {
    let block =
        ConvBlock { channels: [3, 4, 5], hidden: 6, join: [7, 5], dropout: 0.0, ..ConvBlock::paper() };
    let embedding = EmbeddingConfig::Learned { dim: 5, start: EmbeddingStart::Orthogonal };
    NetworkConfig { embedding, ..NetworkConfig::new(&[9, 10, 2], 4, block) }
}

/// One tensor of a golden file; every type is exact in f64.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Array {
    pub(crate) fn single(&self) -> Vec<f32> {
        self.values.iter().map(|&value| value as f32).collect()
    }

    pub(crate) fn tensor(&self) -> Tensor {
        Tensor::from_vec(&self.shape, self.single()).unwrap()
    }

    /// Images saved [B, C, H, W] as [B, H, W, C].
    pub(crate) fn images(&self) -> Tensor {
        let [batch, channels, height, width] = *self.shape else {
            panic!("images: shape is {:?}", self.shape)
        };
        let pixels = height * width;
        Tensor::filled_by(&[batch, height, width, channels], |data| {
            for (index, value) in self.values.iter().enumerate() {
                let (image, rest) = (index / (channels * pixels), index % (channels * pixels));
                data[(image * pixels + rest % pixels) * channels + rest / pixels] = *value as f32;
            }
        })
    }

    pub(crate) fn labels(&self) -> Vec<usize> {
        self.values.iter().map(|&value| value as usize).collect()
    }
}

/// An open golden file. Tensors are taken out of it, and dropping it while one is left fails the test: nothing in a file
/// goes unchecked.
pub(crate) struct Golden {
    file: String,
    metadata: HashMap<String, String>,
    left: BTreeMap<String, Array>,
}

impl Golden {
    pub(crate) fn open(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let array = |view: safetensors::tensor::TensorView<'_>| Array {
            shape: view.shape().to_vec(),
            values: decode(view.dtype(), view.data()),
        };
        Self {
            file: file.to_string(),
            metadata: header.metadata().clone().unwrap_or_default(),
            left: tensors.iter().map(|(name, view)| (name.to_string(), array(view))).collect(),
        }
    }

    /// A number the file was made with.
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.metadata[key].parse().unwrap()
    }

    /// Takes a tensor out of the file.
    pub(crate) fn take(&mut self, name: &str) -> Array {
        self.left.remove(name).unwrap_or_else(|| panic!("{}: no tensor {name} is left", self.file))
    }

    /// Takes the tensor `name` and compares.
    pub(crate) fn check(&mut self, name: &str, found: &[f32], bound: f64) {
        let expected = self.take(name);
        self.within(name, compare(found, &expected.values), bound);
    }

    /// Takes every tensor of `parameters`, statistics too, and writes it there.
    pub(crate) fn load(&mut self, prefix: &str, parameters: &mut Parameters) {
        let names: Vec<_> =
            parameters.entries().map(|entry| (entry.name.clone(), entry.shape.clone())).collect();
        for (name, shape) in names {
            let array = self.take(&format!("{prefix}{name}"));
            assert_eq!(array.shape, shape, "{}: shape of {name}", self.file);
            assert!(parameters.import(&name, &array.single()), "{}: {name} was not imported", self.file);
        }
    }

    /// Takes every gradient of `parameters` and compares; returns the golden ones, flat like `gradient`.
    pub(crate) fn check_gradients(
        &mut self,
        prefix: &str,
        parameters: &Parameters,
        gradient: &[f32],
    ) -> Vec<f32> {
        let mut golden = parameters.clone();
        let mut errors = Vec::new();
        for entry in parameters.entries() {
            let Some(found) = parameters.export_gradient(&entry.name, gradient) else { continue };
            let expected = self.take(&format!("{prefix}{}", entry.name));
            assert_eq!(expected.shape, entry.shape, "{}: shape of {prefix}{}", self.file, entry.name);
            assert!(golden.import(&entry.name, &expected.single()), "{} was not imported", entry.name);
            errors.push((
                &entry.name,
                compare(&found, &expected.values),
                expected.values.iter().all(|v| *v == 0.0),
            ));
        }
        let largest = golden.values().iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        for (name, error, vanishes) in errors {
            // Where all of a golden gradient is zero, `compare` gives an absolute error.
            let bound = if vanishes { ROUNDING * f64::from(largest) } else { GRADIENT };
            self.within(&format!("{prefix}{name}"), error, bound);
        }
        golden.values().to_vec()
    }

    /// Takes images and labels.
    pub(crate) fn batch(&mut self) -> Batch {
        Batch::new(self.take("x").images(), self.take("labels").labels())
    }

    /// Takes the gradients of all shared sets and compares; each must have one.
    pub(crate) fn check_shared(&mut self, prefix: &str, shared: &Named<Parameters>, step: &BlockStep) {
        assert_eq!(step.shared.len(), shared.len(), "{}: every shared set learns here", self.file);
        for (name, set) in shared.iter() {
            self.check_gradients(prefix, set, &step.shared[name]);
        }
    }

    /// Takes the terms of a loss and compares.
    pub(crate) fn check_terms(&mut self, prefix: &str, found: &LossTerms, names: &[&str]) {
        for &name in names {
            let value = match name {
                "total" => found.total,
                "squared_error" => found.squared_error,
                "ce" => found.cross_entropy,
                "kl" => found.kl,
                _ => panic!("no term of a loss is called {name}"),
            };
            self.check(&format!("{prefix}loss.{name}"), &[value as f32], FORWARD);
        }
    }

    /// NaN is within no bound.
    pub(crate) fn within(&self, name: &str, error: f64, bound: f64) {
        assert!(error <= bound, "{}: {name}: error must be at most {bound:e}; found {error:e}", self.file);
    }
}

impl Drop for Golden {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left: Vec<_> = self.left.keys().collect();
            assert!(left.is_empty(), "{}: not checked: {left:?}", self.file);
        }
    }
}

fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
        Dtype::I64 => bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f64).collect(),
        other => panic!("golden: wants f32, f64 or i64; found {other:?}"),
    }
}

/// The guards of all golden tests, themselves under test.
mod tests {
    use super::*;

    fn golden(values: &[f64]) -> Golden {
        let array = Array { shape: vec![values.len()], values: values.to_vec() };
        Golden { file: "made".into(), metadata: HashMap::new(), left: BTreeMap::from([("x".into(), array)]) }
    }

    #[test]
    #[should_panic(expected = "made: not checked: [\"x\"]")]
    fn a_tensor_left_unchecked_fails() {
        drop(golden(&[1.0]));
    }

    #[test]
    #[should_panic(expected = "made: x: error must be at most 1e-4; found NaN")]
    fn nan_fails() {
        golden(&[1.0]).check("x", &[f32::NAN], FORWARD);
    }

    #[test]
    #[should_panic(expected = "made: no tensor x is left")]
    fn nothing_is_taken_twice() {
        let mut golden = golden(&[1.0]);
        golden.check("x", &[1.0], FORWARD);
        golden.take("x");
    }

    #[test]
    fn images_are_stored_channels_last() {
        let array = Array { shape: vec![2, 2, 1, 3], values: (0..12).map(f64::from).collect() };
        assert_eq!(array.images().data(), [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.]);
    }
}
