//! One transfer: a request, and its answer added to the part.

use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use crate::disk::CHUNK;
use crate::part::{Part, Resume};
use crate::{FetchError, FetchEvent, FetchOptions, proxy};

/// Why a transfer failed, by what to do about it.
pub(crate) enum Failure {
    /// It may go better the next time.
    Again(FetchError),
    /// The server asks to wait so long.
    Later(Box<FetchError>, Duration),
    /// This mirror doesn't have the file.
    NextMirror(FetchError),
    /// This machine is at fault.
    Stop(FetchError),
}

/// A transfer to make.
pub(crate) struct Transfer<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) url: &'a str,
    /// The file's name, for events.
    pub(crate) file: &'a str,
    pub(crate) part: &'a Part,
    /// Bytes after which the answer can't be the file.
    pub(crate) limit: u64,
    /// How long the server may send next to nothing.
    pub(crate) stall_timeout: Duration,
}

/// Fewer bytes than this in `stall_timeout` are next to nothing: a transfer that trickles would never end.
const TRICKLE: u64 = 1024;
/// What Retry-After may say in seconds; a date or nonsense counts as no answer.
const MOST_SECONDS: u64 = 7 * 24 * 3600;

/// A client for this address that reports every status and gives up on silence.
pub(crate) fn agent(options: &FetchOptions, url: &str) -> Result<Agent, FetchError> {
    let stall_timeout = options.stall_timeout;
    let proxy = if options.environment_proxy { proxy::of_environment(url)? } else { None };
    let config = Agent::config_builder()
        .proxy(proxy)
        .http_status_as_error(false)
        .accept_encoding("identity")
        .user_agent(concat!("nopropdt-fetch/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(stall_timeout))
        .timeout_recv_response(Some(stall_timeout))
        .timeout_per_read(Some(stall_timeout))
        .build();
    Ok(config.into())
}

impl Transfer<'_> {
    /// Completes the part; true when it now holds bytes of more than one transfer.
    pub(crate) fn run(&self, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<bool, Failure> {
        let resume = self.part.resume(self.url);
        let response = self.request(resume.as_ref()).map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        match (status, resume) {
            (200, _) => {
                let validator = validator(response.headers());
                let file = self.part.restart(self.url, validator.as_deref()).map_err(Failure::Stop)?;
                self.receive(response, file, 0, on_event)?;
                Ok(false)
            }
            (206, Some(Resume { done, .. })) if range_start(response.headers()) == Some(done) => {
                let file = self.part.append().map_err(Failure::Stop)?;
                self.receive(response, file, done, on_event)?;
                Ok(true)
            }
            // Nothing follows the bytes there: they are all, or wrong, which their hash will tell.
            (416, Some(_)) => Ok(true),
            (206, _) => {
                self.part.discard().map_err(Failure::Stop)?;
                Err(Failure::Again(self.error("server sent a range that wasn't asked for")))
            }
            (408 | 429 | 500..=599, _) => match retry_after(response.headers()) {
                Some(pause) => Err(Failure::Later(Box::new(self.status(status)), pause)),
                None => Err(Failure::Again(self.status(status))),
            },
            _ => Err(Failure::NextMirror(self.status(status))),
        }
    }

    fn request(&self, resume: Option<&Resume>) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(self.url);
        if let Some(resume) = resume {
            request = request.header("Range", format!("bytes={}-", resume.done));
            if let Some(validator) = &resume.validator {
                request = request.header("If-Range", validator);
            }
        }
        request.call()
    }

    /// Moves the answer's body into the part.
    fn receive(
        &self,
        mut response: Response<Body>,
        mut part: File,
        mut done: u64,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), Failure> {
        let total = response.body().content_length().map(|length| done.saturating_add(length));
        on_event(FetchEvent::Started { file: self.file, origin: self.url, done, total });
        let mut body = response.body_mut().as_reader();
        let mut chunk = vec![0; CHUNK];
        let (mut since, mut before) = (Instant::now(), done);
        loop {
            let read = body.read(&mut chunk).map_err(|error| Failure::Again(self.error(error)))?;
            if read == 0 {
                break;
            }
            part.write_all(&chunk[..read])
                .map_err(|reason| Failure::Stop(FetchError::io("write", self.part.path())(reason)))?;
            done += read as u64;
            if done > self.limit {
                self.part.discard().map_err(Failure::Stop)?;
                return Err(Failure::NextMirror(self.error("answer is longer than the file can be")));
            }
            on_event(FetchEvent::Received { file: self.file, done });
            if since.elapsed() >= self.stall_timeout {
                if done - before < TRICKLE {
                    let seconds = self.stall_timeout.as_secs_f64();
                    let reason =
                        format!("{} bytes came in the last {seconds:.1} s, which is too slow", done - before);
                    return Err(Failure::Again(self.error(reason)));
                }
                (since, before) = (Instant::now(), done);
            }
        }
        match total {
            Some(total) if done < total => {
                Err(Failure::Again(self.error(format!("connection closed after {done} of {total} bytes"))))
            }
            _ => Ok(()),
        }
    }

    fn error(&self, reason: impl ToString) -> FetchError {
        FetchError::invalid(self.url, "transfer failed", reason.to_string())
    }

    fn status(&self, status: u16) -> FetchError {
        FetchError::invalid(self.url, "server must answer with the file", format!("status {status}"))
    }

    /// An address that can't be asked stays so; anything else may pass.
    fn failed(&self, error: &ureq::Error) -> Failure {
        use ureq::Error::{
            BadUri, Http, InvalidProxyUrl, RedirectFailed, RequireHttpsOnly, TooManyRedirects,
        };
        let described = self.error(error);
        match error {
            BadUri(_) | Http(_) | InvalidProxyUrl | RedirectFailed | RequireHttpsOnly(_)
            | TooManyRedirects => Failure::NextMirror(described),
            _ => Failure::Again(described),
        }
    }
}

/// The pause a server asks for, in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    (seconds <= MOST_SECONDS).then(|| Duration::from_secs(seconds))
}

/// What `If-Range` accepts: a strong ETag, or else the date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text("etag").filter(|tag| !tag.starts_with("W/")).or_else(|| text("last-modified"))
}

/// The first position of `Content-Range: bytes FIRST-LAST/TOTAL`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}
