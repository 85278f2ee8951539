use std::fs;
use std::path::PathBuf;

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

use super::*;
use crate::{Channels, DataError, Split};

mod decoding;
mod layout;
mod left_out;
mod naming;
mod upright;

/// A picture of one colour.
fn colour(height: u32, width: u32, pixel: [u8; 3]) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb(pixel)).into()
}

fn grey(height: u32, width: u32, pixel: u8) -> DynamicImage {
    GrayImage::from_pixel(width, height, [pixel].into()).into()
}

/// A folder of pictures to be.
struct Tree {
    folder: TempDir,
}

impl Tree {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn add(&self, name: &str, picture: &DynamicImage) -> &Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
        self
    }

    fn write(&self, name: &str, bytes: &[u8]) -> &Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn load(&self, options: &LoadOptions) -> Result<Dataset, String> {
        let begin = self.path().display().to_string();
        let loaded = open(self.path(), options).and_then(|opened| opened.load("mine"));
        loaded.map_err(|error| error.to_string().replace(&begin, "PATH"))
    }
}

/// Label and first pixel of each image, sorted.
fn seen(split: &Split) -> Vec<(usize, u8)> {
    let mut seen: Vec<_> =
        (0..split.len()).map(|index| (split.label(index), split.pixels(index)[0])).collect();
    seen.sort_unstable();
    seen
}

fn plain() -> LoadOptions {
    LoadOptions::new("unused")
}

/// Two classes, divided, of 8×8 grey pictures.
fn divided_tree() -> Tree {
    let tree = Tree::new();
    tree.add("train/dog/b.png", &grey(8, 8, 20)).add("train/dog/a.png", &grey(8, 8, 10));
    tree.add("train/cat/deep/er/x.png", &grey(8, 8, 30)).add("test/dog/t.png", &grey(8, 8, 40));
    tree
}

/// One tree of `count` pictures in each of two classes.
fn single_tree(count: u8) -> Tree {
    let tree = Tree::new();
    for index in 0..count {
        tree.add(&format!("a/{index:03}.png"), &grey(8, 8, index));
        tree.add(&format!("b/{index:03}.png"), &grey(8, 8, 100 + index));
    }
    tree
}

#[test]
fn a_divided_tree_is_read() {
    let tree = divided_tree();
    tree.write("train/dog/notes.txt", b"not a picture")
        .write("train/.hidden/x.png", b"")
        .write("README", b"");
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!(
        (dataset.name.as_str(), &dataset.class_names[..]),
        ("mine", &["cat".to_owned(), "dog".into()][..])
    );
    assert_eq!(*dataset.shape(), ImageShape { height: 8, width: 8, channels: 1 });
    assert_eq!(seen(&dataset.train), [(0, 30), (1, 10), (1, 20)]);
    assert_eq!(seen(&dataset.test), [(1, 40)]);
    let opened = open(tree.path(), &plain()).unwrap();
    assert_eq!((opened.shape(), opened.class_names.len()), (dataset.shape().image().unwrap(), 2));
}

#[test]
fn one_colour_picture_makes_all_colour() {
    let tree = divided_tree();
    tree.add("test/cat/z.png", &colour(8, 8, [1, 2, 3]));
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!(dataset.shape().channels(), 3);
    let cat = dataset.train.labels().iter().position(|&label| label == 0).unwrap();
    assert_eq!(dataset.train.pixels(cat)[..3], [30, 30, 30]);
    let cat = dataset.test.labels().iter().position(|&label| label == 0).unwrap();
    assert_eq!(dataset.test.pixels(cat)[..3], [1, 2, 3]);
    let grey = tree.load(&LoadOptions { channels: Channels::Grey, ..plain() }).unwrap();
    assert_eq!((grey.shape().channels(), seen(&grey.train)[0]), (1, (0, 30)));
    let rgb = divided_tree().load(&LoadOptions { channels: Channels::Rgb, ..plain() }).unwrap();
    assert_eq!(rgb.shape().channels(), 3);
}

