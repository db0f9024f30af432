//! Frees a piece of text from everything that is for the eye.
//!
//! [`SpokenText::clean`] takes whole pieces, in order, and gives what a synthesiser should say, or
//! nothing if nothing is left. Markdown, tags and emojis go; signs that are read aloud ("$45",
//! "20%", "#3") stay. Code blocks are left out, also when they span pieces.

/// Cleans the pieces of one answer.
#[derive(Debug, Clone, Default)]
pub struct SpokenText {
    /// The fence that opened the code block we are in.
    fence: Option<&'static str>,
}

const FENCES: [&str; 2] = ["```", "~~~"];
const PAUSES: [char; 8] = ['.', '!', '?', ':', ';', ',', '…', '—'];

impl SpokenText {
    /// A cleaner for one answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The words of a piece. Nothing if it has none.
    pub fn clean(&mut self, piece: &str) -> Option<String> {
        let mut spoken = String::new();
        let mut last_was_block = false;
        for line in piece.lines().map(str::trim) {
            let Some(line) = self.outside_code(line) else { continue };
            let (text, is_block) = block(line);
            let text = inline(&text);
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            if !spoken.is_empty() {
                // Items of a list have no full stop to pause at.
                if (is_block || last_was_block) && !spoken.ends_with(PAUSES) {
                    spoken.push('.');
                }
                spoken.push(' ');
            }
            spoken.push_str(text);
            last_was_block = is_block;
        }
        let spoken = collapse(&spoken);
        spoken.contains(char::is_alphanumeric).then_some(spoken)
    }

    /// The line, if it is not part of a code block.
    fn outside_code<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        let marker = FENCES.into_iter().find(|fence| line.starts_with(fence));
        match (self.fence, marker) {
            (Some(open), marker) => {
                if marker == Some(open) {
                    self.fence = None;
                }
                None
            }
            // A fence that closes in its own line is no block.
            (None, Some(fence)) if line[fence.len()..].contains(fence) => Some(line),
            (None, Some(fence)) => {
                self.fence = Some(fence);
                None
            }
            (None, None) => Some(line),
        }
    }
}

/// A line without what marks its kind, and whether it was a heading, list item or table row.
fn block(line: &str) -> (String, bool) {
    let line = line.trim_start_matches(['>', ' ']);
    let is_ruler = |signs: &[char]| line.len() >= 3 && line.chars().all(|c| signs.contains(&c));
    if is_ruler(&['-', ' ']) || is_ruler(&['*', ' ']) || is_ruler(&['_', ' ']) || is_ruler(&['=']) {
        return (String::new(), true);
    }
    if line.len() > 1 && line.starts_with('|') {
        if is_ruler(&['|', '-', ':', ' ']) {
            return (String::new(), true);
        }
        let cells: Vec<_> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        return (cells.join(", "), true);
    }
    let heading = line.trim_start_matches('#');
    if (1..=6).contains(&(line.len() - heading.len())) && heading.starts_with(' ') {
        return (heading.trim().trim_end_matches('#').to_owned(), true);
    }
    if let Some(item) = ["- ", "* ", "+ ", "• "].into_iter().find_map(|bullet| line.strip_prefix(bullet)) {
        let item = item.trim_start();
        let unchecked = ["[ ] ", "[x] ", "[X] "].into_iter().find_map(|tick| item.strip_prefix(tick));
        return (unchecked.unwrap_or(item).to_owned(), true);
    }
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if let (1..=3, Some(item)) =
        (digits, line[digits..].strip_prefix(". ").or_else(|| line[digits..].strip_prefix(") ")))
    {
        return (format!("{}, {}", &line[..digits], item.trim_start()), true);
    }
    (line.to_owned(), false)
}

/// The words of a line without links' targets, tags, emphasis, escapes and emojis.
fn inline(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((text, after)) = link(rest) {
            out.push_str(&inline(text));
            rest = after;
            continue;
        }
        if let Some((text, after)) = tag(rest) {
            out.push_str(text);
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("~~") {
            rest = after;
            continue;
        }
        let after = &rest[c.len_utf8()..];
        let next = after.chars().next();
        let before = out.chars().next_back();
        match c {
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation()) => {
                out.extend(next);
                rest = &after[1..];
                continue;
            }
            '`' => {}
            '*' if is_emphasis(before, next) => {}
            '_' if !(before.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric)) => {}
            _ if is_pictogram(c) => out.push(' '),
            _ if is_joiner(c) => {}
            _ => out.push(c),
        }
        rest = after;
    }
    out.replace("&nbsp;", " ").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

/// Stars touch a word or each other; between two spaces or two numbers they are a sign of their own.
fn is_emphasis(before: Option<char>, next: Option<char>) -> bool {
    let is_space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let is_number = |c: Option<char>| c.is_some_and(char::is_numeric);
    !(is_space(before) && is_space(next) || is_number(before) && is_number(next))
}

/// `[text](target)` or `![text](target)` at the beginning: its text and what follows.
fn link(rest: &str) -> Option<(&str, &str)> {
    let body = rest.strip_prefix("![").or_else(|| rest.strip_prefix('['))?;
    let (text, target) = body.split_once("](")?;
    let (_, after) = target.split_once(')')?;
    (!text.contains('[')).then_some((text, after))
}

