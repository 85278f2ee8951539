//! Fetching archives, good and hostile.

use super::server::{Answer, Server};
use super::*;
use crate::hash::md5_hex;

const NAME: &str = "pictures.tar.gz";

/// A tar.gz archive of files by name, written without any check.
fn archive(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.as_old_mut().linkname[..4].copy_from_slice(b"/etc");
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    gzip(&bytes)
}

fn good() -> Vec<u8> {
    use tar::EntryType::Regular;
    archive(&[("set/train/cat/1.png", Regular, b"meow"), ("set/test/cat/2.png", Regular, b"purr")])
}

/// The entry of an archive of which only the MD5 is known.
fn archived(bytes: &[u8], mirror: &str) -> ManifestDataset {
    let text = format!(
        "[[dataset]]\nname = \"mnist\"\ntitle = \"t\"\nhomepage = \"h\"\nlicence = \"l\"\ncredit = \"c\"\nmirrors = [{mirror:?}]\n\
         [[dataset.file]]\nname = \"{NAME}\"\nunpack = \"tar.gz\"\nbytes = {}\nmd5 = \"{}\"\nunpacked-bytes = 1000\nunpacked-files = 10\n",
        bytes.len(),
        md5_hex(bytes)
    );
    Manifest::parse(&text).unwrap().dataset("mnist").unwrap().clone()
}

fn serve(bytes: Vec<u8>) -> Server {
    Server::start(move |_, _| Answer::Content { bytes: bytes.clone(), tag: "\"a\"" })
}

fn record(data: &TempDir) -> String {
    fs::read_to_string(data.path().join("mnist/fetched.toml")).unwrap()
}

#[test]
fn an_archive_is_unpacked_and_known_again() {
    let server = serve(good());
    let entry = archived(&good(), &server.mirror("a"));
    let (data, options) = fresh();
    let (result, events) = fetch(&options, &entry);
    let report = result.unwrap();
    // The bytes that came out, not the most that may have.
    assert_eq!((report.roots, report.bytes), (vec!["set".to_owned()], 8));
    assert_eq!(events, ["start at 0".to_owned(), format!("unpack: {NAME}"), format!("done: {NAME}")]);
    assert_eq!(names(&data), ["set"]);
    assert_eq!(content(&data, "set/train/cat/1.png"), b"meow");
    // The publisher gives an MD5; the SHA-256 that was seen is on record.
    assert!(record(&data).contains(&sha256_hex(&good())));
    assert!(Fetcher::new(options.clone()).is_present(&entry));
    let (again, events) = fetch(&options, &entry);
    assert_eq!((again.unwrap().fetched.len(), events.len(), server.requests().len()), (0, 0, 1));
}

/// What came out of an archive is read once, however much else is missing.
#[test]
fn what_was_unpacked_is_hashed_once() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(NAME), good()).unwrap();
    fs::write(folder.path().join(LABELS), labels()).unwrap();
    let mut entry = archived(&good(), "http://127.0.0.1:9/");
    let (data, options) = fresh();
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    crate::hash::HASHED.take();
    fetch(&options, &entry).0.unwrap();
    // It was hashed while it was written.
    assert!(crate::hash::HASHED.take().is_empty());
    let plain = super::entry(&[(LABELS, labels())], &["http://127.0.0.1:9/".to_owned()]);
    entry.files.extend(plain.files);
    assert_eq!(fetch(&options, &entry).0.unwrap().fetched, [LABELS]);
    let mut hashed = crate::hash::HASHED.take();
    hashed.sort();
    let set = data.path().canonicalize().unwrap().join("mnist/set");
    assert_eq!(hashed, [set.join("test/cat/2.png"), set.join("train/cat/1.png")]);
}

/// Bytes of all files in a folder but the lock and the record of a part's origin.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let bytes = |path: PathBuf| match path.is_dir() {
        true => bytes_below(&path),
        false if path.extension().is_some_and(|extension| extension == "source") => 0,
        false => fs::metadata(path).unwrap().len(),
    };
    entries.map(bytes).sum()
}

