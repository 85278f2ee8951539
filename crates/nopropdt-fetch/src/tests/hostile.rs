//! A server that drops, stalls, lies and redirects: the fetch recovers or ends with one clear line, and nothing wrong ever
//! lies under a final name.

use std::time::Instant;

use super::server::{Answer, Server};
use super::*;

const TAG: &str = "\"one\"";

fn whole() -> Answer {
    Answer::Content { bytes: gzip(&images()), tag: TAG }
}

/// Fetches one file from one mirror with this patience.
fn attempt(server: &Server, options: FetchOptions) -> (Result<FetchReport, FetchError>, Vec<String>) {
    fetch(&options, &entry(&[(IMAGES, images())], &[server.mirror("a")]))
}

/// A random number below `bound`, from a state that goes on.
fn random(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

/// What must hold whatever a server did: the file is right, or isn't there and one line says why.
#[track_caller]
fn assert_sound(data: &TempDir, result: &Result<FetchReport, FetchError>, story: &str) {
    let path = data.path().join("mnist").join(IMAGES);
    match result {
        Ok(_) => assert!(fs::read(path).unwrap() == images(), "{story}"),
        Err(error) => {
            assert!(!path.exists(), "{story}");
            let text = error.to_string();
            assert!(!text.contains('\n') && text.len() < 2000, "{story}: {text}");
        }
    }
    for name in names(data) {
        assert!(!name.ends_with(".tmp") && !name.ends_with(".unpacking"), "{story}: {name}");
    }
}

#[test]
fn connections_dropped_at_random_points_are_taken_up_again() {
    for seed in 0..10 {
        let mut state = seed;
        let server = Server::start(move |_, _| {
            let after = 2000 + random(&mut state, 60_000) as usize;
            Answer::Dropped { bytes: gzip(&images()), tag: TAG, after }
        });
        let (data, options) = fresh();
        // However many they are: each brings a piece, so none of them uses up the patience for a mirror.
        let (result, events) = attempt(&server, FetchOptions { attempts: 2, ..options });
        assert_sound(&data, &result, &format!("seed {seed}: {events:?}"));
        result.unwrap();
        // No byte was asked for twice: each request goes on where the one before stopped.
        let starts: Vec<usize> = server.requests().iter().map(|request| request.from.unwrap_or(0)).collect();
        assert!(starts.len() > 3 && starts.windows(2).all(|pair| pair[0] < pair[1]), "{starts:?}");
    }
}

/// Asks a mirror that never gives the file; after 20 requests it would, so that a test of patience ends.
fn assert_given_up(dropped: Answer, resumed: Answer) {
    let server = Server::start(move |count, request| match request.from {
        _ if count > 20 => whole(),
        Some(_) => resumed.clone(),
        None => dropped.clone(),
    });
    let (data, options) = fresh();
    let (result, events) = attempt(&server, options);
    assert_sound(&data, &result, &format!("{events:?}"));
    assert!(matches!(result, Err(FetchError::AllMirrorsFailed { .. })), "{events:?}");
    // Two new bounds of progress at the most, and three attempts after each.
    assert!(server.requests().len() <= 9, "{events:?}");
}

#[test]
fn wrong_content_in_pieces_is_not_asked_for_without_end() {
    let mut other = images();
    other[0] ^= 1;
    let dropped = Answer::Dropped { bytes: gzip(&other), tag: TAG, after: 150_000 };
    assert_given_up(dropped, Answer::Content { bytes: gzip(&other), tag: TAG });
}

#[test]
fn wrong_ranges_are_not_asked_for_without_end() {
    let dropped = Answer::Dropped { bytes: gzip(&images()), tag: TAG, after: 150_000 };
    assert_given_up(dropped, Answer::WrongRange(gzip(&images())));
}

#[test]
fn a_stall_in_the_middle_is_given_up_and_taken_up() {
    let stalled = Answer::Stalled { bytes: gzip(&images()), tag: TAG, after: 70_000 };
    let server = Server::start(move |count, _| if count == 0 { stalled.clone() } else { whole() });
    let (data, options) = fresh();
    let (result, events) =
        attempt(&server, FetchOptions { stall_timeout: Duration::from_millis(400), ..options });
    result.unwrap();
    assert!(content(&data, IMAGES) == images());
    assert!(events[1].starts_with("again: ") && events[2].starts_with("start at "), "{events:?}");
    assert!(server.requests()[1].from.is_some_and(|from| from > 0));
}

#[test]
fn a_trickle_is_not_waited_for() {
    let server =
        Server::start(|count, _| if count == 0 { Answer::Trickle(gzip(&images())) } else { whole() });
    let (data, options) = fresh();
    let began = Instant::now();
    let (result, events) =
        attempt(&server, FetchOptions { stall_timeout: Duration::from_millis(300), ..options });
    result.unwrap();
    assert!(content(&data, IMAGES) == images());
    assert!(events[1].contains("which is too slow"), "{events:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn false_lengths_bring_nothing_wrong() {
    let bytes = gzip(&images());
    let long = (bytes.len() + 1000).to_string();
    let short = (bytes.len() - 1000).to_string();
    for length in [&long, &short, "0", "1152921504606846976", "-1", "99999999999999999999999", "ten"] {
        let answer = Answer::of_length(length, &bytes);
        let server = Server::start(move |_, _| answer.clone());
        let (data, options) = fresh();
        let (result, events) = attempt(&server, options);
        assert_sound(&data, &result, &format!("length {length}: {events:?}"));
    }
}

#[test]
fn redirects_are_followed_as_long_as_they_lead_somewhere() {
    let server = Server::start(|_, request| match request.path.as_str() {
        path if path.starts_with("/a/") => Answer::with_header(302, "Location: /moved/there.gz"),
        _ => whole(),
    });
    let (data, options) = fresh();
    attempt(&server, options).0.unwrap();
    assert!(content(&data, IMAGES) == images());
    for location in ["/a/round", "file:///etc/passwd", "http://", "ftp://127.0.0.1/x", "//", "\u{7f}"] {
        let header = format!("Location: {location}");
        let server = Server::start(move |_, _| Answer::with_header(301, &header));
        let (data, options) = fresh();
        let (result, events) = attempt(&server, options);
        assert_sound(&data, &result, &format!("{location}: {events:?}"));
        assert!(result.is_err(), "{location}");
    }
}

#[test]
fn a_busy_server_is_waited_for_as_long_as_it_asks() {
    let busy = |seconds: &'static str| {
        move |count: usize, _: &server::Request| match count {
            0 => Answer::with_header(429, &format!("Retry-After: {seconds}")),
            _ => whole(),
        }
    };
    let server = Server::start(busy("1"));
    let (data, options) = fresh();
    let began = Instant::now();
    attempt(&server, options.clone()).0.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(content(&data, IMAGES) == images());
    // An hour is too long; a date or nonsense counts as no answer.
    let server = Server::start(busy("3600"));
    let (_data, options) = fresh();
    let (result, _) = attempt(&server, options);
    assert!(result.unwrap_err().to_string().contains("status 429"));
    assert_eq!(server.requests().len(), 1);
    for nonsense in ["Wed, 21 Oct 2055 07:28:00 GMT", "-5", "1e9", "99999999999999999999"] {
        let server = Server::start(busy(nonsense));
        let (_data, options) = fresh();
        attempt(&server, options).0.unwrap();
    }
}

#[test]
fn answers_that_are_no_http_are_one_clear_line() {
    let endless = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 2_000_000]].concat();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc".to_vec();
    for raw in [
        b"".to_vec(),
        b"hello\r\n\r\n".to_vec(),
        b"HTTP/9.9 999 \r\n\r\n".to_vec(),
        vec![0; 500],
        endless,
        chunked,
    ] {
        let begin = String::from_utf8_lossy(&raw[..raw.len().min(30)]).into_owned();
        let server = Server::start(move |_, _| Answer::Raw(raw.clone()));
        let (data, options) = fresh();
        let (result, events) = attempt(&server, options);
        assert_sound(&data, &result, &format!("{begin:?}: {events:?}"));
        assert!(result.is_err(), "{begin:?}");
    }
}

