//! Whether the end of a turn is recognised: people's sentences whole, and cut in a gap between words.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use voice_pipeline::turn::{TurnPolicy, unfinished};
use voice_pipeline::vendors::stt::TurnDetector as _;

use crate::engines::Engines;
use crate::human::Clip;

/// The pause in which the gateway asks: 200 ms at 16 kHz.
const PAUSE: usize = 3_200;
/// What loudness is measured over: 20 ms at 16 kHz.
const FRAME: usize = 320;
/// A gap between words is at least three frames long and so much softer than the clip: -20 dB.
const GAP_FRAMES: usize = 3;
const SOFTER: f64 = 0.01;

/// What the policy makes of a pause: how long it has to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Sure,
    Likely,
    Unlikely,
    Unfinished,
}

impl Waits {
    const ALL: [Self; 4] = [Self::Sure, Self::Likely, Self::Unlikely, Self::Unfinished];

    fn of(probability: f32, text: &str, policy: &TurnPolicy) -> Self {
        if unfinished(text).is_some() {
            Self::Unfinished
        } else if probability > policy.sure_probability {
            Self::Sure
        } else if probability > policy.likely_probability {
            Self::Likely
        } else {
            Self::Unlikely
        }
    }

    fn is_finished(self) -> bool {
        matches!(self, Self::Sure | Self::Likely)
    }
}

/// Decisions on whole and on cut sentences, as tables.
pub(crate) async fn decisions(engines: &Engines, clips: &[Clip]) -> Result<String, Box<dyn Error>> {
    let policy = TurnPolicy::default();
    let mut page = format!(
        "## End of turn\n\nThe prompts that are one sentence of five words or more, over the telephone: whole (the caller \
         is done) and cut in the longest gap between words between 40 and 70 % of the clip (the caller goes on), each with \
         the 200 ms of silence after which the gateway asks. The turn model judges the sound, the words of the \
         recogniser (tiny) may say that more is to come; together they decide how long the pause has to last \
         (`ENDPOINT_…`). Up to {} ms counts as taken for finished.\n\n",
        policy.likely_after.as_millis(),
    );
    let clips: Vec<&Clip> = clips.iter().filter(|clip| clip.is_one_sentence()).collect();
    if clips.is_empty() {
        return Ok(page + "Not measured: there are no human clips.\n");
    }
    let mut rows = Vec::new();
    for (name, finished) in [("whole", true), ("cut", false)] {
        let (mut waits, mut model_right) = (Vec::new(), 0);
        for clip in &clips {
            let mut audio = clip.telephone();
            audio.truncate(audio.len() - soft_frames_at_end(&audio) * FRAME);
            if !finished {
                let Some(at) = gap(&audio) else { continue };
                audio.truncate(at);
            }
            audio.extend([0; PAUSE]);
            let text = engines.tiny.recognise(&audio).await?;
            let newest = audio.len().saturating_sub(8 * 16_000);
            let probability = engines.turn.score(Arc::from(&audio[newest..])).await?;
            model_right += usize::from((probability > policy.likely_probability) == finished);
            waits.push((Waits::of(probability, &text, &policy), clip.name.as_str(), text));
        }
        rows.push((name, finished, waits, model_right));
    }
    writeln!(
        page,
        "| sentences | answered after {} ms | {} ms | {} ms | {} ms (words want more) | right | right by the model alone |\n\
         | --- | --- | --- | --- | --- | --- | --- |",
        policy.sure_after.as_millis(),
        policy.likely_after.as_millis(),
        policy.unlikely_after.as_millis(),
        policy.unfinished_after.as_millis(),
    )?;
    for (name, finished, waits, model_right) in &rows {
        let count = |wanted| waits.iter().filter(|(waits, ..)| *waits == wanted).count();
        let right = waits.iter().filter(|(waits, ..)| waits.is_finished() == *finished).count();
        let counts = Waits::ALL.map(|wanted| count(wanted).to_string()).join(" | ");
        let all = waits.len();
        let percent = |part: usize| 100.0 * part as f64 / all.max(1) as f64;
        writeln!(
            page,
            "| {all} {name} | {counts} | {right} ({:.0} %) | {model_right} ({:.0} %) |",
            percent(right),
            percent(*model_right),
        )?;
    }
    page += "\nJudged wrongly, with what the recogniser heard:\n\n";
    for (name, finished, waits, _) in &rows {
        for (_, clip, heard) in waits.iter().filter(|(waits, ..)| waits.is_finished() != *finished) {
            writeln!(page, "- `{clip}` {name}: \"{heard}\"")?;
        }
    }
    Ok(page)
}

fn powers(audio: &[i16]) -> Vec<f64> {
    let power = |frame: &[i16]| frame.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / FRAME as f64;
    audio.chunks_exact(FRAME).map(power).collect()
}

fn soft_frames_at_end(audio: &[i16]) -> usize {
    let powers = powers(audio);
    let limit = SOFTER * powers.iter().sum::<f64>() / powers.len().max(1) as f64;
    powers.iter().rev().take_while(|power| **power < limit).count()
}

/// The middle of the longest gap between 40 and 70 % of a clip.
fn gap(audio: &[i16]) -> Option<usize> {
    let powers = powers(audio);
    let limit = SOFTER * powers.iter().sum::<f64>() / powers.len().max(1) as f64;
    let (mut longest, mut run) = (0..0, 0..0);
    let middle = powers.len() * 2 / 5..powers.len() * 7 / 10;
    for (at, power) in middle.clone().zip(&powers[middle]) {
        run = match (*power < limit, run.end == at) {
            (false, _) => 0..0,
            (true, true) => run.start..at + 1,
            (true, false) => at..at + 1,
        };
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    (longest.len() >= GAP_FRAMES).then(|| (longest.start + longest.end) / 2 * FRAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_in_the_longest_gap_of_the_middle() {
        let loud = |frames: usize| vec![3_000_i16; frames * FRAME];
        let soft = |frames: usize| vec![0_i16; frames * FRAME];
        // Gaps at frames 45..48 and 55..65; a longer one at 80 is too late.
        let clip = [loud(45), soft(3), loud(7), soft(10), loud(15), soft(15), loud(5)].concat();
        assert_eq!(gap(&clip), Some(60 * FRAME));
        assert_eq!(gap(&loud(100)), None);
        assert_eq!(soft_frames_at_end(&[loud(50), soft(7)].concat()), 7);
    }

    #[test]
    fn words_that_want_more_outweigh_the_model() {
        let policy = TurnPolicy::default();
        assert_eq!(Waits::of(0.9, "That is all.", &policy), Waits::Sure);
        assert_eq!(Waits::of(0.9, "I would like a table for", &policy), Waits::Unfinished);
        assert_eq!(Waits::of(0.6, "That is all.", &policy), Waits::Likely);
        assert_eq!(Waits::of(0.1, "That is all.", &policy), Waits::Unlikely);
    }
}
