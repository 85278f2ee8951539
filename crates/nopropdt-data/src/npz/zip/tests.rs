use std::fs;

use tempfile::TempDir;

use super::super::test_archive::{Form, Packed, written};
use super::*;

const FORMS: [Form; 4] = [
    Form { deflated: false, zip64: false },
    Form { deflated: true, zip64: false },
    Form { deflated: false, zip64: true },
    Form { deflated: true, zip64: true },
];

/// All members of this archive with their contents, or the error without the file's name.
fn unpacked(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.npz");
    fs::write(&path, bytes).unwrap();
    let read = || {
        let archive = Archive::open(&path)?;
        let names: Vec<String> = archive.names().map(str::to_owned).collect();
        let content = |name: String| {
            let mut content = archive.read(archive.member(&name)?.unwrap())?;
            let mut bytes = Vec::new();
            // In two steps, as arrays are read.
            let half = content.left() / 2;
            content.append(half, &mut bytes)?;
            content.append(content.left(), &mut bytes)?;
            content.end()?;
            Ok((name, bytes))
        };
        names.into_iter().map(content).collect::<Result<Vec<_>, DataError>>()
    };
    read().map_err(|error| {
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
    })
}

fn contents() -> [(&'static str, Vec<u8>); 3] {
    [("a.npy", vec![7; 300]), ("b.npy", (0..=255).collect()), ("empty", Vec::new())]
}

fn members(form: Form) -> Vec<Packed> {
    contents().iter().map(|(name, content)| Packed::new(name, content, form)).collect()
}

#[test]
fn members_come_out_as_they_went_in() {
    let expected = contents().map(|(name, content)| (name.to_owned(), content));
    for form in FORMS {
        assert_eq!(unpacked(&written(&members(form), form.zip64, b"")).unwrap(), expected);
        // A comment may hold anything, even the mark of the end.
        let comment = [b"PK\x05\x06", &[0; 30][..]].concat();
        assert_eq!(unpacked(&written(&members(form), form.zip64, &comment)).unwrap(), expected);
    }
    assert_eq!(unpacked(&written(&[], false, b"")).unwrap(), []);
}

/// Every beginning of an archive is an error, and so is every archive with a piece of its middle cut out.
#[test]
fn cut_archives_are_refused() {
    for form in FORMS {
        let whole = written(&members(form), form.zip64, b"");
        for end in 0..whole.len() {
            assert!(unpacked(&whole[..end]).is_err(), "{end} of {}", whole.len());
        }
        for begin in (0..whole.len() - 40).step_by(7) {
            let cut = [&whole[..begin], &whole[begin + 5..]].concat();
            assert!(unpacked(&cut).is_err(), "without {begin} of {}", whole.len());
        }
    }
}

/// Whatever byte is changed, the content is the same or there is an error.
#[test]
fn changed_archives_give_the_same_or_nothing() {
    for form in FORMS {
        let mut whole = written(&members(form), form.zip64, b"");
        for at in (0..whole.len()).filter(|at| !(80..330).contains(at)) {
            for change in [1, 0x80, 0xff] {
                whole[at] ^= change;
                if let Ok(found) = unpacked(&whole) {
                    let known = contents().map(|(_, content)| content);
                    assert!(found.iter().all(|(_, content)| known.contains(content)), "byte {at}");
                }
                whole[at] ^= change;
            }
        }
    }
}

/// The error when the first member is changed so.
fn refusal(form: Form, change: impl FnOnce(&mut Packed)) -> String {
    let mut members = members(form);
    change(&mut members[0]);
    unpacked(&written(&members, form.zip64, b"")).unwrap_err()
}

#[test]
fn what_is_wrong_is_told() {
    let [stored, deflated, ..] = FORMS;
    let whole = |found: &str| format!("{WHOLE}; {found}");
    let wrong = refusal(stored, |member| member.checksum = 1);
    assert_eq!(wrong, whole("the checksum of a.npy is 7aa112e8, not 00000001"));
    assert_eq!(refusal(deflated, |member| member.checksum = 1), wrong);
    assert_eq!(
        refusal(stored, |member| member.method = 14),
        "its members must be stored or deflated; a.npy is packed by method 14"
    );
    assert_eq!(refusal(stored, |member| member.flags = 1), "must not be encrypted; a.npy is");
    assert_eq!(refusal(stored, |member| member.size = 1), whole("300 bytes of a.npy can't become 1"));
    let size = refusal(deflated, |member| member.size = 299);
    assert_eq!(size, whole("a.npy does not end after 299 bytes"));
    let size = refusal(deflated, |member| member.size = 301);
    assert_eq!(size, whole("a.npy ends after 300 of 301 bytes"));
    let damaged = refusal(deflated, |member| member.data[0] = 0xff);
    assert!(damaged.starts_with(&whole("a.npy is damaged: ")), "{damaged}");
    // What can't ever come out is refused before anything is read.
    let bomb = refusal(deflated, |member| member.size = 4_000_000_000);
    assert!(bomb.ends_with(" bytes of a.npy can't become 4000000000"), "{bomb}");

    assert_eq!(unpacked(b"").unwrap_err(), whole("found 0 bytes, an empty file"));
    assert_eq!(unpacked(b"\x93NUMPY\x01\0").unwrap_err(), whole("found 8 bytes, a NumPy array"));
    let cut = &written(&members(stored), false, b"")[..100];
    assert_eq!(unpacked(cut).unwrap_err(), whole("its end is missing"));
}

#[test]
fn large_directories_are_refused() {
    let many: Vec<Packed> =
        (0..1001).map(|number| Packed::new(&number.to_string(), b"", Form::default())).collect();
    let message = unpacked(&written(&many, false, b"")).unwrap_err();
    assert!(message.starts_with("must have at most 1000 members; there are 1001 in "), "{message}");
    assert!(unpacked(&written(&many[..1000], false, b"")).is_ok());
    let long = "n".repeat(60_000);
    let long: Vec<Packed> =
        (0..20).map(|number| Packed::new(&format!("{number}{long}"), b"", Form::default())).collect();
    assert!(unpacked(&written(&long, false, b"")).unwrap_err().contains("there are 20 in a directory of "));
}

#[test]
fn what_is_there_twice_is_refused_and_what_is_not_there_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.npz");
    let twice = FORMS[..2].iter().flat_map(|&form| members(form)).collect::<Vec<_>>();
    fs::write(&path, written(&twice, false, b"")).unwrap();
    let message = Archive::open(&path).unwrap().member("b.npy").unwrap_err().to_string();
    assert!(message.ends_with("must hold each array once; b.npy is there twice"), "{message}");
    let error = Archive::open(&folder.path().join("none")).unwrap_err();
    assert!(matches!(error, DataError::NoFile { .. }), "{error}");
    let message = Archive::open(folder.path()).unwrap_err().to_string();
    assert!(message.ends_with(": must be a plain file; it is a folder"), "{message}");
}
