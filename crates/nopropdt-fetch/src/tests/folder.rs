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

fn fetch_from(folder: &TempDir) -> (TempDir, Result<FetchReport, FetchError>) {
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
fn complete_is_never_said_of_what_was_changed_meanwhile() {
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let (data, options) = fresh();
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let path = data.path().join("mnist").join(IMAGES);
    let mut change = |event: FetchEvent<'_>| {
        if matches!(event, FetchEvent::Finished { file } if file == LABELS) {
            fs::write(&path, "other").unwrap();
        }
    };
    let text = Fetcher::new(options).fetch(&two_files(), &mut change).unwrap_err().to_string();
    assert!(text.contains(IMAGES) && text.contains("must stay as it was fetched; it was changed"), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = source(&[(IMAGES, &images())]);
    let (data, result) = fetch_from(&folder);
    let rule = format!("{}: folder must hold {LABELS} or {LABELS}.gz", folder.path().display());
    assert_eq!(result.unwrap_err().to_string(), format!("{rule}; it holds {IMAGES}"));
    assert_eq!(names(&data), [IMAGES]);
    let nothing = fetch_from(&source(&[])).1.unwrap_err().to_string();
    assert!(
        nothing.ends_with(&format!("folder must hold {IMAGES} or {IMAGES}.gz; it is empty")),
        "{nothing}"
    );
}

/// Near names count, whatever they say of compression; what is in them is checked as ever.
#[test]
fn names_that_tools_make_are_taken() {
    let (plain, compressed) = (images(), gzip(&images()));
    for name in ["train-images.idx3-ubyte", "Train-Images-idx3-ubyte.GZ", "train-images-idx3-ubyte (1).gz"] {
        for content in [&plain, &compressed] {
            let folder = source(&[(name, content), ("train-labels.idx1-ubyte", &labels())]);
            let (data, result) = fetch_from(&folder);
            assert_eq!(result.unwrap().fetched, [IMAGES, LABELS]);
            assert_eq!(names(&data), [IMAGES, LABELS]);
            assert!(content_of(&data) == images(), "{name}");
        }
        let mut other = images();
        other[7] ^= 1;
        let folder = source(&[(name, &other), (LABELS, &labels())]);
        let error = fetch_from(&folder).1.unwrap_err().to_string();
        let path = folder.path().join(name).display().to_string();
        assert!(error.starts_with(&path) && error.contains("must have SHA-256"), "{error}");
    }
}

fn content_of(data: &TempDir) -> Vec<u8> {
    content(data, IMAGES)
}

/// Of such a file only the hash of its compressed form is known.
#[test]
fn a_compressed_file_is_known_by_its_content() {
    let compressed = gzip(&labels());
    for (name, content, is_taken) in
        [("train-labels.idx1-ubyte", &compressed, true), ("train-labels.idx1-ubyte", &labels(), false)]
    {
        let (_data, options, entry) = unknown(&[]);
        let folder = source(&[(name, content)]);
        let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
        let result = fetch(&options, &entry).0;
        match is_taken {
            true => assert_eq!(result.unwrap().fetched, [LABELS]),
            false => assert!(result.unwrap_err().to_string().ends_with("it holds train-labels.idx1-ubyte")),
        }
    }
}

#[test]
fn what_a_browser_has_unpacked_is_named() {
    let folder = source(&[("set.tar", b"tar")]);
    let (_data, options) = fresh();
    let mut entry = entry(&[("a", vec![1])], &[UNREACHABLE.to_owned()]);
    entry.files[0].name = "set.tar.gz".to_owned();
    entry.files[0].unpacked_bytes = Some(100);
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let error = fetch(&options, &entry).0.unwrap_err().to_string();
    assert!(error.ends_with("must hold set.tar.gz as it is sent, not unpacked; it holds set.tar"), "{error}");
}

/// Each file that is there is read once, however many are missing.
#[test]
fn what_is_there_is_hashed_once() {
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    let there = data.path().join("mnist").join(IMAGES);
    fs::write(&there, images()).unwrap();
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let hashed = |options: &FetchOptions| {
        crate::hash::HASHED.take();
        let fetched = fetch(options, &two_files()).0.unwrap().fetched;
        (fetched, crate::hash::HASHED.take())
    };
    assert_eq!(hashed(&options), (vec![LABELS.to_owned()], vec![there.clone()]));
    // A complete one: both once.
    let labels = data.path().join("mnist").join(LABELS);
    assert_eq!(hashed(&options), (Vec::new(), vec![there, labels]));
}

/// A plan is a while old when it is carried out.
#[test]
fn a_file_that_is_spoilt_after_the_plan_is_fetched_again() {
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    let there = data.path().join("mnist").join(IMAGES);
    fs::write(&there, images()).unwrap();
    let fetcher = Fetcher::new(FetchOptions { from: Some(folder.path().to_owned()), ..options });
    let entry = two_files();
    let plan = fetcher.plan(&entry).unwrap();
    assert_eq!(plan.missing.len(), 1);
    let mut other = images();
    other[7] ^= 1;
    fs::write(&there, other).unwrap();
    let later = there.metadata().unwrap().modified().unwrap() + Duration::from_millis(20);
    File::options().write(true).open(&there).unwrap().set_modified(later).unwrap();
    assert_eq!(fetcher.carry_out(&plan, &mut |_| ()).unwrap().fetched, [IMAGES, LABELS]);
    assert!(content(&data, IMAGES) == images());
}

/// A page that a server has sent, saved under the name of a file.
#[test]
fn a_page_in_place_of_a_file_is_told_in_words() {
    let page = b"<!doctype html><title>Sign in</title>";
    let folder = source(&[(&format!("{IMAGES}.gz"), page), (LABELS, b"")]);
    let error = fetch_from(&folder).1.unwrap_err().to_string();
    assert!(error.ends_with("must be 300000 bytes; found 37, an HTML page"), "{error}");
    let folder = source(&[(IMAGES, &images()), (LABELS, b"")]);
    let error = fetch_from(&folder).1.unwrap_err().to_string();
    assert!(error.ends_with("must be 1000 bytes; found 0, an empty file"), "{error}");
}

#[test]
fn several_members_are_taken_and_read_alike() {
    let (first, second) = (gzip(&images()[..1000]), gzip(&images()[1000..]));
    let joined = [first, second].concat();
    for (padding, message) in
        [(&b""[..], None), (&[0; 512], None), (b"rubbish", Some("must be whole gzip data"))]
    {
        let folder = source(&[(&format!("{IMAGES}.gz"), &[&joined, padding].concat()), (LABELS, &labels())]);
        let (data, result) = fetch_from(&folder);
        match message {
            None => assert!(result.is_ok() && content(&data, IMAGES) == images()),
            Some(message) => assert!(result.unwrap_err().to_string().contains(message)),
        }
    }
}

/// Opening a pipe waits for a writer, for ever.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let pipe =
        |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let folder = source(&[(&format!("{IMAGES}.gz"), &gzip(&images())), (LABELS, &labels())]);
    pipe(&folder.path().join(IMAGES));
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    pipe(&data.path().join("mnist/fetched.toml"));
    // The compressed file is taken, and the record written anew.
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    assert_eq!(fetch(&options, &two_files()).0.unwrap().fetched.len(), 2);
    assert!(data.path().join("mnist/fetched.toml").is_file());
}