/// An answer of any kind.
fn any(state: &mut u64) -> Answer {
    let bytes = gzip(&images());
    let after = random(state, bytes.len() as u64) as usize;
    let mut other = bytes.clone();
    other[after] ^= 0x40;
    match random(state, 12) {
        0 | 1 => Answer::Dropped { bytes, tag: TAG, after },
        2 => Answer::Content { bytes: other, tag: TAG },
        3 => Answer::Status([403, 404, 408, 429, 500, 502, 503][random(state, 7) as usize]),
        4 => Answer::with_header(302, "Location: /a/elsewhere"),
        5 => Answer::WrongRange(bytes),
        6 => Answer::Unmeasured(bytes[..after].to_vec()),
        7 => Answer::of_length(&random(state, 1 << 30).to_string(), &bytes),
        8 => Answer::Dropped { bytes: other, tag: "\"two\"", after },
        9 => Answer::Raw(bytes),
        10 => Answer::with_header(429, "Retry-After: 0"),
        _ => whole(),
    }
}

#[test]
fn whatever_a_server_does_nothing_wrong_gets_a_good_name() {
    let mut fetched = 0;
    for seed in 0..60 {
        let mut state = seed * 7919;
        let server = Server::start(move |_, _| any(&mut state));
        let (data, options) = fresh();
        let options = FetchOptions { attempts: 4, stall_timeout: Duration::from_millis(500), ..options };
        let entry = entry(&[(IMAGES, images())], &[server.mirror("a"), server.mirror("b")]);
        // A second run finds what the first left.
        for run in 0..2 {
            let (result, events) = fetch(&options, &entry);
            assert_sound(&data, &result, &format!("seed {seed}, run {run}: {events:?}"));
            fetched += usize::from(result.is_ok());
        }
    }
    // Sound, and not by giving up each time.
    assert!(fetched > 40, "{fetched} of 120");
}

