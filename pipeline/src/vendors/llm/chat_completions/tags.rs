//! Takes out of a text what is not for the caller's ear: the reasoning that some models write
//! between `<think>` tags, and tool calls that a server failed to recognise between `<tool_call>`
//! tags.

/// A pair of tags and what becomes of the text between them.
#[derive(Debug, Clone, Copy)]
struct Pair {
    open: &'static str,
    close: &'static str,
    is_call: bool,
}

const PAIRS: [Pair; 2] = [
    Pair { open: "<think>", close: "</think>", is_call: false },
    Pair { open: "<tool_call>", close: "</tool_call>", is_call: true },
];

/// Lets text pass that stands outside the tags, however the tags are split over chunks.
#[derive(Debug, Default)]
pub(super) struct TagFilter {
    inside: Option<Pair>,
    /// What may be the beginning of a tag, or a call whose end is not there yet.
    held: String,
    calls: Vec<String>,
}

impl TagFilter {
    /// Takes the next text and returns what may be spoken of all that came so far.
    pub(super) fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let mut visible = String::new();
        loop {
            match self.inside {
                None => match first_open(&self.held) {
                    Some((at, pair)) => {
                        visible.push_str(&self.held[..at]);
                        self.held.drain(..at + pair.open.len());
                        self.inside = Some(pair);
                    }
                    None => {
                        let held_back = PAIRS.map(|pair| held_back(&self.held, pair.open)).into_iter().max();
                        let passed = self.held.len() - held_back.unwrap_or_default();
                        visible.extend(self.held.drain(..passed));
                        return visible;
                    }
                },
                Some(pair) => match self.held.find(pair.close) {
                    Some(at) => {
                        self.take_inner(pair, at);
                        self.held.drain(..pair.close.len());
                        self.inside = None;
                    }
                    None if pair.is_call => return visible,
                    None => {
                        let dropped = self.held.len() - held_back(&self.held, pair.close);
                        self.held.drain(..dropped);
                        return visible;
                    }
                },
            }
        }
    }

    /// The text is over: returns what was held back as the possible beginning of a tag.
    pub(super) fn finish(&mut self) -> String {
        match self.inside.take() {
            Some(pair) => {
                self.take_inner(pair, self.held.len());
                String::new()
            }
            None => std::mem::take(&mut self.held),
        }
    }

    /// What is kept.
    pub(super) fn bytes(&self) -> usize {
        self.held.len()
    }

    /// The texts between `<tool_call>` tags since the last time.
    pub(super) fn take_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.calls)
    }

    fn take_inner(&mut self, pair: Pair, bytes: usize) {
        let inner = self.held.drain(..bytes).collect();
        if pair.is_call {
            self.calls.push(inner);
        }
    }
}

fn first_open(text: &str) -> Option<(usize, Pair)> {
    PAIRS.into_iter().filter_map(|pair| Some((text.find(pair.open)?, pair))).min_by_key(|(at, _)| *at)
}

/// How many bytes at the end of `text` may be the beginning of `tag`.
fn held_back(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|&len| text.ends_with(&tag[..len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(text: &str, chunk_bytes: usize) -> (String, Vec<String>) {
        let mut filter = TagFilter::default();
        let chunks = text.as_bytes().chunks(chunk_bytes);
        let mut spoken: String = chunks.map(|chunk| filter.push(std::str::from_utf8(chunk).unwrap())).collect();
        spoken.push_str(&filter.finish());
        (spoken, filter.take_calls())
    }

    #[test]
    fn reasoning_is_never_spoken_however_it_is_cut() {
        let text = "a<think>b</think>c<<think><think></thin</think>d<thin";
        for chunk_bytes in 1..=text.len() {
            assert_eq!(filtered(text, chunk_bytes).0, "ac<d<thin", "chunks of {chunk_bytes}");
        }
    }

    #[test]
    fn calls_written_as_text_are_taken_out_and_kept() {
        let text = "Yes.<think><tool_call>no</tool_call></think><tool_call>{1}</tool_call> <tool_call>{2}";
        for chunk_bytes in 1..=text.len() {
            let calls = vec!["{1}".to_owned(), "{2}".to_owned()];
            assert_eq!(filtered(text, chunk_bytes), ("Yes. ".to_owned(), calls), "chunks of {chunk_bytes}");
        }
    }

    #[test]
    fn ordinary_text_is_not_held_back() {
        assert_eq!(TagFilter::default().push("five < six"), "five < six");
    }

    #[test]
    fn reasoning_that_never_ends_is_dropped() {
        assert_eq!(filtered("Yes.<think>the caller", 3).0, "Yes.");
    }
}
