//! Requests the real server refuses, and errors the plan orders.

use serde_json::{Value, json};
use voice_testkit::fakes::chat::{Answer, ApiError, ChatPlan, Seen, case_ids};

use super::{Desk, asks, with};

/// The error object of an answer that is one.
fn error(answer: &Value) -> &Value {
    let error = &answer["error"];
    for field in ["message", "type", "param", "code"] {
        assert!(error.get(field).is_some(), "{field} is missing in {answer}");
    }
    error
}

#[tokio::test]
async fn wrong_requests_get_a_status_of_400_and_do_not_use_up_the_script() {
    let mut desk = Desk::with(ChatPlan::script([Answer::says("Right.")])).await;
    let call = json!({"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let unanswered =
        json!([{"role": "assistant", "content": null, "tool_calls": [call]}, {"role": "user", "content": "?"}]);
    let wrong = [
        (with(asks("?"), "model", Value::Null), Value::Null, "you must provide a model parameter"),
        (with(asks("?"), "messages", Value::Null), json!("messages"), "Missing required parameter: 'messages'."),
        (with(asks("?"), "messages", unanswered), json!("messages[0].role"), "call_a"),
        (
            with(asks("?"), "messages", json!([{"role": "tool", "tool_call_id": "x", "content": ""}])),
            json!("messages[0].role"),
            "must be a response",
        ),
        (
            with(asks("?"), "messages", json!([{"role": "robot", "content": "?"}])),
            json!("messages[0].role"),
            "Invalid value: 'robot'",
        ),
        (
            with(asks("?"), "tools", json!([{"type": "function", "function": {"name": "book it"}}])),
            json!("tools[0].function.name"),
            "does not match pattern",
        ),
    ];
    for (request, param, message) in &wrong {
        let (status, answer) = desk.ask(request).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(error(&answer)["type"], "invalid_request_error");
        assert_eq!(error(&answer)["param"], *param);
        assert!(answer["error"]["message"].as_str().unwrap().contains(message), "{answer}");
        desk.until(|seen| matches!(seen, Seen::Rejected { status: 400, .. })).await;
        desk.until(|seen| matches!(seen, Seen::Finished { .. })).await;
    }
    let (_, right) = desk.ask(&with(asks("?"), "stream", json!(false))).await;
    assert_eq!(right["choices"][0]["message"]["content"], "Right.");
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let desk = Desk::with(ChatPlan::default()).await;
    let response = desk.http.post(desk.url("/chat/completions")).body("{\"model\":").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.unwrap();
    assert!(error(&answer)["message"].as_str().unwrap().contains("parse the JSON body"));
}

#[tokio::test]
async fn only_the_planned_key_is_let_in() {
    let desk = Desk::with(ChatPlan { key: Some("sk-right".into()), ..ChatPlan::default() }).await;
    let post = || desk.http.post(desk.url("/chat/completions")).json(&asks("?"));
    for (request, code) in [(post(), Value::Null), (post().bearer_auth("sk-wrong"), json!("invalid_api_key"))] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(error(&response.json().await.unwrap())["code"], code);
    }
    assert_eq!(post().bearer_auth("sk-right").send().await.unwrap().status(), 200);
    assert_eq!(post().header("api-key", "sk-right").send().await.unwrap().status(), 200, "as Azure has it");
    let models = || desk.http.get(desk.url("/models"));
    assert_eq!(models().send().await.unwrap().status(), 401);
    assert_eq!(models().bearer_auth("sk-right").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn only_planned_models_are_there() {
    let plan = ChatPlan { models: vec!["small".into(), "meta/large".into()], ..ChatPlan::default() };
    let desk = Desk::with(plan).await;
    let (status, answer) = desk.ask(&asks("?")).await;
    assert_eq!((status, &error(&answer)["code"]), (404, &json!("model_not_found")));
    assert_eq!(desk.post(&with(asks("?"), "model", json!("small"))).await.status(), 200);
    assert_eq!(desk.post(&with(asks("?"), "model", json!("case:openai-text"))).await.status(), 200);
    let (status, answer) = desk.ask(&with(asks("?"), "model", json!("case:unheard-of"))).await;
    assert_eq!((status, &error(&answer)["code"]), (404, &json!("model_not_found")));

    let get = async |path: &str| {
        let response = desk.http.get(desk.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (_, list) = get("/models").await;
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["small", "meta/large"]);
    let (status, model) = get("/models/meta/large").await;
    assert_eq!((status, &model["object"], &model["id"]), (200, &json!("model"), &json!("meta/large")));
    assert_eq!(get("/models/huge").await.0, 404);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_refused() {
    let desk = Desk::with(ChatPlan::default()).await;
    let status = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        error(&response.json().await.unwrap());
        status
    };
    assert_eq!(status(desk.http.get(desk.url("/chat/completions"))).await, 405);
    assert_eq!(status(desk.http.post(desk.url("/models"))).await, 405);
    assert_eq!(status(desk.http.post(desk.url("/completions"))).await, 404);
    assert_eq!(status(desk.http.get(desk.url("/modelsmall"))).await, 404);
    assert_eq!(desk.fake.counts().requests, 0, "only requests for an answer are counted");
}

#[tokio::test]
async fn planned_errors_come_with_their_headers() {
    let limited = Answer::error(ApiError::rate_limit()).header("retry-after-ms", "250");
    let failed = Answer::error(ApiError::new(500, "server_error", "It broke."));
    let desk = Desk::with(ChatPlan::script([limited, Answer::error(ApiError::quota()), failed])).await;
    let response = desk.post(&asks("?")).await;
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after-ms"]), (429, &"250".parse().unwrap()));
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(error(&response.json().await.unwrap())["code"], "rate_limit_exceeded");
    let (status, quota) = desk.ask(&asks("?")).await;
    assert_eq!((status, &error(&quota)["type"]), (429, &json!("insufficient_quota")));
    let (status, failed) = desk.ask(&asks("?")).await;
    assert_eq!((status, &error(&failed)["type"]), (500, &json!("server_error")));
}

#[tokio::test]
async fn every_recorded_answer_is_there_by_its_model_and_by_the_script() {
    let desk = Desk::with(ChatPlan::default()).await;
    assert_eq!(case_ids().count(), 43);
    for id in case_ids() {
        let by_model = desk.post(&with(asks("?"), "model", json!(format!("case:{id}")))).await;
        desk.fake.plan(|plan| plan.queue.push_back(Answer::case(id)));
        let by_script = desk.post(&asks("?")).await;
        assert_eq!(by_model.status(), by_script.status(), "{id}");
        assert_eq!(by_model.headers()["content-type"], by_script.headers()["content-type"], "{id}");
        assert_eq!(by_model.bytes().await.unwrap(), by_script.bytes().await.unwrap(), "{id}");
    }
}
