//! Writes the first inputs of each target to `corpus`: small files in the right form, from which fuzzing starts.
//!
//! `cargo run --example seeds`, in this folder.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageEncoder, ImageFormat, RgbImage, RgbaImage};
use nopropdt_fuzz::packed;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    idx()?;
    cifar()?;
    mat()?;
    npz()?;
    archives()?;
    pictures()?;
    values()?;
    models()?;
    checkpoints()?;
    configurations()
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

fn idx() -> io::Result<()> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let images = [words(&[0x0803, 2, 28, 28]), vec![9; 2 * 784]].concat();
    let labels = [words(&[0x0801, 2]), vec![3, 7]].concat();
    for (name, kind, images, labels) in
        [("plain", 0, images.clone(), labels.clone()), ("gzip", 1, gzip(&images), gzip(&labels))]
    {
        let at = (images.len() as u16).to_be_bytes();
        seed("idx", name, &[&[kind, at[0], at[1]], &images[..], &labels].concat())?;
    }
    Ok(())
}

fn cifar() -> io::Result<()> {
    seed("cifar_binary", "ten", &[0, 9, 1, 2])?;
    seed("cifar_binary", "hundred", &[1, 19, 99, 3])?;
    seed("cifar_binary", "twenty", &[2, 19, 99, 3])?;
    seed("cifar_binary", "short", &[200, 1, 2])
}

fn mat() -> io::Result<()> {
    fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }
    let array = |name: u8, sizes: &[i32], data: Vec<u8>| {
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        let parts = [
            element(6, &[9, 0, 0, 0, 0, 0, 0, 0]),
            element(5, &sizes),
            vec![1, 0, 1, 0, name, 0, 0, 0],
            data,
        ];
        element(14, &parts.concat())
    };
    let compressed = |element: &[u8]| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(element).expect("memory does not fail");
        let data = encoder.finish().expect("memory does not fail");
        [15_u32.to_le_bytes().to_vec(), (data.len() as u32).to_le_bytes().to_vec(), data].concat()
    };
    let x = array(b'X', &[32, 32, 3, 1], element(2, &[5; 3072]));
    let bytes = array(b'y', &[1, 1], element(2, &[10]));
    let double = array(b'y', &[1, 1], element(9, &3.0_f64.to_le_bytes()));
    let mut header = vec![b' '; 124];
    header.extend_from_slice(&[0, 1, b'I', b'M']);
    seed("mat", "plain", &[header.clone(), x.clone(), bytes].concat())?;
    seed("mat", "compressed", &[header, compressed(&x), compressed(&double)].concat())
}

fn npz() -> io::Result<()> {
    let array = |descr: &str, shape: &str, values: &[u8]| {
        let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\0", &(dict.len() as u16).to_le_bytes()[..], dict.as_bytes(), values].concat()
    };
    let grey = [
        array("|u1", "(2, 4, 4)", &[5; 32]),
        array("|u1", "(2, 1)", &[0, 1]),
        array("|u1", "(1, 4, 4)", &[6; 16]),
        array("<i8", "(1,)", &1_i64.to_le_bytes()),
    ];
    let colour = [
        array("|u1", "(2, 4, 4, 3)", &[5; 96]),
        array(">u2", "(2,)", &[0, 1, 0, 0]),
        array("|u1", "(1, 4, 4, 3)", &[6; 48]),
        array("|i1", "(1,)", &[1]),
        array("|u1", "(1, 4, 4, 3)", &[7; 48]),
        array("<i4", "(1, 1)", &2_i32.to_le_bytes()),
    ];
    for (name, deflated, arrays) in [("stored", false, &grey[..]), ("deflated", true, &colour)] {
        let whole = packed(arrays.iter().map(Vec::as_slice), deflated);
        seed("npz", name, &[&[0], &whole[..]].concat())?;
        let lengths = arrays.iter().map(|array| (array.len() as u16).to_be_bytes());
        let arrays = lengths.zip(arrays).map(|(length, array)| [&length, &array[..]].concat());
        let arrays: Vec<Vec<u8>> = arrays.collect();
        seed(
            "npz",
            &format!("arrays-{name}"),
            &[&[1 + 2 * u8::from(deflated)], &arrays.concat()[..]].concat(),
        )?;
    }
    Ok(())
}

fn archives() -> io::Result<()> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content)
    };
    add("top/a", b"hello")?;
    add(&format!("{}/b", "n".repeat(120)), b"")?;
    let tar = tar.into_inner()?;
    seed("archive", "tar", &[&[0][..], &gzip(&tar)].concat())?;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, method) in
        [("top/a", zip::CompressionMethod::Stored), ("top/b", zip::CompressionMethod::Deflated)]
    {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(name, options).map_err(io::Error::other)?;
        zip.write_all(&[b'z'; 100])?;
    }
    zip.add_directory("top/c/", zip::write::SimpleFileOptions::default()).map_err(io::Error::other)?;
    let zip = zip.finish().map_err(io::Error::other)?.into_inner();
    seed("archive", "zip", &[&[1][..], &zip].concat())
}