#[test]
fn files_are_fetched_side_by_side() {
    let server = Server::start(|_, request| {
        let name = request.path.trim_start_matches("/a/").trim_end_matches(".gz");
        Answer::Content { bytes: gzip(name.as_bytes()), tag: TAG }
    });
    let files: Vec<String> = (0..9).map(|index| format!("file-{index}")).collect();
    let entries: Vec<(&str, Vec<u8>)> =
        files.iter().map(|name| (name.as_str(), name.clone().into_bytes())).collect();
    let (data, options) = fresh();
    let (result, events) =
        fetch(&FetchOptions { parallel: 4, ..options }, &entry(&entries, &[server.mirror("a")]));
    assert_eq!(result.unwrap().fetched, files);
    assert_eq!(names(&data), files);
    assert_eq!(events.iter().filter(|event| event.starts_with("done: ")).count(), 9);
}

#[test]
fn the_right_files_stay_when_another_fails() {
    let server = Server::start(|_, request| match request.path.contains(IMAGES) {
        true => Answer::Status(404),
        false => Answer::Content { bytes: gzip(&labels()), tag: TAG },
    });
    let (data, options) = fresh();
    let (result, _) = fetch(
        &FetchOptions { parallel: 2, ..options },
        &entry(&[(IMAGES, images()), (LABELS, labels())], &[server.mirror("a")]),
    );
    assert!(matches!(result, Err(FetchError::AllMirrorsFailed { .. })));
    assert_eq!(names(&data), [LABELS]);
}

#[test]
fn a_full_disk_is_told_before_anything_is_fetched() {
    let server = Server::start(|_, _| whole());
    let (data, options) = fresh();
    let mut entry = entry(&[(IMAGES, images())], &[server.mirror("a")]);
    entry.files[0].bytes = 1 << 62;
    let (result, events) = fetch(&options, &entry);
    assert!(matches!(result, Err(FetchError::NoSpace { .. })), "{result:?}");
    assert_eq!((server.requests().len(), events.len(), names(&data).len()), (0, 0, 0));
}