/// `<tag …>` at the beginning: what to say instead and what follows. "a < b" is no tag.
fn tag(rest: &str) -> Option<(&str, &str)> {
    let body = rest.strip_prefix('<')?;
    body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!').then_some(())?;
    let (inside, after) = body.split_once('>')?;
    let is_address = inside.contains("://") || inside.contains('@');
    Some(if is_address && !inside.contains(char::is_whitespace) { (inside, after) } else { (" ", after) })
}

fn is_pictogram(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x21FF | 0x2300..=0x23FF | 0x2460..=0x27BF | 0x2900..=0x297F
        | 0x2B00..=0x2BFF | 0x1F000..=0x1FAFF)
}

/// What glues emojis together, and other signs without sound.
fn is_joiner(c: char) -> bool {
    matches!(u32::from(c), 0x200B..=0x200F | 0x20E3 | 0x2060 | 0xFE00..=0xFE0F | 0xFEFF | 0xE0000..=0xE007F)
}

/// One space between words and none before a comma or an end that lost its neighbour.
fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let is_mark = word.chars().all(|c| matches!(c, ',' | '.' | '!' | '?' | ';' | ':'));
        if !out.is_empty() && !is_mark {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spoken(piece: &str) -> String {
        SpokenText::new().clean(piece).unwrap_or_default()
    }

    #[test]
    fn takes_emphasis_and_code_marks_away() {
        assert_eq!(spoken("**Nine** is *free*, __ten__ is _not_."), "Nine is free, ten is not.");
        assert_eq!(spoken("Use `book` or ~~call~~ ***write***."), "Use book or call write.");
        assert_eq!(spoken("**bold that never"), "bold that never");
        assert_eq!(
            spoken("snake_case stays, 5 * 3 and 2*4 too, ~20 as well"),
            "snake_case stays, 5 * 3 and 2*4 too, ~20 as well"
        );
    }

    #[test]
    fn reads_lists_and_headings_with_pauses() {
        assert_eq!(spoken("## Times\n- nine\n* ten\n\n1. eleven\n2) noon."), "Times. nine. ten. 1, eleven. 2, noon.");
        assert_eq!(spoken("We have:\n- [ ] nine\n> quoted"), "We have: nine. quoted");
        assert_eq!(spoken("one line\nand the next"), "one line and the next");
    }

    #[test]
    fn reads_tables_cell_by_cell() {
        assert_eq!(spoken("| Day | Price |\n|:---|---:|\n| Mon | $45 |"), "Day, Price. Mon, $45");
    }

    #[test]
    fn says_the_text_of_links_and_not_their_target() {
        assert_eq!(
            spoken("See [our **rules**](https://x.example/a_b) and ![a map](m.png)."),
            "See our rules and a map."
        );
        assert_eq!(
            spoken("Write to <pro@golf.example> or <https://golf.example>"),
            "Write to pro@golf.example or https://golf.example"
        );
        assert_eq!(spoken("[sic] a [b"), "[sic] a [b");
    }

    #[test]
    fn leaves_out_tags_emojis_and_escapes() {
        assert_eq!(spoken("Hi<br/>there <b>you</b> <!-- x -->, a < b and b > a"), "Hi there you, a < b and b > a");
        assert_eq!(spoken("Great 😀! See you 👨‍👩‍👧 soon ⛳️ 3️⃣"), "Great! See you soon 3");
        assert_eq!(spoken(r"That is \$45 \*each\*"), "That is $45 *each*");
    }

    #[test]
    fn keeps_signs_that_are_read_aloud() {
        for text in ["It is $45, or 20% off.", "#3 on the list", "C# & D", "7–9 pm — late", "one/two", "~20 yards"]
        {
            assert_eq!(spoken(text), text);
        }
    }

    #[test]
    fn leaves_out_code_that_spans_pieces() {
        let mut text = SpokenText::new();
        assert_eq!(text.clean("Like this:\n```rust\nlet x = 1;").unwrap(), "Like this:");
        assert_eq!(text.clean("let y = 2;"), None);
        assert_eq!(text.clean("```\nThat is all.").unwrap(), "That is all.");
        assert_eq!(text.clean("```nine```").unwrap(), "nine");
    }

    #[test]
    fn has_nothing_to_say_without_words() {
        for silent in ["", " ", "---", "***", "😀", "...", "|---|", "<br>"] {
            assert_eq!(SpokenText::new().clean(silent), None, "{silent}");
        }
    }

    proptest! {
        #[test]
        fn takes_any_text_and_leaves_plain_words(
            piece in prop_oneof![any::<String>(), "[-a-z0-9#*_`~<>\\[\\]()!|.\\\\ \n😀]{0,60}"]
        ) {
            if let Some(spoken) = SpokenText::new().clean(&piece) {
                prop_assert!(spoken.contains(char::is_alphanumeric));
                prop_assert_eq!(spoken.split_whitespace().collect::<Vec<_>>().join(" "), spoken);
            }
        }

        #[test]
        fn leaves_plain_sentences_alone(text in "[a-z]{1,8}( [a-z0-9$%]{1,8}){0,8}[.!?]") {
            prop_assert_eq!(spoken(&text), text);
        }
    }
}
