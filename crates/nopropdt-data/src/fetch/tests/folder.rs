//! Fetching from a folder.

use super::*;

const UNREACHABLE: &str = "http://127.0.0.1:9/";

fn two_files() -> ManifestDataset {
    entry(&[(IMAGES, images()), (LABELS, labels())], &[UNREACHABLE.to_owned()])
}

/// A folder with these files, as the source.
fn source(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn fetch_from(folder: &TempDir) -> (TempDir, Result<FetchReport, DataError>) {
    let (data, options) = fresh();
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let (result, _) = fetch(&options, &two_files());
    (data, result)
}

#[test]
fn plain_and_compressed_files_are_taken() {
    let compressed = gzip(&images());
    let folder = source(&[(&format!("{IMAGES}.gz"), &compressed), (LABELS, &labels())]);
    let (data, result) = fetch_from(&folder);
    let report = result.unwrap();
    assert_eq!((report.fetched, report.bytes), (vec![IMAGES.to_owned(), LABELS.to_owned()], 301_000));
    assert_eq!(report.folder, data.path().join("mnist"));
    assert_eq!(names(&data), [IMAGES, LABELS]);
    assert!(content(&data, IMAGES) == images() && content(&data, LABELS) == labels());
}

#[test]
fn a_complete_folder_needs_no_source() {
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let (data, result) = fetch_from(&folder);
    result.unwrap();
    let options = FetchOptions { attempts: 1, ..FetchOptions::new(data.path()) };
    let (again, events) = fetch(&options, &two_files());
    assert_eq!((again.unwrap().fetched, events), (Vec::new(), Vec::<String>::new()));
}

#[test]
fn a_missing_file_is_named() {
    let folder = source(&[(IMAGES, &images())]);
    let (data, result) = fetch_from(&folder);
    let wanted =
        format!("{}: folder must hold {LABELS} or {LABELS}.gz; it does not", folder.path().display());
    assert_eq!(result.unwrap_err().to_string(), wanted);
    assert_eq!(names(&data), [IMAGES]);
}

#[test]
fn wrong_files_are_refused_and_leave_nothing() {
    let mut other = images();
    other[299_999] ^= 1;
    let mut longer = images();
    longer.push(0);
    let cut = gzip(&images());
    let refusals: [(&str, &[u8], &str); 5] = [
        ("", &other, "must have SHA-256"),
        ("", &images()[1..], "must be 300000 bytes; found 299999"),
        ("", &longer, "must be 300000 bytes; found more"),
        (".gz", &gzip(&[0; 400_000]), "must be 300000 bytes; found more"),
        (".gz", &cut[..cut.len() - 100], "must be whole gzip data"),
    ];
    for (suffix, bytes, message) in refusals {
        let folder = source(&[(&format!("{IMAGES}{suffix}"), bytes), (LABELS, &labels())]);
        let (data, result) = fetch_from(&folder);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(IMAGES), "{error}");
        // What was right is kept.
        assert_eq!(names(&data), [LABELS]);
    }
}

#[test]
fn a_wrong_file_in_place_is_set_aside() {
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    fs::write(data.path().join("mnist").join(IMAGES), b"mine").unwrap();
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let (result, events) = fetch(&options, &two_files());
    result.unwrap();
    assert!(events[0].starts_with("aside: ") && events[0].ends_with("train-images-idx3-ubyte.wrong"));
    assert!(content(&data, IMAGES) == images());
    assert_eq!(content(&data, "train-images-idx3-ubyte.wrong"), b"mine");
}

#[test]
fn a_second_fetch_waits_for_the_first() {
    let (data, options) = fresh();
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let held = lock(&data.path().join("mnist")).unwrap();
    let waiting = thread::spawn(move || fetch(&options, &two_files()).0);
    thread::sleep(Duration::from_millis(100));
    assert!(!waiting.is_finished() && names(&data).is_empty());
    drop(held);
    assert_eq!(waiting.join().unwrap().unwrap().fetched.len(), 2);
}
