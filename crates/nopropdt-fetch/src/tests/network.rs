//! Fetching over HTTP.

use super::server::{Answer, Request, Server};
use super::*;

const TAG: &str = "\"one\"";

fn whole() -> Answer {
    Answer::Content { bytes: gzip(&images()), tag: TAG }
}

fn dropped(after: usize) -> Answer {
    Answer::Dropped { bytes: gzip(&images()), tag: TAG, after }
}

/// The one-file dataset at the folders `a` and `b` of the server.
fn at(server: &Server) -> ManifestDataset {
    entry(&[(IMAGES, images())], &[server.mirror("a"), server.mirror("b")])
}

/// What was asked: folder and first byte.
fn asked(server: &Server) -> Vec<(String, usize)> {
    let brief = |request: Request| (request.path[1..2].to_owned(), request.from.unwrap_or(0));
    server.requests().into_iter().map(brief).collect()
}

fn a(from: usize) -> (String, usize) {
    ("a".to_owned(), from)
}

fn b(from: usize) -> (String, usize) {
    ("b".to_owned(), from)
}

/// Fetches what the server offers; the file must be right and alone in the end.
fn assert_fetched(server: &Server) -> Vec<String> {
    let (data, options) = fresh();
    let (result, events) = fetch(&options, &at(server));
    assert_eq!(result.unwrap().fetched, [IMAGES], "{events:?}");
    assert_eq!(names(&data), [IMAGES]);
    assert!(content(&data, IMAGES) == images());
    assert_eq!(events.last().unwrap(), &format!("done: {IMAGES}"));
    events
}

#[test]
fn the_first_mirror_is_enough() {
    let server = Server::start(|_, _| whole());
    assert_fetched(&server);
    assert_eq!(server.requests()[0].path, format!("/a/{IMAGES}.gz"));
    assert_eq!(asked(&server), [a(0)]);
}

#[test]
fn an_uncompressed_answer_of_unknown_length_is_fine_too() {
    let server = Server::start(|_, _| Answer::Unmeasured(images()));
    assert_fetched(&server);
}

#[test]
fn a_dropped_connection_goes_on_where_it_stopped() {
    let server = Server::start(|count, _| if count == 0 { dropped(100_000) } else { whole() });
    let events = assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), a(100_000)]);
    assert_eq!(server.requests()[1].if_range.as_deref(), Some(TAG));
    assert!(events[1].starts_with("again: ") && events[2] == "start at 100000", "{events:?}");
}

#[test]
fn the_next_run_goes_on_too() {
    let server = Server::start(|count, _| if count == 0 { dropped(100_000) } else { whole() });
    let (data, options) = fresh();
    let entry = entry(&[(IMAGES, images())], &[server.mirror("a")]);
    let (first, _) = fetch(&FetchOptions { attempts: 1, ..options.clone() }, &entry);
    assert!(matches!(first, Err(FetchError::AllMirrorsFailed { .. })));
    assert_eq!(names(&data), [format!("{IMAGES}.gz.part"), format!("{IMAGES}.gz.part.source")]);
    fetch(&options, &entry).0.unwrap();
    assert_eq!((asked(&server), names(&data)), (vec![a(0), a(100_000)], vec![IMAGES.to_owned()]));
    assert!(content(&data, IMAGES) == images());
}

#[test]
fn a_part_that_was_complete_is_only_checked() {
    let server = Server::start(|_, _| whole());
    let (data, options) = fresh();
    let folder = data.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(format!("{IMAGES}.gz.part")), gzip(&images())).unwrap();
    let source = format!("{}{IMAGES}.gz\n{TAG}\n", server.mirror("a"));
    fs::write(folder.join(format!("{IMAGES}.gz.part.source")), source).unwrap();
    fetch(&options, &at(&server)).0.unwrap();
    assert_eq!((asked(&server), names(&data)), (vec![a(gzip(&images()).len())], vec![IMAGES.to_owned()]));
}

#[test]
fn changed_content_is_fetched_from_the_start() {
    let server = Server::start(|count, _| match count {
        0 => Answer::Dropped { bytes: gzip(&[1; 300_000]), tag: "\"old\"", after: 100 },
        _ => whole(),
    });
    let events = assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), a(100)]);
    assert_eq!(events[2], "start at 0");
}

