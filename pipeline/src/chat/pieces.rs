//! Cuts text into speakable pieces while it is still being written.
//!
//! [`PieceCutter::push`] takes the model's deltas and gives every piece that is complete;
//! [`PieceCutter::finish`] gives the rest. The first piece ends at the first clause that is worth
//! speaking, so that the caller hears something soon; later ones are whole sentences, short ones
//! together with the next.
//!
//! What always holds:
//! - the pieces put together are the text, but for the space between them;
//! - the same text gives the same pieces, however it was cut into deltas: where the next character
//!   could change a decision, the cutter waits for it;
//! - numbers, times, prices, abbreviations, initials, addresses and ellipses stay whole, and no
//!   piece is longer than [`LONGEST_CHARS`] plus the few letters a decision waits for.
//!
//! Not here: markup (`chat::spoken` takes it out of each piece).

/// Where a piece is cut even without the end of a sentence.
pub const LONGEST_CHARS: usize = 300;

/// A sentence shorter than this is spoken together with the next.
const SHORT_SENTENCE_CHARS: usize = 20;
const FIRST_CLAUSE_CHARS: usize = 20;
const FIRST_CLAUSE_WORDS: usize = 4;
/// No word of [`SENTENCE_STARTERS`] is as long.
const LONG_WORD_CHARS: usize = 12;

/// What may stand between the end of a sentence and the space after it.
const CLOSERS: [char; 12] = ['"', '\'', ')', ']', '}', '”', '’', '»', '*', '_', '`', '~'];
const OPENERS: [char; 11] = ['"', '\'', '(', '[', '{', '“', '‘', '«', '*', '_', '`'];
const CLAUSE_ENDS: [char; 5] = [',', ';', ':', '—', '–'];

/// Their dot never ends a sentence: a name, a number or an example follows.
const TITLES: [&str; 27] = [
    "mr", "mrs", "ms", "mx", "dr", "prof", "mt", "gen", "sen", "rep", "gov", "capt", "cpt", "lt", "sgt", "col", "hon",
    "rev", "messrs", "approx", "e.g", "i.e", "vs", "fig", "dept", "ext", "tel",
];
/// Their dot ends a sentence only if the next word looks like the beginning of one.
const ABBREVIATIONS: [&str; 44] = [
    "st", "ave", "rd", "blvd", "ln", "hwy", "sq", "apt", "ste", "inc", "ltd", "co", "corp", "llc", "etc", "jr", "sr",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed",
    "thu", "thur", "thurs", "fri", "hr", "hrs", "mins", "oz", "lb", "lbs", "ph.d",
];
/// Their dot belongs to the number that follows, if one does.
const BEFORE_NUMBERS: [&str; 6] = ["no", "nos", "nr", "p", "pp", "min"];
const SENTENCE_STARTERS: [&str; 70] = [
    "a", "all", "also", "an", "and", "any", "anything", "are", "as", "at", "before", "but", "can", "could", "did",
    "do", "does", "each", "for", "great", "have", "he", "here", "how", "however", "i", "if", "in", "is", "it", "just",
    "let", "may", "my", "no", "now", "on", "once", "or", "our", "please", "shall", "she", "should", "so", "sorry",
    "sure", "thank", "thanks", "that", "the", "then", "there", "these", "they", "this", "those", "to", "we", "what",
    "when", "where", "which", "who", "why", "will", "would", "yes", "you", "your",
];

/// Cuts one answer into pieces.
#[derive(Debug, Clone, Default)]
pub struct PieceCutter {
    /// Text that is in no piece yet.
    pending: String,
    /// Bytes and characters of it that are known not to end a piece.
    scanned: usize,
    scanned_chars: usize,
    has_cut: bool,
}

enum Verdict {
    GoOn,
    Wait,
    CutBefore,
    CutAfter,
}

