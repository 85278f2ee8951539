//! What is left out is told, and what is a picture is not left out.

use super::*;

fn lines(dataset: &Dataset) -> Vec<String> {
    dataset.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn pictures_are_read_whatever_their_name() {
    let tree = divided_tree();
    let picture = grey(8, 8, 50);
    for (name, format) in [
        ("1.jfif", ImageFormat::Jpeg),
        ("2.JPE", ImageFormat::Jpeg),
        ("3.pjpeg", ImageFormat::Jpeg),
        ("4.jfi", ImageFormat::Jpeg),
        ("5", ImageFormat::Png),
        ("6.tif", ImageFormat::Png),
        ("7.gif", ImageFormat::WebP),
        ("8.dib", ImageFormat::Bmp),
        ("9.png~", ImageFormat::Png),
    ] {
        // The decoder of WebP makes three channels of any.
        let picture = if format == ImageFormat::WebP { colour(8, 8, [50; 3]) } else { picture.clone() };
        picture.save_with_format(tree.path().join("train/dog").join(name), format).unwrap();
    }
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!(dataset.train.len(), 3 + 9);
    assert_eq!(lines(&dataset), [""; 0]);
}

#[test]
fn what_is_left_out_is_told_by_reason_and_ending() {
    let tree = divided_tree();
    for name in
        ["train/dog/deep/2.tif", "train/dog/1.tif", "train/cat/3.TIF", "test/dog/x.gif", "test/dog/README"]
    {
        tree.write(name, b"II*\0");
    }
    for name in ["labels.csv", "train/flat.png", "train/flat2.png", "test/z.png"] {
        tree.write(name, b"");
    }
    let dataset = tree.load(&plain()).unwrap();
    let no_pictures = "left out: 5 files that are no PNG, JPEG, BMP or WebP pictures: 3 .tif (train/cat/3.TIF, …), \
                       1 without an ending (test/dog/README), 1 .gif (test/dog/x.gif)";
    let outside = "left out: 4 files outside class folders: 3 .png (test/z.png, …), 1 .csv (labels.csv)";
    assert_eq!(lines(&dataset), [no_pictures, outside]);
    let (_, notes) = load_test(tree.path(), &plain(), &dataset.class_names).unwrap();
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "left out: 2 files that are no PNG, JPEG, BMP or WebP pictures: 1 without an ending (test/dog/README), 1 .gif (test/dog/x.gif)",
            "left out: 2 files outside class folders: 1 .csv (labels.csv), 1 .png (test/z.png)"
        ]
    );
}

#[test]
fn a_single_tree_tells_too() {
    let tree = single_tree(3);
    tree.write("a/1.heic", b"").write("flat.jpg", b"").write("b/Thumbs.txt", b"BMW");
    let options = LoadOptions { split: Some(0.5), ..plain() };
    let expected = [
        "left out: 2 files that are no PNG, JPEG, BMP or WebP pictures: 1 .heic (a/1.heic), 1 .txt (b/Thumbs.txt)",
        "left out: 1 file outside class folders: 1 .jpg (flat.jpg)",
    ];
    assert_eq!(lines(&tree.load(&options).unwrap()), expected);
    let options = LoadOptions { split: Some(1.0), ..plain() };
    let (_, notes) = load_test(tree.path(), &options, &classes(&["a", "b"])).unwrap();
    assert_eq!(notes.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn a_class_of_other_formats_alone_is_told_so() {
    let tree = divided_tree();
    tree.write("train/hen/1.tif", b"II*\0").write("train/hen/2.tif", b"II*\0");
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH/train/hen: a class must have PNG, JPEG, BMP or WebP pictures; found none, but 2 .tif (train/hen/1.tif, …); \
         convert these or remove the folder"
    );
}

#[test]
fn what_systems_add_is_neither_a_class_nor_told() {
    let tree = divided_tree();
    for name in [
        "__MACOSX/train/1.png",
        "train/__MACOSX/._1.png",
        "train/dog/__MACOSX/1.png",
        "train/dog/.DS_Store",
        "train/.git/1.png",
        "test/.ipynb_checkpoints/1.png",
        "@eaDir/train/1.png",
        "train/@eaDir/1.png",
        "train/dog/@eaDir/a.png@SynoEAStream",
        "lost+found/1.png",
        "train/lost+found/1.png",
        "$RECYCLE.BIN/1.png",
        "train/$RECYCLE.BIN/S-1-5/1.png",
        "System Volume Information/x.png",
        "test/dog/Thumbs.db",
        "#snapshot/1.png",
        "train/@tmp/1.png",
        "train/found.000/1.png",
        "train/__pycache__/1.png",
        "Network Trash Folder/1.png",
        "test/dog/desktop.ini",
    ] {
        tree.write(name, b"");
    }
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!((dataset.class_names.len(), dataset.train.len()), (2, 3));
    assert_eq!(lines(&dataset), [""; 0]);
}

#[cfg(unix)]
#[test]
fn what_can_not_be_read_is_told_apart() {
    let tree = divided_tree();
    std::os::unix::fs::symlink("nowhere", tree.path().join("train/dog/link.lock")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("train/dog/socket")).unwrap();
    assert_eq!(
        lines(&tree.load(&plain()).unwrap()),
        [
            "left out: 1 file that is no PNG, JPEG, BMP or WebP picture: 1 without an ending (train/dog/socket)",
            "left out: 1 file that can't be read: 1 .lock (train/dog/link.lock)"
        ]
    );
}

#[test]
fn a_name_with_a_line_feed_stays_on_the_line() {
    let tree = divided_tree();
    tree.write("train/dog/a\nb.t\nt", b"");
    let lines = lines(&tree.load(&plain()).unwrap());
    assert_eq!(
        lines,
        [
            "left out: 1 file that is no PNG, JPEG, BMP or WebP picture: 1 without an ending (train/dog/a\u{fffd}b.t\u{fffd}t)"
        ]
    );
}
