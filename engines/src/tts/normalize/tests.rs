use super::super::tokens::Kind;
use super::*;

/// The words as spoken; letters to be named are in angle brackets.
fn aloud(text: &str) -> String {
    let mut heard = String::new();
    for token in read_aloud(text).tokens {
        let text = if token.kind == Kind::Letters { format!("<{}>", token.text) } else { token.text };
        if !token.glued && !heard.is_empty() {
            heard.push(' ');
        }
        heard.push_str(&text);
        if token.ends_sentence {
            heard.push_str(" |");
        }
    }
    heard
}

#[test]
fn x() {
    assert_eq!(aloud("GV4821"), "<GV>, four eight two one");
}
