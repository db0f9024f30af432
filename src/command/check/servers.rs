//! The backend and the vendors, by what they answered: whether they are there and take the key.

use serde_json::Value;

use super::finding::{Area, Findings};
use super::reply::{Answer, Failure, Reply};

/// The backend of the tools, asked for its root with the token.
pub(super) fn judge_backend(url: &str, has_token: bool, reply: &Reply, findings: &mut Findings) {
    let answer = match reply {
        Reply::Answered(answer) => answer,
        Reply::Failed(failure) => {
            return failed(Area::Backend, &format!("the backend {url}"), failure, "BACKEND_BASE_URL", findings);
        }
    };
    let what = format!("the backend {url} answers with status {}", answer.status);
    match (answer.status, has_token) {
        (401, true) => findings.object(Area::Backend, what, "BACKEND_TOKEN is not the token it wants; correct it"),
        (401, false) => findings.object(Area::Backend, what, "it wants a token: set BACKEND_TOKEN"),
        (403, true) => findings.warn(Area::Backend, what, "check that BACKEND_TOKEN may call the tools' paths"),
        (403, false) => findings.warn(Area::Backend, what, "it may want a token: set BACKEND_TOKEN"),
        (502..=504, _) => findings.warn(Area::Backend, what, "a proxy answers for a service that is down; start it"),
        _ => findings.fine(Area::Backend, what),
    }
}

/// A server of chat completions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChatServer {
    /// `chat` or `chat2`.
    pub(super) vendor: &'static str,
    pub(super) url: String,
    pub(super) model: String,
    pub(super) settings: ChatNames,
}

/// The settings that describe a server of chat completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChatNames {
    pub(super) url: &'static str,
    pub(super) key: &'static str,
    pub(super) headers: &'static str,
    pub(super) model: &'static str,
}

/// A server of chat completions, asked for its models with the key.
pub(super) fn judge_chat(server: &ChatServer, reply: &Reply, findings: &mut Findings) {
    let ChatServer { vendor, url, model, settings } = server;
    let whose = format!("{vendor} at {url}");
    let answer = match reply {
        Reply::Answered(answer) => answer,
        Reply::Failed(failure) => return failed(Area::Vendors, &whose, failure, settings.url, findings),
    };
    let status = answer.status;
    match status {
        200 => match is_listed(answer, model) {
            Some(false) => findings.warn(
                Area::Vendors,
                format!("{whose} answers, but lists no model {model:?}"),
                format!("set {} to one of its models", settings.model),
            ),
            Some(true) => findings.fine(Area::Vendors, format!("{whose} lets us in and has the model {model:?}")),
            None => findings.fine(Area::Vendors, format!("{whose} answers")),
        },
        401 | 403 => findings.object(
            Area::Vendors,
            format!("{whose} refuses the key (status {status})"),
            format!("correct {}, or {} where the key is sent by another header", settings.key, settings.headers),
        ),
        402 => findings.object(
            Area::Vendors,
            format!("{whose} wants to be paid first (status 402)"),
            "look after the account's credit",
        ),
        // Not every compatible server has a list, and none has to.
        404 | 405 | 501 => {
            let what = format!("{whose} answers, and has no list of models: key and model are not checked");
            findings.fine(Area::Vendors, what);
        }
        300..=399 => findings.warn(
            Area::Vendors,
            format!("{whose} sends us elsewhere (status {status}), and keys are not sent after a redirect"),
            format!("name the final address in {}", settings.url),
        ),
        _ => unwell(&whose, status, findings),
    }
}

/// Whether a list of models holds this one; `None` where the answer is no list.
fn is_listed(answer: &Answer, model: &str) -> Option<bool> {
    let list: Value = serde_json::from_slice(&answer.body).ok()?;
    let models = list["data"].as_array().filter(|models| !models.is_empty())?;
    // Gemini writes a path before the name, Ollama a tag behind it.
    let is_it = |id: &str| id == model || id == format!("models/{model}") || id == format!("{model}:latest");
    Some(models.iter().filter_map(|entry| entry["id"].as_str()).any(is_it))
}

/// What Deepgram is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeepgramTask {
    Hear,
    Speak,
}

/// Deepgram, dialled as a call dials it and hung up before any audio or text.
pub(super) fn judge_deepgram(task: DeepgramTask, host: &str, reply: &Reply, findings: &mut Findings) {
    let (does, parameters) = match task {
        DeepgramTask::Hear => ("hearing", "DEEPGRAM_STT_MODEL, DEEPGRAM_LANGUAGE and DEEPGRAM_KEYTERMS"),
        DeepgramTask::Speak => ("speaking", "DEEPGRAM_TTS_MODEL and the voice in the agent's file"),
    };
    let whose = format!("deepgram at {host}");
    let answer = match reply {
        Reply::Answered(answer) => answer,
        Reply::Failed(failure) => {
            return failed(Area::Vendors, &format!("{whose} ({does})"), failure, "DEEPGRAM_URL", findings);
        }
    };
    let refuses = |what: &str| format!("{whose} refuses {what} for {does} (status {})", answer.status);
    match answer.status {
        101 => findings.fine(Area::Vendors, format!("{whose} takes the key for {does}")),
        401 => findings.object(Area::Vendors, refuses("the key"), "correct DEEPGRAM_API_KEY"),
        402 => findings.object(Area::Vendors, refuses("to go on without credit"), "look after the account's credit"),
        403 => findings.object(
            Area::Vendors,
            refuses("the key or the model"),
            format!("check that DEEPGRAM_API_KEY may use the model; see {parameters}"),
        ),
        400 => findings.object(Area::Vendors, refuses("the parameters"), format!("correct {parameters}")),
        404 | 405 => findings.object(
            Area::Vendors,
            format!("{whose} has no endpoint for {does} (status {})", answer.status),
            "correct DEEPGRAM_URL: the root of the server, before /v1",
        ),
        status => unwell(&format!("{whose} ({does})"), status, findings),
    }
}

