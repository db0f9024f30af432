//! Whether our front end reads texts like the voice's own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use voice_engines::tts::phoneme_reader;

use crate::engines::Engines;
use crate::readings::{REFERENCE, deliberate};

/// Agreement with the reference phonemes, sentence by sentence.
pub(crate) fn agreement(engines: &Engines) -> Result<String, Box<dyn Error>> {
    let mut read = phoneme_reader(engines.runtime, &engines.voice_folder)?;
    let (mut same, mut all) = (0, 0);
    // Sentences whose end alone is read otherwise, and those that are identical up to there.
    let (mut with_end, mut alike_before) = (0, 0);
    let mut otherwise: BTreeMap<&str, Vec<(&str, String, &str)>> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for (text, expected) in REFERENCE.lines().filter_map(|line| line.split_once('\t')) {
        if text.starts_with('#') {
            continue;
        }
        all += 1;
        let got = read(text);
        match deliberate(text) {
            _ if got == expected => same += 1,
            Some(reason) => {
                if let Some(alike) = is_alike_before_the_end(text, &got, expected) {
                    with_end += 1;
                    alike_before += usize::from(alike);
                }
                otherwise.entry(reason).or_default().push((text, got, expected));
            }
            None => unexplained.push((text, got, expected)),
        }
    }
    let deliberate: usize = otherwise.values().map(Vec::len).sum();
    let comparable = all - deliberate;
    let met = |percent: f64| if percent >= 99.0 { "met" } else { "missed" };
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let mut page = format!(
        "## Reading: phonemes\n\n{all} telephone sentences with the phonemes of the voice's own front end \
         (`engines/fixtures/hibari_phonemes.tsv`), compared letter by letter, stress and punctuation included.\n\n\
         | | sentences | share |\n| --- | --- | --- |\n\
         | identical, of all | {same} of {all} | {:.1} % |\n\
         | identical, of those that should be read alike | {same} of {comparable} | {:.1} % |\n\
         | read otherwise on purpose | {deliberate} of {all} | {:.1} % |\n\
         | different without a reason | {} of {all} | {:.1} % |\n\n\
         The goal is 99 %; it is {} of all and {} of those that should be read alike. On purpose means that the reference \
         reads for the eye what a caller has to write down. {with_end} of these end with a code or a date and differ there; \
         in {alike_before} of them everything before it is identical. One of each kind:\n\n",
        percent(same, all),
        percent(same, comparable),
        percent(deliberate, all),
        unexplained.len(),
        percent(unexplained.len(), all),
        met(percent(same, all)),
        met(percent(same, comparable)),
    );
    for (reason, sentences) in &otherwise {
        let (text, got, expected) = &sentences[0];
        writeln!(page, "- {} × {reason}: \"{text}\"\n  reference `{expected}`\n  ours `{got}`", sentences.len())?;
    }
    for (text, got, expected) in &unexplained {
        writeln!(page, "- without a reason: \"{text}\"\n  reference `{expected}`\n  ours `{got}`")?;
    }
    Ok(page)
}

/// Whether both readings are alike up to the code or date at the end; `None` for other sentences.
fn is_alike_before_the_end(text: &str, got: &str, expected: &str) -> Option<bool> {
    let words: Vec<&str> = expected.split(' ').collect();
    let before_the_end = if text.starts_with("Your confirmation code is ") {
        4
    } else if text.starts_with("I can offer ") {
        // The date follows the last "on".
        words.iter().rposition(|word| *word == "ˌɔn")? + 1
    } else {
        return None;
    };
    let same = got.split(' ').zip(words).take_while(|(ours, theirs)| ours == theirs).count();
    Some(same >= before_the_end)
}
