//! Whether the real server would take a request, and what it says if not.

use serde_json::Value;

use super::error::ApiError;

const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// Checks the key a request came with, if one is wanted.
pub(super) fn key(wanted: Option<&str>, given: Option<&str>) -> Result<(), ApiError> {
    match given {
        _ if wanted.is_none() || wanted == given => Ok(()),
        Some(_) => Err(ApiError::new(401, "invalid_api_key", "Incorrect API key provided.")),
        None => Err(ApiError { code: None, ..ApiError::new(401, "", "You didn't provide an API key.") }),
    }
}

/// Checks that there is such a model; without a list there is every model.
pub(super) fn model(name: &str, models: &[String]) -> Result<(), ApiError> {
    if models.is_empty() || models.iter().any(|model| model == name) {
        Ok(())
    } else {
        Err(ApiError::no_such_model(name))
    }
}

/// Checks everything in a request but its model's name.
pub(super) fn request(body: &Value) -> Result<(), ApiError> {
    if !body.is_object() {
        return Err(ApiError::invalid(
            None,
            None,
            "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.".to_owned(),
        ));
    }
    if body["model"].as_str().unwrap_or_default().is_empty() {
        return Err(ApiError::invalid(None, None, "you must provide a model parameter".to_owned()));
    }
    let messages = list(body, "messages")?.ok_or_else(|| ApiError::missing("messages".to_owned()))?;
    if messages.is_empty() {
        return Err(ApiError::invalid(
            Some("messages".to_owned()),
            Some("empty_array"),
            "Invalid 'messages': empty array. Expected an array with minimum length 1.".to_owned(),
        ));
    }
    conversation(messages)?;
    options(body)?;
    for (position, tool) in list(body, "tools")?.into_iter().flatten().enumerate() {
        function(tool, &format!("tools[{position}]"))?;
    }
    Ok(())
}

/// A field that is a list when it is there.
fn list<'a>(body: &'a Value, field: &str) -> Result<Option<&'a Vec<Value>>, ApiError> {
    match &body[field] {
        Value::Null => Ok(None),
        Value::Array(items) => Ok(Some(items)),
        _ => Err(wrong_type(field, "an array")),
    }
}

fn options(body: &Value) -> Result<(), ApiError> {
    let wrong = |param: &str, message: &str| Err(ApiError::invalid(Some(param.to_owned()), None, message.to_owned()));
    if !body["stream_options"].is_null() && body["stream"] != true {
        return wrong("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    if !body["tool_choice"].is_null() && body["tools"].is_null() {
        return wrong("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.");
    }
    // The real server would make several answers; this one makes one and does not pretend.
    if body["n"].as_u64().is_some_and(|choices| choices != 1) {
        return wrong("n", "Only one choice is offered here.");
    }
    for field in ["max_tokens", "max_completion_tokens"] {
        if !body[field].is_null() && body[field].as_u64().is_none_or(|tokens| tokens == 0) {
            return Err(wrong_type(field, "a positive integer"));
        }
    }
    Ok(())
}

/// Checks the roles, and that every tool call is answered right behind it and nothing else is.
fn conversation(messages: &[Value]) -> Result<(), ApiError> {
    let mut asking = 0;
    let mut unanswered: Vec<&str> = Vec::new();
    for (position, message) in messages.iter().enumerate() {
        let param = |field: &str| format!("messages[{position}].{field}");
        let role = message["role"].as_str().ok_or_else(|| ApiError::missing(param("role")))?;
        if !ROLES.contains(&role) {
            let message = format!("Invalid value: '{role}'. Supported values are: '{}'.", ROLES.join("', '"));
            return Err(ApiError::invalid(Some(param("role")), Some("invalid_value"), message));
        }
        if role == "tool" {
            let id = message["tool_call_id"].as_str().ok_or_else(|| ApiError::missing(param("tool_call_id")))?;
            let asked = unanswered.iter().position(|asked| *asked == id).ok_or_else(|| {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message \
                               with 'tool_calls'.";
                ApiError::invalid(Some(param("role")), None, message.to_owned())
            })?;
            unanswered.swap_remove(asked);
        } else if !unanswered.is_empty() {
            return Err(no_results(asking, &unanswered));
        }
        let calls = if role == "assistant" { list(message, "tool_calls")? } else { None };
        for (index, call) in calls.into_iter().flatten().enumerate() {
            unanswered.push(tool_call(call, &param(&format!("tool_calls[{index}]")))?);
            asking = position;
        }
        let may_be_null = role == "function" || calls.is_some_and(|calls| !calls.is_empty());
        match &message["content"] {
            Value::String(_) | Value::Array(_) => {}
            Value::Null if may_be_null => {}
            _ => return Err(wrong_type(&param("content"), "a string or an array")),
        }
    }
    if unanswered.is_empty() { Ok(()) } else { Err(no_results(asking, &unanswered)) }
}

fn no_results(asking: usize, ids: &[&str]) -> ApiError {
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    );
    ApiError::invalid(Some(format!("messages[{asking}].role")), None, message)
}

/// Checks a call in the history and returns its id.
fn tool_call<'a>(call: &'a Value, param: &str) -> Result<&'a str, ApiError> {
    let id = call["id"].as_str().filter(|id| !id.is_empty()).ok_or_else(|| ApiError::missing(format!("{param}.id")))?;
    function(call, param)?;
    if !call["function"]["arguments"].is_string() {
        return Err(wrong_type(&format!("{param}.function.arguments"), "a string"));
    }
    Ok(id)
}