#[test]
fn a_single_tree_is_split_the_same_way_every_time() {
    let tree = single_tree(10);
    let options = LoadOptions { split: Some(0.2), ..plain() };
    let (first, second) = (tree.load(&options).unwrap(), tree.load(&options).unwrap());
    let classes: Vec<usize> = seen(&first.test).into_iter().map(|(label, _)| label).collect();
    assert_eq!((first.train.len(), classes), (16, vec![0, 0, 1, 1]));
    assert!(!first.train.labels().is_sorted(), "classes are mixed");
    assert!(first.train == second.train && first.test == second.test);
    let mut all: Vec<u8> = [&first.train, &first.test]
        .iter()
        .flat_map(|split| (0..split.len()).map(|index| split.pixels(index)[0]))
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..10).chain(100..110).collect::<Vec<u8>>());
    let least = tree.load(&LoadOptions { split: Some(1e-9), ..plain() }).unwrap();
    assert_eq!((least.train.len(), least.test.len()), (19, 1));
    let most = tree.load(&LoadOptions { split: Some(0.999_999), ..plain() }).unwrap();
    assert_eq!((most.train.len(), most.test.len()), (1, 19));
}

#[test]
fn the_split_must_suit_the_folder() {
    assert_eq!(
        single_tree(2).load(&plain()).unwrap_err(),
        "PATH: must hold the folders train and test; it does not"
    );
    assert_eq!(
        divided_tree().load(&LoadOptions { split: Some(0.1), ..plain() }).unwrap_err(),
        "PATH: a share to hold out is for a folder without test pictures; there are some in PATH/test"
    );
    for share in [0.0, 1.0, -0.5, f64::NAN] {
        let message = single_tree(2).load(&LoadOptions { split: Some(share), ..plain() }).unwrap_err();
        assert!(
            message.starts_with("PATH: the share held out for testing must be above 0 and below 1; found"),
            "{message}"
        );
    }
    // Training pictures alone, in `train`.
    let half = LoadOptions { split: Some(0.5), ..plain() };
    let tree = Tree::new();
    tree.add("train/a/1.png", &grey(8, 8, 0));
    assert_eq!(
        tree.load(&half).unwrap_err(),
        "PATH: must hold at least two pictures, one to train on and one to test on; found 1"
    );
    tree.add("train/a/2.png", &grey(8, 8, 0));
    assert_eq!(tree.load(&half).unwrap().test.len(), 1);
    // A class called train, or pictures of no use here? Whoever made the folder must say.
    tree.add("__MACOSX/1.png", &grey(8, 8, 0));
    assert_eq!(tree.load(&half).unwrap().test.len(), 1);
    tree.add("bus/1.png", &grey(8, 8, 0));
    assert_eq!(
        tree.load(&half).unwrap_err(),
        "PATH: must hold no other folder beside train, unless one is test or val; found bus; rename train if it is a class, or take what is in it alone: PATH/train"
    );
}

