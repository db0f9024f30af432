//! Reads text the way a person at a telephone desk would: prices, dates, times, phone numbers, codes,
//! addresses and abbreviations become words.
//!
//! [`read_aloud`] cuts the text at spaces into chunks, each with the punctuation around it, and asks
//! one reader after another whether it knows what begins at a chunk. A reader puts tokens into the
//! [`Script`] and says how many chunks it has read; what no reader knows is a plain word.
//!
//! What is read for the ear differs from what is written where a caller must write it down: codes
//! and phone numbers are given sign by sign in groups.
//!
//! Not here: how words sound (`lexicon`).

use super::tokens::Script;

mod contact;
mod dates;
mod money;
mod quantities;
mod spelled;
mod words;

/// What stands between two spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'t> {
    /// Brackets and quotes before the core.
    opening: &'t str,
    core: &'t str,
    /// Punctuation after the core.
    closing: &'t str,
    /// Byte of the core in the text.
    at: usize,
    /// Whether the line ends here.
    ends_line: bool,
}

/// How far a reader has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    chunks: usize,
    /// The full stop after the last chunk belongs to an abbreviation.
    dot_is_abbreviation: bool,
}

impl Reading {
    fn of(chunks: usize) -> Self {
        Self { chunks, dot_is_abbreviation: false }
    }

    fn abbreviation(chunks: usize) -> Self {
        Self { chunks, dot_is_abbreviation: true }
    }
}

/// The chunks from the current one on, and the one before.
#[derive(Clone, Copy)]
struct Ahead<'c, 't> {
    chunks: &'c [Chunk<'t>],
    index: usize,
}

impl<'c, 't> Ahead<'c, 't> {
    fn chunk(&self, offset: usize) -> Option<&'c Chunk<'t>> {
        self.chunks.get(self.index + offset)
    }

    /// The core of a later chunk, if nothing but spaces parts it from the current one.
    fn core(&self, offset: usize) -> &'t str {
        let part_of_phrase = (0..=offset).all(|at| {
            self.chunk(at).is_some_and(|chunk| {
                (at == 0 || chunk.opening.is_empty()) && (at == offset || chunk.closing.is_empty() && !chunk.ends_line)
            })
        });
        if part_of_phrase { self.chunk(offset).map_or("", |chunk| chunk.core) } else { "" }
    }

    /// The core of the next chunk even if a full stop, as of an abbreviation, stands before it.
    fn core_after_dot(&self) -> &'t str {
        match (self.chunk(0), self.chunk(1)) {
            (Some(this), Some(next)) if matches!(this.closing, "" | ".") && next.opening.is_empty() => next.core,
            _ => "",
        }
    }

    /// Whether no space parts the current chunk from the one before, as around a dash.
    fn touches_previous(&self) -> bool {
        let previous = self.index.checked_sub(1).and_then(|before| self.chunks.get(before));
        previous.zip(self.chunk(0)).is_some_and(|(previous, this)| {
            previous.at + previous.core.len() + previous.closing.len() == this.at - this.opening.len()
        })
    }

    fn previous(&self) -> &'t str {
        match self.index.checked_sub(1).and_then(|before| self.chunks.get(before)) {
            Some(chunk) if chunk.closing.is_empty() => chunk.core,
            _ => "",
        }
    }
}

type Reader = fn(Ahead<'_, '_>, &mut Script) -> Option<Reading>;

/// The order matters where patterns overlap: "2/19" is a date before it is a fraction, and "7am-9pm"
/// are times before they are a code.
const READERS: [Reader; 6] = [spelled::read, dates::read, contact::read, money::read, quantities::read, words::read];

/// The text as tokens.
pub(super) fn read_aloud(text: &str) -> Script {
    let chunks = chunks(text);
    let mut script = Script::default();
    let mut index = 0;
    while let Some(chunk) = chunks.get(index) {
        script.speak_from(chunk.at);
        let ahead = Ahead { chunks: &chunks, index };
        if !contact::is_area_code(ahead) {
            for _ in chunk.opening.matches(['(', '[', '{']) {
                script.opening_mark("(");
            }
        }
        let reading = READERS.iter().find_map(|reader| reader(ahead, &mut script)).unwrap_or_else(|| {
            words::plain(chunk.core, &mut script);
            Reading::of(1)
        });
        index += reading.chunks.max(1);
        close(&chunks[index - 1], chunks.get(index), reading.dot_is_abbreviation, &mut script);
    }
    script
}

