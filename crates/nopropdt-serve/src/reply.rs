//! What is answered: JSON, or one line that says why not.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use nopropdt_train::one_line::one_line;
use serde::Serialize;

/// Why a request has no answer: a status, and one line as `{"error": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    line: String,
    /// Seconds after which to ask again.
    retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal; whatever `problem` quotes, it becomes one line.
    pub(crate) fn new(status: StatusCode, problem: impl ToString) -> Self {
        Self { status, line: one_line(&problem.to_string()), retry_after: None }
    }

    /// What was sent is wrong.
    pub(crate) fn bad(problem: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, problem)
    }

    /// There is no such thing.
    pub(crate) fn absent(problem: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, problem)
    }

    /// What is here is wrong.
    pub(crate) fn failed(problem: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, problem)
    }

    /// Too much at once: ask again in so many seconds.
    pub(crate) fn busy(problem: impl ToString, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, problem) }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = encoded(self.status, serde_json::json!({ "error": self.line }).to_string());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A value as JSON text.
pub(crate) fn encode(value: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value)
        .map_err(|error| Refusal::failed(format!("the answer has no JSON form: {error}")))
}

/// JSON text as an answer.
pub(crate) fn json(text: String) -> Response {
    encoded(StatusCode::OK, text)
}

fn encoded(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_of_bounded_length() {
        let refusal = Refusal::bad("a\n b\t\u{7}c");
        assert_eq!((refusal.status(), refusal.line()), (400, "a b c"));
        let long = Refusal::bad("é".repeat(1000));
        assert!(long.line().chars().count() < 310 && long.line().ends_with(" …"));
        let response = Refusal::busy("x", 2).into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (503, &"2".parse().unwrap())
        );
    }
}
