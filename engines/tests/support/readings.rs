//! What the voice's own front end reads, and where ours reads otherwise on purpose.

/// 300 sentences with the phonemes of the voice's own front end; " | " parts sentences.
pub(crate) const REFERENCE: &str = include_str!("../../fixtures/hibari_phonemes.tsv");

/// Why we read a sentence otherwise than the reference, which is right not to care about telephones.
pub(crate) fn deliberate(text: &str) -> Option<&'static str> {
    if text.starts_with("Your confirmation code is ") {
        return Some("a code is dictated sign by sign, not as forty-eight twenty-one");
    }
    if text.starts_with("I can offer ") {
        return Some("2/19 is a date, not two nineteen");
    }
    match text {
        "Dr. Lee's appointment moved to 3 p.m. on St. Andrew's Dr." => Some("a street is a drive, not a doctor"),
        "Visit us at pinevalleygolf.com or email info@pinevalleygolf.com." => {
            Some("an address is read with its dots, and a name in it as its words")
        }
        "It's approx. 6,842 yards from the back tees, par 72." => Some("an abbreviation does not end the sentence"),
        "\"Ready golf\" is encouraged, especially on weekends." => Some("a quoted word sounds as it does elsewhere"),
        _ => None,
    }
}