/// Checks what a tool and a call of a tool have in common.
fn function(value: &Value, param: &str) -> Result<(), ApiError> {
    if value["type"] != "function" {
        let message = format!("Invalid value: '{}'. Supported values are: 'function'.", value["type"]);
        return Err(ApiError::invalid(Some(format!("{param}.type")), Some("invalid_value"), message));
    }
    let param = format!("{param}.function.name");
    let name = value["function"]["name"].as_str().ok_or_else(|| ApiError::missing(param.clone()))?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
        let message = format!(
            "Invalid '{param}': string does not match pattern. Expected a string of at most 64 characters that matches \
             the pattern '^[a-zA-Z0-9_-]+$'."
        );
        return Err(ApiError::invalid(Some(param), Some("invalid_value"), message));
    }
    Ok(())
}

fn wrong_type(param: &str, expected: &str) -> ApiError {
    let message = format!("Invalid type for '{param}': expected {expected}.");
    ApiError::invalid(Some(param.to_owned()), Some("invalid_type"), message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(messages: &Value) -> Option<String> {
        request(&json!({"model": "m", "messages": messages})).err().map(|error| {
            assert_eq!((error.status, error.kind.as_str()), (400, "invalid_request_error"));
            error.message
        })
    }

    fn asks(ids: &[&str]) -> Value {
        let call = |id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
        json!({"role": "assistant", "content": null, "tool_calls": ids.iter().map(call).collect::<Vec<_>>()})
    }

    fn result(id: &str) -> Value {
        json!({"role": "tool", "tool_call_id": id, "content": "{}"})
    }

    #[test]
    fn a_conversation_with_answered_calls_is_taken() {
        let user = json!({"role": "user", "content": [{"type": "text", "text": "Book."}]});
        let system = json!({"role": "system", "content": "Be kind."});
        let done = json!({"role": "assistant", "content": "Done."});
        let whole = json!([system, user, asks(&["a", "b"]), result("b"), result("a"), done, user]);
        assert_eq!(says(&whole), None);
    }

    #[test]
    fn a_call_without_a_result_is_refused_by_its_id() {
        let user = json!({"role": "user", "content": "Book."});
        for rest in [json!([user, asks(&["a", "b"]), result("a"), user]), json!([asks(&["b"])])] {
            assert!(says(&rest).unwrap().ends_with("did not have response messages: b"), "{rest}");
        }
    }

    #[test]
    fn a_result_that_answers_nothing_is_refused() {
        let user = json!({"role": "user", "content": "Book."});
        let twice = json!([asks(&["a"]), result("a"), result("a")]);
        for messages in [json!([result("a")]), json!([user, result("a")]), twice] {
            assert!(says(&messages).unwrap().contains("must be a response"), "{messages}");
        }
    }

    #[test]
    fn messages_that_are_no_messages_are_refused() {
        assert!(says(&Value::Null).unwrap().contains("Missing required parameter: 'messages'"));
        assert!(says(&json!([])).unwrap().contains("empty array"));
        assert!(says(&json!("Hello")).unwrap().contains("expected an array"));
        assert!(says(&json!([{"content": "?"}])).unwrap().contains("'messages[0].role'"));
        assert!(says(&json!([{"role": "robot", "content": "?"}])).unwrap().contains("Invalid value: 'robot'"));
        assert!(says(&json!([{"role": "user", "content": null}])).unwrap().contains("'messages[0].content'"));
        assert!(says(&json!([{"role": "assistant", "content": null}])).unwrap().contains("'messages[0].content'"));
        let mut object = asks(&["a"]);
        object["tool_calls"][0]["function"]["arguments"] = json!({});
        assert!(says(&json!([object, result("a")])).unwrap().contains("arguments': expected a string"));
    }

    #[test]
    fn names_of_tools_are_held_to_their_letters_and_their_length() {
        let refused = |name: &str| {
            let tools = json!([{"type": "function", "function": {"name": name}}]);
            let messages = json!([{"role": "user", "content": "?"}]);
            request(&json!({"model": "m", "messages": messages, "tools": tools})).err()
        };
        assert_eq!(refused("look-up_2"), None);
        assert_eq!(refused(&"x".repeat(64)), None);
        for name in ["", "look up", "größe", "a.b", &"x".repeat(65)] {
            assert_eq!(refused(name).unwrap().param.as_deref(), Some("tools[0].function.name"), "{name}");
        }
    }

    #[test]
    fn options_that_do_not_fit_together_are_refused() {
        let refused = |field: &str, value: Value| {
            let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "?"}]});
            body[field] = value;
            request(&body).err().and_then(|error| error.param)
        };
        assert_eq!(refused("stream_options", json!({"include_usage": true})).as_deref(), Some("stream_options"));
        assert_eq!(refused("tool_choice", json!("auto")).as_deref(), Some("tool_choice"));
        assert_eq!(refused("max_tokens", json!(0)).as_deref(), Some("max_tokens"));
        assert_eq!(refused("n", json!(2)).as_deref(), Some("n"));
        assert_eq!(refused("n", json!(1)), None);
        assert_eq!(refused("an_unknown_field", json!(1)), None);
    }

    #[test]
    fn keys_are_compared_only_when_one_is_wanted() {
        assert_eq!(key(None, Some("anything")), Ok(()));
        assert_eq!(key(Some("sk"), Some("sk")), Ok(()));
        assert_eq!(key(Some("sk"), Some("no")).unwrap_err().code.as_deref(), Some("invalid_api_key"));
        assert_eq!(key(Some("sk"), None).unwrap_err().status, 401);
    }
}
