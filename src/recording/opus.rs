//! A recording as Ogg Opus (RFC 7845): two legs of μ-law in, a stereo file out.
//!
//! An [`OpusFile`] is given both legs as they grow and writes pages of a second each.
//! [`OpusFile::finish`] says where the audio ends, to the sample: what the encoder looks ahead is
//! skipped at the beginning, what fills its last frame is trimmed off the end.
//!
//! It blocks, for the encoder (a tenth of a millisecond for 20 ms of call) and for what it writes to.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use audiopus::coder::Encoder;
use audiopus::{Application, Bitrate, Channels, SampleRate, Signal};
use ogg::{PacketWriteEndInfo, PacketWriter};
use thiserror::Error;
use voice_pipeline::audio::ulaw::{self, SILENCE};

use super::wav::{HEADER_BYTES, create_private};

#[cfg(test)]
mod tests;

/// Both legs together. At this rate two people who talk at once are kept apart by 16 dB, one alone by
/// more than 80 dB; μ-law takes 128,000.
const BITS_PER_SECOND: i32 = 24_000;
/// Half the work of the highest (10), for less than a decibel.
const COMPLEXITY: u8 = 5;
/// Samples of a leg in a packet: 20 ms.
const FRAME_SAMPLES: usize = 160;
/// No packet of 20 ms is larger (RFC 6716, 3.2.1).
const PACKET_BYTES_MAX: usize = 1_275;
/// Packets of a page: a second, the longest that RFC 7845 advises.
const PACKETS_PER_PAGE: u64 = 50;
/// Ticks of the file's clock (48 kHz, whatever the audio's own rate is) in a sample of the line.
const TICKS_PER_SAMPLE: u64 = 6;
const TICKS_PER_PACKET: u64 = FRAME_SAMPLES as u64 * TICKS_PER_SAMPLE;

/// Bytes of a WAV file that are read at once: a second of both legs.
const BOTH_AT_ONCE: u64 = 16_000;

