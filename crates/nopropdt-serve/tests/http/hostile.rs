//! Requests that are wrong, huge, slow or from elsewhere, and more than can be answered.

use crate::client::{Reply, connect, get, post, post_json, raw, request};
use crate::world::{Served, digits, png};
use std::io::{Read, Write};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

fn served() -> Served {
    Served::with(|options, limits| {
        options.model = Some(crate::world::model());
        options.queue = 2;
        limits.body = 100_000;
        limits.pixels = 10_000;
        limits.body_time = Duration::from_millis(500);
        limits.head_time = Duration::from_millis(500);
    })
}

#[test]
fn bodies_that_are_no_picture_are_told_so_in_one_line() {
    let served = served();
    let whole = png(8, 8, &digits(1)[0].0);
    let cut = whole[..40].to_vec();
    let mut damaged = whole.clone();
    damaged[20] ^= 0xff;
    let refused = |body: &[u8]| post(served.address, "/api/predict", body).refused(400);
    assert!(refused(b"").contains("it is empty"));
    for body in [
        &b"GIF89a"[..],
        b"\n\n\n",
        &[0; 1000],
        &cut,
        &damaged,
        b"BM",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
    ] {
        assert!(refused(body).starts_with("picture: must be a PNG, JPEG, BMP or WebP picture"), "{body:?}");
    }
    let line = refused(&png(101, 100, &vec![0; 10_100]));
    assert!(line.starts_with("picture: a picture must have at most 10000 pixels"), "{line}");
}

#[test]
fn values_that_are_no_input_are_told_so_in_one_line() {
    let served = served();
    let refused = |body: &str| post_json(served.address, "/api/predict", body).refused(400);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"values\": 1}",
        "{\"values\": [\"a\"]}",
        "{\"values\": [null]}",
        "{\"values\": [], \"more\": 1}",
        "{\"values\":[NaN]}",
    ] {
        assert!(refused(body).starts_with("body: must be {\"values\": [numbers]}; "), "{body}");
    }
    assert_eq!(refused("{\"values\": [0.5]}"), "values: must be 64 for images of 8x8x1; found 1");
    for (value, shown) in [("1.5", "1.5"), ("-0.1", "-0.1"), ("1e30", "1000000000000000000000000000000")] {
        let values = vec![value; 64].join(",");
        assert_eq!(
            refused(&format!("{{\"values\": [{values}]}}")),
            format!("values: must be from 0 to 1; value 0 is {shown}")
        );
    }
    let deep = format!("{{\"values\": {}", "[".repeat(50_000));
    assert!(refused(&deep).len() < 400);
}

#[test]
fn bodies_that_are_too_long_are_refused_whether_they_say_so_or_not() {
    let served = served();
    let told = "body: must have at most 100000 bytes; it is longer";
    assert_eq!(post(served.address, "/api/predict", &vec![7; 100_001]).refused(413), told);
    // All of it is sent before anything is read.
    assert_eq!(post(served.address, "/api/predict", &vec![7; 20_000_000]).refused(413), told);
    let chunk = [b"8000\r\n", &[7; 0x8000][..], b"\r\n"].concat();
    let chunks = [chunk.repeat(5), b"0\r\n\r\n".to_vec()].concat();
    let chunked = request("POST", "/api/predict", &["Transfer-Encoding: chunked"], &chunks);
    assert_eq!(raw(served.address, &chunked).unwrap().refused(413), told);
    let huge = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551615\r\nConnection: close\r\n\r\n";
    if let Some(reply) = raw(served.address, huge) {
        assert!((400..500).contains(&reply.status), "{reply:?}");
    }
    let wrong = request("POST", "/api/predict", &["Transfer-Encoding: chunked"], b"zz\r\nabc\r\n0\r\n\r\n");
    let line = raw(served.address, &wrong).unwrap().refused(400);
    assert_eq!(line, "body: must be sent whole; it breaks off or its form is wrong");
}

