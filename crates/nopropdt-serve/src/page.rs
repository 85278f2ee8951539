//! The page: files inside the program.

use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Every file: its address, what it is, and what it holds.
const FILES: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/style.css", CSS, include_str!("../page/style.css")),
    ("/icon.svg", SVG, include_str!("../page/icon.svg")),
    ("/main.js", SCRIPT, include_str!("../page/main.js")),
    ("/api.js", SCRIPT, include_str!("../page/api.js")),
    ("/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/colours.js", SCRIPT, include_str!("../page/colours.js")),
    ("/pad.js", SCRIPT, include_str!("../page/pad.js")),
    ("/digit.js", SCRIPT, include_str!("../page/digit.js")),
    ("/pixels.js", SCRIPT, include_str!("../page/pixels.js")),
    ("/ask.js", SCRIPT, include_str!("../page/ask.js")),
    ("/way.js", SCRIPT, include_str!("../page/way.js")),
    ("/latents.js", SCRIPT, include_str!("../page/latents.js")),
    ("/chart.js", SCRIPT, include_str!("../page/chart.js")),
    ("/runs.js", SCRIPT, include_str!("../page/runs.js")),
    ("/mistakes.js", SCRIPT, include_str!("../page/mistakes.js")),
];

/// The routes with those of the page.
pub(crate) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    FILES.into_iter().fold(router, |router, (address, kind, text)| {
        router.route(address, get(move || async move { file(kind, text) }))
    })
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // A new program has a new page.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