#[test]
fn the_room_demanded_is_what_is_used_at_the_peak() {
    let plain = entry(&[(IMAGES, images())], &["http://host/".to_owned()]);
    let archive = archived(&good(), "http://host/");
    for (mut entry, sent, way) in [(plain, gzip(&images()), IMAGES), (archive, good(), "set")] {
        let server = serve(sent.clone());
        entry.mirrors = vec![server.mirror("a")];
        let file = &mut entry.files[0];
        let blocks = file.unpacked_files.unwrap_or(0) * 4096;
        file.download_bytes = Some(sent.len() as u64);
        file.unpacked_bytes = file.unpacked_bytes.map(|_| 8);
        let (data, options) = fresh();
        // What is in the way is set aside when the new is complete and the download still there.
        fs::create_dir_all(data.path().join("mnist").join(way)).unwrap();
        let mut used = None;
        let mut look = |event: FetchEvent<'_>| {
            if matches!(event, FetchEvent::SetAside { .. }) {
                used = Some(bytes_below(data.path()));
            }
        };
        let fetcher = Fetcher::new(options);
        let plan = fetcher.plan(&entry).unwrap();
        fetcher.carry_out(&plan, &mut look).unwrap();
        assert_eq!(used.unwrap() + blocks, space::needed(&[plan]), "{way}");
    }
}

#[test]
fn an_archive_that_was_never_unpacked_is_not_there() {
    let entry = archived(&good(), "http://host/");
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    fs::write(data.path().join("mnist").join(NAME), good()).unwrap();
    let fetcher = Fetcher::new(options);
    assert!(!fetcher.is_present(&entry) && !fetcher.plan(&entry).unwrap().is_complete());
}

#[test]
fn what_is_still_right_of_an_archive_is_not_moved_away() {
    use tar::EntryType::Regular;
    let bytes = archive(&[("train/cat/1.png", Regular, b"meow"), ("test/cat/2.png", Regular, b"purr")]);
    let server = serve(bytes.clone());
    let entry = archived(&bytes, &server.mirror("a"));
    let (data, options) = fresh();
    fetch(&options, &entry).0.unwrap();
    fs::remove_dir_all(data.path().join("mnist/test")).unwrap();
    let (result, events) = fetch(&options, &entry);
    assert_eq!(result.unwrap().fetched, [NAME]);
    assert!(!events.iter().any(|event| event.starts_with("aside")), "{events:?}");
    assert_eq!(
        (names(&data), content(&data, "test/cat/2.png")),
        (vec!["test".into(), "train".into()], b"purr".to_vec())
    );
}

#[test]
fn what_was_changed_after_unpacking_is_set_aside() {
    let server = serve(good());
    let entry = archived(&good(), &server.mirror("a"));
    let (data, options) = fresh();
    fetch(&options, &entry).0.unwrap();
    for (round, change) in ["woof", "moo!"].into_iter().enumerate() {
        fs::write(data.path().join("mnist/set/train/cat/1.png"), change).unwrap();
        let (result, events) = fetch(&options, &entry);
        assert_eq!(result.unwrap().fetched, [NAME]);
        assert!(events[2].starts_with("aside: "), "{events:?}");
        assert_eq!(content(&data, "set/train/cat/1.png"), b"meow");
        let aside = ["set.wrong", "set.wrong-2"][round];
        assert_eq!(content(&data, &format!("{aside}/train/cat/1.png")), change.as_bytes());
    }
}

