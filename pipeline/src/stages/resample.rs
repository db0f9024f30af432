//! Between rates: the caller's 8 kHz to what the recogniser wants, the synthesiser's rate to 8 kHz.
//!
//! Where the rates agree the samples pass untouched.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::decode::TimedFrame;
use super::{Context, Drops, Sound};
use crate::audio::SampleRate;
use crate::audio::resample::Resampler;
use crate::line::Fence;
use crate::turn::TurnId;
use crate::vendors::stt::SttInput;

/// Inbound: frames of the caller to the recogniser and, where there is a turn model, to the scorer.
///
/// Runs until its input ends. A recogniser or scorer that is behind loses the newest audio.
pub async fn run_inbound(
    mut frames: mpsc::Receiver<TimedFrame>,
    stt: (SampleRate, mpsc::Sender<SttInput>),
    scorer: Option<(SampleRate, mpsc::Sender<super::scorer::Input>)>,
    context: Context,
) {
    let mut drops = Drops::of("stt");
    let (stt_rate, stt) = stt;
    let mut to_stt = Tap::new(stt_rate);
    let mut to_scorer = scorer.map(|(rate, scorer)| (Tap::new(rate), rate, scorer));
    while let Some(frame) = frames.recv().await {
        let audio = to_stt.convert(&frame.samples);
        if stt.try_send(SttInput::Audio(Arc::clone(&audio))).is_err() {
            drops.count(&context);
        }
        if let Some((tap, rate, scorer)) = &mut to_scorer {
            let audio = if *rate == stt_rate { audio } else { tap.convert(&frame.samples) };
            // The scorer's ring tolerates a hole; the next frame comes in 20 ms.
            let _ = scorer.try_send(super::scorer::Input::Audio(audio));
        }
    }
}

struct Tap {
    resampler: Resampler,
    samples: Vec<i16>,
}

impl Tap {
    fn new(rate: SampleRate) -> Self {
        Self { resampler: Resampler::new(SampleRate::TELEPHONY, rate), samples: Vec::new() }
    }

    fn convert(&mut self, frame: &[i16]) -> Arc<[i16]> {
        self.samples.clear();
        self.resampler.push(frame, &mut self.samples);
        Arc::from(self.samples.as_slice())
    }
}

/// Outbound: the synthesiser's audio to the carrier's rate. Runs until its input ends.
pub async fn run_outbound(
    mut sounds: mpsc::Receiver<Sound>,
    next: mpsc::Sender<Sound>,
    from: SampleRate,
    fence: Fence,
) {
    let mut resampler = Resampler::new(from, SampleRate::TELEPHONY);
    let mut newest = TurnId::default();
    while let Some(sound) = sounds.recv().await {
        let turn = sound.turn();
        if turn != newest {
            // What a cancelled turn left in the filter must not be heard in the next one.
            resampler.reset();
            newest = turn;
        }
        if !fence.lets_pass(turn) {
            continue;
        }
        let handed_on = match sound {
            Sound::Samples { turn, piece, samples } => {
                let mut converted = Vec::with_capacity(samples.len());
                resampler.push(&samples, &mut converted);
                next.send(Sound::Samples { turn, piece, samples: converted }).await
            }
            Sound::PieceEnd { turn, piece } => {
                let mut tail = Vec::new();
                resampler.flush(&mut tail);
                resampler.reset();
                match next.send(Sound::Samples { turn, piece, samples: tail }).await {
                    Ok(()) => next.send(Sound::PieceEnd { turn, piece }).await,
                    gone => gone,
                }
            }
            other => next.send(other).await,
        };
        if handed_on.is_err() {
            return;
        }
    }
}
