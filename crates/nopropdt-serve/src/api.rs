//! The API: addresses, and what each answers.

use crate::answer::{Answer, Asking, Detail, Told};
use crate::app::App;
use crate::body;
use crate::input::{self, refused};
use crate::page;
use crate::reply::{Refusal, encode, json};
use crate::{mistakes, runs};
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use nopropdt_blocks::Readout;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The API in OpenAPI's words.
const OPENAPI: &str = include_str!("openapi.json");

/// What every answer says to a browser: this page takes nothing from elsewhere, and nobody may frame it.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Everything that is served.
pub(crate) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/health", get(health))
        .route("/api/openapi.json", get(|| async { json(OPENAPI.to_owned()) }))
        .route("/api/model", get(model))
        .route("/api/predict", post(predict))
        .route("/api/runs", get(list))
        .route("/api/run", get(run))
        .route("/api/mistakes", get(wrong));
    let absent = |uri: Uri| async move { Refusal::absent(format!("{}: there is nothing here", uri.path())) };
    let wrong_method = || async {
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this address has no such method; see /api/openapi.json")
    };
    page::routes(api)
        .fallback(absent)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guarded))
        .with_state(app)
}

/// What is wrong with where a request comes from, if something is.
fn refusal(app: &App, request: &Request) -> Option<String> {
    let header =
        |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    // One of several hosts may be meant for somebody on the way.
    let is_one = request.headers().get_all(HOST).iter().count() <= 1;
    let host = header(HOST).filter(|_| is_one);
    // A link from elsewhere may lead to the page.
    let site = header(HeaderName::from_static("sec-fetch-site")).filter(|_| request.uri().path() != "/");
    app.guard.refusal(host, header(ORIGIN), site)
}

/// Refuses what comes from elsewhere, and says to browsers what every answer says.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&app, &request) {
        Some(problem) => Refusal::new(StatusCode::FORBIDDEN, problem).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    let Query(query) =
        Query::try_from_uri(uri).map_err(|error| Refusal::bad(format!("query: {}", error.body_text())))?;
    Ok(query)
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (model, runs) = app.has();
    json(serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "model": model, "runs": runs }).to_string())
}

/// Whose model is told of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRun {
    run: Option<String>,
}

async fn model(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Refusal> {
    let OfRun { run } = query(&uri)?;
    let place = app.answers.enter()?;
    let shared = Arc::clone(&app);
    place.work(move || encode(&Told::new(&*shared.model(run.as_deref())?, &shared.limits))).await.map(json)
}

/// How an answer is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    run: Option<String>,
    seed: Option<u64>,
    draws: Option<u64>,
    readout: Option<Readout>,
    #[serde(default)]
    invert: bool,
    #[serde(default)]
    detail: bool,
}

async fn predict(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let wanted: Wanted = query(&uri)?;
    let most = app.limits.draws;
    if let Some(found) = wanted.draws.filter(|draws| !(1..=most).contains(draws)) {
        return Err(Refusal::bad(format!("draws: must be from 1 to {most}; found {found}")));
    }
    let place = match app.answers.enter() {
        Ok(place) => place,
        Err(refusal) => {
            body::discard(body, &app.limits).await;
            return Err(refusal);
        }
    };
    let bytes = body::read(&headers, body, &app.limits).await?;
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.to_str().unwrap_or_default();
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    let shared = Arc::clone(&app);
    place.work(move || answered(&shared, &wanted, is_json, &bytes)).await.map(json)
}

/// The answer to a body as JSON.
fn answered(app: &App, wanted: &Wanted, is_json: bool, bytes: &[u8]) -> Result<String, Refusal> {
    let asked = app.model(wanted.run.as_deref())?;
    let mut values = match is_json {
        true => input::values(&asked.predictor, bytes)?,
        false => input::picture(&asked.predictor, bytes, app.limits.pixels)?,
    };
    let looks_inverted = asked.predictor.looks_inverted(&values);
    if wanted.invert {
        values.iter_mut().for_each(|value| *value = 1.0 - *value);
    }
    let metadata = &asked.predictor.model().metadata;
    let seed = wanted.seed.unwrap_or(metadata.config.training.seed);
    let draws = wanted.draws.unwrap_or(1);
    let readout = wanted.readout.unwrap_or(asked.predictor.readout());
    let predictor = asked.predictor.clone().with_seed(seed).with_draws(draws).with_readout(readout);
    let asking = Asking { seed, draws, looks_inverted };
    if !wanted.detail {
        let prediction = app.pool.install(|| predictor.predict(&values)).map_err(refused)?;
        return encode(&Answer::new(&prediction, &asking, None));
    }
    let watched =
        app.pool.install(|| predictor.watch(&values, |latent| asked.plane.place(latent))).map_err(refused)?;
    let detail = Detail::new(metadata.input.image(), &values, watched.draws);
    encode(&Answer::new(&watched.answer, &asking, Some(detail)))
}

async fn list(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let shared = Arc::clone(&app);
    app.reading.enter()?.work(move || runs::list(&shared)).await.map(json)
}

/// Which run is told of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

async fn run(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Refusal> {
    let Named { name } = query(&uri)?;
    let shared = Arc::clone(&app);
    app.reading.enter()?.work(move || runs::one(&shared, &name)).await.map(json)
}

async fn wrong(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Refusal> {
    let Named { name } = query(&uri)?;
    let shared = Arc::clone(&app);
    app.mistakes.enter()?.work(move || mistakes::of_run(&shared, &name)).await.map(json)
}
