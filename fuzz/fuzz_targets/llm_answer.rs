//! A server of chat completions may answer anything. One line of the input is the data of one event; the whole
//! input is also read as a document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voice_pipeline::vendors::llm::LlmEvent;
use voice_pipeline::vendors::llm::chat_completions::Answer;

fuzz_target!(|input: &str| {
    let (mut answer, mut out, mut is_over) = (Answer::default(), Vec::new(), false);
    for data in input.lines() {
        let before = out.len();
        let result = answer.handle_data(data, &mut out);
        assert!(!is_over || (out.len() == before && result.is_ok()), "nothing follows the end");
        is_over |= result.is_err() || matches!(out.last(), Some(LlmEvent::Done(_)));
    }
    let _ = answer.handle_end(&mut out);
    let spoken: usize = out.iter().map(|event| if let LlmEvent::Text(text) = event { text.len() } else { 0 }).sum();
    // What is no UTF-16 pair becomes a replacement, three bytes for the six of its escape.
    assert!(spoken <= input.len(), "nobody said that");
    let _ = Answer::default().handle_document(input.as_bytes(), &mut Vec::new());
});