impl PieceCutter {
    /// A cutter for one answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next words and gives the pieces they complete.
    pub fn push(&mut self, delta: &str) -> Vec<String> {
        self.pending.push_str(delta);
        let mut pieces = Vec::new();
        while let Some(c) = self.pending[self.scanned..].chars().next() {
            let after = self.scanned + c.len_utf8();
            let cut = match self.verdict(c) {
                Verdict::Wait => break,
                Verdict::CutBefore => Some(self.scanned),
                Verdict::CutAfter => Some(after),
                Verdict::GoOn => {
                    self.scanned = after;
                    self.scanned_chars += 1;
                    (self.scanned_chars >= LONGEST_CHARS).then(|| forced_cut(&self.pending[..after]))
                }
            };
            pieces.extend(cut.and_then(|at| self.cut(at)));
        }
        pieces
    }

    /// Ends the answer and gives what is left of it. The next answer may follow.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(self).pending;
        let rest = rest.trim();
        (!rest.is_empty()).then(|| rest.to_owned())
    }

    fn cut(&mut self, at: usize) -> Option<String> {
        let rest = self.pending.split_off(at);
        let piece = std::mem::replace(&mut self.pending, rest);
        self.scanned = 0;
        self.scanned_chars = 0;
        self.has_cut = true;
        let piece = piece.trim();
        (!piece.is_empty()).then(|| piece.to_owned())
    }

    /// Whether a piece ends at the character that follows what was scanned.
    fn verdict(&self, c: char) -> Verdict {
        let (before, from) = self.pending.split_at(self.scanned);
        let after = &from[c.len_utf8()..];
        let piece = before.trim_start();
        let can_be_cut =
            piece.contains(char::is_alphanumeric) && piece.matches('[').count() <= piece.matches(']').count();
        match c {
            _ if !can_be_cut => Verdict::GoOn,
            '。' | '！' | '？' => Verdict::CutAfter,
            '—' => match after.chars().next() {
                None => Verdict::Wait,
                Some(next) if next.is_whitespace() => Verdict::GoOn,
                Some(next) => self.clause(piece, next, Verdict::CutAfter),
            },
            '\n' => self.line(piece),
            _ if !c.is_whitespace() || before.ends_with(char::is_whitespace) => Verdict::GoOn,
            _ => self.space(piece, after.trim_start()),
        }
    }

    /// A line ends after `piece`.
    fn line(&self, piece: &str) -> Verdict {
        let piece = piece.trim_end();
        let ends_something = piece.trim_end_matches(CLOSERS).ends_with(['.', '!', '?', ':', '…']);
        if !is_short(piece) || (!self.has_cut && ends_something && !self.is_list_marker(piece)) {
            Verdict::CutBefore
        } else {
            Verdict::GoOn
        }
    }

    /// A space stands between `piece` and `after`.
    fn space(&self, piece: &str, after: &str) -> Verdict {
        let text = piece.trim_end_matches(CLOSERS);
        let next = after.chars().next();
        if text.ends_with(['!', '?']) {
            return self.sentence(piece);
        }
        if text.ends_with("..") || text.ends_with('…') {
            return match next {
                None => Verdict::Wait,
                Some(next) if next.is_uppercase() => self.sentence(piece),
                Some(_) => Verdict::GoOn,
            };
        }
        if text.ends_with('.') {
            return self.dot(piece, text, after);
        }
        if text.ends_with(CLAUSE_ENDS) || text.ends_with(" -") {
            return match next {
                None if self.has_cut => Verdict::GoOn,
                None => Verdict::Wait,
                Some(next) => self.clause(text, next, Verdict::CutBefore),
            };
        }
        Verdict::GoOn
    }

    /// A dot at the end of `text` stands before `after`: an end, or part of a word?
    fn dot(&self, piece: &str, text: &str, after: &str) -> Verdict {
        let token = last_token(text);
        let word = token.trim_end_matches('.').to_lowercase();
        let next = after.chars().next();
        if TITLES.contains(&word.as_str()) || self.is_list_marker(text) {
            return Verdict::GoOn;
        }
        if BEFORE_NUMBERS.contains(&word.as_str()) {
            return match next {
                None => Verdict::Wait,
                Some(next) if next.is_numeric() => Verdict::GoOn,
                Some(_) => self.sentence(piece),
            };
        }
        if is_initials(&word) || ABBREVIATIONS.contains(&word.as_str()) {
            return match starts_sentence(after) {
                None => Verdict::Wait,
                Some(true) => self.sentence(piece),
                Some(false) => Verdict::GoOn,
            };
        }
        match next {
            None => Verdict::Wait,
            Some(next) if next.is_lowercase() => Verdict::GoOn,
            Some(_) => self.sentence(piece),
        }
    }

    fn sentence(&self, piece: &str) -> Verdict {
        if self.has_cut && is_short(piece) { Verdict::GoOn } else { Verdict::CutBefore }
    }

    /// A clause ends with `text`, and `next` is the first character behind it.
    fn clause(&self, text: &str, next: char, cut: Verdict) -> Verdict {
        let last = text.trim_end_matches([',', ';', ':', '—', '–', '-', ' ']).chars().next_back();
        let is_inside_numbers = next.is_numeric() && last.is_some_and(char::is_numeric);
        let is_worth_speaking =
            text.chars().count() >= FIRST_CLAUSE_CHARS && text.split_whitespace().count() >= FIRST_CLAUSE_WORDS;
        if !self.has_cut && is_worth_speaking && !is_inside_numbers { cut } else { Verdict::GoOn }
    }

    /// Whether `text` ends with the number of a list item: "1." at the beginning of a line.
    fn is_list_marker(&self, text: &str) -> bool {
        let line = match text.rsplit_once('\n') {
            Some((_, line)) => line,
            None if self.has_cut && !self.pending.starts_with(['\n', '\r']) => return false,
            None => text,
        };
        let number = line.trim().trim_end_matches('.');
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    }
}

