//! μ-law (G.711): one byte a sample, both ways by table.
//!
//! The encoder is the symmetric one: magnitude on 16 bits, bias 132, clipped at 32,635, all bits
//! inverted. So `encode(decode(b)) == b` for every byte but `0x7F`, the negative zero, which comes
//! back as [`SILENCE`]. No input panics.

/// The byte of digital silence. Zero bytes are full-scale noise.
pub const SILENCE: u8 = 0xFF;

const BIAS: i32 = 132;
const CLIP: i32 = 32_635;

static DECODED: [i16; 256] = decode_table();
/// Indexed by the biased magnitude without its two lowest bits, which no code depends on.
static ENCODED: [u8; 8_192] = encode_table();

/// The sample a byte stands for.
#[inline]
pub fn decode(byte: u8) -> i16 {
    DECODED[usize::from(byte)]
}

/// The byte nearest to a sample.
#[inline]
pub fn encode(sample: i16) -> u8 {
    let magnitude = usize::from(sample.unsigned_abs()).min(CLIP as usize) + BIAS as usize;
    let code = ENCODED[magnitude >> 2];
    if sample < 0 { code & 0x7F } else { code }
}

/// Appends the samples of `bytes` to `out`.
pub fn decode_into(bytes: &[u8], out: &mut Vec<i16>) {
    out.extend(bytes.iter().map(|&byte| decode(byte)));
}

/// Appends the bytes of `samples` to `out`.
pub fn encode_into(samples: &[i16], out: &mut Vec<u8>) {
    out.extend(samples.iter().map(|&sample| encode(sample)));
}

const fn decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let bits = !(index as u8);
        let exponent = (bits >> 4) & 0x07;
        let step = ((bits as i32 & 0x0F) << 3) + BIAS;
        let magnitude = (step << exponent) - BIAS;
        table[index] = if bits & 0x80 != 0 { -magnitude as i16 } else { magnitude as i16 };
        index += 1;
    }
    table
}

const fn encode_table() -> [u8; 8_192] {
    let mut table = [0; 8_192];
    // Magnitudes below the bias do not occur; the entries stay unused.
    let mut index = (BIAS >> 2) as usize;
    while index < 8_192 {
        let magnitude = (index as u32) << 2;
        let exponent = magnitude.ilog2() - 7;
        let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
        table[index] = !((exponent << 4 | mantissa) as u8);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sha2::{Digest, Sha256};

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../fixtures/audio/g711_tables.json")).unwrap()
    }

    #[test]
    fn decodes_every_byte_as_the_reference_does() {
        let vectors = vectors();
        let expected: Vec<i16> = serde_json::from_value(vectors["ulaw_to_i16"].clone()).unwrap();
        let mut decoded = Vec::new();
        decode_into(&(0..=255).collect::<Vec<u8>>(), &mut decoded);
        assert_eq!(decoded, expected);
    }

    #[test]
    fn encodes_every_sample_as_the_reference_does() {
        for row in vectors()["ulaw_encode_ranges"]["rows"].as_array().unwrap() {
            let [first, last, byte]: [i64; 3] = serde_json::from_value(row.clone()).unwrap();
            for sample in first..=last {
                assert_eq!(i64::from(encode(sample as i16)), byte, "sample {sample}");
            }
        }
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let mut bytes = Vec::new();
        encode_into(&all, &mut bytes);
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let expected = &vectors()["sha256_of_encoding_all_i16_from_minus32768_to_32767"];
        assert_eq!(digest, expected["ulaw_sign_magnitude"]);
    }

    #[test]
    fn comes_back_unchanged_but_for_the_negative_zero() {
        for byte in 0..=255 {
            let expected = if byte == 0x7F { SILENCE } else { byte };
            assert_eq!(encode(decode(byte)), expected);
        }
        assert_eq!(decode(SILENCE), 0);
    }
}
