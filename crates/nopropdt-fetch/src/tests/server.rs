//! A small HTTP server whose every answer the test decides.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request, as far as the tests look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) path: String,
    /// First byte asked for by `Range`.
    pub(super) from: Option<usize>,
    pub(super) if_range: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// An empty answer of this status.
    Status(u16),
    /// The content with this ETag, from the byte asked for if `If-Range` agrees.
    Content { bytes: Vec<u8>, tag: &'static str },
    /// As `Content`, but the connection closes after this many bytes.
    Dropped { bytes: Vec<u8>, tag: &'static str, after: usize },
    /// The content without a length, from the start, whatever was asked.
    Unmeasured(Vec<u8>),
    /// A 206 answer of another range than the one asked for.
    WrongRange(Vec<u8>),
    /// Nothing at all, on a connection that stays open.
    Silence,
    /// The beginning of the content, and then silence.
    Stalled { bytes: Vec<u8>, tag: &'static str, after: usize },
    /// The content, a byte every few milliseconds.
    Trickle(Vec<u8>),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
}

impl Answer {
    /// An empty answer with one more header.
    pub(super) fn with_header(status: u16, header: &str) -> Self {
        let text =
            format!("HTTP/1.1 {status} x\r\n{header}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Self::Raw(text.into_bytes())
    }

    /// The content with a false length.
    pub(super) fn of_length(length: &str, bytes: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        Self::Raw([head.as_bytes(), bytes].concat())
    }
}

/// Runs until dropped; one connection at a time, one request each.
pub(super) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers the n-th request, counted from 0, with `answer(n, request)`.
    pub(super) fn start(mut answer: impl FnMut(usize, &Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut silent = Vec::new();
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let connection = connection.unwrap();
                let request = read_request(&connection).unwrap();
                let count = log.lock().unwrap().len();
                log.lock().unwrap().push(request.clone());
                // The client may have hung up; its own result tells.
                drop(send(connection, &mut silent, &request, answer(count, &request)));
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    /// Address of a folder on this server.
    pub(super) fn mirror(&self, folder: &str) -> String {
        format!("http://{}/{folder}/", self.address)
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread; its failure fails the test, unless the test is failing already.
        drop(TcpStream::connect(&self.address));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn read_request(connection: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, from: None, if_range: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                request.from = value.strip_prefix("bytes=").and_then(|v| v.strip_suffix('-')?.parse().ok());
            }
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(request)
}

fn send(mut to: TcpStream, silent: &mut Vec<TcpStream>, request: &Request, answer: Answer) -> io::Result<()> {
    match answer {
        Answer::Status(status) => {
            write!(to, "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::Content { bytes, tag } => send_content(&mut to, request, &bytes, tag, usize::MAX),
        Answer::Dropped { bytes, tag, after } => send_content(&mut to, request, &bytes, tag, after),
        Answer::Unmeasured(bytes) => {
            write!(to, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            to.write_all(&bytes)
        }
        Answer::WrongRange(bytes) => {
            let len = bytes.len();
            write!(
                to,
                "HTTP/1.1 206 OK\r\nContent-Length: {len}\r\nContent-Range: bytes 0-{}/{len}\r\nConnection: close\r\n\r\n",
                len - 1
            )?;
            to.write_all(&bytes)
        }
        Answer::Silence => {
            silent.push(to);
            Ok(())
        }
        Answer::Stalled { bytes, tag, after } => {
            let sent = send_content(&mut to, request, &bytes, tag, after);
            silent.push(to);
            sent
        }
        Answer::Trickle(bytes) => {
            let length = bytes.len();
            write!(to, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
            // Ends when the client has had enough.
            std::thread::spawn(move || {
                for byte in bytes {
                    if to.write_all(&[byte]).is_err() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            Ok(())
        }
        Answer::Raw(bytes) => to.write_all(&bytes),
    }
}

fn send_content(
    to: &mut TcpStream,
    request: &Request,
    bytes: &[u8],
    tag: &str,
    after: usize,
) -> io::Result<()> {
    let agrees = request.if_range.as_ref().is_none_or(|given| given == tag);
    let from = request.from.filter(|_| agrees);
    if from.is_some_and(|from| from >= bytes.len()) {
        return write!(to, "HTTP/1.1 416 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let body = &bytes[from.unwrap_or(0)..];
    let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
    write!(
        to,
        "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    )?;
    if let Some(from) = from {
        write!(to, "Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len())?;
    }
    write!(to, "\r\n")?;
    to.write_all(&body[..body.len().min(after)])
}
