//! Long lists of numbers in a checkpoint.

use bincode::de::Decoder;
use bincode::de::read::Reader;
use bincode::enc::Encoder;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use nopropdt_tensor::flat;
use std::borrow::Cow;

/// Numbers that are written and read a block at a time, in the form of a list of f32: each alone took as long as hashing them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers<'a>(pub(super) Cow<'a, [f32]>);

/// Bytes of a block.
const BLOCK: usize = 4 * 1024;

impl Encode for Numbers<'_> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.0.len() as u64).encode(encoder)?;
        let mut bytes = [0; BLOCK];
        for block in self.0.chunks(BLOCK / 4) {
            let bytes = &mut bytes[..4 * block.len()];
            flat::to_le_bytes(block, bytes);
            encoder.writer().write(bytes)?;
        }
        Ok(())
    }
}

impl<C> Decode<C> for Numbers<'_> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let length = u64::decode(decoder)?;
        let length = usize::try_from(length).map_err(|_| DecodeError::OutsideUsizeRange(length))?;
        decoder.claim_container_read::<f32>(length)?;
        // Memory is taken as the file fills it, not on its word.
        let mut values = Vec::new();
        let mut bytes = [0; BLOCK];
        while values.len() < length {
            let bytes = &mut bytes[..BLOCK.min(4 * (length - values.len()))];
            decoder.reader().read(bytes)?;
            flat::extend_from_le_bytes(&mut values, bytes);
        }
        Ok(Self(values.into()))
    }
}

bincode::impl_borrow_decode!(Numbers<'a>, 'a);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_list_that_is_read() {
        let standard = bincode::config::standard();
        for length in [0, 1, 250, 251, 1023, 1024, 1025, 70_000] {
            let values: Vec<f32> = (0..length).map(|place| place as f32 * -1.7e-3).collect();
            let list = bincode::encode_to_vec(&values, standard).unwrap();
            assert!(
                bincode::encode_to_vec(Numbers((&values[..]).into()), standard).unwrap() == list,
                "{length}"
            );
            let (back, used): (Numbers<'_>, _) = bincode::decode_from_slice(&list, standard).unwrap();
            assert!(back == Numbers((&values[..]).into()) && used == list.len(), "{length}");
        }
    }
}