fn pictures() -> io::Result<()> {
    let colour = RgbImage::from_fn(9, 8, |x, y| image::Rgb([x as u8 * 20, y as u8 * 20, 99]));
    let grey: DynamicImage = GrayImage::from_pixel(9, 8, image::Luma([77])).into();
    let clear: DynamicImage = RgbaImage::from_pixel(9, 8, image::Rgba([1, 2, 3, 128])).into();
    for (name, picture, format) in [
        ("png", &DynamicImage::from(colour.clone()), ImageFormat::Png),
        ("grey-png", &grey, ImageFormat::Png),
        ("clear-png", &clear, ImageFormat::Png),
        ("jpeg", &colour.clone().into(), ImageFormat::Jpeg),
        ("grey-jpeg", &grey, ImageFormat::Jpeg),
        ("bmp", &colour.clone().into(), ImageFormat::Bmp),
        ("webp", &clear, ImageFormat::WebP),
    ] {
        let mut bytes = Cursor::new(vec![0]);
        bytes.set_position(1);
        picture.write_to(&mut bytes, format).map_err(io::Error::other)?;
        let bytes = bytes.into_inner();
        // Without the byte that says how a folder is read.
        seed("serve_picture", name, &bytes[1..])?;
        seed("image_folder", name, &bytes)?;
    }
    // Turned by its EXIF data: orientation 6.
    let mut bytes = vec![0];
    let mut encoder = JpegEncoder::new(&mut bytes);
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    encoder.set_exif_metadata(exif.to_vec()).map_err(io::Error::other)?;
    encoder.encode_image(&colour).map_err(io::Error::other)?;
    seed("image_folder", "turned-jpeg", &bytes)
}

fn values() -> io::Result<()> {
    let values = |value: &str| format!("{{\"values\": [{}]}}", vec![value; 64].join(","));
    seed("serve_values", "input", values("0.5").as_bytes())?;
    seed("serve_values", "beyond", values("-1e2").as_bytes())?;
    seed("serve_values", "other", br#"{"values": [0, null, "a"], "more": {}}"#)
}

fn models() -> io::Result<()> {
    let config = nopropdt_train::config::Overrides::default().with("steps", 1);
    let config = config.resolve(None).expect("these are right");
    let image = nopropdt_blocks_image();
    let metadata = format!(
        "{{\"format_version\":1,\"config\":{},\"image\":{image},\"class_names\":[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"],\"alpha_bar\":[0.001,0.999]}}",
        toml_as_json(&config.to_toml())
    );
    let values = vec![0; 4 * 10 * 10];
    // The real tensors take a megabyte; these few are small, and one is of a wrong shape.
    let tensors: HashMap<&str, TensorView<'_>> =
        [("embedding.weight", vec![10, 10]), ("head.weight", vec![5, 20])]
            .into_iter()
            .map(|(name, shape)| {
                (name, TensorView::new(Dtype::F32, shape, &values).expect("the lengths agree"))
            })
            .collect();
    let header = HashMap::from([("nopropdt".to_owned(), metadata)]);
    let file = safetensors::serialize(tensors, Some(header)).map_err(io::Error::other)?;
    seed("safetensors", "few-tensors", &file)
}

fn nopropdt_blocks_image() -> &'static str {
    "{\"height\":8,\"width\":8,\"channels\":1}"
}

/// A flat table of numbers, strings and booleans.
fn toml_as_json(text: &str) -> String {
    let pairs = text.lines().filter_map(|line| line.split_once(" = "));
    let members: Vec<String> = pairs.map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn checkpoints() -> io::Result<()> {
    // config, images, seconds, no metrics, one set of two values and no statistics, one optimiser: see docs/formats.md.
    let mut payload = vec![8];
    payload.extend_from_slice(b"seed = 1");
    payload.extend_from_slice(&[9; 32]);
    payload.extend_from_slice(&2.5_f64.to_le_bytes());
    payload.push(0);
    payload.extend_from_slice(&[1, 2]);
    payload.extend_from_slice(&[0; 8]);
    payload.push(0);
    payload.extend_from_slice(&[1, 7, 1, 2]);
    payload.extend_from_slice(&[0; 8]);
    seed("checkpoint", "payload", &payload)?;
    seed("checkpoint", "magic", b"NPDTCKPT\x02\0\0\0\0\0\0\0\0\0\0\0")
}

fn configurations() -> io::Result<()> {
    let config = nopropdt_train::config::Overrides::default().resolve(None).expect("the defaults are right");
    seed("configuration", "defaults", config.to_toml().as_bytes())?;
    seed(
        "configuration",
        "folder",
        b"dataset = \"folder:a/b\"\nimage-size = \"32x48\"\nchannels = \"grey\"\nsplit = 0.1\nnormalize = \"standard\"\ncrop-padding = 4\nflip = true\n",
    )
}
