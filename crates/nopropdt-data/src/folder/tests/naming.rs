//! Names of classes, compared as people read them.

use super::*;

const NFC: &str = "caf\u{e9}";
const NFD: &str = "cafe\u{301}";

fn pair(train: &str, test: &str) -> Tree {
    let tree = Tree::new();
    tree.add(&format!("train/{train}/1.png"), &grey(8, 8, 1)).add("train/dog/1.png", &grey(8, 8, 2));
    tree.add(&format!("test/{test}/1.png"), &grey(8, 8, 3));
    tree
}

/// Whether the file system keeps names as they are given; some compose them, or take them apart.
fn names_are_kept() -> bool {
    let tree = Tree::new();
    tree.write(NFC, b"").write(NFD, b"");
    fs::read_dir(tree.path()).unwrap().count() == 2
}

#[test]
fn accents_are_the_same_in_one_piece_and_apart() {
    for (train, test) in [(NFC, NFD), (NFD, NFC), (NFD, NFD)] {
        let tree = pair(train, test);
        let dataset = tree.load(&plain()).unwrap();
        assert_eq!(dataset.class_names, [NFC, "dog"]);
        assert_eq!((seen(&dataset.train), seen(&dataset.test)), (vec![(0, 1), (1, 2)], vec![(0, 3)]));
        // Models from before hold names as the disk had them.
        for names in [[NFC, "dog"], [NFD, "dog"]] {
            assert_eq!(seen(&load_test(tree.path(), &plain(), &classes(&names)).unwrap().0), [(0, 3)]);
        }
    }
}

#[test]
fn classes_are_in_the_order_of_their_composed_names() {
    let tree = Tree::new();
    for (value, name) in [(1, NFD), (2, "cafz"), (3, "cag")] {
        tree.add(&format!("train/{name}/1.png"), &grey(8, 8, value));
        tree.add(&format!("test/{name}/1.png"), &grey(8, 8, value));
    }
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!(dataset.class_names, ["cafz", NFC, "cag"]);
    assert_eq!(seen(&dataset.train), [(0, 2), (1, 1), (2, 3)]);
}

#[test]
fn the_same_name_twice_is_refused() {
    if !names_are_kept() {
        return;
    }
    let tree = pair(NFC, NFC);
    tree.add(&format!("train/{NFD}/1.png"), &grey(8, 8, 1));
    let message = tree.load(&plain()).unwrap_err();
    assert_eq!(
        message,
        "PATH/train: class folders must have different names; found \"café\" twice, its letters composed (NFC) and taken apart (NFD); merge the two"
    );
    let tree = pair(NFC, NFC);
    tree.add(&format!("test/{NFD}/1.png"), &grey(8, 8, 1));
    assert!(
        tree.load(&plain()).unwrap_err().starts_with("PATH/test: class folders must have different names")
    );
}

#[test]
fn a_name_that_is_nearly_right_is_told_with_the_difference() {
    for (train, test, difference) in [
        (
            "cat",
            "Cat ",
            "test class \"Cat \" differs from training class \"cat\" in case and spaces; rename one",
        ),
        ("cat", "CAT", "test class \"CAT\" differs from training class \"cat\" in case; rename one"),
        (
            "red fox",
            "redfox",
            "test class \"redfox\" differs from training class \"red fox\" in spaces; rename one",
        ),
        ("cat", "ｃat", "test class \"ｃat\" differs from training class \"cat\" in form; rename one"),
        ("cat", "cow", "\"cow\" is none of the 2"),
    ] {
        let tree = pair(train, test);
        tree.add("test/dog/1.png", &grey(8, 8, 4));
        let message = tree.load(&plain()).unwrap_err();
        assert_eq!(
            message,
            format!("PATH/test/{test}: test pictures must be of a training class; {difference}")
        );
    }
}

#[test]
fn other_classes_throughout_are_no_test_set() {
    let tree = pair("cat", "cow");
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH: must hold the folders train and test; test has no folder of a training class"
    );
    let dataset = tree.load(&LoadOptions { split: Some(0.5), ..plain() }).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len()), (1, 1));
    // One that is nearly right is a slip.
    let message = pair("cat", "CAT").load(&plain()).unwrap_err();
    assert!(message.contains("differs from training class \"cat\" in case; rename one"), "{message}");
}

#[test]
fn classes_that_are_nearly_the_same_are_told() {
    let tree = pair("Cat", "Cat");
    tree.add("train/cat/1.png", &grey(8, 8, 1));
    let notes: Vec<String> = tree.load(&plain()).unwrap().notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        ["classes \"Cat\" and \"cat\" differ in case alone; if they are one class, merge their folders"]
    );
}
