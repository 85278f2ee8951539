//! What the paper reports: Table 1 of arXiv 2503.24322, test accuracy in percent, mean ± standard error over 3 seeds × 5 runs.

use super::data::Data;

/// Mean and standard error on MNIST, CIFAR-10, CIFAR-100.
type Accuracies = [(f64, f64); 3];

/// (method, embedding, accuracies).
const TABLE_1: [(&str, &str, Accuracies); 13] = [
    ("backprop", "one-hot", [(99.46, 0.06), (79.92, 0.14), (45.85, 2.07)]),
    ("backprop", "learned", [(99.43, 0.03), (79.3, 0.52), (46.57, 0.87)]),
    ("backprop", "prototype", [(99.44, 0.05), (79.58, 0.44), (47.8, 0.19)]),
    ("dt", "one-hot", [(99.47, 0.05), (79.25, 0.28), (45.93, 0.46)]),
    ("dt", "learned", [(99.49, 0.04), (79.12, 0.37), (45.19, 0.22)]),
    ("dt", "prototype", [(99.54, 0.04), (80.54, 0.2), (46.06, 0.25)]),
    ("adjoint", "one-hot", [(98.62, 0.14), (66.78, 0.76), (25.03, 0.7)]),
    ("ct", "one-hot", [(97.84, 0.71), (73.35, 0.55), (33.66, 0.5)]),
    ("ct", "learned", [(97.7, 0.51), (71.77, 2.47), (33.99, 1.08)]),
    ("ct", "prototype", [(97.17, 0.94), (66.54, 3.63), (21.31, 4.17)]),
    ("fm", "one-hot", [(99.21, 0.09), (73.14, 0.9), (6.38, 4.9)]),
    ("fm", "learned", [(99.29, 0.05), (73.5, 0.28), (31.14, 0.52)]),
    ("fm", "prototype", [(98.52, 0.16), (75.18, 0.57), (37.57, 0.32)]),
];

/// (method, embedding) of each row of Table 1.
pub(super) const ROWS: [(&str, &str); 13] = {
    let mut rows = [("", ""); 13];
    let mut index = 0;
    while index < rows.len() {
        rows[index] = (TABLE_1[index].0, TABLE_1[index].1);
        index += 1;
    }
    rows
};

/// Table 2: memory on a graphics processor in GB, [MNIST, CIFAR-10, CIFAR-100].
pub(super) const TABLE_2: [(&str, [f64; 3]); 5] = [
    ("backprop", [0.87, 1.17, 1.73]),
    ("dt", [0.49, 0.64, 1.23]),
    ("adjoint", [2.32, 6.23, 6.45]),
    ("ct", [1.05, 0.45, 0.50]),
    ("fm", [1.06, 0.44, 0.49]),
];

/// The column of a dataset. Images encoded again are compared with the ones they were made from, and named.
pub(super) fn column(data: Data) -> Option<usize> {
    match data {
        Data::Digits | Data::FashionMnist => None,
        Data::Mnist => Some(0),
        Data::Cifar10 | Data::Cifar10Jpeg => Some(1),
        Data::Cifar100 => Some(2),
    }
}

/// The paper's figure for a cell of Table 1.
pub(super) fn table_1(data: Data, method: &str, embedding: &str) -> Option<(f64, f64)> {
    let row = TABLE_1.iter().find(|row| (row.0, row.1) == (method, embedding))?;
    Some(row.2[column(data)?])
}
