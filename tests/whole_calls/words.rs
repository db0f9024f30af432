//! Compares what was said with what a recogniser wrote.

/// Numbers that recognisers and agents write in either way.
const SPELLINGS: [(&str, &str); 14] = [
    ("1", "one"),
    ("2", "two"),
    ("3", "three"),
    ("4", "four"),
    ("5", "five"),
    ("6", "six"),
    ("7", "seven"),
    ("8", "eight"),
    ("9", "nine"),
    ("10", "ten"),
    ("i'd", "i would"),
    ("i'm", "i am"),
    ("it's", "it is"),
    ("tea", "tee"),
];

/// The words of a text in one spelling, without punctuation.
pub(crate) fn words(text: &str) -> Vec<String> {
    let plain = text.to_lowercase().replace(":00", " ").replace('’', "'").replace(['-', '—'], " ");
    let bare = plain.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let spelled = bare.map(|word| SPELLINGS.iter().find(|(from, _)| *from == word).map_or(word, |(_, to)| to));
    spelled.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// Words that must be changed, added or left out to make one text of the other.
pub(crate) fn distance(one: &[String], other: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, word) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, candidate) in other.iter().enumerate() {
            let changed = diagonal + usize::from(word != candidate);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// The share of wrong words in what was recognised.
pub(crate) fn error_rate(said: &str, recognised: &str) -> f64 {
    let said = words(said);
    distance(&said, &words(recognised)) as f64 / said.len() as f64
}

/// Whether any of the words stands in a text.
pub(crate) fn has_any(text: &str, candidates: &[&str]) -> bool {
    let words = words(text);
    candidates.iter().any(|candidate| words.iter().any(|word| word == candidate))
}