/// As a user does who moves a dataset to a bigger disk.
#[cfg(unix)]
#[test]
fn a_root_may_be_a_link() {
    let server = serve(good());
    let entry = archived(&good(), &server.mirror("a"));
    let (data, options) = fresh();
    fetch(&options, &entry).0.unwrap();
    let (root, moved) = (data.path().join("mnist/set"), data.path().join("moved"));
    fs::rename(&root, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &root).unwrap();
    assert_eq!(fetch(&options, &entry).0.unwrap().fetched, [""; 0]);
    // Unpacked again, it is the same, and the link stays.
    fs::remove_file(data.path().join("mnist/fetched.toml")).unwrap();
    assert_eq!(fetch(&options, &entry).0.unwrap().fetched, [NAME]);
    assert!(root.is_symlink() && server.requests().len() == 2);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_set_aside() {
    let server = serve(good());
    let entry = archived(&good(), &server.mirror("a"));
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    for name in ["set", "set.wrong"] {
        std::os::unix::fs::symlink("no/such/folder", data.path().join("mnist").join(name)).unwrap();
    }
    fetch(&options, &entry).0.unwrap();
    assert_eq!(names(&data), ["set", "set.wrong", "set.wrong-2"]);
    assert_eq!(content(&data, "set/train/cat/1.png"), b"meow");
}

#[test]
fn a_hostile_archive_is_one_clear_line_and_leaves_nothing() {
    use tar::EntryType::{Link, Regular, Symlink};
    for (files, words) in [
        (vec![("../../evil", Regular, &b"x"[..])], "a path must not lead out of the folder"),
        (vec![("/tmp/evil", Regular, b"x")], "a path must not be absolute"),
        (vec![("set/ok", Regular, b"x"), ("set/link", Symlink, b"")], "\"set/link\" is a symbolic link"),
        (vec![("set/link", Link, b"")], "\"set/link\" is a hard link"),
        (vec![("set/bomb", Regular, &[0; 100_000])], "must unpack to at most 1000 bytes"),
        (vec![], "must hold files; it holds none"),
        (vec![("set/x", Regular, b"1"), ("set/x", Regular, b"2")], "must hold each name once"),
    ] {
        let bytes = archive(&files);
        let server = serve(bytes.clone());
        let (data, options) = fresh();
        let (result, _) = fetch(&options, &archived(&bytes, &server.mirror("a")));
        let text = result.unwrap_err().to_string();
        assert!(text.contains(words) && !text.contains('\n'), "{text}");
        // By its own name, and with advice that suits.
        assert!(text.starts_with(&format!("{NAME}: archive ")) && text.contains("report it"), "{text}");
        assert!(!text.contains("try again") && server.requests().len() == 1, "{text}");
        assert_eq!(names(&data), [""; 0], "{words}");
        // Beside the dataset's folder, too, there is nothing new.
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "{words}");
    }
}

/// Serves two archives and fetches them, one after the other.
fn fetch_two(first: &[u8], second: &[u8]) -> (TempDir, Server, Result<FetchReport, FetchError>) {
    let bytes = [first.to_vec(), second.to_vec()];
    let served = bytes.clone();
    let server = Server::start(move |_, request| {
        let index = usize::from(request.path.ends_with("second.tar.gz"));
        Answer::Content { bytes: served[index].clone(), tag: "\"a\"" }
    });
    let mut entry = archived(first, &server.mirror("a"));
    entry.files = [("first.tar.gz", first), ("second.tar.gz", second)]
        .map(|(name, bytes)| ManifestFile {
            name: name.to_owned(),
            ..archived(bytes, "http://host/").files[0].clone()
        })
        .to_vec();
    let (data, options) = fresh();
    let (result, _) = fetch(&options, &entry);
    // Fetched again, it is what it was.
    let (again, _) = fetch(&options, &entry);
    assert_eq!(again.is_ok(), result.is_ok());
    (data, server, result)
}

#[test]
fn archives_of_one_dataset_have_different_names_at_the_top() {
    use tar::EntryType::Regular;
    let test = archive(&[("test/cat/2.png", Regular, b"purr")]);
    let (data, _server, result) = fetch_two(&archive(&[("train/cat/1.png", Regular, b"meow")]), &test);
    assert_eq!(
        (result.unwrap().roots, names(&data)),
        (vec!["train".into(), "test".into()], vec!["test".to_owned(), "train".into()])
    );
    for same in ["set", "Set"] {
        let second = archive(&[(&format!("{same}/test/cat/2.png"), Regular, b"purr")]);
        let (data, server, result) =
            fetch_two(&archive(&[("set/train/cat/1.png", Regular, b"meow")]), &second);
        let text = result.unwrap_err().to_string();
        assert!(
            text.starts_with(&format!("second.tar.gz: archive must not hold \"{same}\" at its top, which first.tar.gz brings already: ")),
            "{text}"
        );
        // The first one's files are where they were, and were not fetched again.
        assert_eq!(
            (names(&data), content(&data, "set/train/cat/1.png")),
            (vec!["set".to_owned()], b"meow".to_vec())
        );
        assert_eq!(server.requests().iter().filter(|request| request.path.contains("first")).count(), 1);
    }
}

#[test]
fn an_archive_does_not_write_over_files_of_the_fetch() {
    for name in
        ["fetched.toml", "Fetched.toml", ".fetch-lock", "pictures.tar.gz.part", "x.tmp", ".x.unpacking"]
    {
        let bytes = archive(&[(name, tar::EntryType::Regular, b"mine")]);
        let server = serve(bytes.clone());
        let (data, options) = fresh();
        let text = fetch(&options, &archived(&bytes, &server.mirror("a"))).0.unwrap_err().to_string();
        assert!(text.contains(&format!("must not hold \"{name}\" at its top")), "{text}");
        assert_eq!(names(&data), [""; 0]);
    }
}

