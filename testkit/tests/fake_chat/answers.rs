//! What is answered, in which form and when.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use voice_testkit::fakes::chat::{Answer, ChatPlan, DefaultAnswer, Delivery, LineEnd, Seen, last_words};

use super::{Desk, asks, bare_request, choices, drain, json_of, send, with};

#[tokio::test]
async fn text_is_streamed_word_by_word_in_the_form_of_the_protocol() {
    let desk = Desk::with(ChatPlan::default()).await;
    let response = desk.post(&asks("nine or ten")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(response.headers()["x-request-id"], "req_1");
    let mut events = super::events(&response.text().await.unwrap());
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let chunks = json_of(&events);
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!((&chunk["id"], &chunk["model"]), (&json!("chatcmpl-1"), &json!("m")));
        assert!(chunk.get("usage").is_none(), "nobody asked");
        assert!(chunk["obfuscation"].is_string());
    }
    let choices = choices(&chunks);
    assert_eq!(choices[0]["delta"], json!({"role": "assistant", "content": "", "refusal": null}));
    let words: Vec<_> = choices[1..6].iter().map(|choice| choice["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!(words, ["You ", "said: ", "nine ", "or ", "ten"]);
    assert!(choices[..6].iter().all(|choice| choice["finish_reason"].is_null()));
    assert_eq!((&choices[6]["delta"], &choices[6]["finish_reason"]), (&json!({}), &json!("stop")));
    assert_eq!(choices.len(), 7);
}

#[tokio::test]
async fn usage_comes_in_a_chunk_of_its_own_when_it_is_asked_for() {
    let desk = Desk::with(ChatPlan::script([Answer::says("At nine.")])).await;
    let options = json!({"include_usage": true, "include_obfuscation": false});
    let mut events = desk.stream(&with(asks("When is it?"), "stream_options", options)).await;
    events.pop();
    let chunks = json_of(&events);
    let (last, others) = chunks.split_last().unwrap();
    assert!(others.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    assert!(chunks.iter().all(|chunk| chunk.get("obfuscation").is_none()));
    assert_eq!(last["choices"], json!([]));
    let usage = &last["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(3), &json!(2)));
    assert_eq!(usage["total_tokens"], 5);
}

#[tokio::test]
async fn tool_calls_come_behind_the_text_and_their_arguments_in_fragments() {
    let arguments = json!({"name": "Grüße", "players": 2});
    let answer = Answer::says("One moment.").and_calls_as("call_a", "book", &arguments).and_calls("look", "{}");
    let desk = Desk::with(ChatPlan::script([answer])).await;
    let mut events = desk.stream(&asks("Book.")).await;
    events.pop();
    let chunks = json_of(&events);
    let choices = choices(&chunks);
    let deltas: Vec<_> =
        choices.iter().filter_map(|choice| choice["delta"]["tool_calls"].as_array()).map(|calls| &calls[0]).collect();
    let begun = |index: u64, id: &str, name: &str| json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
    assert_eq!(*deltas[0], begun(0, "call_a", "book"));
    assert!(deltas.contains(&&begun(1, "call_1_1", "look")));
    let of_first: Vec<_> = deltas.iter().filter(|delta| delta["index"] == 0).collect();
    assert!(of_first.len() > 4, "{of_first:?}");
    let whole: String = of_first.iter().map(|delta| delta["function"]["arguments"].as_str().unwrap()).collect();
    assert_eq!(serde_json::from_str::<Value>(&whole).unwrap(), arguments);
    assert_eq!(choices[1]["delta"]["content"], "One ");
    assert_eq!(choices.last().unwrap()["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_call_without_text_opens_the_stream() {
    let desk = Desk::with(ChatPlan::script([Answer::calls("f", "{}"), Answer::calls("f", "{}")])).await;
    let chunks = json_of(&desk.stream(&asks("?")).await[..1]);
    let delta = &chunks[0]["choices"][0]["delta"];
    assert_eq!((&delta["role"], &delta["content"]), (&json!("assistant"), &Value::Null));
    assert_eq!(delta["tool_calls"][0]["id"], "call_1_0");

    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let named = json!({"type": "function", "function": {"name": "f"}});
    let forced = with(with(asks("?"), "tools", tools), "tool_choice", named);
    let events = desk.stream(&forced).await;
    let finish = &json_of(&events[..events.len() - 1]).pop().unwrap()["choices"][0]["finish_reason"];
    assert_eq!(finish, "stop", "a call that was ordered ends so");
}

#[tokio::test]
async fn without_streaming_the_answer_is_one_document() {
    let says = Answer::says("At nine.");
    let calls = Answer::calls("f", "{\"x\":1}");
    let desk = Desk::with(ChatPlan::script([says, calls])).await;
    let request = with(asks("When?"), "stream", json!(false));
    let (status, said) = desk.ask(&request).await;
    assert_eq!((status, &said["object"]), (200, &json!("chat.completion")));
    assert_eq!(said["choices"][0]["message"]["content"], "At nine.");
    assert_eq!(said["choices"][0]["finish_reason"], "stop");
    assert_eq!(said["usage"]["total_tokens"], 3);
    let (_, called) = desk.ask(&request).await;
    let message = &called["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["tool_calls"][0]["function"], json!({"name": "f", "arguments": "{\"x\":1}"}));
    assert_eq!(called["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn an_answer_longer_than_the_limit_is_cut() {
    let answer = Answer::says("one two three").and_calls("f", "{}");
    let desk = Desk::with(ChatPlan::script([answer.clone(), answer])).await;
    for field in ["max_tokens", "max_completion_tokens"] {
        let request = with(with(asks("?"), "stream", json!(false)), field, json!(2));
        let (_, cut) = desk.ask(&request).await;
        assert_eq!(cut["choices"][0]["message"]["content"], "one two ", "{field}");
        assert_eq!(cut["choices"][0]["finish_reason"], "length");
        assert!(cut["choices"][0]["message"].get("tool_calls").is_none());
    }
}

#[tokio::test]
async fn the_script_comes_first_and_the_plan_may_change_while_the_server_runs() {
    let desk = Desk::with(ChatPlan::script([Answer::says("First.")])).await;
    let request = with(asks("a b"), "stream", json!(false));
    let ask = async || desk.ask(&request).await.1["choices"][0]["message"]["content"].take();
    assert_eq!(ask().await, "First.");
    assert_eq!(ask().await, "You said: a b");
    desk.fake.plan(|plan| plan.default = DefaultAnswer::Fixed("Always.".into()));
    assert_eq!(ask().await, "Always.");
    desk.fake.plan(|plan| {
        plan.default = DefaultAnswer::by(|request| Answer::says(last_words(request).to_uppercase()).finishing("odd"));
        plan.queue.push_back(Answer::says("Once more."));
    });
    assert_eq!(ask().await, "Once more.");
    let (_, document) = desk.ask(&request).await;
    assert_eq!(document["choices"][0]["message"]["content"], "A B");
    assert_eq!(document["choices"][0]["finish_reason"], "odd");
}

#[tokio::test]
async fn tokens_take_their_time_and_the_observer_is_told_of_the_first() {
    let (first, next) = (Duration::from_millis(80), Duration::from_millis(30));
    let plan = ChatPlan { first_token_delay: first, token_delay: next, ..ChatPlan::default() };
    let mut desk = Desk::with(plan).await;
    desk.stream(&asks("hello there")).await;
    let Seen::Request { at: asked, request: 1, .. } = desk.until(|seen| matches!(seen, Seen::Request { .. })).await
    else {
        panic!("the first request has number 1")
    };
    let Seen::FirstToken { at: begun, request: 1, conn: 1, .. } = desk.next_seen().await else {
        panic!("a token comes next")
    };
    let Seen::Finished { at: finished, .. } = desk.next_seen().await else { panic!("then the end") };
    assert!(begun - asked >= first, "{:?}", begun - asked);
    // "You said: hello there" has three further words.
    assert!(finished - begun >= next * 3, "{:?}", finished - begun);

    desk.fake.plan(|plan| plan.queue.push_back(Answer::says("a b c").paced(Duration::ZERO, Duration::ZERO)));
    desk.fake.plan(|plan| plan.token_delay = Duration::from_secs(3600));
    desk.stream(&asks("?")).await;
}

#[tokio::test]
async fn the_head_of_a_stream_does_not_wait_for_the_first_token() {
    let never = Duration::from_secs(3600);
    let plan = ChatPlan { first_token_delay: never, ..ChatPlan::default() };
    let mut desk = Desk::with(plan).await;
    let mut body = desk.post(&asks("hello")).await.bytes_stream();
    let opening = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(opening.contains(r#""role":"assistant""#), "{opening}");
    drop(body);
    desk.until(|seen| matches!(seen, Seen::ClientLeft { request: 1, .. })).await;
}

/// The data of every chunk of a chunked body.
fn http_chunks(response: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(response).unwrap();
    let (head, mut rest) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let mut chunks = Vec::new();
    loop {
        let (size, data) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            assert_eq!(data, "\r\n");
            return chunks;
        }
        let (chunk, behind) = data.split_at(size);
        chunks.push(chunk.as_bytes().to_vec());
        rest = behind.strip_prefix("\r\n").unwrap();
    }
}

#[tokio::test]
async fn an_answer_is_delivered_in_the_pieces_that_were_planned() {
    let desk = Desk::with(ChatPlan { line_end: LineEnd::CrLf, ..ChatPlan::default() }).await;
    let mut bodies = Vec::new();
    for delivery in [Delivery::Whole, Delivery::PerEvent, Delivery::PerLine, Delivery::PerByte] {
        desk.fake.plan(|plan| {
            plan.delivery = delivery;
            plan.queue.push_back(Answer::says("nine or ten"));
        });
        let (response, end) = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
        end.unwrap();
        let chunks = http_chunks(&response);
        match delivery {
            Delivery::Whole => assert_eq!(chunks.len(), 1),
            // The role, three words, the finish reason and `[DONE]`.
            Delivery::PerEvent => {
                assert_eq!(chunks.len(), 6);
                assert!(chunks.iter().all(|chunk| chunk.ends_with(b"}\r\n\r\n") || chunk == b"data: [DONE]\r\n\r\n"));
            }
            Delivery::PerLine => {
                assert_eq!(chunks.len(), 12);
                assert!(chunks.iter().all(|chunk| chunk.ends_with(b"\r\n")));
            }
            Delivery::PerByte => assert!(chunks.iter().all(|chunk| chunk.len() == 1)),
        }
        bodies.push(String::from_utf8(chunks.concat()).unwrap().replace(char::is_numeric, "0"));
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "all deliver the same");
    assert!(!bodies[0].replace("\r\n", "").contains('\n'));
}

#[tokio::test]
async fn one_connection_serves_one_request_after_the_other() {
    let mut desk = Desk::with(ChatPlan::default()).await;
    let mut socket = TcpStream::connect(desk.fake.address()).await.unwrap();
    for number in 1..=3 {
        send(&mut socket, "keep-alive", &asks("again")).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "the connection stays open");
        }
        let Seen::Request { conn: 1, request, .. } = desk.until(|seen| matches!(seen, Seen::Request { .. })).await
        else {
            panic!("all on the first connection")
        };
        desk.until(|seen| matches!(seen, Seen::Finished { conn: 1, .. })).await;
        assert_eq!(request, number);
        let counts = desk.fake.counts();
        assert_eq!((counts.accepted, counts.open, counts.requests), (1, 1, number));
    }
    drop(socket);
}

#[tokio::test]
async fn the_observer_sees_what_was_asked() {
    let mut desk = Desk::with(ChatPlan::default()).await;
    let request = asks("What is open?");
    desk.stream(&request).await;
    assert!(matches!(desk.next_seen().await, Seen::Connected { conn: 1, .. }));
    let Seen::Request { body, .. } = desk.next_seen().await else { panic!("then the request") };
    assert_eq!(*body, request);
}
