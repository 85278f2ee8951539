//! BMP files of all kinds, whole and damaged.

use proptest::prelude::*;

use super::*;

/// A header and what it says of the pixels.
#[derive(Clone, Debug)]
struct Kind {
    header: u32,
    bits: u16,
    compression: u32,
    masks: [u32; 4],
}

fn kinds() -> impl Strategy<Value = Kind> {
    let header = prop::sample::select(vec![12_u32, 40, 40, 40, 52, 56, 108, 124]);
    let pixels = prop::sample::select(vec![
        (1, 0),
        (2, 0),
        (4, 0),
        (8, 0),
        (16, 0),
        (24, 0),
        (32, 0),
        (8, 1),
        (4, 2),
        (16, 3),
        (32, 3),
        (24, 3),
        (8, 4),
    ]);
    let masks = prop::sample::select(vec![
        [0xf800, 0x07e0, 0x001f, 0],
        [0x7c00, 0x03e0, 0x001f, 0x8000],
        [0x0f00, 0x00f0, 0x000f, 0xf000],
        [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0xff00_0000],
        [0xff00_0000, 0x00ff_0000, 0x0000_ff00, 0],
        [0x3ff0_0000, 0x000f_fc00, 0x0000_03ff, 0xc000_0000],
        [0x8000_0000, 0x0070_0000, 0x0000_007e, 0x0000_0001],
        [0x00ff_0000, 0, 0x0000_00ff, 0],
        [0x00f5_0000, 0xff00, 0xff, 0],
    ]);
    (header, pixels, masks).prop_map(|(header, (bits, compression), masks)| Kind {
        header,
        bits,
        compression,
        masks,
    })
}

/// Bytes of a file of that kind, with `data` for its palette and `pixels` behind it.
fn file(kind: &Kind, (width, height): (i32, i32), colours: u32, data: &[u8], pixels: &[u8]) -> Vec<u8> {
    let mut header = kind.header.to_le_bytes().to_vec();
    if kind.header == 12 {
        for number in [width as u16, height as u16, 1, kind.bits] {
            header.extend(number.to_le_bytes());
        }
    } else {
        header.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        header.extend([1, 0]);
        header.extend(kind.bits.to_le_bytes());
        for number in [kind.compression, 0, 0, 0, colours, 0] {
            header.extend(number.to_le_bytes());
        }
        header.extend(kind.masks.iter().flat_map(|mask| mask.to_le_bytes()));
        // The masks of the shortest of these follow it.
        let most = if kind.header == 40 && kind.compression == 3 { 52 } else { kind.header as usize };
        header.resize(most, 0);
    }
    let place = 14 + header.len() + data.len();
    let start = [&b"BM"[..], &[0; 8], &(place as u32).to_le_bytes()].concat();
    [start, header, data.to_vec(), pixels.to_vec()].concat()
}

/// Runs, rows' ends, moves and plain places, mostly of a length that fits small pictures.
fn runs() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>;
    let command = prop_oneof![
        4 => (1_u8..9, byte()).prop_map(|(count, place)| vec![count, place]),
        2 => Just(vec![0, 0]),
        1 => Just(vec![0, 1]),
        1 => (0_u8..5, 0_u8..3).prop_map(|(right, up)| vec![0, 2, right, up]),
        2 => (3_u8..9, prop::collection::vec(byte(), 8)).prop_map(|(count, bytes)| {
            // Of 8 or 4 bits; the reader of the other kind is out of step from here, as with a damaged file.
            let length = if bytes[0] & 1 == 0 { usize::from(count) } else { usize::from(count).div_ceil(2) };
            [vec![0, count], bytes[..length.next_multiple_of(2).min(8)].to_vec()].concat()
        }),
    ];
    prop::collection::vec(command, 0..12).prop_map(|commands| commands.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn files_of_all_kinds(
        kind in kinds(),
        (width, height) in (prop_oneof![9 => 1..20, 1 => -2..1], prop_oneof![1..12, -12..0]),
        colours in prop_oneof![3 => Just(0_u32), 2 => 0..20_u32, 1 => 200..300_u32],
        palette in prop_oneof![prop::collection::vec(any::<u8>(), 1024), prop::collection::vec(any::<u8>(), 0..1100)],
        runs in runs(),
        pixels in prop::collection::vec(any::<u8>(), 900..901),
        is_clear: bool,
        cut in prop_oneof![3 => Just(0_usize), 1 => 0_usize..900],
    ) {
        let is_runs = matches!(kind.compression, 1 | 2);
        let mut pixels = if is_runs { [runs, vec![0, 1]].concat() } else { pixels };
        if is_clear && !is_runs {
            // No alpha in any pixel.
            pixels.iter_mut().skip(3).step_by(4).for_each(|byte| *byte = 0);
        }
        pixels.truncate(pixels.len().saturating_sub(cut));
        assert_same(&file(&kind, (width, height), colours, &palette, &pixels), &format!("{kind:?}"));
    }
}

/// That the kinds above can be read at all, and hold what they should.
#[test]
fn pixels_of_each_kind() {
    let masks = [0xf800, 0x07e0, 0x001f, 0];
    let of = |header, bits, compression, palette: &[u8], pixels: &[u8]| {
        let bytes = file(&Kind { header, bits, compression, masks }, (2, 1), 0, palette, pixels);
        ours(&bytes).unwrap().4
    };
    let red_green = [255, 0, 0, 0, 255, 0];
    let palette = [&[0, 0, 255, 9, 0, 255, 0, 9][..], &[7; 1016]].concat();
    assert_eq!(of(40, 1, 0, &palette[..8], &[0x40, 0, 0, 0]), red_green);
    assert_eq!(of(40, 2, 0, &palette[..16], &[0x10, 0, 0, 0]), red_green);
    assert_eq!(of(108, 4, 0, &palette[..64], &[0x01, 0, 0, 0]), red_green);
    assert_eq!(of(40, 8, 0, &palette, &[0, 1, 0, 0]), red_green);
    assert_eq!(of(40, 16, 0, &[], &[0, 0x7c, 0xe0, 0x03]), red_green);
    assert_eq!(of(12, 24, 0, &[], &[0, 0, 255, 0, 255, 0, 0, 0]), red_green);
    assert_eq!(of(124, 32, 0, &[], &[0, 0, 255, 9, 0, 255, 0, 9]), red_green);
    assert_eq!(of(40, 16, 3, &[], &[0, 0xf8, 0xe0, 0x07]), red_green);
    // A run, then places as they are.
    assert_eq!(of(40, 8, 1, &palette, &[1, 0, 1, 1, 0, 1]), red_green[..]);
    assert_eq!(of(40, 4, 2, &palette[..64], &[2, 0x01, 0, 0]), red_green[..]);
    // The first pixel is passed over.
    assert_eq!(of(40, 8, 1, &palette, &[0, 2, 1, 0, 1, 1, 0, 1]), [0, 0, 0, 0, 255, 0]);
}
