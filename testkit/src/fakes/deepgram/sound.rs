//! The encodings this fake hears and speaks: μ-law at 8 kHz, and linear PCM in multiples of it.

use voice_pipeline::audio::ulaw;

use crate::fakes::speech;

const RATE: u32 = 8_000;

/// A raw encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// One byte a sample.
    Ulaw,
    /// Two bytes a sample, little endian; every `stride`-th sample is one at 8 kHz.
    Linear16 { stride: u32 },
}

impl Encoding {
    /// What is understood when it is heard.
    pub(super) fn heard(name: &str, rate: u32) -> Option<Self> {
        match name {
            "mulaw" if rate == RATE => Some(Self::Ulaw),
            "linear16" if rate > 0 && rate.is_multiple_of(RATE) => Some(Self::Linear16 { stride: rate / RATE }),
            _ => None,
        }
    }

    /// What can be spoken.
    pub(super) fn spoken(name: &str, rate: u32) -> Option<Self> {
        Self::heard(name, rate).filter(|_| rate == RATE)
    }

    /// A spoken text at 8 kHz, or silence of its length.
    pub(super) fn synthesise(self, text: &str, silent: bool) -> Vec<u8> {
        let mut ulaw = speech::speak(text);
        if silent {
            ulaw.fill(ulaw::SILENCE);
        }
        match self {
            Self::Ulaw => ulaw,
            Self::Linear16 { .. } => ulaw.iter().flat_map(|&byte| ulaw::decode(byte).to_le_bytes()).collect(),
        }
    }

    /// Bytes of a second at 8 kHz.
    pub(super) fn bytes_per_second(self) -> u32 {
        match self {
            Self::Ulaw => RATE,
            Self::Linear16 { .. } => 2 * RATE,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Ulaw => "audio/mulaw",
            Self::Linear16 { .. } => "audio/l16; rate=8000",
        }
    }

    /// The header of a WAV file of so many bytes at 8 kHz.
    pub(super) fn wav_header(self, audio_bytes: usize) -> Vec<u8> {
        let (format, sample_bytes) = match self {
            Self::Ulaw => (7_u16, 1_u16),
            Self::Linear16 { .. } => (1, 2),
        };
        let audio_bytes = u32::try_from(audio_bytes).unwrap_or(u32::MAX - 36);
        let mut header = Vec::with_capacity(44);
        header.extend_from_slice(b"RIFF");
        header.extend_from_slice(&(audio_bytes + 36).to_le_bytes());
        header.extend_from_slice(b"WAVEfmt \x10\0\0\0");
        header.extend_from_slice(&format.to_le_bytes());
        header.extend_from_slice(&1_u16.to_le_bytes());
        header.extend_from_slice(&RATE.to_le_bytes());
        header.extend_from_slice(&self.bytes_per_second().to_le_bytes());
        header.extend_from_slice(&sample_bytes.to_le_bytes());
        header.extend_from_slice(&(sample_bytes * 8).to_le_bytes());
        header.extend_from_slice(b"data");
        header.extend_from_slice(&audio_bytes.to_le_bytes());
        header
    }
}

/// Turns what arrives into μ-law at 8 kHz, however it is cut.
pub(super) struct Intake {
    encoding: Encoding,
    /// The first byte of a sample whose second has not come.
    half: Option<u8>,
    /// Samples to skip before the next one that counts.
    skip: u32,
    ulaw: Vec<u8>,
}

impl Intake {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, half: None, skip: 0, ulaw: Vec::new() }
    }

    /// The μ-law of the next bytes. Costs nothing where they are that already.
    pub(super) fn take<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Encoding::Linear16 { stride } = self.encoding else { return bytes };
        self.ulaw.clear();
        for &byte in bytes {
            let Some(low) = self.half.take() else {
                self.half = Some(byte);
                continue;
            };
            if self.skip == 0 {
                self.ulaw.push(ulaw::encode(i16::from_le_bytes([low, byte])));
                self.skip = stride;
            }
            self.skip -= 1;
        }
        &self.ulaw
    }
}