fn classes(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn test_pictures_are_read_alone() {
    // Nothing is asked of the training pictures, not even that they are there.
    let tree = divided_tree();
    tree.write("train/dog/broken.png", b"");
    let test = |names: &[&str], options: &LoadOptions| {
        let begin = tree.path().display().to_string();
        load_test(tree.path(), options, &classes(names))
            .map(|(test, _)| test)
            .map_err(|error| error.to_string().replace(&begin, "PATH"))
    };
    assert_eq!(seen(&test(&["cat", "dog"], &plain()).unwrap()), [(1, 40)]);
    fs::remove_dir_all(tree.path().join("train")).unwrap();
    // Labels are the model's.
    assert_eq!(seen(&test(&["dog", "cow", "ant"], &plain()).unwrap()), [(0, 40)]);
    assert_eq!(
        test(&["cat", "cow"], &plain()).unwrap_err(),
        "PATH/test/dog: test pictures must be of a training class; \"dog\" is none of the 2"
    );
    let message = test(&["cat", "dog"], &LoadOptions { split: Some(0.5), ..plain() }).unwrap_err();
    assert!(
        message.starts_with("PATH: a share to hold out is for a folder without test pictures"),
        "{message}"
    );
}

#[test]
fn a_class_may_be_called_test() {
    let tree = Tree::new();
    tree.add("test/1.png", &grey(8, 8, 1))
        .add("prod/1.png", &grey(8, 8, 2))
        .add("prod/2.png", &grey(8, 8, 3));
    let half = LoadOptions { split: Some(0.5), ..plain() };
    let dataset = tree.load(&half).unwrap();
    let (found, _) = load_test(tree.path(), &half, &dataset.class_names).unwrap();
    assert_eq!(seen(&found), seen(&dataset.test));
}

#[test]
fn one_tree_is_a_test_set_whole_or_in_part() {
    let tree = single_tree(5);
    let names = classes(&["a", "b"]);
    let test = |options: &LoadOptions| load_test(tree.path(), options, &names).unwrap().0;
    assert_eq!(test(&LoadOptions { split: Some(1.0), ..plain() }).len(), 10);
    // Some might be those that were trained on; nobody said that these aren't.
    let message = load_test(tree.path(), &plain(), &names).unwrap_err().to_string();
    assert!(message.contains("must hold the folder test; it does not"), "{message}");
    // The part that training with the same share held out.
    let options = LoadOptions { split: Some(0.4), ..plain() };
    let held_out = tree.load(&options).unwrap().test;
    assert_eq!((held_out.len(), seen(&test(&options))), (4, seen(&held_out)));
}

#[test]
fn an_outline_is_that_of_the_dataset() {
    let tree = divided_tree();
    tree.add("test/cat/z.png", &colour(8, 8, [1, 2, 3])).write("test/cat/zz.png", b"broken");
    assert_eq!(open(tree.path(), &plain()).unwrap().shape().channels, 3);
    let grey = LoadOptions { channels: Channels::Grey, ..plain() };
    assert_eq!(open(tree.path(), &grey).unwrap().shape().channels, 1);
    fs::remove_file(tree.path().join("test/cat/z.png")).unwrap();
    assert_eq!(open(tree.path(), &plain()).unwrap().shape().channels, 1);
}

#[test]
fn classes_must_be_known_and_filled() {
    let tree = divided_tree();
    tree.add("test/cow/x.png", &grey(8, 8, 0));
    let message = tree.load(&plain()).unwrap_err();
    assert_eq!(message, "PATH/test/cow: test pictures must be of a training class; \"cow\" is none of the 2");
    let tree = divided_tree();
    fs::create_dir(tree.path().join("train/empty")).unwrap();
    let message = tree.load(&plain()).unwrap_err();
    assert_eq!(
        message,
        "PATH/train/empty: a class must have PNG, JPEG, BMP or WebP pictures; found none; remove the folder or fill it"
    );
    let tree = Tree::new();
    tree.write("readme.txt", b"");
    let message = tree.load(&LoadOptions { split: Some(0.1), ..plain() }).unwrap_err();
    assert_eq!(
        message,
        "PATH: must hold a folder for each class; it holds no folder; sort its pictures into folders, one a class"
    );
}

#[test]
fn a_missing_folder_and_a_file_are_errors() {
    assert!(matches!(open(&PathBuf::from("no/such"), &plain()), Err(DataError::NoFolder { .. })));
    let tree = Tree::new();
    tree.write("file", b"");
    let message = open(&tree.path().join("file"), &plain()).unwrap_err().to_string();
    assert!(message.ends_with("file: must be a folder of pictures; it is a file"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_must_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let tree = divided_tree();
    let folder = tree.path().join("train/dog");
    // Of no interest, whatever its name.
    fs::write(folder.join(OsStr::from_bytes(b"\xff.txt")), b"").unwrap();
    assert_eq!(tree.load(&plain()).unwrap().train.len(), 3);
    fs::write(folder.join(OsStr::from_bytes(b"caf\xe9.png")), b"").unwrap();
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH/train/dog: names must be UTF-8 without control characters; found \"caf\\xE9.png\"; rename it"
    );
    // A line break would make two lines of a message, the second as the folder's maker likes it.
    let tree = divided_tree();
    fs::create_dir(tree.path().join("train/dog/two\nlines")).unwrap();
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH/train/dog: names must be UTF-8 without control characters; found \"two\\nlines\"; rename it"
    );
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_are_refused() {
    let tree = divided_tree();
    std::os::unix::fs::symlink(tree.path(), tree.path().join("train/dog/up")).unwrap();
    let message = tree.load(&plain()).unwrap_err();
    assert_eq!(message, "PATH/train/dog/up: must not be a link to a folder; put the folder itself there");
}

/// The test pictures that are read alone are counted, too.
#[test]
fn pictures_are_counted_as_they_are_read() {
    let tree = divided_tree();
    let watched = |read: &dyn Fn(&LoadOptions)| {
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let into = told.clone();
        let watcher = Watcher::new(move |done, all| into.lock().unwrap().push((done, all)));
        read(&LoadOptions { watcher, ..plain() });
        let mut told = told.lock().unwrap().clone();
        told.sort();
        told
    };
    let all = tree.load(&plain()).unwrap();
    let count = all.train.len() + all.test.len();
    let wanted: Vec<(usize, usize)> = (1..=count).map(|done| (done, count)).collect();
    assert_eq!(watched(&|options| drop(tree.load(options).unwrap())), wanted);
    let tests = watched(&|options| drop(load_test(tree.path(), options, &all.class_names).unwrap()));
    assert_eq!(tests.last(), Some(&(all.test.len(), all.test.len())));
}
