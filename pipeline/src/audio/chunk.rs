//! Caller audio as a carrier sends it: μ-law of any length, 20 ms of it without an allocation.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::frames::FRAME_SAMPLES;

/// Some μ-law audio at 8 kHz.
#[derive(Clone)]
pub struct UlawChunk(Held);

/// Carriers send 20 ms at a time, fifty times a second for every call, so that much travels in place.
#[derive(Clone)]
enum Held {
    InPlace { length: u8, bytes: [u8; FRAME_SAMPLES] },
    Shared(Bytes),
}

impl UlawChunk {
    /// Takes a copy of the bytes.
    pub fn copy_from(ulaw: &[u8]) -> Self {
        match u8::try_from(ulaw.len()) {
            Ok(length) if ulaw.len() <= FRAME_SAMPLES => {
                let mut bytes = [0; FRAME_SAMPLES];
                bytes[..ulaw.len()].copy_from_slice(ulaw);
                Self(Held::InPlace { length, bytes })
            }
            _ => Self(Held::Shared(Bytes::copy_from_slice(ulaw))),
        }
    }
}

impl From<Bytes> for UlawChunk {
    fn from(ulaw: Bytes) -> Self {
        if ulaw.len() <= FRAME_SAMPLES { Self::copy_from(&ulaw) } else { Self(Held::Shared(ulaw)) }
    }
}

impl Deref for UlawChunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::InPlace { length, bytes } => &bytes[..usize::from(*length)],
            Held::Shared(bytes) => bytes,
        }
    }
}

impl PartialEq for UlawChunk {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for UlawChunk {}

/// Shows the length only: what it holds is a caller's voice.
impl fmt::Debug for UlawChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UlawChunk({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_any_length_unchanged() {
        for length in [0, 1, 159, 160, 161, 255, 256, 4_000] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            assert_eq!(*UlawChunk::copy_from(&bytes), *bytes);
            assert_eq!(UlawChunk::from(Bytes::from(bytes.clone())), UlawChunk::copy_from(&bytes));
        }
    }
}
