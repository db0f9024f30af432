//! What is written is read back by other means: pages by a reader of our own, packets by the decoder,
//! the whole by Debian's `opusinfo` and `opusdec` where they are installed.

use std::process::Command;

use audiopus::coder::Decoder;

use super::*;

const PRE_SKIP: u64 = 312;
/// What the encoder adds in front, in samples of the line.
const DELAY: usize = 52;

/// A page of an Ogg file (RFC 3533, 6).
struct Page {
    flags: u8,
    granule: u64,
    serial: u32,
    sequence: u32,
    packets: Vec<Vec<u8>>,
}

const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// Takes a file apart; nothing may be left over, and every page's sum must be right.
fn pages(mut file: &[u8]) -> Vec<Page> {
    let mut pages = Vec::new();
    while !file.is_empty() {
        assert_eq!(file[..5], *b"OggS\0", "page {}", pages.len());
        let lacing = &file[27..27 + usize::from(file[26])];
        let header = 27 + lacing.len();
        let body: usize = lacing.iter().map(|&length| usize::from(length)).sum();
        let (page, rest) = file.split_at(header + body);
        let field = |at: usize| u32::from_le_bytes(page[at..at + 4].try_into().unwrap());
        let mut unsummed = page.to_vec();
        unsummed[22..26].fill(0);
        assert_eq!(field(22), checksum(&unsummed), "page {}", pages.len());

        let (mut packets, mut packet, mut at) = (Vec::new(), Vec::new(), header);
        for &length in lacing {
            packet.extend_from_slice(&page[at..at + usize::from(length)]);
            at += usize::from(length);
            if length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        assert!(packet.is_empty(), "no packet of ours spans two pages");
        let granule = u64::from_le_bytes(page[6..14].try_into().unwrap());
        pages.push(Page { flags: page[5], granule, serial: field(14), sequence: field(18), packets });
        file = rest;
    }
    pages
}

fn checksum(bytes: &[u8]) -> u32 {
    let shifted = |sum: u32| if sum & 0x8000_0000 == 0 { sum << 1 } else { (sum << 1) ^ 0x04c1_1db7 };
    bytes.iter().fold(0, |sum, &byte| (0..8).fold(sum ^ (u32::from(byte) << 24), |sum, _| shifted(sum)))
}

/// Something like a voice: a buzz that glides and comes in syllables.
fn voice(samples: usize, pitch_hz: f64, seed: f64) -> Vec<u8> {
    let mut phase = 0.0;
    (0..samples)
        .map(|at| {
            let seconds = at as f64 / 8_000.0;
            phase += pitch_hz * (1.0 + 0.2 * (seconds * 2.1 + seed).sin()) / 8_000.0;
            let buzz: f64 = (1..=12).map(|n| (phase * f64::from(n) * std::f64::consts::TAU).sin() / f64::from(n)).sum();
            let syllable = (seconds * 9.0 + seed).sin().max(0.0);
            ulaw::encode((buzz * syllable * 5_000.0) as i16)
        })
        .collect()
}

fn encoded(caller: &[u8], agent: &[u8]) -> Vec<u8> {
    let mut file = OpusFile::begin(Vec::new(), 7).unwrap();
    file.write(caller, agent).unwrap();
    file.finish().unwrap()
}

/// Both legs as a player gives them: without the pre-skip, cut where the file says it ends.
fn played(file: &[u8]) -> [Vec<f64>; 2] {
    let pages = pages(file);
    let mut decoder = Decoder::new(SampleRate::Hz8000, Channels::Stereo).unwrap();
    let mut legs = [Vec::new(), Vec::new()];
    for packet in pages[2..].iter().flat_map(|page| &page.packets) {
        let mut samples = [0_i16; 2 * FRAME_SAMPLES];
        assert_eq!(decoder.decode(Some(packet), &mut samples[..], false).unwrap(), FRAME_SAMPLES);
        for pair in samples.chunks_exact(2) {
            legs[0].push(f64::from(pair[0]));
            legs[1].push(f64::from(pair[1]));
        }
    }
    let end = usize::try_from(pages.last().unwrap().granule / TICKS_PER_SAMPLE).unwrap();
    legs.map(|leg| leg[DELAY..end].to_vec())
}

fn power(samples: &[f64]) -> f64 {
    samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    product / (power(a) * power(b)).sqrt() / a.len() as f64
}

fn db(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}

fn samples(leg: &[u8]) -> Vec<f64> {
    leg.iter().map(|&byte| f64::from(ulaw::decode(byte))).collect()
}

#[test]
fn both_legs_come_back_in_step_and_as_long_as_they_were() {
    let (caller, agent) = (voice(24_123, 120.0, 0.0), voice(24_123, 210.0, 1.5));
    let file = encoded(&caller, &agent);
    assert!(file.len() < 24_123 * 2 / 4, "{} bytes are no gain over μ-law", file.len());
    for (said, heard) in [&caller, &agent].into_iter().zip(played(&file)) {
        let said = samples(said);
        assert_eq!(heard.len(), said.len());
        let error: Vec<f64> = said.iter().zip(&heard).map(|(a, b)| a - b).collect();
        let (likeness, quality) = (correlation(&said, &heard), db(power(&said) / power(&error)));
        assert!(likeness > 0.95 && quality > 10.0, "correlation {likeness:.3}, {quality:.1} dB");
        // A sample earlier or later is already worse.
        for lag in [1, 2, 4] {
            assert!(correlation(&said[lag..], &heard) < likeness && correlation(&said, &heard[lag..]) < likeness);
        }
    }
}

#[test]
fn one_leg_alone_is_not_heard_on_the_other() {
    let caller = voice(16_000, 120.0, 0.0);
    let [left, right] = played(&encoded(&caller, &[SILENCE; 16_000]));
    let leaked = db((power(&right) + 1e-9) / power(&left));
    assert!(leaked < -60.0, "{leaked:.1} dB");
    let [left, right] = played(&encoded(&[], &caller));
    let leaked = db((power(&left) + 1e-9) / power(&right));
    assert!(leaked < -60.0, "{leaked:.1} dB");
}

#[test]
fn the_container_is_right_page_by_page() {
    let speech = voice(24_123, 150.0, 0.0);
    let pages = pages(&encoded(&speech, &speech));
    for (at, page) in pages.iter().enumerate() {
        assert_eq!((page.serial, page.sequence), (7, u32::try_from(at).unwrap()));
        let is_last = at + 1 == pages.len();
        let flags = if at == 0 { FIRST } else { 0 } | if is_last { LAST } else { 0 };
        assert_eq!(page.flags & (CONTINUED | FIRST | LAST), flags, "page {at}");
    }

    let [head] = pages[0].packets.as_slice() else { panic!("OpusHead is alone on its page") };
    let mut expected = b"OpusHead\x01\x02".to_vec();
    expected.extend([0x38, 0x01]); // 312 ticks of pre-skip
    expected.extend([0x40, 0x1f, 0, 0]); // 8,000 Hz
    expected.extend([0, 0, 0]);
    assert_eq!((head, pages[0].granule), (&expected, 0));

    let [tags] = pages[1].packets.as_slice() else { panic!("OpusTags ends its page") };
    let vendor_bytes = usize::from(tags[8]);
    assert_eq!((&tags[..8], pages[1].granule), (&b"OpusTags"[..], 0));
    assert!(tags[12..12 + vendor_bytes].starts_with(b"voice-gateway "));
    assert_eq!(tags[12 + vendor_bytes..], [0; 4], "no comments, no padding");

    let (mut packets, audio) = (0, &pages[2..]);
    for page in &audio[..audio.len() - 1] {
        packets += page.packets.len() as u64;
        assert_eq!((page.packets.len(), page.granule), (50, packets * 960), "a page is a second");
    }
    let last = &audio[audio.len() - 1];
    packets += last.packets.len() as u64;
    assert_eq!(last.granule, PRE_SKIP + 24_123 * 6);
    assert!((packets * 960 - last.granule) < 960, "less than a packet is trimmed");
}

#[test]
fn every_length_ends_where_the_call_did() {
    // Around a packet, around a packet without what the encoder looks ahead, around a page, and nothing.
    for length in [0, 1, 107, 108, 109, 159, 160, 161, 7_947, 7_948, 7_949, 8_000, 8_160] {
        let file = encoded(&vec![0x80; length], &[]);
        let pages = pages(&file);
        let last = pages.last().unwrap();
        assert_eq!(last.granule, PRE_SKIP + length as u64 * 6, "{length} samples");
        assert_eq!(last.flags & LAST, LAST, "{length} samples");
        assert!(pages.len() == 3 || last.granule > pages[pages.len() - 2].granule, "{length} samples");
        assert_eq!(played(&file)[0].len(), length);
    }
}

#[test]
fn it_does_not_matter_in_which_pieces_a_call_arrives() {
    let (caller, agent) = (voice(5_000, 120.0, 0.0), voice(5_000, 210.0, 1.5));
    let mut file = OpusFile::begin(Vec::new(), 7).unwrap();
    let mut at = 0;
    for piece in [1, 159, 160, 161, 640, 0, 3_879] {
        file.write(&caller[at..at + piece], &agent[at..at + piece]).unwrap();
        at += piece;
    }
    assert_eq!(at, 5_000);
    assert!(file.finish().unwrap() == encoded(&caller, &agent));
}

#[test]
fn other_programs_read_it() {
    if Command::new("opusinfo").arg("-V").output().is_err() {
        voice_engines::weights::testing::skip("opusinfo and opusdec are not installed: apt-get install opus-tools");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (opus, wav) = (folder.path().join("call.opus"), folder.path().join("call.wav"));
    let (caller, agent) = (voice(24_123, 120.0, 0.0), voice(24_123, 210.0, 1.5));
    std::fs::write(&opus, encoded(&caller, &agent)).unwrap();

    let info = Command::new("opusinfo").arg(&opus).output().unwrap();
    let told = String::from_utf8_lossy(&info.stdout).to_lowercase();
    assert!(info.status.success() && !told.contains("warning") && !told.contains("error"), "{told}");
    for fact in ["pre-skip: 312", "playback gain: 0 db", "channels: 2", "original sample rate: 8000 hz", "0m:03.015s"] {
        assert!(told.contains(fact), "no {fact:?} in:\n{told}");
    }

    let decoded = Command::new("opusdec").args(["--quiet", "--rate", "8000"]).arg(&opus).arg(&wav).output().unwrap();
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    let heard: Vec<f64> =
        hound::WavReader::open(&wav).unwrap().samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect();
    for (leg, said) in [&caller, &agent].into_iter().enumerate() {
        let heard: Vec<f64> = heard.iter().skip(leg).step_by(2).copied().collect();
        assert!(heard.len().abs_diff(said.len()) <= 1, "{} samples", heard.len());
        let said = samples(said);
        let likeness = correlation(&said[..heard.len().min(said.len())], &heard);
        assert!(likeness > 0.95, "leg {leg}: correlation {likeness:.3}");
    }
}
