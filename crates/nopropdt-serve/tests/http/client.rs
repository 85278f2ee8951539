//! A client that sends what it is told, byte for byte.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// By name in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let field = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        };
        Some(Self { status, headers: lines.filter_map(field).collect(), body: bytes[end + 4..].to_vec() })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The line of a refusal, which must be one.
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let line = self.json()["error"].as_str().expect("a refusal says why").to_owned();
        assert!(!line.is_empty() && !line.contains('\n') && line.len() < 1000, "{line:?}");
        line
    }

    pub fn answered(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends these bytes and reads to the end; none when the other end closed without a word.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = connect(address);
    // It may be refused before all is sent.
    let sent = stream.write_all(bytes);
    let mut reply = Vec::new();
    let read = stream.read_to_end(&mut reply);
    let parsed = Reply::parse(&reply);
    assert!(parsed.is_some() || (sent.is_ok() && read.is_ok()) || reply.is_empty(), "{sent:?} {read:?}");
    parsed
}

/// A request that ends its connection, with further header lines.
pub fn request(method: &str, path: &str, lines: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if lines.iter().all(|line| !line.to_lowercase().starts_with("host:")) {
        head += "Host: localhost\r\n";
    }
    if method == "POST" && lines.iter().all(|line| !line.to_lowercase().starts_with("transfer-encoding:")) {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    lines.iter().for_each(|line| head += &format!("{line}\r\n"));
    [format!("{head}\r\n").as_bytes(), body].concat()
}

pub fn get(address: SocketAddr, path: &str) -> Reply {
    raw(address, &request("GET", path, &[], b"")).expect("an answer")
}

pub fn post(address: SocketAddr, path: &str, body: &[u8]) -> Reply {
    raw(address, &request("POST", path, &[], body)).expect("an answer")
}

pub fn post_json(address: SocketAddr, path: &str, body: &str) -> Reply {
    raw(address, &request("POST", path, &["Content-Type: application/json"], body.as_bytes()))
        .expect("an answer")
}
