//! What one call costs per 20 ms frame on its way in and out: μ-law and resampling.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use voice_pipeline::audio::{SampleRate, resample::Resampler, ulaw};

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

criterion_group!(benches, codec, resample);
criterion_main!(benches);
