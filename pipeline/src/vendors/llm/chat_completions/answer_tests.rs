use super::*;

fn read(chunks: &[&str]) -> (Vec<LlmEvent>, Result<(), VendorError>) {
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    let result = chunks
        .iter()
        .try_for_each(|data| answer.handle_data(data, &mut out))
        .and_then(|()| answer.handle_end(&mut out));
    (out, result)
}

#[test]
fn content_in_parts_is_spoken_without_the_thinking_parts() {
    let (out, result) = read(&[
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"Hi."}]}}]}"#,
        "[DONE]",
    ]);
    result.unwrap();
    assert_eq!(out, [LlmEvent::Text("Hi.".into()), LlmEvent::Done(Finish::Stop)]);
}

#[test]
fn a_call_that_the_server_left_in_the_text_is_made_and_not_spoken() {
    let (out, result) = read(&[
        r#"{"choices":[{"delta":{"content":"One moment.<tool_call>\n{\"name\":\"f\",\"argu"}}]}"#,
        r#"{"choices":[{"delta":{"content":"ments\":{\"x\":1}}\n</tool_call><tool_call>?</tool_call>"}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    ]);
    result.unwrap();
    let [LlmEvent::Text(text), LlmEvent::ToolCall(call), LlmEvent::Done(finish)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((text.as_str(), *finish), ("One moment.", Finish::ToolCalls));
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("f", r#"{"x":1}"#));
}

#[test]
fn a_refusal_is_spoken() {
    let (out, _) = read(&[r#"{"choices":[{"delta":{"refusal":"I can't."}}]}"#]);
    assert_eq!(out, [LlmEvent::Text("I can't.".into())]);
}

#[test]
fn a_tool_call_cut_off_inside_its_arguments_is_not_made() {
    let (out, result) = read(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}}]}"#,
    ]);
    assert_eq!(out, []);
    assert!(matches!(result, Err(VendorError::Disconnected { .. })));
}

#[test]
fn a_whole_tool_call_counts_though_the_server_just_hangs_up() {
    let (out, result) = read(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#,
    ]);
    result.unwrap();
    assert_eq!(out.last(), Some(&LlmEvent::Done(Finish::ToolCalls)));
}

#[test]
fn of_an_answer_that_breaks_off_the_whole_tool_calls_are_made_and_the_cut_ones_are_not() {
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    let call = |index: u32, arguments: &str| {
        let function = json!({"name": "f", "arguments": arguments});
        json!({"choices": [{"delta": {"tool_calls": [{"index": index, "id": index.to_string(), "function": function}]}}]})
    };
    for (index, arguments) in [r#"{"x":1}"#, r#"{"x":"#, "", "{}"].into_iter().enumerate() {
        answer.handle_data(&call(index as u32, arguments).to_string(), &mut out).unwrap();
    }
    answer.handle_break(&mut out);
    let made = out.iter().map(|event| match event {
        LlmEvent::ToolCall(call) => (call.id.as_str(), call.arguments.as_str()),
        other => panic!("{other:?}"),
    });
    assert_eq!(made.collect::<Vec<_>>(), [("0", r#"{"x":1}"#), ("3", "{}")]);
}

#[test]
fn text_that_only_began_like_a_tag_is_spoken_at_the_end() {
    let (out, _) = read(&[
        r#"{"choices":[{"delta":{"content":"a <"}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
        r#"{"error":{"message":"late"}}"#,
    ]);
    let text = |text: &str| LlmEvent::Text(text.into());
    assert_eq!(out, [text("a "), text("<"), LlmEvent::Done(Finish::Filtered)]);
}

#[test]
fn nothing_follows_data_that_cannot_be_read() {
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    answer.handle_data("{", &mut out).unwrap_err();
    answer.handle_data(r#"{"choices":[{"delta":{"content":"late"}}]}"#, &mut out).unwrap();
    answer.handle_end(&mut out).unwrap();
    assert_eq!(out, []);
}

#[test]
fn tool_calls_that_never_end_are_an_error_before_they_fill_the_memory() {
    let piece = "x".repeat(1_000);
    for endless in [
        json!({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":piece}}]}}]}),
        json!({"choices":[{"delta":{"tool_calls":[{"id":piece,"function":{"name":"f"}}, {"function":{"name":"g"}}]}}]}),
        json!({"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"},"extra_content":{"x":piece}}]}}]}),
        json!({"choices":[{"delta":{"content":format!("<tool_call>{piece}")}}]}),
    ] {
        let (mut answer, mut out) = (Answer::default(), Vec::new());
        let mut chunks = std::iter::repeat_n(endless.to_string(), 4_000);
        let error = chunks.find_map(|chunk| answer.handle_data(&chunk, &mut out).err()).unwrap();
        assert!(matches!(error, VendorError::Malformed { size_bytes: ..300_000, .. }), "{error}");
        assert_eq!(out, []);
        answer.handle_end(&mut out).unwrap();
        assert_eq!(out, [], "the answer is over");
    }
}

#[test]
fn data_that_is_not_json_is_malformed_and_not_quoted() {
    let (_, result) = read(&["the caller said"]);
    let error = result.unwrap_err();
    assert!(matches!(error, VendorError::Malformed { size_bytes: 15, .. }));
    assert!(!error.to_string().contains("caller"));
}