#[test]
fn an_archive_of_other_content_is_not_opened() {
    let server = serve(archive(&[("set/x", tar::EntryType::Regular, b"other")]));
    let mut entry = archived(&good(), &server.mirror("a"));
    let (data, options) = fresh();
    assert!(fetch(&options, &entry).0.unwrap_err().to_string().contains("must be "));
    entry.files[0].bytes = archive(&[("set/x", tar::EntryType::Regular, b"other")]).len() as u64;
    let text = fetch(&options, &entry).0.unwrap_err().to_string();
    assert!(text.contains("must have MD5 (as sent)"), "{text}");
    assert_eq!(names(&data), [""; 0]);
}

/// An opened file stays the same where another gets its name.
#[cfg(unix)]
#[test]
fn what_is_unpacked_is_what_was_checked() {
    let folder = TempDir::new().unwrap();
    let (source, other) = (folder.path().join(NAME), folder.path().join("other"));
    fs::write(&source, good()).unwrap();
    fs::write(&other, archive(&[("set/x", tar::EntryType::Regular, b"other")])).unwrap();
    let (data, options) = fresh();
    let options = FetchOptions { from: Some(folder.path().to_owned()), ..options };
    let mut exchange = |event: FetchEvent<'_>| {
        if matches!(event, FetchEvent::Unpacking { .. }) {
            fs::rename(&other, &source).unwrap();
        }
    };
    Fetcher::new(options).fetch(&archived(&good(), "http://host/"), &mut exchange).unwrap();
    assert_eq!(content(&data, "set/train/cat/1.png"), b"meow");
}

#[test]
fn half_an_unpacking_is_begun_again() {
    let server = serve(good());
    let entry = archived(&good(), &server.mirror("a"));
    let (data, options) = fresh();
    // What a kill in the middle leaves.
    let inside = data.path().join("mnist").join(format!(".{NAME}.unpacking"));
    fs::create_dir_all(inside.join("set")).unwrap();
    fs::write(inside.join("set/half"), b"x").unwrap();
    fetch(&options, &entry).0.unwrap();
    assert_eq!(names(&data), ["set"]);
    assert!(!data.path().join("mnist/set/half").exists());
}

#[test]
fn a_system_package_is_taken_before_a_mirror_is_asked() {
    let server = serve(gzip(&labels()));
    let package = TempDir::new().unwrap();
    fs::write(package.path().join(format!("{LABELS}.gz")), gzip(&labels())).unwrap();
    let mut entry = entry(&[(LABELS, labels())], &[server.mirror("a")]);
    entry.local = vec![package.path().display().to_string()];
    let (data, options) = fresh();
    assert!(Fetcher::new(options.clone()).is_local(&entry));
    fetch(&options, &entry).0.unwrap();
    assert_eq!((server.requests().len(), content(&data, LABELS)), (0, labels()));
    // A package with other content is no reason to fail.
    fs::write(package.path().join(format!("{LABELS}.gz")), gzip(b"other")).unwrap();
    let (_data, options) = fresh();
    let (result, events) = fetch(&options, &entry);
    result.unwrap();
    assert!(events[1].starts_with("not local: ") && server.requests().len() == 1, "{events:?}");
}

#[test]
fn a_file_known_by_the_hash_of_its_download_is_known_again() {
    let server = serve(gzip(&labels()));
    let mut entry = entry(&[(LABELS, labels())], &[server.mirror("a")]);
    entry.files[0].sha256 = None;
    entry.files[0].download_sha256 = Some(sha256_hex(&gzip(&labels())));
    let (data, options) = fresh();
    fetch(&options, &entry).0.unwrap();
    assert!(record(&data).contains(&sha256_hex(&labels())));
    assert_eq!(fetch(&options, &entry).0.unwrap().fetched.len(), 0);
    // The plain file can't be checked, and is not taken.
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(LABELS), labels()).unwrap();
    let (_data, options) = fresh();
    let (result, _) = fetch(&FetchOptions { from: Some(folder.path().into()), ..options.clone() }, &entry);
    let wanted = format!("folder must hold {LABELS}.gz as it is sent, compressed; it holds {LABELS}");
    assert!(result.unwrap_err().to_string().ends_with(&wanted));
    entry.files[0].download_sha256 = Some(sha256_hex(b"other"));
    let text = fetch(&options, &entry).0.unwrap_err().to_string();
    assert!(text.contains("must have SHA-256 (as sent)"), "{text}");
}
