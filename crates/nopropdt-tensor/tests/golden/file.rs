//! Golden files: named cases of named tensors, each to be taken once.

use nopropdt_tensor::Tensor;
use nopropdt_tensor::gradient_check::compare;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A tensor of a golden file.
#[derive(Clone)]
pub struct Golden {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl Golden {
    /// The values of a floating-point tensor.
    pub fn values(&self) -> Vec<f64> {
        match self.dtype {
            Dtype::F32 => self.words().map(|word| f64::from(f32::from_le_bytes(word))).collect(),
            Dtype::F64 => self.words().map(f64::from_le_bytes).collect(),
            other => panic!("golden values must be floating-point; found {other:?}"),
        }
    }

    /// The values, which the file holds exactly as f32.
    pub fn singles(&self) -> Vec<f32> {
        assert_eq!(self.dtype, Dtype::F32);
        self.words().map(f32::from_le_bytes).collect()
    }

    /// The only value.
    pub fn number(&self) -> f64 {
        let values = self.values();
        assert_eq!(values.len(), 1, "wants one value; shape is {:?}", self.shape);
        values[0]
    }

    /// The values of an integer tensor.
    pub fn labels(&self) -> Vec<usize> {
        assert_eq!(self.dtype, Dtype::I64);
        self.words()
            .map(|word| usize::try_from(i64::from_le_bytes(word)).expect("labels count from 0"))
            .collect()
    }

    /// The tensor as this crate keeps it: images [B, C, H, W] become [B, H, W, C].
    pub fn channels_last(&self) -> Tensor {
        let tensor = Tensor::from_vec(&self.shape, self.singles()).expect("the file is consistent");
        permuted(tensor, [0, 2, 3, 1])
    }

    /// The length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn words<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> {
        let (words, rest) = self.bytes.as_chunks::<N>();
        assert!(rest.is_empty());
        words.iter().copied()
    }
}

/// The tensor as the files keep it: images [B, H, W, C] become [B, C, H, W].
pub fn channels_first(tensor: Tensor) -> Tensor {
    permuted(tensor, [0, 3, 1, 2])
}

/// Images with their axes in another order; tensors of other ranks as they are.
fn permuted(tensor: Tensor, order: [usize; 4]) -> Tensor {
    if tensor.shape().len() != 4 {
        return tensor;
    }
    let view = tensor.view().permuted_axes(order.to_vec());
    Tensor::from_vec(view.shape(), view.iter().copied().collect()).expect("a permutation keeps the length")
}

/// The tensors whose names begin with `name.`, less those taken so far.
pub struct Case {
    /// The name.
    pub name: String,
    tensors: BTreeMap<String, Golden>,
}

impl Case {
    /// Takes the tensor called `name` within the case.
    pub fn take(&mut self, name: &str) -> Golden {
        let found = self.tensors.remove(name);
        found.unwrap_or_else(|| panic!("{}: no tensor {name}, or taken before", self.name))
    }

    /// Takes the tensor called `name` and requires `found` to agree with it within `bound`, relative to the largest value.
    pub fn agrees(&mut self, name: &str, found: &[f32], bound: f64) {
        let error = compare(found, &self.take(name).values());
        assert!(error < bound, "{}: {name}: relative error {error}; wants less than {bound}", self.name);
    }

    /// Requires every tensor to have been taken.
    pub fn finish(self) {
        let left: Vec<&String> = self.tensors.keys().collect();
        assert!(left.is_empty(), "{}: no test looks at {left:?}", self.name);
    }
}

/// The cases of a file of this folder. Tensors whose name has no dot make up a case called "".
pub fn cases(file: &str) -> BTreeMap<String, Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tensors =
        SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases = BTreeMap::new();
    for (path, view) in tensors.tensors() {
        let (name, tensor) = path.split_once('.').unwrap_or(("", &path));
        let golden =
            Golden { shape: view.shape().to_vec(), dtype: view.dtype(), bytes: view.data().to_vec() };
        let case = cases.entry(name.to_owned());
        let case = case.or_insert_with(|| Case { name: name.to_owned(), tensors: BTreeMap::new() });
        case.tensors.insert(tensor.to_owned(), golden);
    }
    cases
}

/// The name of a case and what is to hold of it.
pub type Test<'a> = (&'a str, &'a dyn Fn(&mut Case));

/// Runs each test of the table on the case of its name and requires the table to have exactly the file's cases.
pub fn run_all(file: &str, mut cases: BTreeMap<String, Case>, tests: &[Test<'_>]) {
    let present: BTreeSet<&str> = cases.keys().map(String::as_str).collect();
    let tested: BTreeSet<&str> = tests.iter().map(|(name, _)| *name).collect();
    assert_eq!(tested.len(), tests.len(), "a case has two tests");
    assert_eq!(present, tested, "{file}: the cases (left) must be those with a test (right)");
    for (name, test) in tests {
        let mut case = cases.remove(*name).expect("the names were compared above");
        test(&mut case);
        case.finish();
    }
}
