use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::test_archive::{Form, Packed, archive, npy, npy_of, written};
use super::*;
use crate::{DatasetSource, LoadOptions, Opened, load_from};

/// The arrays of a file with three training, one validation and two test images of `shape`.
fn arrays(shape: &str, values: usize) -> Vec<(&'static str, Vec<u8>)> {
    let images = |count: usize, first: u8| {
        let pixels: Vec<u8> = (0..count * values).map(|place| first.wrapping_add(place as u8)).collect();
        npy("|u1", &format!("({count}, {shape})"), &pixels)
    };
    vec![
        ("train_images", images(3, 0)),
        ("train_labels", npy("|u1", "(3, 1)", &[1, 0, 2])),
        ("val_images", images(1, 100)),
        ("val_labels", npy("|u1", "(1, 1)", &[2])),
        ("test_images", images(2, 200)),
        ("test_labels", npy("<i8", "(2,)", &[[0; 8], [1, 0, 0, 0, 0, 0, 0, 0]].concat())),
    ]
}

/// The same arrays with others in place of those of the same name; without those that have no content.
fn with(others: &[(&'static str, Vec<u8>)]) -> Vec<(&'static str, Vec<u8>)> {
    let mut arrays = arrays("4, 5", 20);
    for (name, content) in others {
        match arrays.iter_mut().find(|array| array.0 == *name) {
            Some(array) => array.1 = content.clone(),
            None => arrays.push((name, content.clone())),
        }
    }
    arrays.retain(|(_, content)| !content.is_empty());
    arrays
}

struct File {
    _folder: TempDir,
    path: PathBuf,
}

fn file(bytes: &[u8]) -> File {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("some.npz");
    fs::write(&path, bytes).unwrap();
    File { _folder: folder, path }
}

fn opened(file: &File) -> Result<Opened, DataError> {
    crate::open(&DatasetSource::Npz(file.path.display().to_string()), &LoadOptions::default())
}

/// What reading gives, with the error's text without the file's name.
fn loaded(bytes: &[u8]) -> Result<Dataset, String> {
    let file = file(bytes);
    opened(&file).and_then(Opened::load).map_err(|error| text(&file, &error))
}

fn text(file: &File, error: &DataError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text.strip_prefix(&format!("{}: ", file.path.display())).unwrap_or(&text).to_owned()
}

fn refusal(others: &[(&'static str, Vec<u8>)]) -> String {
    loaded(&archive(&with(others), Form::default())).unwrap_err()
}

#[test]
fn a_file_is_a_dataset() {
    for deflated in [false, true] {
        for zip64 in [false, true] {
            for (shape, channels) in [("4, 5", 1), ("4, 5, 1", 1), ("4, 5, 3", 3)] {
                let values = 20 * channels;
                let file = file(&archive(&arrays(shape, values), Form { deflated, zip64 }));
                let opened = opened(&file).unwrap();
                assert_eq!((opened.classes(), opened.image_bytes()), (3, 6 * values as u64));
                assert_eq!(
                    (opened.shape(), opened.first_shape()),
                    (ImageShape { height: 4, width: 5, channels }.into(), opened.shape())
                );
                assert_eq!(opened.class_names().unwrap(), ["0", "1", "2"]);
                let dataset = opened.load().unwrap();
                assert_eq!((dataset.name.as_str(), dataset.class_names.len()), ("some", 3));
                assert_eq!((dataset.train.labels(), dataset.test.labels()), (&[1, 0, 2][..], &[0, 1][..]));
                assert_eq!(dataset.train.pixels(1)[..2], [values as u8, values as u8 + 1]);
                assert_eq!(dataset.test.pixels(0)[..2], [200, 201]);
                let validation = dataset.validation.unwrap();
                assert_eq!((validation.labels(), validation.pixels(0)[0]), (&[2][..], 100));
                let notes: Vec<String> = dataset.notes.iter().map(ToString::to_string).collect();
                assert_eq!(notes, ["validation images: 1, from the file"]);
            }
        }
    }
}

#[test]
fn images_for_validation_are_read_when_they_are_wanted() {
    let arrays = with(&[]);
    let mut members: Vec<Packed> = arrays
        .iter()
        .map(|(name, content)| Packed::new(&format!("{name}.npy"), content, Form::default()))
        .collect();
    // Whoever reads these finds them wrong.
    members[2].checksum = 0;
    let file = file(&written(&members, false, b""));
    assert!(
        opened(&file).unwrap().load().unwrap_err().to_string().contains("the checksum of val_images.npy")
    );
    let opened = opened(&file).unwrap().without_validation();
    assert_eq!((opened.classes(), opened.image_bytes()), (3, 100));
    assert_eq!(opened.counts(), (3, 2));
    let dataset = opened.load().unwrap();
    assert!(dataset.validation.is_none());
    assert_eq!(dataset.notes[0].to_string(), "left out: the file's validation images (1)");

    let none =
        loaded(&archive(&with(&[("val_images", vec![]), ("val_labels", vec![])]), Form::default())).unwrap();
    assert!(none.validation.is_none() && none.notes.is_empty());
}

#[test]
fn labels_have_any_type_of_whole_numbers() {
    for (descr, values) in [
        ("|i1", vec![3, 0, 2]),
        ("<u2", vec![3, 0, 0, 0, 2, 0]),
        (">u2", vec![0, 3, 0, 0, 0, 2]),
        ("<i4", [[3, 0, 0, 0], [0; 4], [2, 0, 0, 0]].concat()),
        (">i8", [[0, 0, 0, 0, 0, 0, 0, 3], [0; 8], [0, 0, 0, 0, 0, 0, 0, 2]].concat()),
    ] {
        for shape in ["(3,)", "(3, 1)"] {
            let labels = ("train_labels", npy(descr, shape, &values));
            let dataset = loaded(&archive(&with(&[labels]), Form::default())).unwrap();
            assert_eq!((dataset.train.labels(), dataset.classes()), (&[3, 0, 2][..], 4), "{descr}");
        }
    }
    // The largest is of the validation images; the order of a column is none.
    let dict = "{'descr': '<u2', 'fortran_order': True, 'shape': (1, 1), }";
    let labels = ("val_labels", npy_of(dict, &[0xff, 0xff]));
    assert_eq!(loaded(&archive(&with(&[labels]), Form::default())).unwrap().classes(), 65_536);
}

#[test]
fn wrong_labels_are_told() {
    let labels =
        |descr: &str, shape: &str, values: &[u8]| refusal(&[("train_labels", npy(descr, shape, values))]);
    let rule = "train_labels must be whole numbers of [N] or [N, 1], a class for each image; found";
    assert_eq!(labels("|i1", "(3,)", &[0, 255, 1]), "train_labels must be 0 to 65535; label 1 is -1");
    let large = labels("<i4", "(3,)", &[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(large, "train_labels must be 0 to 65535; label 1 is 65536");
    assert_eq!(
        labels("|u1", "(3, 14)", &[0; 42]),
        format!("{rule} [3, 14] of |u1; several labels an image can't be learned")
    );
    assert_eq!(labels("<f4", "(3,)", &[0; 12]), format!("{rule} [3] of <f4"));
    assert_eq!(labels("|u1", "()", &[0]), format!("{rule} [] of |u1"));
    assert_eq!(
        labels("|u1", "(2,)", &[0; 2]),
        "there must be a label for each image; train_images is [3, 4, 5] of |u1, train_labels is [2] of |u1"
    );
    assert_eq!(
        labels("|u1", "(3,)", &[0; 4]),
        "train_labels must hold the values of [3] of |u1; found 4 bytes"
    );
    let unread = refusal(&[("train_labels", b"text".to_vec())]);
    assert_eq!(unread, format!("{WHOLE}; train_labels.npy of 4 bytes ends too soon"));
}

const WHOLE: &str = "must be a whole zip archive, as numpy.savez writes it";

#[test]
fn wrong_images_are_told() {
    let images = |descr: &str, shape: &str, values: usize| {
        refusal(&[("train_images", npy(descr, shape, &vec![0; values]))])
    };
    let rule = "train_images must be bytes (uint8) of [N, H, W] or [N, H, W, C] with C 1 or 3; found";
    for (descr, shape, shown) in [
        ("<f4", "(3, 4, 5)", "[3, 4, 5] of <f4"),
        ("|i1", "(3, 4, 5)", "[3, 4, 5] of |i1"),
        ("|u1", "(3, 20)", "[3, 20] of |u1"),
        ("|u1", "(3, 4, 5, 2)", "[3, 4, 5, 2] of |u1"),
        ("|u1", "(3, 4, 4, 4, 3)", "[3, 4, 4, 4, 3] of |u1"),
        ("|u1", "(3, 0, 5)", "[3, 0, 5] of |u1"),
        ("|u1", "(0, 4, 5)", "[0, 4, 5] of |u1"),
        ("|u1", "(3, 3, 4, 5)", "[3, 3, 4, 5] of |u1; np.moveaxis(images, 1, -1) brings channels to the end"),
    ] {
        assert_eq!(images(descr, shape, 0), format!("{rule} {shown}"));
    }
    let missing = images("|u1", "(3, 4, 5)", 59);
    assert_eq!(missing, "train_images must hold the values of [3, 4, 5] of |u1; found 59 bytes");
    let overflow = images("|u1", "(4294967296, 4294967296, 4294967296)", 60);
    assert!(overflow.ends_with("4294967296] of |u1; found 60 bytes"), "{overflow}");
    let fortran = npy_of("{'descr': '|u1', 'fortran_order': True, 'shape': (3, 4, 5), }", &[0; 60]);
    assert_eq!(
        refusal(&[("train_images", fortran)]),
        "train_images must be in C order; found Fortran order; np.ascontiguousarray brings it to C order"
    );
    assert_eq!(
        refusal(&[("test_images", npy("|u1", "(2, 5, 4)", &[0; 40]))]),
        "all images must have one shape; train_images is [3, 4, 5] of |u1, test_images is [2, 5, 4] of |u1"
    );
    let version = [b"\x93NUMPY\x04\0", &[0; 80][..]].concat();
    assert_eq!(
        refusal(&[("train_images", version)]),
        "train_images must be a NumPy array of version 1, 2 or 3; it begins with [93, 4e, 55, 4d, 50, 59, 04, 00]"
    );
    let long = [b"\x93NUMPY\x02\0", &20_000_u32.to_le_bytes()[..], &[0; 80]].concat();
    assert_eq!(
        refusal(&[("train_images", long)]),
        "the header of train_images must have at most 10000 bytes; found 20000"
    );
    let parts = npy_of("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }", &[0; 12]);
    assert_eq!(
        refusal(&[("train_images", parts)]),
        "train_images must be one plain array, with descr, fortran_order and shape; its header is \
         \"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }\""
    );
}

/// Versions 2 and 3 have a longer length.
#[test]
fn later_versions_are_read() {
    let dict = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
    for version in [2, 3] {
        let length = (dict.len() as u32).to_le_bytes();
        let labels = [b"\x93NUMPY", &[version, 0][..], &length, dict.as_bytes(), &[0, 1, 4]].concat();
        let dataset = loaded(&archive(&with(&[("train_labels", labels)]), Form::default())).unwrap();
        assert_eq!(dataset.train.labels(), [0, 1, 4]);
    }
}

#[test]
fn missing_arrays_are_told_with_those_that_are_there() {
    let four = "must hold the arrays train_images, train_labels, test_images, test_labels";
    assert_eq!(
        refusal(&[("test_labels", vec![]), ("odd\nname", vec![1])]),
        format!(
            "{four}; test_labels is missing; it holds train_images, train_labels, val_images, val_labels, test_images, \"odd\\nname\""
        )
    );
    let alone = loaded(&archive(&[("arr_0", npy("|u1", "(1,)", &[1]))], Form::default())).unwrap_err();
    assert_eq!(alone, format!("{four}; train_images is missing; it holds arr_0"));
    let nothing = loaded(&archive(&[], Form::default())).unwrap_err();
    assert_eq!(nothing, format!("{four}; train_images is missing; it holds nothing"));
    let half = refusal(&[("val_labels", vec![])]);
    assert!(
        half.starts_with("must hold the arrays val_images, val_labels; val_labels is missing; "),
        "{half}"
    );
    let names: Vec<String> = (0..12).map(|number| format!("a{number}")).collect();
    let many: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), vec![1])).collect();
    assert!(loaded(&archive(&many, Form::default())).unwrap_err().ends_with("a6, a7, …"));
}

/// Every beginning of a file is an error in one line.
#[test]
fn cut_files_are_refused() {
    for deflated in [false, true] {
        let whole = archive(&with(&[]), Form { deflated, zip64: false });
        assert!(loaded(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(loaded(&whole[..end]).is_err(), "{end} of {}", whole.len());
        }
    }
}

/// A small file that promises gigabytes is refused by its directory; one whose arrays promise them, by their members.
#[test]
fn promises_take_no_memory() {
    let form = Form { deflated: true, zip64: false };
    let mut members: Vec<Packed> =
        with(&[]).iter().map(|(name, content)| Packed::new(&format!("{name}.npy"), content, form)).collect();
    let huge = npy("|u1", "(3, 1000000, 1000)", &[0; 1 << 17]);
    members[0] = Packed::new("train_images.npy", &huge, form);
    let packed = members[0].data.len() as u64;
    assert!(packed < 2000, "{packed}");
    let message = loaded(&written(&members, false, b"")).unwrap_err();
    assert!(
        message.starts_with("train_images must hold the values of [3, 1000000, 1000] of |u1; found "),
        "{message}"
    );
    members[0].size = 3_000_000_000;
    let message = loaded(&written(&members, false, b"")).unwrap_err();
    assert_eq!(message, format!("{WHOLE}; {packed} bytes of train_images.npy can't become 3000000000"));
}

#[test]
fn options_for_folders_are_refused() {
    let options = LoadOptions { split: Some(0.1), ..LoadOptions::default() };
    let source = DatasetSource::Npz("a.npz".into());
    let expected = "split: is for folders of pictures; npz:a.npz has a fixed form";
    assert_eq!(load_from(&source, &options).unwrap_err().to_string(), expected);
    assert_eq!(crate::load_test(&source, &options, &[]).unwrap_err().to_string(), expected);
    let missing = load_from(&source, &LoadOptions::default()).unwrap_err();
    assert_eq!(missing.to_string(), "a.npz: there is no such file");
}

#[test]
fn test_images_are_read_alone_for_the_classes_of_a_model() {
    let all = with(&[]);
    let file = file(&archive(&all[4..], Form::default()));
    let test = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let source = DatasetSource::Npz(file.path.display().to_string());
        crate::load_test(&source, &LoadOptions::default(), &names).map_err(|error| text(&file, &error))
    };
    let (split, notes) = test(&["0", "1", "2"]).unwrap();
    assert_eq!((split.labels(), split.pixels(0)[0], notes.len()), (&[0, 1][..], 200, 0));
    let rule = "must have the model's classes";
    assert_eq!(test(&["0"]).unwrap_err(), format!("{rule}; a test image is of class 1, the model has 1"));
    assert_eq!(
        test(&["0", "dog"]).unwrap_err(),
        format!("{rule}; its class 1 is \"1\", the model's \"dog\"")
    );
}