/// Adds the punctuation after a chunk.
fn close(chunk: &Chunk<'_>, next: Option<&Chunk<'_>>, dot_is_abbreviation: bool, script: &mut Script) {
    let starts_small = next.is_some_and(|next| next.core.starts_with(char::is_lowercase));
    let mut marks = chunk.closing;
    if dot_is_abbreviation && marks.starts_with('.') && !abbreviation_ends_sentence(chunk, next) {
        marks = &marks[1..];
    }
    let mut ended = false;
    for mark in marks.chars() {
        match mark {
            '.' | '!' | '?' | '…' => {
                script.mark(mark.encode_utf8(&mut [0; 4]));
                ended = true;
            }
            ',' | ';' | ':' => script.mark(mark.encode_utf8(&mut [0; 4])),
            ')' | ']' | '}' => script.mark(")"),
            _ => {}
        }
    }
    if ended && !starts_small {
        script.sentence_ends();
    } else if chunk.ends_line && !ended {
        script.mark(".");
        script.sentence_ends();
    }
}

/// "at 4 p.m. Please come" ends a sentence at the abbreviation, "at 4 p.m. Monday" does not.
fn abbreviation_ends_sentence(chunk: &Chunk<'_>, next: Option<&Chunk<'_>>) -> bool {
    match next {
        None => true,
        Some(_) if chunk.ends_line => true,
        Some(next) => {
            let after_title = words::is_title(chunk.core);
            !after_title
                && chunk.closing == "."
                && next.core.starts_with(char::is_uppercase)
                && !dates::is_day_or_month(next.core)
                && words::begins_sentence(next.core)
        }
    }
}

fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut found: Vec<Chunk<'_>> = Vec::new();
    for line in text.split_inclusive('\n') {
        let line_at = line.as_ptr() as usize - text.as_ptr() as usize;
        for word in line.split_whitespace() {
            let word_at = line_at + (word.as_ptr() as usize - line.as_ptr() as usize);
            let mut rest_at = word_at;
            for part in split_dashes(word) {
                found.push(chunk(part, rest_at));
                rest_at += part.len();
            }
        }
        if line.ends_with('\n')
            && let Some(last) = found.last_mut()
        {
            last.ends_line = true;
        }
    }
    found
}

/// A long dash stands alone; an en dash does too unless it is a range of numbers.
fn split_dashes(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, dash) in word.match_indices(['—', '–', '―']) {
        let end = at + dash.len();
        let is_range = dash == "–"
            && word[..at].ends_with(|c: char| c.is_ascii_digit() || c.is_alphabetic())
            && word[end..].starts_with(|c: char| c.is_ascii_digit() || c == '$');
        if !is_range {
            parts.extend([&word[start..at], &word[at..end]]);
            start = end;
        }
    }
    parts.push(&word[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn chunk(word: &str, at: usize) -> Chunk<'_> {
    let opens = |c: char| matches!(c, '(' | '[' | '{' | '"' | '“' | '‘' | '«' | '*' | '_' | '¿' | '¡');
    let closes = |c: char| {
        matches!(
            c,
            '.' | ',' | ';' | ':' | '!' | '?' | '…' | ')' | ']' | '}' | '"' | '”' | '’' | '\'' | '»' | '*' | '_'
        )
    };
    let mut core = word.trim_start_matches(opens);
    let elision = ["'em", "'til", "'cause", "'bout", "'tis", "'twas", "'round", "'n"];
    if core.starts_with('\'') && !elision.contains(&core.trim_end_matches(closes).to_lowercase().as_str()) {
        core = &core[1..];
    }
    let opening = &word[..word.len() - core.len()];
    let bare = core.trim_end_matches(closes);
    let closing = &core[bare.len()..];
    Chunk { opening, core: bare, closing, at: at + opening.len(), ends_line: false }
}

#[cfg(test)]
mod tests;
