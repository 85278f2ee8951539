//! What is told before anything is transferred.

use super::server::{Answer, Server};
use super::*;

fn two_files(mirror: &str) -> ManifestDataset {
    let mut entry = entry(&[(IMAGES, images()), (LABELS, labels())], &[mirror.to_owned()]);
    entry.files[0].download_bytes = Some(200_000);
    entry.files[1].download_bytes = Some(50);
    entry
}

#[test]
fn a_plan_counts_what_is_missing() {
    let (data, options) = fresh();
    let (entry, fetcher) = (two_files("http://host/"), Fetcher::new(options.clone()));
    let plan = fetcher.plan(&entry).unwrap();
    assert_eq!((plan.missing.len(), plan.transfer_bytes, plan.disk_bytes), (2, 200_050, 301_000));
    assert_eq!(space::needed(&[plan]), 501_050);
    let folder = data.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(IMAGES), images()).unwrap();
    let plan = fetcher.plan(&entry).unwrap();
    assert_eq!((plan.transfer_bytes, plan.disk_bytes, plan.missing[0].name.as_str()), (50, 1000, LABELS));
    // A file that seems to be there but isn't what it was counts as missing.
    fs::write(folder.join(IMAGES), vec![0; 300_000]).unwrap();
    assert_eq!(fetcher.plan(&entry).unwrap().transfer_bytes, 200_050);
    // From a folder nothing is transferred, and no download takes room.
    let plan = Fetcher::new(FetchOptions { from: Some(folder), ..options }).plan(&entry).unwrap();
    assert_eq!((plan.transfer_bytes, plan.disk_bytes, space::needed(&[plan])), (0, 301_000, 301_000));
}

#[test]
fn what_an_interrupted_transfer_left_counts() {
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    let part = data.path().join("mnist").join(format!("{IMAGES}.gz.part"));
    fs::write(&part, vec![0; 150_000]).unwrap();
    let (entry, fetcher) = (two_files("http://host/"), Fetcher::new(options));
    let plan = || fetcher.plan(&entry).unwrap();
    assert_eq!(space::needed(&[plan()]), 351_050);
    // It need not be transferred again when it is from the same address.
    let source = disk::with_suffix(&part, ".source");
    for (mirror, transfer_bytes) in [("http://other", 200_050), ("http://host", 50_050)] {
        fs::write(&source, format!("{mirror}/{IMAGES}.gz\n\n")).unwrap();
        assert_eq!(plan().transfer_bytes, transfer_bytes, "{mirror}");
    }
}

#[test]
fn the_room_for_several_is_checked_before_the_first() {
    let (_data, options) = fresh();
    let (entry, fetcher) = (two_files("http://host/"), Fetcher::new(options));
    let plans = [fetcher.plan(&entry).unwrap(), fetcher.plan(&entry).unwrap()];
    // The first one's files are there when the second one's are transferred.
    assert_eq!(space::needed(&plans), 301_000 + 501_050);
    fetcher.check_space(&plans).unwrap();
    let mut large = two_files("http://host/");
    large.files[0].bytes = 1 << 62;
    let plans = [fetcher.plan(&entry).unwrap(), fetcher.plan(&large).unwrap()];
    assert!(matches!(fetcher.check_space(&plans), Err(FetchError::NoSpace { .. })));
}

#[test]
fn each_disk_needs_room_for_what_goes_there() {
    let (data, options) = fresh();
    let fetcher = Fetcher::new(options);
    let entries = ["small-a", "linked", "small-b"]
        .map(|name| ManifestDataset { name: name.to_owned(), ..two_files("http://host/") });
    let plans: Vec<FetchPlan<'_>> = entries.iter().map(|entry| fetcher.plan(entry).unwrap()).collect();
    fs::create_dir(data.path().join("linked")).unwrap();
    let groups = space::by_disk(&plans, &|folder| folder.ends_with("linked"));
    let names = |group: &Vec<&FetchPlan<'_>>| -> Vec<String> {
        group.iter().map(|plan| plan.dataset.name.clone()).collect()
    };
    assert_eq!(groups.iter().map(names).collect::<Vec<_>>(), [vec!["small-a", "small-b"], vec!["linked"]]);
}

/// A file system of its own, which has no room at all.
#[cfg(target_os = "linux")]
#[test]
fn the_room_is_that_of_the_disk_a_folder_is_linked_to() {
    let (data, options) = fresh();
    let (entry, fetcher) = (two_files("http://host/"), Fetcher::new(options));
    let plans = [fetcher.plan(&entry).unwrap()];
    fetcher.check_space(&plans).unwrap();
    std::os::unix::fs::symlink("/proc", data.path().join("mnist")).unwrap();
    let text = fetcher.check_space(&plans).unwrap_err().to_string();
    assert!(text.contains("mnist: fetching takes 0.5 MB at the most; the disk has 0.0 MB free"), "{text}");
}

/// Pipes where a download and its source are kept give way to files.
#[cfg(unix)]
#[test]
fn a_part_that_is_a_pipe_is_not_waited_for() {
    let server = Server::start(|_, _| Answer::Content { bytes: gzip(&labels()), tag: "\"a\"" });
    let entry = entry(&[(LABELS, labels())], &[server.mirror("a")]);
    let (data, options) = fresh();
    fs::create_dir(data.path().join("mnist")).unwrap();
    for ending in ["part", "part.source"] {
        let path = data.path().join("mnist").join(format!("{LABELS}.gz.{ending}"));
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    assert_eq!(Fetcher::new(options).fetch(&entry, &mut |_| ()).unwrap().fetched, [LABELS]);
    assert_eq!(names(&data), [LABELS]);
}

#[test]
fn a_plan_that_another_fetch_has_carried_out_transfers_nothing() {
    let server = Server::start(|_, _| Answer::Content { bytes: gzip(&labels()), tag: "\"a\"" });
    let entry = entry(&[(LABELS, labels())], &[server.mirror("a")]);
    let (_data, options) = fresh();
    let fetcher = Fetcher::new(options);
    let plan = fetcher.plan(&entry).unwrap();
    assert_eq!(fetcher.carry_out(&plan, &mut |_| ()).unwrap().fetched, [LABELS]);
    assert_eq!(fetcher.carry_out(&plan, &mut |_| ()).unwrap().fetched.len(), 0);
    assert_eq!(server.requests().len(), 1);
}
