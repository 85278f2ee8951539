//! Bodies: of bounded length, in bounded time.

use crate::limits::Limits;
use crate::reply::Refusal;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use tokio::time::timeout;

/// Bytes of a body that is too long which are read and thrown away, so that its sender gets to read why.
const MOST_THROWN_AWAY: u64 = 64 << 20;

/// The bytes of a body.
///
/// # Errors
/// 413 when it is longer than the limit, 408 when it comes too slowly, 400 when it breaks off or is not sent as HTTP has it.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    let told = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let limited = async {
        if told.is_some_and(|told| told > limits.body as u64) {
            throw_away(body).await;
            return Err(too_long(limits));
        }
        let mut limited = Limited::new(body, limits.body);
        let collected = collect(&mut limited).await;
        collected.map_err(|error| match error.is::<LengthLimitError>() {
            true => too_long(limits),
            false => Refusal::bad("body: must be sent whole; it breaks off or its form is wrong"),
        })
    };
    let late = || {
        let seconds = limits.body_time.as_secs_f32();
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, format!("body: must be sent within {seconds} seconds")))
    };
    timeout(limits.body_time, limited).await.unwrap_or_else(|_| late())
}

/// Reads a body that nobody wants, within its time, so that its sender gets to read the answer.
pub(crate) async fn discard(body: Body, limits: &Limits) {
    // One that takes longer is cut off.
    drop(timeout(limits.body_time, throw_away(body)).await);
}

async fn collect(limited: &mut Limited<Body>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    limited.collect().await.map(Collected::to_bytes)
}

fn too_long(limits: &Limits) -> Refusal {
    let most = limits.body;
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("body: must have at most {most} bytes; it is longer"))
}

async fn throw_away(mut body: Body) {
    let mut left = MOST_THROWN_AWAY;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
