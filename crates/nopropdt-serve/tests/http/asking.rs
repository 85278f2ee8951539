//! Answers: those of the library, in JSON.

use crate::client::{get, post, post_json};
use crate::world::{Served, digits, model, png, runs};
use nopropdt_train::predictor::Predictor;
use serde_json::{Value, json};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn pictures_are_answered_as_the_library_answers_them() {
    let served = Served::new();
    let predictor = Predictor::load(&model()).unwrap();
    let mut right = 0;
    for (bytes, label) in digits(20) {
        let answer = post(served.address, "/api/predict", &png(8, 8, &bytes)).answered();
        let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let wanted = predictor.predict(&values).unwrap();
        assert_eq!(answer["label"], wanted.class);
        assert_eq!(answer["class"], wanted.name);
        assert_eq!(answer["probability"], wanted.probability);
        assert_eq!(numbers(&answer["probabilities"]), wanted.probabilities);
        assert_eq!(answer["per_block"].as_array().unwrap().len(), 3);
        assert_eq!(numbers(&answer["per_block"][1]), wanted.after_each[1]);
        assert_eq!(answer["readout"], wanted.readout.name());
        assert_eq!(answer.get("detail"), None);
        // The same as values.
        let body = json!({ "values": values }).to_string();
        assert_eq!(post_json(served.address, "/api/predict", &body).answered(), answer);
        right += usize::from(answer["label"] == label);
    }
    assert!(right >= 17, "{right} of 20");
}

#[test]
fn seed_draws_readout_and_inversion_are_the_askers() {
    let served = Served::new();
    let (bytes, _) = digits(1).remove(0);
    let asked =
        |query: &str| post(served.address, &format!("/api/predict?{query}"), &png(8, 8, &bytes)).answered();
    let plain = asked("");
    assert_eq!(asked(&format!("seed={}", plain["seed"])), plain);
    assert_ne!(asked("seed=123456")["probabilities"], plain["probabilities"]);
    let predictor = Predictor::load(&model()).unwrap().with_seed(7).with_draws(6);
    let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    let wanted = predictor.predict(&values).unwrap();
    for readout in ["chain", "consensus"] {
        let answer = asked(&format!("seed=7&draws=6&readout={readout}"));
        assert_eq!((&answer["draws"], &answer["readout"]), (&json!(6), &json!(readout)));
        assert_eq!(numbers(&answer["chain"]), wanted.chain);
        assert_eq!(answer["probabilities"], answer[readout]);
    }
    let inverted: Vec<u8> = bytes.iter().map(|byte| 255 - byte).collect();
    let other =
        post(served.address, "/api/predict?invert=true&seed=7&draws=6", &png(8, 8, &inverted)).answered();
    let same = asked("seed=7&draws=6");
    for (one, other) in numbers(&same["probabilities"]).into_iter().zip(numbers(&other["probabilities"])) {
        assert!((one - other).abs() < 1e-4);
    }
}

#[test]
fn every_draw_is_told_with_its_way_in_the_plane() {
    let served = Served::new();
    let (bytes, _) = digits(1).remove(0);
    let answer = post(served.address, "/api/predict?draws=4&detail=true", &png(8, 8, &bytes)).answered();
    let model = get(served.address, "/api/model").answered();
    assert_eq!(
        (&model["blocks"], &model["method"], &model["on_the_way"]),
        (&json!(3), &json!("NoProp-DT"), &json!("block"))
    );
    assert_eq!(model["plane"].as_array().unwrap().len(), 10);
    assert_eq!(numbers(&model["levels"]).len(), 3);
    let draws = answer["detail"]["draws"].as_array().unwrap();
    assert_eq!(draws.len(), 4);
    let agreeing = draws.iter().filter(|draw| draw["label"] == answer["label"]).count();
    assert_eq!(answer["agreeing_draws"], agreeing);
    for draw in draws {
        for key in ["after_each", "given", "estimates"] {
            assert_eq!(draw[key].as_array().unwrap().len(), 3, "{key}");
        }
    }
    // The last block knows its digit: its estimate lies beside the class.
    let last = numbers(&draws[0]["estimates"][2]);
    let label = draws[0]["after_each"][2]["label"].as_u64().unwrap() as usize;
    let class = numbers(&model["plane"][label]);
    let distance = (last[0] - class[0]).hypot(last[1] - class[1]);
    assert!(distance < 0.3, "{last:?} {class:?}");
    let image = &answer["detail"]["image"];
    assert_eq!((&image["height"], &image["width"], &image["channels"]), (&json!(8), &json!(8), &json!(1)));
}

#[test]
fn a_picture_of_another_size_is_brought_to_the_models() {
    let served = Served::new();
    let (bytes, label) = digits(1).remove(0);
    let large: Vec<u8> = (0..80 * 80).map(|at| bytes[at / 80 / 10 * 8 + at % 80 / 10]).collect();
    assert_eq!(post(served.address, "/api/predict?draws=5", &png(80, 80, &large)).answered()["label"], label);
}

#[test]
fn the_model_of_a_run_is_asked_by_its_name() {
    let served = Served::with(|options, _| options.runs = Some(runs().to_owned()));
    let picture = png(8, 8, &digits(1).remove(0).0);
    let line = post(served.address, "/api/predict", &picture).refused(404);
    assert!(line.contains("run=NAME"), "{line}");
    let answer = post(served.address, "/api/predict?run=small", &picture).answered();
    assert_eq!(answer, post(Served::new().address, "/api/predict", &picture).answered());
    assert_eq!(get(served.address, "/api/model?run=small").answered()["name"], "small");
    for name in ["none", "..", "../small", "%2Fetc", "small%2F..%2Fsmall", ""] {
        let line = post(served.address, &format!("/api/predict?run={name}"), &picture).refused(404);
        assert!(line.ends_with("there is no such run"), "{line}");
    }
}
