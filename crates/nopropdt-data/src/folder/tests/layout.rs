//! Which folders are parts, and which are classes.

use super::*;
use crate::folder::scan::tests::READ;

/// A tree with a grey picture of this value at each path.
fn tree(pictures: &[(&str, u8)]) -> Tree {
    let tree = Tree::new();
    for (name, value) in pictures {
        tree.add(name, &grey(8, 8, *value));
    }
    tree
}

/// A tree of two classes in each of these folders; pictures of the `n`-th folder have the value 10·n and one more.
fn parts(folders: &[&str]) -> Tree {
    let tree = Tree::new();
    for (value, folder) in (0..).map(|place| 10 * place).zip(folders) {
        tree.add(&format!("{folder}/cat/1.png"), &grey(8, 8, value));
        tree.add(&format!("{folder}/dog/1.png"), &grey(8, 8, value + 1));
    }
    tree
}

fn notes(dataset: &Dataset) -> Vec<String> {
    dataset.notes.iter().map(ToString::to_string).collect()
}

fn half() -> LoadOptions {
    LoadOptions { split: Some(0.5), ..plain() }
}

#[test]
fn common_spellings_are_parts() {
    for (train, test) in [
        ("Training", "Testing"),
        ("TRAIN", "TEST"),
        ("seg_train", "seg_test"),
        ("train_set", "test_set"),
        ("trainset", "valset"),
        ("train", "valid"),
        ("Train", "Validation"),
        ("training_data", "eval"),
        ("asl_alphabet_train", "asl_alphabet_test"),
        ("train2017", "val2017"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train/train", "test"),
    ] {
        let tree = parts(&[train, test]);
        let dataset = tree.load(&plain()).unwrap();
        assert_eq!(dataset.class_names, ["cat", "dog"], "{train}");
        assert_eq!(
            (seen(&dataset.train), seen(&dataset.test)),
            (vec![(0, 0), (1, 1)], vec![(0, 10), (1, 11)])
        );
        assert_eq!(notes(&dataset), [format!("training pictures: {train}; test pictures: {test}")]);
        // The advice for a single tree is no way round it.
        let message = tree.load(&half()).unwrap_err();
        assert!(
            message.starts_with("PATH: a share to hold out is for a folder without test pictures"),
            "{message}"
        );
        let (tests, _) = load_test(tree.path(), &plain(), &dataset.class_names).unwrap();
        assert_eq!(seen(&tests), seen(&dataset.test), "{train}");
    }
    assert!(notes(&parts(&["train", "test"]).load(&plain()).unwrap()).is_empty());
}

#[test]
fn the_part_with_classes_is_tested_on() {
    // Parts with classes, flat pictures beside them, and the note.
    for (folders, flat, note) in [
        // ImageNet, and many of Kaggle's.
        (
            &["train", "val"][..],
            "test/1.png",
            "training pictures: train; test pictures: val; test has no class folders and is left out",
        ),
        // Roboflow's, with a list of pictures to answer.
        (
            &["train", "valid", "test"],
            "seg_pred/1.png",
            "training pictures: train; test pictures: test; valid is not needed and is left out; \
             seg_pred has the name of no part (train, test, val) and is left out",
        ),
        (
            &["training", "Val"],
            "train/1.png",
            "training pictures: training; test pictures: Val; train has no class folders and is left out",
        ),
        // Keras wants a folder around the pictures to answer.
        (
            &["train", "val"],
            "test/images/1.png",
            "training pictures: train; test pictures: val; test has no folder of a training class and is left out",
        ),
    ] {
        let tree = parts(folders);
        tree.add(flat, &grey(8, 8, 99));
        let dataset = tree.load(&plain()).unwrap();
        assert_eq!(notes(&dataset), [note]);
        let (tests, told) = load_test(tree.path(), &plain(), &dataset.class_names).unwrap();
        assert_eq!(seen(&tests), seen(&dataset.test));
        assert!(told.is_empty() == note.contains("test pictures: test") || told.len() == 1, "{told:?}");
        fs::remove_dir_all(tree.path().join(folders[0])).unwrap();
        assert_eq!(seen(&load_test(tree.path(), &plain(), &dataset.class_names).unwrap().0), seen(&tests));
    }
}

#[test]
fn test_pictures_without_classes_are_no_test_set() {
    let tree = parts(&["train"]);
    tree.add("test/1.png", &grey(8, 8, 99)).add("train/cat/2.png", &grey(8, 8, 2));
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH: must hold the folders train and test; test has no class folders"
    );
    let dataset = tree.load(&half()).unwrap();
    assert_eq!(dataset.class_names, ["cat", "dog"]);
    assert_eq!(notes(&dataset), ["training pictures: train; test has no class folders and is left out"]);
    let (tests, _) = load_test(tree.path(), &half(), &dataset.class_names).unwrap();
    assert_eq!(seen(&tests), seen(&dataset.test));
}

