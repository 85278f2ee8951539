//! Configuration files: one that is accepted survives being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_fuzz::assert_one_line;
use nopropdt_train::config::{Overrides, Preset};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let overrides = match Overrides::from_text(text) {
        Ok(overrides) => overrides,
        Err(error) => return assert_one_line(error),
    };
    for preset in [None, Some(Preset::Paper), Some(Preset::Reference)] {
        match overrides.clone().resolve(preset) {
            Ok(config) => {
                let text = config.to_toml();
                let again = Overrides::from_text(&text).expect("it was just written").resolve(None);
                assert_eq!(again.expect("it was accepted").to_toml(), text);
            }
            Err(error) => assert_one_line(error),
        }
    }
});
