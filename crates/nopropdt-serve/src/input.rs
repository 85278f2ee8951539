//! What is asked about: a picture's bytes, or an input's values as JSON. Both are hostile until read.

use crate::reply::Refusal;
use nopropdt_train::predictor::{PredictError, Predictor};
use serde::Deserialize;

/// An input as JSON: `{"values": [0.0, 0.5, …]}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    values: Vec<f32>,
}

/// One input of the network: of a body that is a picture, decoded and brought to the model's size as the pictures of a folder are.
///
/// # Errors
/// A [`Refusal`] when it is no PNG, JPEG, BMP or WebP picture, has more than `most_pixels` pixels, or the network's inputs are no images.
pub fn picture(predictor: &Predictor, bytes: &[u8], most_pixels: u64) -> Result<Vec<f32>, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::bad("body: must be a picture's bytes; it is empty"));
    }
    predictor.picture_of(bytes, most_pixels).map_err(refused)
}

/// One input of the network: of a body that is JSON, row by row, each value in 0..1.
///
/// # Errors
/// A [`Refusal`] when it is not that, or its values are not as many as the network takes.
pub fn values(predictor: &Predictor, bytes: &[u8]) -> Result<Vec<f32>, Refusal> {
    let Written { values } = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::bad(format!("body: must be {{\"values\": [numbers]}}; {error}")))?;
    let input = &predictor.model().metadata.input;
    if values.len() != input.len() {
        let (wanted, found) = (input.len(), values.len());
        return Err(Refusal::bad(format!(
            "values: must be {wanted} for {} of {input}; found {found}",
            input.noun()
        )));
    }
    match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
        Some(place) => {
            Err(Refusal::bad(format!("values: must be from 0 to 1; value {place} is {}", values[place])))
        }
        None => Ok(values),
    }
}

/// What a predictor says against an input, in the status that says whose fault it is.
pub(crate) fn refused(error: PredictError) -> Refusal {
    match error {
        PredictError::NoAnswer { .. } => Refusal::failed(
            "the network's probabilities must be finite; they are not, so its weights are too large",
        ),
        PredictError::Model(_) => Refusal::failed(error),
        error => Refusal::bad(error),
    }
}
