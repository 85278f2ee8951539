//! A folder with one picture. The first byte says whether it is scaled, to few pixels or to many, and whether it is made grey.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_data::{Channels, DatasetSource, LoadOptions, load_from};
use nopropdt_fuzz::{assert_one_line, folder, let_decoders_panic, write};

fuzz_target!(|data: &[u8]| {
    let_decoders_panic();
    let Some((&kind, rest)) = data.split_first() else { return };
    write("tree/train/class/picture.png", rest);
    write("tree/test/class/picture.png", rest);
    let options = LoadOptions {
        image_size: (kind & 1 == 1).then_some(if kind & 0x80 == 0 { (9, 8) } else { (256, 192) }),
        channels: [Channels::Auto, Channels::Grey, Channels::Rgb][usize::from(kind >> 1 & 0x3f) % 3],
        ..LoadOptions::new("unused")
    };
    let source = DatasetSource::Folder(folder().join("tree").display().to_string());
    match load_from(&source, &options) {
        Ok(dataset) => {
            let shape = dataset.shape().image().expect("pictures are images");
            assert!(shape.height <= 256 && shape.width <= 256);
        }
        Err(error) => assert_one_line(error),
    }
});
