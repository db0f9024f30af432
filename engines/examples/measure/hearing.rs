//! How many words the recognisers get wrong, of people and of our own voice.

use std::error::Error;
use std::fmt::Write as _;

use voice_engines::stt::MoonshineStt;
use voice_engines::tts::HibariTts;

use crate::engines::Engines;
use crate::human::{self, Clip};
use crate::telephone::through_a_telephone;
use crate::words::{self, Errors};

/// Misheard sentences that a list shows.
const SHOWN: usize = 12;

/// Word error rates of both recognisers on human speech.
pub(crate) async fn of_people(engines: &Engines, prompts: &[Clip], readers: &[Clip]) -> Result<String, Box<dyn Error>> {
    let mut page = format!("## Recognition of people\n\n{}\n\n{}\n\n", human::RULES, words::RULES);
    if prompts.is_empty() && readers.is_empty() {
        page += "Not measured: install `asterisk-core-sounds-en`, `asterisk-core-sounds-en-wav` and `pocketsphinx-testdata`.\n";
        return Ok(page);
    }
    page += "| clips | words | tiny, clean | tiny, telephone | base, clean | base, telephone |\n| --- | --- | --- | --- | --- | --- |\n";
    let mut misheard = Vec::new();
    for (name, clips) in [("prompts", prompts), ("readers and callers of cards", readers)] {
        // Nothing is timed here, so both may work at once.
        let (tiny, base) = tokio::join!(both_ways(&engines.tiny, clips), both_ways(&engines.base, clips));
        let (tiny, base) = (tiny?, base?);
        let said: usize = tiny.telephone.iter().map(|(errors, _)| errors.said).sum();
        let rates = [&tiny.clean, &tiny.telephone, &base.clean, &base.telephone].map(|heard| total(heard).rate());
        writeln!(page, "| {} {name} | {said} | {} |", clips.len(), rates.join(" | "))?;
        misheard.extend(clips.iter().zip(tiny.telephone).filter(|(_, (errors, _))| errors.wrong > 0));
    }
    misheard.sort_by_key(|(_, (errors, _))| std::cmp::Reverse(errors.wrong));
    writeln!(page, "\n{} clips have an error with tiny over the telephone; the worst:\n", misheard.len())?;
    for (clip, (errors, heard)) in misheard.iter().take(SHOWN) {
        writeln!(page, "- `{}`, {} wrong: \"{}\" was heard as \"{heard}\"", clip.name, errors.wrong, clip.said)?;
    }
    Ok(page)
}

type Heard = Vec<(Errors, String)>;

struct BothWays {
    clean: Heard,
    telephone: Heard,
}

async fn both_ways(recogniser: &MoonshineStt, clips: &[Clip]) -> Result<BothWays, Box<dyn Error>> {
    let (mut clean, mut telephone) = (Vec::new(), Vec::new());
    for clip in clips {
        for (audio, heard) in [(clip.clean(), &mut clean), (clip.telephone(), &mut telephone)] {
            let text = recogniser.recognise(&audio).await?;
            heard.push((Errors::between(&clip.said, &text), text));
        }
    }
    Ok(BothWays { clean, telephone })
}

fn total(heard: &[(Errors, String)]) -> Errors {
    heard.iter().fold(Errors::default(), |mut total, (errors, _)| {
        total.add(*errors);
        total
    })
}

/// How well the voice is understood over the telephone.
pub(crate) async fn of_the_voice(engines: &Engines, sentences: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut page = format!(
        "## Intelligibility of the voice\n\n{} sentences of agents (bookings, prices, codes, times, numbers, names; \
         `sentences.rs` beside the program) spoken by \"{}\", through 8 kHz μ-law, recognised. A machine that \
         understands is no listener, but what it misses is worth hearing.\n\n",
        sentences.len(),
        HibariTts::VOICES[0],
    );
    let mut spoken = Vec::new();
    for sentence in sentences {
        let samples = speak(engines, sentence)?;
        spoken.push(through_a_telephone(&samples, engines.voice_rate()));
    }
    let recognise = async |recogniser: &MoonshineStt| {
        let mut heard = Vec::new();
        for (sentence, audio) in sentences.iter().zip(&spoken) {
            let text = recogniser.recognise(audio).await?;
            heard.push((Errors::between(sentence, &text), text));
        }
        Ok::<Heard, Box<dyn Error>>(heard)
    };
    let (tiny, base) = tokio::join!(recognise(&engines.tiny), recognise(&engines.base));
    let (tiny, base) = (tiny?, base?);
    page += "| recogniser | words | wrong | word error rate | sentences without an error |\n| --- | --- | --- | --- | --- |\n";
    for (name, heard) in [("base", &base), ("tiny", &tiny)] {
        let errors = total(heard);
        let whole = heard.iter().filter(|(errors, _)| errors.wrong == 0).count();
        let (said, wrong, rate) = (errors.said, errors.wrong, errors.rate());
        writeln!(page, "| {name} | {said} | {wrong} | {rate} | {whole} of {} |", heard.len())?;
    }
    let missed = base.iter().filter(|(errors, _)| errors.wrong > 0).count();
    writeln!(page, "\nSentences with an error by base: {missed}.\n")?;
    for (sentence, (_, heard)) in sentences.iter().zip(&base).filter(|(_, (errors, _))| errors.wrong > 0) {
        writeln!(page, "- \"{sentence}\" was heard as \"{heard}\"")?;
    }
    Ok(page)
}

fn speak(engines: &Engines, text: &str) -> Result<Vec<i16>, Box<dyn Error>> {
    // Off the runtime's thread, which `synthesize_blocking` must not block.
    let said = std::thread::scope(|scope| {
        scope.spawn(|| engines.voice.synthesize_blocking(text, HibariTts::VOICES[0], 1.0)).join()
    });
    Ok(said.map_err(|_| "the voice panicked")??)
}