#[test]
fn slow_bodies_and_heads_are_not_waited_for() {
    let served = served();
    let begun = Instant::now();
    let mut slow = connect(served.address);
    slow.write_all(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        .unwrap();
    let mut head = connect(served.address);
    head.write_all(b"GET /health HTTP/1.1\r\nHost: loc").unwrap();
    let mut idle = connect(served.address);
    let mut told = Vec::new();
    slow.read_to_end(&mut told).unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(
        told.starts_with("HTTP/1.1 408 ") && told.contains("body: must be sent within 0.5 seconds"),
        "{told}"
    );
    let mut rest = Vec::new();
    head.read_to_end(&mut rest).unwrap();
    idle.read_to_end(&mut rest).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    get(served.address, "/health").answered();
}

#[test]
fn whoever_reads_nothing_is_let_go() {
    let served = Served::with(|_, limits| {
        limits.connections = 1;
        limits.read_time = Duration::from_millis(300);
    });
    let begun = Instant::now();
    let mut deaf = connect(served.address);
    // Answers that nobody takes fill what the system keeps of them; then no further request is read.
    let asked = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500);
    deaf.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    let refused = (0..1000).any(|_| deaf.write_all(&asked).is_err());
    assert!(refused, "the server must end the connection");
    // The only place is free again.
    get(served.address, "/health").answered();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn requests_from_elsewhere_are_refused() {
    let served = served();
    let picture = png(8, 8, &digits(1)[0].0);
    let asked =
        |lines: &[&str]| raw(served.address, &request("POST", "/api/predict", lines, &picture)).unwrap();
    asked(&[]).answered();
    asked(&["Host: 127.0.0.1:1", "Origin: http://127.0.0.1:1"]).answered();
    for lines in [
        &["Host: evil.example"][..],
        &["Origin: http://evil.example"],
        &["Origin: null"],
        &["Host: localhost", "Host: evil.example"],
        &["Sec-Fetch-Site: cross-site"],
    ] {
        assert!(!asked(lines).refused(403).is_empty(), "{lines:?}");
    }
    let bare = raw(served.address, b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    assert!(bare.refused(403).contains("Host"));
    // A link may lead to the page, but not to more.
    let link = |path| {
        raw(served.address, &request("GET", path, &["Sec-Fetch-Site: cross-site"], b"")).unwrap().status
    };
    assert_eq!((link("/"), link("/api/runs")), (200, 403));
}

#[test]
fn every_answer_tells_browsers_to_take_nothing_from_elsewhere() {
    let served = served();
    for path in ["/", "/main.js", "/style.css", "/health", "/none", "/api/openapi.json"] {
        let Reply { headers, .. } = get(served.address, path);
        assert!(
            headers["content-security-policy"].starts_with("default-src 'none'; script-src 'self'"),
            "{path}"
        );
        assert_eq!(
            (headers["x-content-type-options"].as_str(), headers["x-frame-options"].as_str()),
            ("nosniff", "DENY")
        );
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    assert!(get(served.address, "/none").refused(404).contains("/none"));
    assert!(get(served.address, "/../Cargo.toml").refused(404).contains("nothing here"));
    assert!(get(served.address, "/api/predict").refused(405).contains("no such method"));
    assert_eq!(post(served.address, "/api/runs", b"").status, 405);
}

#[test]
fn what_is_no_http_gets_a_4xx_or_nothing_and_harms_nobody() {
    let served = served();
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(1000));
    for bytes in [
        &b"\x16\x03\x01\x02"[..],
        b"hello\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
        b"\0\0\0\0\r\n\r\n",
    ] {
        if let Some(reply) = raw(served.address, bytes) {
            assert!((400..500).contains(&reply.status), "{reply:?}");
        }
    }
    get(served.address, "/health").answered();
}

#[test]
fn beyond_the_queue_requests_are_told_when_to_come_back() {
    let served = served();
    let picture = png(8, 8, &digits(1)[0].0);
    let (mut answered, mut refused) = (0, 0);
    scope(|scope| {
        let ask = || post(served.address, "/api/predict?draws=50&detail=true", &picture);
        let asked: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        for reply in asked.into_iter().map(|asked| asked.join().unwrap()) {
            match reply.status {
                200 => answered += 1,
                _ => {
                    assert_eq!(reply.refused(503), "answers: all places are taken; ask again");
                    assert_eq!(reply.headers["retry-after"], "1");
                    refused += 1;
                }
            }
        }
    });
    assert!(answered >= 2 && answered + refused == 100, "{answered} {refused}");
    // A body that is on its way holds its place: two compute, two wait.
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let mut slow = connect(served.address);
            slow.write_all(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
                .unwrap();
            slow
        })
        .collect();
    sleep(Duration::from_millis(200));
    post(served.address, "/api/predict", &picture).refused(503);
    drop(slow);
    let freed = (0..100).any(|_| {
        sleep(Duration::from_millis(50));
        post(served.address, "/api/predict", &picture).status == 200
    });
    assert!(freed, "places are free again when those who held them are gone");
}
