//! What one call costs per 20 ms frame on its way in and out, and what cutting a reply into pieces
//! costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use voice_pipeline::audio::{SampleRate, resample::Resampler, ulaw};
use voice_pipeline::chat::{pieces::PieceCutter, spoken::SpokenText};
use voice_pipeline::time::CallTime;
use voice_pipeline::vad::{FRAME_SAMPLES, FrameClassifier, SpeechDetector, VadSettings, WebRtcVad};

fn tone(samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (8_000.0 * (n as f32 * 0.4).sin()) as i16).collect()
}

fn codec(c: &mut Criterion) {
    let samples = tone(160);
    let mut bytes = Vec::with_capacity(160);
    ulaw::encode_into(&samples, &mut bytes);
    let mut decoded = Vec::with_capacity(160);
    c.bench_function("ulaw/decode 20 ms", |b| {
        b.iter(|| {
            decoded.clear();
            ulaw::decode_into(black_box(&bytes), &mut decoded);
        });
    });
    let mut encoded = Vec::with_capacity(160);
    c.bench_function("ulaw/encode 20 ms", |b| {
        b.iter(|| {
            encoded.clear();
            ulaw::encode_into(black_box(&samples), &mut encoded);
        });
    });
}

fn resample(c: &mut Criterion) {
    for (from, to) in [(8_000, 16_000), (24_000, 8_000)] {
        let [from, to] = [from, to].map(|hz| SampleRate::from_hz(hz).expect("a rate of the range"));
        let samples = tone(from.samples_per_frame());
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::with_capacity(2 * to.samples_per_frame());
        c.bench_function(&format!("resample/{} to {} Hz 20 ms", from.hz(), to.hz()), |b| {
            b.iter(|| {
                out.clear();
                resampler.push(black_box(&samples), &mut out);
            });
        });
    }
}

fn vad(c: &mut Criterion) {
    let frame: [i16; FRAME_SAMPLES] = tone(FRAME_SAMPLES).try_into().expect("one frame");
    let mut classifier = WebRtcVad::new();
    c.bench_function("vad/classifier 20 ms", |b| b.iter(|| classifier.is_voiced(black_box(&frame))));
    let mut detector = SpeechDetector::new(VadSettings::default(), Box::new(WebRtcVad::new()), None);
    c.bench_function("vad/detector 20 ms", |b| {
        b.iter(|| detector.push(CallTime::ZERO, black_box(&frame)));
    });
}

fn chat(c: &mut Criterion) {
    let reply = "I have **four** tee times on Saturday: 7:30 AM, 9:10 AM, and two after noon for $45.50 each. \
                 Dr. Smith's group starts at ten, e.g. right before you. Which one would you like?";
    let deltas: Vec<&str> = reply.split_inclusive(' ').collect();
    c.bench_function("pieces/cut and clean a reply of 33 deltas", |b| {
        b.iter(|| {
            let (mut cutter, mut spoken) = (PieceCutter::new(), SpokenText::new());
            let mut pieces: Vec<String> = deltas.iter().flat_map(|delta| cutter.push(delta)).collect();
            pieces.extend(cutter.finish());
            pieces.iter().filter_map(|piece| spoken.clean(piece)).count()
        });
    });
}

criterion_group!(benches, codec, resample, vad, chat);
criterion_main!(benches);
