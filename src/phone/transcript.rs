//! The phone's own ears: what was audible, in words.
//!
//! The agent's audio is recognised after it was played, by a recogniser of the phone's own, so what
//! is printed is what a caller could hear and not what the agent meant to say.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use voice_pipeline::audio::SampleRate;
use voice_pipeline::audio::resample::resample;
use voice_pipeline::audio::ulaw;
use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::{AudioFormat, Stt, SttEvent, SttInput, SttLine};

use super::duration_of;

/// How long the recogniser may take, beside the length of the audio itself.
const RECOGNITION_LIMIT: Duration = Duration::from_secs(20);

/// Audio before this place of a segment is there to start the recogniser on silence.
pub(super) const LEAD: Duration = Duration::from_millis(200);

/// A recogniser that listens to one call.
pub(super) struct Ear {
    name: &'static str,
    format: AudioFormat,
    input: mpsc::Sender<SttInput>,
    events: mpsc::Receiver<Result<SttEvent, VendorError>>,
    next_pause: PauseId,
    _driver: JoinSet<()>,
}

impl Ear {
    pub(super) fn open(stt: &dyn Stt) -> Self {
        let SttLine { input, events, driver } = stt.open();
        let mut tasks = JoinSet::new();
        tasks.spawn(driver);
        Self { name: stt.name(), format: stt.format(), input, events, next_pause: PauseId::default(), _driver: tasks }
    }

    /// The words in a piece of the line (8 kHz). Its first [`LEAD`] comes before the speech.
    pub(super) async fn recognise(&mut self, samples: &[i16]) -> Result<String, VendorError> {
        let limit = RECOGNITION_LIMIT + duration_of(samples.len());
        let timed_out = VendorError::TimedOut { vendor: self.name, awaited: "transcript", limit };
        timeout(limit, self.recognise_in_time(samples)).await.unwrap_or(Err(timed_out))
    }

    async fn recognise_in_time(&mut self, samples: &[i16]) -> Result<String, VendorError> {
        let rate = match self.format {
            AudioFormat::Ulaw => SampleRate::TELEPHONY,
            AudioFormat::Pcm(rate) => rate,
        };
        let audio = resample(samples, SampleRate::TELEPHONY, rate);
        let frame = rate.samples_per_frame();
        let lead_frames = LEAD.as_millis() as usize / 20;
        for (index, part) in audio.chunks(frame).enumerate() {
            if index == lead_frames {
                self.tell(SttInput::SpeechStarted).await?;
            }
            let mut part = part.to_vec();
            part.resize(frame, 0);
            self.tell(match self.format {
                AudioFormat::Ulaw => SttInput::Ulaw(std::array::from_fn(|at| ulaw::encode(part[at]))),
                AudioFormat::Pcm(_) => SttInput::Audio(part.into()),
            })
            .await?;
        }
        let pause = self.next_pause;
        self.next_pause = PauseId(pause.0 + 1);
        self.tell(SttInput::Paused(pause)).await?;
        let text = loop {
            match self.events.recv().await {
                Some(Ok(SttEvent::Final { pause: Some(answered), text })) if answered == pause => {
                    break text;
                }
                // Whatever else comes belongs to the way to the final.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Err(self.gone()),
            }
        };
        self.tell(SttInput::Committed).await?;
        Ok(text)
    }

    async fn tell(&mut self, input: SttInput) -> Result<(), VendorError> {
        loop {
            tokio::select! {
                place = self.input.reserve() => {
                    let Ok(place) = place else { return Err(self.gone()) };
                    place.send(input);
                    return Ok(());
                }
                // Interim results would fill their channel while nobody takes them.
                event = self.events.recv() => match event {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Err(self.gone()),
                },
            }
        }
    }

    fn gone(&self) -> VendorError {
        VendorError::Failed { vendor: self.name, kind: "its line has ended".into() }
    }
}