#[test]
fn names_of_parts_alone_are_no_classes() {
    for (pictures, expected) in [
        (&["Training/1.png", "Testing/1.png"][..], "PATH/Training: must hold a folder for each class"),
        (&["train/1.png", "test1/1.png"], "PATH/train: must hold a folder for each class"),
        (&["seg_train/1.png", "seg_test/1.png"], "PATH/seg_train: must hold a folder for each class"),
        (&["test/1.png", "valid/1.png"], "PATH/test: must hold a folder for each class"),
        (&["Train/1.png"], "PATH/Train: must hold a folder for each class"),
        (&["train/1.png", "test/1.png", "masks/1.png"], "PATH/train: must hold a folder for each class"),
        (
            &["Testing/a/1.png", "Testing/b/1.png"],
            "PATH: must hold the folders train and test; it holds Testing alone",
        ),
        (
            &["test/cat/1.png", "cat/1.png", "dog/1.png"],
            "PATH: training classes must not lie beside the folder of test pictures; found cat and test; move the training classes into train",
        ),
        (
            &["train/cat/1.png", "Training/cat/1.png", "test/cat/1.png"],
            "PATH: must hold one folder of training pictures; found Training and train; merge them, or take one away",
        ),
        (
            &["flowers/train/rose/1.png", "flowers/test/rose/1.png"],
            "PATH: must hold the folders train and test; these are one folder further in; take PATH/flowers",
        ),
    ] {
        let pictures: Vec<(&str, u8)> = pictures.iter().map(|name| (*name, 0)).collect();
        for options in [half(), plain()] {
            let message = tree(&pictures).load(&options).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }
    let flat = tree(&[("test/1.png", 0)]);
    let message = load_test(flat.path(), &plain(), &classes(&["a"])).unwrap_err().to_string();
    assert!(message.contains("test: must hold a folder for each class; it holds no folder"), "{message}");
}

#[test]
fn classes_may_be_called_like_parts() {
    for (names, told) in [
        (&["bus", "train"][..], "train is taken for a class; move it away if it is none"),
        (&["prod", "test"], "test is taken for a class; move it away if it is none"),
        (&["eval", "prod", "test"], "test, eval are taken for classes; move them away if they are none"),
        (&["steam train", "toy train"], ""),
        (&["test_tube", "trainer"], ""),
    ] {
        let pictures: Vec<String> =
            names.iter().flat_map(|name| [format!("{name}/1.png"), format!("{name}/2.png")]).collect();
        let pictures: Vec<(&str, u8)> = pictures.iter().map(String::as_str).zip(0..).collect();
        let tree = tree(&pictures);
        let dataset = tree.load(&half()).unwrap();
        assert_eq!(dataset.class_names, names);
        assert_eq!(notes(&dataset).concat(), told);
        let (tests, _) = load_test(tree.path(), &half(), &dataset.class_names).unwrap();
        assert_eq!(seen(&tests), seen(&dataset.test));
    }
    // In a part, too: what is in `train` are classes, whatever they are called.
    let tree = tree(&[("train/train/1.png", 1), ("train/bus/1.png", 2), ("test/train/1.png", 3)]);
    assert_eq!(tree.load(&plain()).unwrap().class_names, ["bus", "train"]);
}

#[test]
fn the_same_folders_in_every_class_are_told() {
    let tree = parts(&["fold1", "fold2", "fold3", "fold4"]);
    assert_eq!(
        notes(&tree.load(&half()).unwrap()),
        [
            "every class holds the same folders (cat, dog); if these are the classes, take a folder that holds them alone"
        ]
    );
    tree.add("fold1/3.png", &grey(8, 8, 0));
    assert!(notes(&tree.load(&half()).unwrap()).is_empty());
}

/// Whatever people call them: to tell training from test pictures is nothing to learn, and no advice may lead there.
#[test]
fn parts_of_unknown_names_are_refused() {
    for names in [&["tr", "te"][..], &["fit", "holdout"], &["01_xtrain", "02_xtest"], &["a", "b", "c"]] {
        let tree = parts(names);
        for options in [half(), plain()] {
            let message = tree.load(&options).unwrap_err();
            assert!(
                message.starts_with("PATH: must hold the folders train and test, with the classes in them; ")
                    && message.contains("hold the same folders (cat, dog); name them train and test"),
                "{message}"
            );
        }
    }
    let tree =
        tree(&[("cat/train/1.png", 1), ("cat/test/1.png", 2), ("dog/train/1.png", 3), ("dog/test/1.png", 4)]);
    for options in [half(), plain()] {
        assert_eq!(
            tree.load(&options).unwrap_err(),
            "PATH: must hold the folders train and test, with the classes in them; each of its classes holds test, train; \
             put the classes into these, not these into the classes"
        );
    }
}

/// The advice works at once: what is wrong beside the missing division is told first.
#[test]
fn advice_is_given_last() {
    let empty = Tree::new();
    let message = empty.load(&plain()).unwrap_err();
    assert!(message.starts_with("PATH: must hold a folder for each class; it holds no folder"), "{message}");
    let tree = tree(&[("cat/1.png", 1), ("dog/1.png", 2)]);
    tree.write("labels/1.txt", b"0 0.5 0.5 1 1");
    let message = tree.load(&plain()).unwrap_err();
    assert!(
        message.starts_with("PATH/labels: a class must have PNG, JPEG, BMP or WebP pictures"),
        "{message}"
    );
}

/// However a folder is laid out, and whoever wants to know it, nothing in it is read twice.
#[test]
fn every_folder_is_listed_once() {
    for tree in [
        parts(&["train", "test"]),
        parts(&["seg_train/seg_train", "seg_test", "seg_pred"]),
        tree(&[("bus/1.png", 1), ("train/2.png", 2), ("train/3.png", 3)]),
        tree(&[("prod/1.png", 1), ("test/deep/2.png", 2), ("eval/3.png", 3)]),
        tree(&[("flowers/rose/1.png", 1), ("flowers/train/2.png", 2)]),
    ] {
        let assert_once = || {
            let mut read = READ.take();
            let count = read.len();
            read.sort();
            read.dedup();
            assert!(count > 0 && read.len() == count, "{count} listings of {read:?}");
        };
        READ.take();
        let opened = [plain(), half()].map(|options| {
            let opened = open(tree.path(), &options);
            assert_once();
            opened
        });
        let opened = opened.into_iter().find_map(Result::ok).expect("the folder is one to learn from");
        for options in [plain(), half()] {
            // Whether it can be tested on or not.
            let _ = load_test(tree.path(), &options, opened.class_names());
            assert_once();
        }
    }
}