#[test]
fn pieces_that_do_not_fit_are_fetched_again_whole() {
    // The server claims the same tag for other bytes.
    let server = Server::start(|count, _| match count {
        0 => Answer::Dropped { bytes: gzip(&labels()), tag: TAG, after: 20 },
        _ => whole(),
    });
    assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), a(20), a(0)]);
}

#[test]
fn a_wrong_range_is_not_believed() {
    let server = Server::start(|count, _| match count {
        0 => dropped(100),
        1 => Answer::WrongRange(gzip(&images())),
        _ => whole(),
    });
    assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), a(100), a(0)]);
}

#[test]
fn a_mirror_without_the_file_is_left_at_once() {
    let server = Server::start(|count, _| if count == 0 { Answer::Status(404) } else { whole() });
    let events = assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), b(0)]);
    assert!(events[0].starts_with("next: ") && events[0].ends_with("status 404"), "{events:?}");
}

#[test]
fn a_server_error_is_tried_again() {
    let server = Server::start(|count, _| if count < 2 { Answer::Status(500) } else { whole() });
    assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), a(0), a(0)]);
}

#[test]
fn patience_ends_and_the_next_mirror_starts_afresh() {
    let server =
        Server::start(|_, request| if request.path.starts_with("/a/") { dropped(10) } else { whole() });
    assert_fetched(&server);
    assert_eq!(asked(&server), [a(0), a(10), a(20), b(0)]);
}

#[test]
fn wrong_content_sends_to_the_next_mirror() {
    let mut other = images();
    other[0] ^= 1;
    let cut = gzip(&images());
    let wrong: [(Vec<u8>, &str); 5] = [
        (gzip(&other), "must have SHA-256"),
        (gzip(&images()[1..]), "must be 300000 bytes; found 299999"),
        (gzip(&[0; 3_000_000]), "must be 300000 bytes; found more"),
        (cut[..cut.len() - 8].to_vec(), "must be whole gzip data"),
        (vec![0x42; 400_000], "longer than the file can be"),
    ];
    for (bytes, message) in wrong {
        let server = Server::start(move |count, _| match count {
            0 => Answer::Content { bytes: bytes.clone(), tag: TAG },
            _ => whole(),
        });
        let events = assert_fetched(&server);
        assert_eq!(asked(&server), [a(0), b(0)]);
        assert!(
            events.iter().any(|event| event.starts_with("next: ") && event.contains(message)),
            "{events:?}"
        );
    }
}

#[test]
fn silence_is_not_waited_out() {
    let server = Server::start(|count, _| if count == 0 { Answer::Silence } else { whole() });
    let (data, options) = fresh();
    let options = FetchOptions { stall_timeout: Duration::from_millis(500), ..options };
    let (result, events) = fetch(&options, &at(&server));
    result.unwrap();
    assert!(events[0].starts_with("again: ") && events[0].contains("timeout"), "{events:?}");
    assert!(content(&data, IMAGES) == images());
}

#[test]
fn when_all_fail_one_line_says_why() {
    let server = Server::start(|count, _| Answer::Status(if count == 0 { 403 } else { 503 }));
    let (data, options) = fresh();
    let (result, _) = fetch(&options, &at(&server));
    let [first, second] = ["a", "b"].map(|folder| format!("{}{IMAGES}.gz", server.mirror(folder)));
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "{IMAGES}: no mirror gave the file; {first}: server must answer with the file; status 403; \
             {second}: server must answer with the file; status 503"
        )
    );
    assert_eq!((asked(&server), names(&data)), (vec![a(0), b(0), b(0), b(0)], Vec::new()));
}

#[test]
fn an_own_mirror_replaces_the_others() {
    let server = Server::start(|_, _| whole());
    let (_data, options) = fresh();
    let own = server.mirror("own").trim_end_matches('/').to_owned();
    fetch(&FetchOptions { mirror: Some(own), ..options }, &at(&server)).0.unwrap();
    assert_eq!(server.requests()[0].path, format!("/own/{IMAGES}.gz"));
}