fn is_short(piece: &str) -> bool {
    piece.chars().count() < SHORT_SENTENCE_CHARS
}

fn last_token(text: &str) -> &str {
    text.split_whitespace().next_back().unwrap_or_default().trim_start_matches(OPENERS)
}

/// "J", "a.m", "u.s": groups of one letter. "I" is a word.
fn is_initials(word: &str) -> bool {
    let is_letter = |group: &str| {
        let mut chars = group.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
    };
    word != "i" && word.split('.').all(is_letter)
}

/// Whether the first word of `after` commonly begins a sentence. Unknown while it is incomplete.
fn starts_sentence(after: &str) -> Option<bool> {
    let after = after.trim_start_matches(OPENERS);
    let word: String = after.chars().take_while(|c| c.is_alphabetic()).collect();
    if word.len() == after.len() && word.chars().count() < LONG_WORD_CHARS {
        return None;
    }
    let is_capital = word.starts_with(char::is_uppercase);
    Some(is_capital && SENTENCE_STARTERS.contains(&word.to_lowercase().as_str()))
}

/// Where to cut a text that is too long: after a late clause, else between words, else anywhere.
fn forced_cut(text: &str) -> usize {
    let spaces = || text.char_indices().rev().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
    let spaces = || spaces().filter(|&at| !text[..at].trim().is_empty());
    spaces()
        .filter(|&at| at >= text.len() / 2)
        .find(|&at| text[..at].ends_with(CLAUSE_ENDS))
        .or_else(|| spaces().find(|&at| !belong_together(&text[..at], &text[at..])))
        .or_else(|| spaces().next())
        .unwrap_or(text.len())
}

fn belong_together(before: &str, after: &str) -> bool {
    let word = last_token(before).trim_end_matches('.').to_lowercase();
    let next = after.trim_start().to_lowercase();
    let is_time = before.ends_with(|c: char| c.is_numeric()) && next.starts_with(['a', 'p']);
    let is_number = before.ends_with(['$', '#']) || BEFORE_NUMBERS.contains(&word.as_str());
    is_time || is_number || before.ends_with(char::is_whitespace) || TITLES.contains(&word.as_str())
}

#[cfg(test)]
#[path = "pieces_tests.rs"]
mod tests;