/// A server that is there, and cannot do it now.
fn unwell(whose: &str, status: u16, findings: &mut Findings) {
    let remedy = match status {
        408 | 429 => "look at the limits of the account",
        500..=599 => "look at the vendor's status page, or name another vendor behind this one",
        _ => "check that the address is the right one",
    };
    findings.warn(Area::Vendors, format!("{whose} answers with status {status}"), remedy);
}

fn failed(area: Area, whose: &str, failure: &Failure, setting: &str, findings: &mut Findings) {
    findings.object(area, format!("{whose} {}", failure.what()), failure.remedy(setting));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Reply {
        Reply::Answered(Answer { status, clocks: None, body: body.into() })
    }

    /// The first words of what is found, and what to do.
    fn found(judge: impl FnOnce(&mut Findings)) -> (String, String) {
        let mut findings = Findings::default();
        judge(&mut findings);
        let lines = findings.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let severity = lines[0].split(' ').next().unwrap().to_owned();
        (severity, findings.remedies().concat())
    }

    fn backend(has_token: bool, reply: &Reply) -> (String, String) {
        found(|findings| judge_backend("http://127.0.0.1:1/", has_token, reply, findings))
    }

    fn chat(reply: &Reply) -> (String, String) {
        let (url, key) = ("LLM2_BASE_URL", "LLM2_API_KEY");
        let settings = ChatNames { url, key, headers: "LLM2_EXTRA_HEADERS", model: "LLM2_MODEL" };
        let server = ChatServer { vendor: "chat2", url: "http://127.0.0.1:1/v1".into(), model: "big".into(), settings };
        found(|findings| judge_chat(&server, reply, findings))
    }

    fn deepgram(status: u16) -> (String, String) {
        found(|findings| judge_deepgram(DeepgramTask::Hear, "127.0.0.1", &answered(status, ""), findings))
    }

    #[test]
    fn a_backend_that_answers_anything_is_there_and_a_refusal_points_at_the_token() {
        for status in [200, 204, 302, 400, 404, 405, 500] {
            assert_eq!(backend(false, &answered(status, "")).0, "ok", "{status}");
        }
        let told = |has_token, status| backend(has_token, &answered(status, ""));
        assert_eq!(told(false, 401), ("problem".into(), "it wants a token: set BACKEND_TOKEN".into()));
        assert!(told(true, 401).1.starts_with("BACKEND_TOKEN is not the token"));
        assert!(told(true, 403).0 == "warning" && told(true, 403).1.contains("BACKEND_TOKEN"));
        assert_eq!(told(true, 502).0, "warning");
    }

    #[test]
    fn a_server_that_is_not_there_is_a_problem_that_names_the_setting() {
        let failures = [
            Failure::NoSuchHost,
            Failure::NoConnection("refused".into()),
            Failure::NoTls("expired".into()),
            Failure::NoAnswer,
            Failure::TimedOut,
        ];
        for failure in failures {
            let reply = Reply::Failed(failure);
            let (severity, remedy) = backend(true, &reply);
            assert!(severity == "problem" && remedy.contains("BACKEND_BASE_URL"), "{reply:?}: {remedy}");
            let (severity, remedy) = chat(&reply);
            assert!(severity == "problem" && remedy.contains("LLM2_BASE_URL"), "{reply:?}: {remedy}");
        }
    }

    #[test]
    fn a_wrong_key_of_a_model_server_is_told_by_its_setting() {
        for status in [401, 403] {
            let (severity, remedy) = chat(&answered(status, ""));
            assert!(severity == "problem" && remedy.starts_with("correct LLM2_API_KEY"), "{remedy}");
        }
        assert_eq!(chat(&answered(402, "")).0, "problem");
        for status in [302, 429, 500, 503] {
            assert_eq!(chat(&answered(status, "")).0, "warning", "{status}");
        }
        for status in [404, 405, 501] {
            assert_eq!(chat(&answered(status, "")).0, "ok", "{status}");
        }
    }

    #[test]
    fn a_model_that_is_not_in_the_list_is_pointed_out() {
        let list = |ids: &[&str]| {
            let data: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
            chat(&answered(200, &serde_json::json!({"data": data}).to_string()))
        };
        assert_eq!(list(&["small", "other"]), ("warning".into(), "set LLM2_MODEL to one of its models".into()));
        for id in ["big", "models/big", "big:latest"] {
            assert_eq!(list(&["small", id]).0, "ok", "{id}");
        }
        assert_eq!(list(&[]).0, "ok", "an empty list says nothing");
        assert_eq!(chat(&answered(200, "<html>")).0, "ok", "nor does no list");
    }

    #[test]
    fn a_refusal_of_deepgram_is_told_by_the_setting_behind_it() {
        assert_eq!(deepgram(101).0, "ok");
        for (status, setting) in [(401, "DEEPGRAM_API_KEY"), (400, "DEEPGRAM_STT_MODEL"), (404, "DEEPGRAM_URL")] {
            let (severity, remedy) = deepgram(status);
            assert!(severity == "problem" && remedy.contains(setting), "{status}: {remedy}");
        }
        for status in [429, 500, 503] {
            assert_eq!(deepgram(status).0, "warning", "{status}");
        }
    }
}
