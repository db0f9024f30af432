//! Reads what is spelled: letters by name and digits one by one, so slowly that a caller can write
//! along: a pause after every letter and after every second digit.
//!
//! Not here: what tells a code from a name with a number in it, and numbers without letters
//! (`contact`).

use super::super::numbers::digits;
use super::super::tokens::Script;
use super::{Ahead, Reading};

/// Fewer signs are remembered as they are heard.
const SHORTEST: usize = 4;
/// What parts the groups. The voice rests longer at "…" than at a comma.
const BREAK: &str = ",";

/// A letter or a digit.
#[derive(Clone, Copy)]
struct Sign<'t> {
    text: &'t str,
    /// Its byte in the text.
    at: usize,
}

impl Sign<'_> {
    fn is_digit(self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// "G V 4 8 2 1", "J-O-H-N".
pub(super) fn read(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let apart: Vec<Sign<'_>> = (0..).map_while(|offset| alone(ahead, offset)).collect();
    if is_spelled(&apart) {
        say_signs(&apart, script);
        return Some(Reading::of(apart.len()));
    }
    let core = ahead.core(0);
    let is_hyphened = core.split('-').all(|part| part.len() == 1);
    (is_hyphened && say(core, ahead.chunk(0)?.at, script)).then_some(Reading::of(1))
}

/// Says the letters and digits of a code, if there are enough to write down.
pub(super) fn say(code: &str, at: usize, script: &mut Script) -> bool {
    let signs: Vec<Sign<'_>> = code
        .char_indices()
        .filter(|(_, sign)| sign.is_ascii_alphanumeric())
        .map(|(byte, _)| Sign { text: &code[byte..=byte], at })
        .collect();
    let is_spelled = is_spelled(&signs);
    if is_spelled {
        say_signs(&signs, script);
    }
    is_spelled
}

/// A sign between spaces. A small letter there is a word: "a 4 2 1".
fn alone<'t>(ahead: Ahead<'_, 't>, offset: usize) -> Option<Sign<'t>> {
    let text = ahead.core(offset);
    let is_sign = matches!(text.as_bytes(), [b'A'..=b'Z' | b'0'..=b'9']);
    is_sign.then_some(Sign { text, at: ahead.chunk(offset)?.at })
}

fn is_spelled(signs: &[Sign<'_>]) -> bool {
    signs.len() >= SHORTEST && !signs.iter().all(|sign| sign.is_digit())
}

fn say_signs(signs: &[Sign<'_>], script: &mut Script) {
    let mut digits_in_group = 0;
    for (at, sign) in signs.iter().enumerate() {
        let continues = sign.is_digit() && digits_in_group == 1;
        if at > 0 && !continues {
            script.mark(BREAK);
        }
        script.speak_from(sign.at);
        if sign.is_digit() {
            digits_in_group = if continues { 2 } else { 1 };
            script.words(digits(sign.text));
        } else {
            digits_in_group = 0;
            script.letters(sign.text);
        }
    }
}