/// What lies where a download is kept is looked at before it is opened.
#[cfg(unix)]
#[test]
fn a_source_is_a_plain_file() {
    let folder = source(&[]);
    let path = folder.path().join("pipe");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let (entry, record) = (two_files(), Record::default());
    let target = DatasetFolder::new(folder.path(), &entry, &record);
    let source = install::Source { path: &path, origin: "here" };
    let error = install::install(&source, &entry.files[0], &target, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("must be a plain file; it is a pipe or a device"), "{error}");
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
    assert!(events[1].starts_with("aside: ") && events[1].ends_with("train-images-idx3-ubyte.wrong"));
    assert!(content(&data, IMAGES) == images());
    assert_eq!(content(&data, "train-images-idx3-ubyte.wrong"), b"mine");
}

/// A dataset of which only the hash of the compressed form is known, and a data folder with the plain file, without a record.
fn unknown(content: &[u8]) -> (TempDir, FetchOptions, ManifestDataset) {
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    fs::write(data.path().join("mnist").join(LABELS), content).unwrap();
    let mut entry = entry(&[(LABELS, labels())], &[UNREACHABLE.to_owned()]);
    entry.files[0].sha256 = None;
    entry.files[0].download_sha256 = Some(sha256_hex(&gzip(&labels())));
    (data, FetchOptions { attempts: 1, ..options }, entry)
}

#[test]
fn what_can_not_be_checked_stays_while_there_is_no_better() {
    let (data, options, entry) = unknown(&labels());
    let (result, events) = fetch(&options, &entry);
    assert!(matches!(result, Err(FetchError::AllMirrorsFailed { .. })));
    assert_eq!(events[0], format!("unknown: {LABELS}"));
    assert!(!events.iter().any(|event| event.starts_with("aside")), "{events:?}");
    assert_eq!((names(&data), content(&data, LABELS)), (vec![LABELS.to_owned()], labels()));
}

#[test]
fn what_turns_out_right_is_not_called_wrong() {
    let folder = source(&[(&format!("{LABELS}.gz"), &gzip(&labels()))]);
    for (there, aside) in [(labels(), 0), (vec![8; 1000], 1)] {
        let (data, options, entry) = unknown(&there);
        let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
        let (result, events) = fetch(&options, &entry);
        assert_eq!(result.unwrap().fetched, [LABELS]);
        assert_eq!(events.iter().filter(|event| event.starts_with("aside")).count(), aside, "{events:?}");
        assert_eq!((names(&data).len(), content(&data, LABELS)), (1 + aside, labels()));
        // Now its hash is on record.
        assert_eq!(fetch(&options, &entry).0.unwrap().fetched.len(), 0);
    }
}

#[test]
fn a_second_fetch_waits_for_the_first() {
    let (data, options) = fresh();
    let folder = source(&[(IMAGES, &images()), (LABELS, &labels())]);
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let held = lock(&data.path().join("mnist"), &mut |_| panic!("nobody holds it")).unwrap();
    let (told, waits) = std::sync::mpsc::channel();
    let waiting = thread::spawn(move || {
        let mut tell = |event: FetchEvent<'_>| {
            if let FetchEvent::Waiting { folder } = event {
                told.send(folder.to_owned()).unwrap();
            }
        };
        Fetcher::new(options).fetch(&two_files(), &mut tell)
    });
    assert_eq!(waits.recv_timeout(Duration::from_secs(20)).unwrap(), data.path().join("mnist"));
    assert!(!waiting.is_finished() && names(&data).is_empty());
    drop(held);
    assert_eq!(waiting.join().unwrap().unwrap().fetched.len(), 2);
}