/// Why a recording cannot be written as Opus.
#[derive(Debug, Error)]
pub enum OpusError {
    /// The encoder refuses its work.
    #[error("the opus encoder failed")]
    Encoder(#[from] audiopus::Error),
    /// The file cannot be written.
    #[error("cannot write the opus file")]
    Write(#[from] io::Error),
}

/// An Ogg Opus file that is being written.
pub struct OpusFile<W: Write> {
    pages: PacketWriter<'static, W>,
    serial: u32,
    encoder: Encoder,
    pre_skip: u16,
    /// Samples that do not fill a packet yet, caller and agent in turn.
    waiting: Vec<i16>,
    /// The newest packet. Whether it is the last one, which looks different, shows later.
    held: Option<Vec<u8>>,
    packets: u64,
    samples: u64,
}

impl<W: Write> OpusFile<W> {
    /// Begins a file: both headers are written. `serial` is the number of the stream, which must differ
    /// between streams that are ever put into one file.
    ///
    /// # Errors
    /// There is no encoder, or the file cannot be written.
    pub fn begin(out: W, serial: u32) -> Result<Self, OpusError> {
        // Not `Voip`: that filters the low notes of voices, and nothing here is in a hurry.
        let mut encoder = Encoder::new(SampleRate::Hz8000, Channels::Stereo, Application::Audio)?;
        encoder.set_bitrate(Bitrate::BitsPerSecond(BITS_PER_SECOND))?;
        encoder.set_complexity(COMPLEXITY)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_force_channels(Channels::Stereo)?;
        let ticks = u64::from(encoder.lookahead()?) * TICKS_PER_SAMPLE;
        let pre_skip = u16::try_from(ticks).expect("an encoder looks ahead by milliseconds");

        let mut pages = PacketWriter::new(out);
        pages.write_packet(identification(pre_skip), serial, PacketWriteEndInfo::EndPage, 0)?;
        pages.write_packet(comments(), serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { pages, serial, encoder, pre_skip, waiting: Vec::new(), held: None, packets: 0, samples: 0 })
    }

    /// Adds what both legs carried in the same time. The shorter leg was silent for the rest of it.
    ///
    /// # Errors
    /// It cannot be encoded or written.
    pub fn write(&mut self, caller: &[u8], agent: &[u8]) -> Result<(), OpusError> {
        let samples = caller.len().max(agent.len());
        for at in 0..samples {
            for leg in [caller, agent] {
                self.waiting.push(ulaw::decode(leg.get(at).copied().unwrap_or(SILENCE)));
            }
        }
        self.samples += samples as u64;
        self.encode_whole_frames()
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// The rest cannot be encoded or written.
    pub fn finish(mut self) -> Result<W, OpusError> {
        let end = u64::from(self.pre_skip) + self.samples * TICKS_PER_SAMPLE;
        while self.packets * TICKS_PER_PACKET < end {
            let missing = 2 * FRAME_SAMPLES - self.waiting.len();
            self.waiting.extend(std::iter::repeat_n(0, missing));
            self.encode_whole_frames()?;
        }
        let last = self.held.take().expect("the pre-skip alone takes a packet");
        self.pages.write_packet(last, self.serial, PacketWriteEndInfo::EndStream, end)?;
        let mut out = self.pages.into_inner();
        out.flush()?;
        Ok(out)
    }

    fn encode_whole_frames(&mut self) -> Result<(), OpusError> {
        let waiting = std::mem::take(&mut self.waiting);
        let frames = waiting.chunks_exact(2 * FRAME_SAMPLES);
        self.waiting = frames.remainder().to_vec();
        for frame in frames {
            let mut packet = vec![0; PACKET_BYTES_MAX];
            let size = self.encoder.encode(frame, &mut packet)?;
            packet.truncate(size);
            if let Some(before) = self.held.replace(packet) {
                let is_page_full = self.packets.is_multiple_of(PACKETS_PER_PAGE);
                let end = if is_page_full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
                self.pages.write_packet(before, self.serial, end, self.packets * TICKS_PER_PACKET)?;
            }
            self.packets += 1;
        }
        Ok(())
    }
}

/// Turns a recording of the gateway (a stereo μ-law WAV file) into an Opus file beside it. The WAV file is
/// gone when the other one is whole.
///
/// # Errors
/// The one cannot be read, or the other not be written; the WAV file is then as it was.
pub fn encode_wav(wav: &Path) -> Result<(), OpusError> {
    let mut audio = File::open(wav)?;
    audio.seek(SeekFrom::Start(HEADER_BYTES))?;
    let part = wav.with_extension("opus.part");
    // What an earlier attempt left is of no use.
    let _ = fs::remove_file(&part);
    let mut file = OpusFile::begin(BufWriter::new(create_private(&part)?), rand::random())?;
    let (mut caller, mut agent, mut both) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        both.clear();
        (&mut audio).take(BOTH_AT_ONCE).read_to_end(&mut both)?;
        if both.is_empty() {
            break;
        }
        caller.clear();
        agent.clear();
        for pair in both.chunks_exact(2) {
            caller.push(pair[0]);
            agent.push(pair[1]);
        }
        file.write(&caller, &agent)?;
    }
    file.finish()?;
    fs::rename(&part, wav.with_extension("opus"))?;
    fs::remove_file(wav)?;
    Ok(())
}

/// The identification header (RFC 7845, 5.1).
fn identification(pre_skip: u16) -> Vec<u8> {
    let mut header = b"OpusHead".to_vec();
    header.extend([1, 2]); // version, channels
    header.extend(pre_skip.to_le_bytes());
    header.extend(8_000_u32.to_le_bytes()); // the rate of what was encoded
    header.extend(0_i16.to_le_bytes()); // no gain
    header.push(0); // mapping: left, right
    header
}

/// The comment header (RFC 7845, 5.2): who wrote the file, and nothing about the call.
fn comments() -> Vec<u8> {
    let mut header = b"OpusTags".to_vec();
    let mut text = |text: &str| {
        let length = u32::try_from(text.len()).expect("a version is short");
        header.extend(length.to_le_bytes());
        header.extend(text.as_bytes());
    };
    text(concat!("voice-gateway ", env!("CARGO_PKG_VERSION")));
    header.extend(0_u32.to_le_bytes()); // no comments
    header
}
