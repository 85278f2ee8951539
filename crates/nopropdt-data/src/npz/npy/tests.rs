use super::*;

#[test]
fn headers_are_read_however_they_are_written() {
    let expected = Header { descr: "|u1".into(), fortran_order: false, shape: vec![60_000, 28, 28] };
    for dict in [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }      \n",
        "{'shape': (60000, 28, 28), 'descr': '|u1', 'fortran_order': False}",
        "{\"fortran_order\":False,\"shape\":(60000L,28L,28L,),\"descr\":\"|u1\"}\n",
        "{ 'descr' : '|u1' , 'fortran_order' : False , 'shape' : ( 60000 , 28 , 28 ) , }",
    ] {
        assert_eq!(parse(dict).as_ref(), Some(&expected), "{dict}");
    }
    let shape = |shape: &str| {
        parse(&format!("{{'descr': '<i8', 'fortran_order': True, 'shape': {shape}, }}"))
            .map(|header| header.shape)
    };
    assert_eq!(
        (shape("()"), shape("(3,)"), shape("(0, 5)")),
        (Some(vec![]), Some(vec![3]), Some(vec![0, 5]))
    );
    for bad in
        ["(3)", "3", "(3", "(,)", "(3,,)", "(-1,)", "(3.0,)", "(18446744073709551616,)", "[3]", "('3',)"]
    {
        assert_eq!(shape(bad), None, "{bad}");
    }
}

#[test]
fn other_headers_are_refused() {
    for dict in [
        "",
        "{}",
        "{'descr': '|u1', 'fortran_order': False}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '|u1' 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} more",
        "{'descr': '\\x41', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'a\nb', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)",
    ] {
        assert_eq!(parse(dict), None, "{dict}");
    }
}

/// No beginning of a header is taken for the whole.
#[test]
fn a_cut_header_is_none() {
    let whole = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2), }";
    for end in 0..whole.len() {
        assert_eq!(parse(&whole[..end]), None, "{}", &whole[..end]);
    }
}

#[test]
fn whole_numbers_of_all_types_are_read() {
    let integer = |descr: &str| Header { descr: descr.into(), fortran_order: false, shape: vec![] }.integer();
    for (descr, bytes, value) in [
        ("|u1", &[200][..], 200),
        ("|i1", &[200], -56),
        ("<u1", &[7], 7),
        ("<u2", &[1, 2], 0x0201),
        (">u2", &[1, 2], 0x0102),
        (">i2", &[0xff, 0xfe], -2),
        ("<i4", &[0xfe, 0xff, 0xff, 0xff], -2),
        (">u4", &[0xff, 0, 0, 1], 0xff00_0001),
        ("<i8", &[0, 0, 0, 0, 0, 0, 0, 0x80], i64::MIN.into()),
        (">i8", &[0, 0, 0, 0, 0, 0, 1, 1], 257),
        ("<u8", &[0xff; 8], u64::MAX.into()),
    ] {
        let integer = integer(descr).unwrap();
        assert_eq!((integer.size, integer.value(bytes)), (bytes.len(), value), "{descr}");
    }
    for descr in ["<f4", "|b1", "<i3", "<i16", "|u2", "u1", "=u1", "|O", "<U5", "", "<i/", "|\u{e9}"] {
        assert_eq!(integer(descr), None, "{descr}");
    }
    assert!(integer("|u1").unwrap().is_bytes() && !integer("|i1").unwrap().is_bytes());
    assert!(!integer("<u2").unwrap().is_bytes());
}

#[test]
fn too_many_values_are_no_number() {
    let values =
        |shape: &[u64]| Header { descr: "|u1".into(), fortran_order: false, shape: shape.to_vec() }.values();
    assert_eq!((values(&[]), values(&[3, 4]), values(&[3, 0])), (Some(1), Some(12), Some(0)));
    assert_eq!(values(&[1 << 32, 1 << 32]), None);
}
