//! Errors in the words of the real server.

use serde_json::{Value, json};

/// An error answer: a status and the error object of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `error.message`.
    pub message: String,
    /// `error.type`.
    pub kind: String,
    /// `error.param`.
    pub param: Option<String>,
    /// `error.code`.
    pub code: Option<String>,
}

impl ApiError {
    /// An error of the server, such as `(503, "overloaded", "Try again.")`.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        let kind = match status {
            429 => code,
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        Self { status, message: message.to_owned(), kind: kind.to_owned(), param: None, code: Some(code.to_owned()) }
    }

    /// 429 for too many requests.
    pub fn rate_limit() -> Self {
        Self {
            kind: "requests".to_owned(),
            ..Self::new(429, "rate_limit_exceeded", "Rate limit reached on requests per min (RPM).")
        }
    }

    /// 429 for a key without credit.
    pub fn quota() -> Self {
        Self::new(429, "insufficient_quota", "You exceeded your current quota, please check your plan.")
    }

    /// A request that is wrong in itself.
    pub(super) fn invalid(param: Option<String>, code: Option<&str>, message: String) -> Self {
        let kind = "invalid_request_error".to_owned();
        Self { status: 400, message, kind, param, code: code.map(str::to_owned) }
    }

    pub(super) fn missing(param: String) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self::invalid(Some(param), Some("missing_required_parameter"), message)
    }

    pub(super) fn no_such_model(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        Self::new(404, "model_not_found", &message)
    }

    pub(super) fn no_such_path(method: &str, path: &str) -> Self {
        Self { status: 404, ..Self::invalid(None, None, format!("Invalid URL ({method} {path})")) }
    }

    pub(super) fn wrong_method(method: &str, path: &str) -> Self {
        let message = format!("Not allowed to {method} on {path}.");
        Self { status: 405, ..Self::invalid(None, Some("method_not_supported"), message) }
    }

    /// The body: the error object as `error`.
    pub fn body(&self) -> Value {
        let Self { message, kind, param, code, .. } = self;
        json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
    }
}
