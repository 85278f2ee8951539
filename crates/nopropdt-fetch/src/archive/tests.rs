//! Archives made here, byte by byte where the crates would refuse to make them.

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::contents::{Contents, survey};

const LIMITS: ArchiveLimits = ArchiveLimits { bytes: 1000, entries: 5 };

/// A header whose name is written as it is, without the tar crate's checks.
fn header(name: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn entry(name: &str, kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(name.as_bytes(), kind, content.len() as u64).as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name, EntryType::Regular, content)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar_gz(entries: &[Vec<u8>]) -> Vec<u8> {
    gzip(&[entries.concat(), vec![0; 1024]].concat())
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        if name.ends_with('/') {
            writer.add_directory(*name, SimpleFileOptions::default()).unwrap();
        } else {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Unpacks in a folder of its own; what lies beside the folder must not change.
struct Place {
    outer: TempDir,
}

impl Place {
    fn new() -> Self {
        let outer = TempDir::new().unwrap();
        fs::create_dir(outer.path().join("inside")).unwrap();
        Self { outer }
    }

    fn inside(&self) -> PathBuf {
        self.outer.path().join("inside")
    }

    fn unpack(&self, kind: ArchiveKind, bytes: &[u8], limits: ArchiveLimits) -> Result<Contents, String> {
        let archive = self.outer.path().join("archive");
        fs::write(&archive, bytes).unwrap();
        let result = unpack(kind, &archive, &self.inside(), limits);
        let mut names: Vec<_> =
            fs::read_dir(self.outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["archive", "inside"], "something left the folder");
        result.map_err(|error| error.to_string().replace(&archive.display().to_string(), "A"))
    }
}

#[track_caller]
fn refused(kind: ArchiveKind, bytes: &[u8], words: &str) {
    let message = Place::new().unpack(kind, bytes, LIMITS).unwrap_err();
    assert!(message.starts_with("A: archive ") && message.contains(words), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn good_archives_come_out_the_same() {
    let tar = tar_gz(&[
        entry("./", EntryType::Directory, b""),
        entry("top/", EntryType::Directory, b""),
        file("top/a.txt", b"hello"),
        file("./top/deep/b", &[7; 600]),
    ]);
    let zip = zip(&[("top/", b""), ("top/a.txt", b"hello"), ("top/deep/b", &[7; 600])]);
    let mut found = Vec::new();
    for (kind, bytes) in [(ArchiveKind::TarGz, tar), (ArchiveKind::Zip, zip)] {
        let place = Place::new();
        let unpacked = place.unpack(kind, &bytes, LIMITS).unwrap();
        assert_eq!(
            (unpacked.roots.clone(), unpacked.files, unpacked.bytes),
            (vec!["top".to_owned()], 2, 605)
        );
        assert_eq!(fs::read(place.inside().join("top/a.txt")).unwrap(), b"hello");
        assert_eq!(fs::read(place.inside().join("top/deep/b")).unwrap(), [7; 600]);
        assert_eq!(survey(&place.inside(), &unpacked.roots).unwrap(), unpacked);
        fs::write(place.inside().join("top/a.txt"), b"Hello").unwrap();
        assert_ne!(survey(&place.inside(), &unpacked.roots).unwrap(), unpacked);
        found.push(unpacked);
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn paths_that_lead_out_are_refused() {
    for name in ["../x", "a/../../x", "/tmp/x", "..\\x", "c:x", "a//b", "./../x"] {
        refused(ArchiveKind::TarGz, &tar_gz(&[file(name, b"x")]), "a path must");
        refused(ArchiveKind::TarGz, &tar_gz(&[entry(name, EntryType::Directory, b"")]), "a path must");
    }
    for name in ["../x", "a/../../x", "/tmp/x", "a\\..\\..\\x"] {
        // The zip crate cleans names while writing; a name of the same length is put in afterwards.
        let plain: String = "x".repeat(name.len());
        let bytes = zip(&[(&plain, b"content of it")]);
        let replaced = replace(&bytes, plain.as_bytes(), name.as_bytes());
        refused(ArchiveKind::Zip, &replaced, "a path must");
    }
}

/// Every `from` in `bytes` replaced by `to`, of the same length.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    assert!(at > 0, "there is nothing to replace");
    bytes
}

#[test]
fn links_and_devices_are_refused() {
    for (kind, words) in [
        (EntryType::Symlink, "\"l\" is a symbolic link"),
        (EntryType::Link, "\"l\" is a hard link"),
        (EntryType::Char, "\"l\" is a device"),
        (EntryType::Fifo, "\"l\" is a pipe"),
        (EntryType::GNUSparse, "\"l\" is a sparse file"),
    ] {
        let mut link = header(b"l", kind, 0);
        link.set_link_name("/etc").unwrap();
        link.set_cksum();
        let bytes = tar_gz(&[link.as_bytes().to_vec(), file("l/passwd", b"x")]);
        refused(ArchiveKind::TarGz, &bytes, words);
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("l", "/etc", SimpleFileOptions::default()).unwrap();
    refused(ArchiveKind::Zip, &writer.finish().unwrap().into_inner(), "\"l\" is a link or a device");
}

#[test]
fn a_name_is_there_once() {
    refused(ArchiveKind::TarGz, &tar_gz(&[file("a", b"1"), file("a", b"2")]), "a is there twice");
    refused(ArchiveKind::TarGz, &tar_gz(&[file("a", b"1"), file("a/b", b"2")]), "a is there twice");
    refused(
        ArchiveKind::TarGz,
        &tar_gz(&[entry("a", EntryType::Directory, b""), file("a", b"2")]),
        "a is there twice",
    );
    // The zip crate looks at the last entry of a name only.
    let twice = replace(&zip(&[("name1", b"1"), ("name2", b"2")]), b"name2", b"name1");
    let place = Place::new();
    assert!(place.unpack(ArchiveKind::Zip, &twice, LIMITS).is_ok_and(|unpacked| unpacked.files == 1));
    assert_eq!(fs::read(place.inside().join("name1")).unwrap(), b"2");
}

#[test]
fn bombs_are_refused() {
    let bomb = vec![0; 50_000_000];
    refused(ArchiveKind::TarGz, &tar_gz(&[file("a", &bomb)]), "must unpack to at most 1000 bytes");
    refused(ArchiveKind::Zip, &zip(&[("a", &bomb)]), "must unpack to at most 1000 bytes");
    let half = vec![1; 600];
    refused(
        ArchiveKind::TarGz,
        &tar_gz(&[file("a", &half), file("b", &half)]),
        "must unpack to at most 1000 bytes",
    );
    refused(ArchiveKind::Zip, &zip(&[("a", &half), ("b", &half)]), "must unpack to at most 1000 bytes");
    let many: Vec<Vec<u8>> = (0..6).map(|index| file(&format!("{index}"), b"")).collect();
    refused(ArchiveKind::TarGz, &tar_gz(&many), "must hold at most 5 files and folders");
    refused(
        ArchiveKind::Zip,
        &zip(&[("a", b""), ("b", b""), ("c", b""), ("d", b""), ("e", b""), ("f", b"")]),
        "must hold at most 5 files and folders",
    );
    // A name of gigabytes, and content that is passed over.
    let long = entry("././@LongLink", EntryType::GNULongName, &bomb);
    refused(ArchiveKind::TarGz, &tar_gz(&[long]), "an extended header must have at most 65536 bytes");
    let skipped = entry("x", EntryType::new(b'Z'), &bomb);
    refused(ArchiveKind::TarGz, &tar_gz(&[skipped]), "\"x\" is of a kind of its own");
}

#[test]
fn an_archive_has_few_names_at_its_top() {
    let many =
        |count: usize| tar_gz(&(0..count).map(|index| file(&format!("{index}/a"), b"1")).collect::<Vec<_>>());
    let limits = ArchiveLimits { bytes: 10_000, entries: 10_000 };
    let unpack = |bytes: &[u8]| Place::new().unpack(ArchiveKind::TarGz, bytes, limits);
    unpack(&many(2000)).unwrap();
    let words = "A: archive must hold at most 2000 names at its top; it holds more: put all in one folder";
    assert!(unpack(&many(2001)).unwrap_err().starts_with(words));
}

#[test]
fn a_promise_of_more_than_there_is_is_refused() {
    let mut lying = header(b"a", EntryType::Regular, 1 << 40).as_bytes().to_vec();
    lying.extend_from_slice(&[0; 512]);
    refused(ArchiveKind::TarGz, &gzip(&lying), "must be a whole tar.gz archive");
}

#[test]
fn long_names_are_read_and_checked() {
    let name = format!("{}/file", "n".repeat(200));
    let long = entry("././@LongLink", EntryType::GNULongName, format!("{name}\0").as_bytes());
    let pax = |key: &str, value: &str| {
        // A record's length counts its own digits.
        let rest = format!(" {key}={value}\n");
        let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
        entry("pax", EntryType::XHeader, format!("{length}{rest}").as_bytes())
    };
    for extension in [long, pax("path", &name)] {
        let place = Place::new();
        let bytes = tar_gz(&[pax("mtime", "1.5"), extension, file("short", b"content")]);
        place.unpack(ArchiveKind::TarGz, &bytes, LIMITS).unwrap();
        assert_eq!(fs::read(place.inside().join(&name)).unwrap(), b"content");
    }
    let out = entry("././@LongLink", EntryType::GNULongName, b"../../x\0");
    refused(ArchiveKind::TarGz, &tar_gz(&[out, file("short", b"")]), "a path must not lead out");
    refused(
        ArchiveKind::TarGz,
        &tar_gz(&[pax("path", "/etc/x"), file("short", b"")]),
        "a path must not be absolute",
    );
    refused(
        ArchiveKind::TarGz,
        &tar_gz(&[pax("size", "9"), file("short", b"")]),
        "an extended header sets size",
    );
    refused(
        ArchiveKind::TarGz,
        &tar_gz(&[pax("linkpath", "/"), file("short", b"")]),
        "an extended header sets linkpath",
    );
}

#[test]
fn an_archive_without_files_is_refused() {
    refused(ArchiveKind::TarGz, &tar_gz(&[]), "must hold files; it holds none");
    refused(ArchiveKind::TarGz, &tar_gz(&[entry("a", EntryType::Directory, b"")]), "must hold files");
    refused(ArchiveKind::Zip, &zip(&[]), "must hold files; it holds none");
    refused(ArchiveKind::Zip, &zip(&[("__MACOSX/", b""), ("__MACOSX/._a", b"icon")]), "must hold files");
}

#[test]
fn what_macos_adds_is_left_out() {
    let place = Place::new();
    let noise: [(&str, &[u8]); 2] = [("__MACOSX/top/._a", b"icon"), ("top/.DS_Store", b"icon")];
    let bytes = zip(&[&[("__MACOSX/", &b""[..]), ("top/a", b"1")], &noise[..]].concat());
    let unpacked = place.unpack(ArchiveKind::Zip, &bytes, LIMITS).unwrap();
    assert_eq!((&unpacked.roots[..], unpacked.files), (&["top".to_owned()][..], 1));
    assert_eq!(fs::read_dir(place.inside()).unwrap().count(), 1);
    // Nor does it count as a change when it is added later.
    fs::write(place.inside().join("top/.DS_Store"), "icon").unwrap();
    assert_eq!(survey(&place.inside(), &unpacked.roots).unwrap(), unpacked);
}

#[test]
fn what_other_systems_add_is_left_out_of_archives() {
    let noise = [
        "top/@eaDir/a.jpg/SYNOFILE_THUMB_M.png",
        "top/Icon\r",
        "Thumbs.db",
        "$RECYCLE.BIN/S-1-5/desktop.ini",
        "System Volume Information/x",
        "top/lost+found/y",
        "top/._a",
    ];
    let limits = ArchiveLimits { entries: 20, ..LIMITS };
    let mut entries: Vec<Vec<u8>> = noise.iter().map(|name| file(name, b"noise")).collect();
    entries.push(file("top/a", b"1"));
    let named: Vec<(&str, &[u8])> =
        noise.iter().map(|name| (*name, &b"noise"[..])).chain([("top/a", &b"1"[..])]).collect();
    for (kind, bytes) in [(ArchiveKind::TarGz, tar_gz(&entries)), (ArchiveKind::Zip, zip(&named))] {
        let place = Place::new();
        let unpacked = place.unpack(kind, &bytes, limits).unwrap();
        assert_eq!((&unpacked.roots[..], unpacked.files), (&["top".to_owned()][..], 1), "{kind:?}");
        fs::create_dir(place.inside().join("top/@eaDir")).unwrap();
        fs::write(place.inside().join("top/@eaDir/b"), "later").unwrap();
        assert_eq!(survey(&place.inside(), &unpacked.roots).unwrap(), unpacked, "{kind:?}");
    }
    // It makes no other part of a path safe.
    refused(ArchiveKind::TarGz, &tar_gz(&[file("../@eaDir/a", b"1")]), "must not lead out of the folder");
}

#[test]
fn members_of_a_compressed_archive_are_one_archive() {
    let tar = [file("top/a", &[7; 600]), vec![0; 1024]].concat();
    let (first, second) = tar.split_at(700);
    let joined = [gzip(first), gzip(second)].concat();
    let unpacked = Place::new().unpack(ArchiveKind::TarGz, &joined, LIMITS).unwrap();
    assert_eq!(unpacked.bytes, 600);
    let padded = [&joined[..], &[0; 512]].concat();
    assert_eq!(Place::new().unpack(ArchiveKind::TarGz, &padded, LIMITS).unwrap(), unpacked);
    refused(
        ArchiveKind::TarGz,
        &[&joined[..], b"rubbish"].concat(),
        "only another member or zeros may follow",
    );
}

#[test]
fn damaged_archives_are_one_clear_line() {
    let tar = tar_gz(&[file("a", &[3; 700])]);
    let zip = zip(&[("a", &[3; 700])]);
    for (kind, whole) in [(ArchiveKind::TarGz, tar), (ArchiveKind::Zip, zip)] {
        for cut in [0, 1, 20, whole.len() / 2, whole.len() - 12] {
            let result = Place::new().unpack(kind, &whole[..cut], LIMITS);
            assert!(result.is_err(), "{kind:?} cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            if let Err(message) = Place::new().unpack(kind, &changed, LIMITS) {
                assert!(!message.contains('\n'), "{message}");
            }
        }
        refused(kind, b"<html>no archive</html>", "must be a whole");
    }
}
