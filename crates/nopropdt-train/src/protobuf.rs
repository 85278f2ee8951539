//! Protocol buffers, as far as ONNX and TensorBoard need them: fields of a message one after the other, each a key and a value.

/// A message that grows field by field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Message(Vec<u8>);

/// How a value is written, the low three bits of a key.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Seven bits a byte, the low ones first; a byte that others follow has its high bit set.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, how: u64) {
        self.varint(field << 3 | how);
    }

    /// A whole number; one below 0 takes ten bytes.
    pub(crate) fn int(mut self, field: u64, value: i64) -> Self {
        self.key(field, VARINT);
        self.varint(value as u64);
        self
    }

    pub(crate) fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, FIXED32);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn double(mut self, field: u64, value: f64) -> Self {
        self.key(field, FIXED64);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// The fields, each with the same number, of all of `values`.
    pub(crate) fn all<T>(
        self,
        values: impl IntoIterator<Item = T>,
        add: impl FnMut(Self, T) -> Self,
    ) -> Self {
        values.into_iter().fold(self, add)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's own documentation.
    #[test]
    fn fields_are_those_of_the_documentation() {
        assert_eq!(Message::new().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let text = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(Message::new().text(2, "testing").into_bytes(), text);
        let inner = Message::new().int(1, 150);
        assert_eq!(Message::new().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }

    #[test]
    fn numbers_at_the_edges() {
        let mut below = vec![0x08];
        below.extend([0xff; 9]);
        below.push(0x01);
        assert_eq!(Message::new().int(1, -1).into_bytes(), below);
        assert_eq!(Message::new().int(1, 0).into_bytes(), [0x08, 0x00]);
        assert_eq!(Message::new().int(1, 127).int(1, 128).into_bytes(), [0x08, 0x7f, 0x08, 0x80, 0x01]);
        assert_eq!(Message::new().float(2, 1.0).into_bytes(), [0x15, 0x00, 0x00, 0x80, 0x3f]);
        assert_eq!(Message::new().double(1, 1.0).into_bytes(), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        // A field above 15 has a key of two bytes.
        assert_eq!(Message::new().int(20, 1).into_bytes(), [0xa0, 0x01, 0x01]);
        assert_eq!(Message::new().bytes(9, &[]).into_bytes(), [0x4a, 0x00]);
        assert_eq!(
            Message::new().all([1, 2], |message, v| message.int(8, v)).into_bytes(),
            [0x40, 1, 0x40, 2]
        );
    }
}
