//! The OpenAPI file, held against what is answered.

use crate::client::{Reply, get, post, post_json};
use crate::world::{Served, digits, png, runs};
use nopropdt_serve::Limits;
use serde_json::Value;

/// What is wrong with a value by a schema of the file's kind: the keywords that the file uses, and no other.
fn faults(api: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        return faults(api, &api["components"]["schemas"][name], value, place);
    }
    let schema = schema.as_object().unwrap_or_else(|| panic!("{place}: there is no schema"));
    let mut found = Vec::new();
    for (keyword, rule) in schema {
        let holds = match keyword.as_str() {
            "description" | "format" | "properties" => true,
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| faults(api, rule, value, place).is_empty()),
            "type" => is_of(value, rule.as_str().unwrap()),
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_some_and(|value| value >= rule.as_f64().unwrap()),
            // Means of f32 may pass 1 by a rounding.
            "maximum" => value.as_f64().is_some_and(|value| value <= rule.as_f64().unwrap() + 1e-5),
            "minItems" => value.as_array().is_some_and(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_some_and(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "required" => {
                rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                assert_eq!(rule, false, "{place}");
                value
                    .as_object()
                    .is_some_and(|keys| keys.keys().all(|key| schema["properties"].get(key).is_some()))
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                found.extend(items.flat_map(|(at, item)| faults(api, rule, item, &format!("{place}[{at}]"))));
                true
            }
            other => panic!("{place}: the test does not know {other}"),
        };
        if !holds {
            found.push(format!("{place}: {keyword} {rule} does not hold of {value}"));
        }
    }
    for (key, rule) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.get(key) {
            found.extend(faults(api, rule, value, &format!("{place}.{key}")));
        }
    }
    found
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("there is no type {other}"),
    }
}

/// Holds an answer against what the file says of this address and status.
fn held(api: &Value, method: &str, path: &str, reply: &Reply) {
    let operation = &api["paths"][path.split('?').next().unwrap()][method];
    let told = &operation["responses"][reply.status.to_string()];
    assert!(told.is_object(), "{method} {path}: the file has no status {}", reply.status);
    assert_eq!(reply.headers["content-type"], "application/json", "{path}");
    let schema = &told["content"]["application/json"]["schema"];
    let found = faults(api, schema, &reply.json(), path);
    assert!(found.is_empty(), "{method} {path}:\n{}", found.join("\n"));
    for (name, value) in &reply.headers {
        assert!(name != "retry-after" || value.parse::<u32>().is_ok());
    }
}

#[test]
fn every_answer_is_what_the_file_says() {
    let served = Served::with(|options, limits| {
        options.runs = Some(runs().to_owned());
        options.model = Some(crate::world::model());
        limits.body = 100_000;
    });
    let at = served.address;
    let api = get(at, "/api/openapi.json").answered();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
    let draws = &api["paths"]["/api/predict"]["post"]["parameters"][2];
    assert_eq!(
        (&draws["name"], &draws["schema"]["maximum"]),
        (&"draws".into(), &Limits::default().draws.into())
    );
    let gets = [
        "/health",
        "/api/openapi.json",
        "/api/model",
        "/api/model?run=small",
        "/api/model?run=none",
        "/api/model?color=red",
        "/api/runs",
        "/api/run?name=small",
        "/api/run?name=none",
        "/api/run",
        "/api/mistakes?name=small",
        "/api/mistakes?name=none",
        "/api/mistakes?nam=small",
    ];
    for path in gets {
        held(&api, "get", path, &get(at, path));
    }
    let paths = api["paths"].as_object().unwrap();
    for path in paths.keys().filter(|path| paths[*path].get("get").is_some()) {
        assert!(gets.iter().any(|asked| asked.split('?').next() == Some(path)), "{path} was not asked");
    }
    let picture = png(8, 8, &digits(1)[0].0);
    for query in [
        "",
        "?draws=3&detail=true",
        "?readout=consensus&seed=18446744073709551615",
        "?draws=51",
        "?draws=0",
        "?run=none",
        "?detail=maybe",
    ] {
        let path = format!("/api/predict{query}");
        held(&api, "post", &path, &post(at, &path, &picture));
    }
    held(&api, "post", "/api/predict", &post(at, "/api/predict", b"no picture"));
    held(&api, "post", "/api/predict", &post(at, "/api/predict", &vec![0; 100_001]));
    held(&api, "post", "/api/predict", &post_json(at, "/api/predict", "{}"));
    // The queries that the file names are those that are taken.
    for parameter in api["paths"]["/api/predict"]["post"]["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let value = match parameter["schema"]["type"].as_str().unwrap() {
            "boolean" => "true",
            "integer" => "1",
            _ if name == "readout" => "chain",
            _ => "small",
        };
        post(at, &format!("/api/predict?{name}={value}"), &picture).answered();
    }
}

#[test]
fn an_answer_that_is_wrong_is_seen() {
    let api: Value = serde_json::from_str(include_str!("../../src/openapi.json")).unwrap();
    let schema = &api["components"]["schemas"]["Health"];
    let right = serde_json::json!({ "status": "ok", "version": "1", "model": true, "runs": false });
    assert!(faults(&api, schema, &right, "health").is_empty());
    for (key, value) in
        [("status", "bad".into()), ("model", 1.into()), ("more", Value::Null), ("version", Value::Null)]
    {
        let mut wrong = right.clone();
        wrong[key] = value;
        assert!(!faults(&api, schema, &wrong, "health").is_empty(), "{key}");
    }
}
