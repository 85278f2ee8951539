//! Model files of version 1, whose settings had no sections. They were written by the program of that time; their values were replaced by
//! (i mod 251)/1000 for value i of each tensor, so that they pack.

use flate2::read::GzDecoder;
use nopropdt_train::model_file::{Model, parse};
use std::io::Read;

fn read(packed: &[u8]) -> Model {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    parse(&bytes).unwrap()
}

#[test]
fn models_of_version_1_are_read() {
    let models = [
        (&include_bytes!("../data/version1-dt.safetensors.gz")[..], "dt", 2, 6),
        (include_bytes!("../data/version1-ct.safetensors.gz"), "ct", 5, 10),
        (include_bytes!("../data/version1-backprop.safetensors.gz"), "backprop", 2, 10),
    ];
    for (packed, name, steps, dim) in models {
        let Model { metadata, network, weights } = read(packed);
        let facts = network.facts();
        assert_eq!((metadata.format_version, metadata.config.method.name.as_str()), (1, name));
        assert_eq!((facts.steps, facts.embedding.dim(), facts.classes), (steps, dim, 10), "{name}");
        assert_eq!(metadata.config.training.batch_size, 64, "{name}");
        for set in weights.sets() {
            for entry in set.entries() {
                let values = set.export(&entry.name).unwrap();
                let expected = (0..values.len()).map(|place| (place % 251) as f32 / 1000.0);
                assert!(values.iter().copied().eq(expected), "{name}: {}", entry.name);
            }
        }
    }
}
