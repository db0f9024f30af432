//! Takes the reasoning out that some models write into their text between `<think>` tags.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Lets text pass that stands outside the tags, however the tags are split over chunks.
#[derive(Debug, Default)]
pub(super) struct ThinkFilter {
    inside: bool,
    /// What may be the beginning of a tag.
    held: String,
}

impl ThinkFilter {
    /// Takes the next text and returns what may be spoken of all that came so far.
    pub(super) fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let mut visible = String::new();
        loop {
            let tag = if self.inside { CLOSE } else { OPEN };
            let found = self.held.find(tag);
            let passed = found.unwrap_or_else(|| self.held.len() - held_back(&self.held, tag));
            if !self.inside {
                visible.push_str(&self.held[..passed]);
            }
            self.held.drain(..passed + found.map_or(0, |_| tag.len()));
            match found {
                Some(_) => self.inside = !self.inside,
                None => return visible,
            }
        }
    }

    /// The text is over: returns what was held back as the possible beginning of a tag.
    pub(super) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if self.inside { String::new() } else { held }
    }
}

/// How many bytes at the end of `text` may be the beginning of `tag`.
fn held_back(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|&len| text.ends_with(&tag[..len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(text: &str, chunk_bytes: usize) -> String {
        let mut filter = ThinkFilter::default();
        let chunks = text.as_bytes().chunks(chunk_bytes);
        let mut spoken: String = chunks.map(|chunk| filter.push(std::str::from_utf8(chunk).unwrap())).collect();
        spoken.push_str(&filter.finish());
        spoken
    }

    #[test]
    fn reasoning_is_never_spoken_however_it_is_cut() {
        let text = "a<think>b</think>c<<think><think></thin</think>d<thin";
        for chunk_bytes in 1..=text.len() {
            assert_eq!(spoken(text, chunk_bytes), "ac<d<thin", "chunks of {chunk_bytes}");
        }
    }

    #[test]
    fn ordinary_text_is_not_held_back() {
        assert_eq!(ThinkFilter::default().push("five < six"), "five < six");
    }

    #[test]
    fn reasoning_that_never_ends_is_dropped() {
        assert_eq!(spoken("Yes.<think>the caller", 3), "Yes.");
    }
}
