//! Digits typed on the phone's keypad, as the host marks them.

/// How the host marks digits typed on the keypad: `(keypad) 4821`.
pub const KEYPAD: &str = voice_pipeline::turn::KEYPAD_MARK;

/// The digits the caller typed, when `text` is keypad input.
pub(crate) fn keypad_digits(text: &str) -> Option<String> {
    let typed = text.trim().strip_prefix(KEYPAD)?;
    Some(typed.chars().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_keypad_input_from_speech() {
        assert_eq!(keypad_digits("(keypad) 48 21"), Some("4821".to_owned()));
        assert_eq!(keypad_digits("my keypad says 4821"), None);
    }
}
