//! Scripts of the form `vendor-session/1`: where a client connects, the frames of both sides in order, and
//! what the client must conclude.

use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::Value;
use voice_pipeline::net::websocket::DialError;
use voice_pipeline::pii::Pii;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::socket::{Endpoint, Outgoing};

/// One scripted conversation.
pub(crate) struct Session(Value);

/// A frame of the script.
pub(crate) struct Step<'a>(&'a Value);

/// What a step is.
pub(crate) enum Frame<'a> {
    /// The client sends audio, in frames of this many bytes.
    ClientAudio { frames: u64, bytes_per_frame: usize },
    /// The client sends this message.
    ClientText(&'a Value),
    /// The server sends this message.
    ServerText(String),
    /// The server sends so much audio.
    ServerAudio(Bytes),
    /// The server closes.
    Close(Option<u16>),
}

/// The sessions of a file.
pub(crate) fn sessions(file: &str) -> Vec<Session> {
    let file: Value = serde_json::from_str(file).unwrap();
    assert_eq!(file["schema"], "vendor-session/1");
    file["sessions"].as_array().unwrap().iter().cloned().map(Session).collect()
}

impl Session {
    pub(crate) fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.0["steps"].as_array().into_iter().flatten().map(Step)
    }

    /// What must come of it. An expectation that nobody checks fails the test.
    pub(crate) fn expect(&self, checked: &[&str]) -> &Value {
        for (name, _) in self.0["expect"].as_object().unwrap() {
            let known = ["error", "retry", "reconnect", "note"].contains(&name.as_str());
            assert!(known || checked.contains(&name.as_str()), "{}: nobody checks {name}", self.id());
        }
        &self.0["expect"]
    }

    /// A header of the handshake.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0["connect"]["headers"][name].as_str()
    }

    /// The pairs of the scripted query.
    pub(crate) fn query(&self) -> Vec<(&str, &str)> {
        query(self.url())
    }

    fn url(&self) -> &str {
        self.0["connect"]["url"].as_str().unwrap()
    }

    /// Checks that `endpoint` is where the script connects. `implied` names the pairs that the vendor's file
    /// always sends, scripted or not.
    pub(crate) fn check_endpoint(&self, endpoint: &Endpoint, implied: &[&str]) {
        let id = self.id();
        let before_query = |url: &str| url.split('?').next().unwrap().to_owned();
        assert_eq!(before_query(&endpoint.url), before_query(self.url()), "{id}");
        let (ours, scripted) = (query(&endpoint.url), self.query());
        for pair in &scripted {
            assert!(ours.contains(pair), "{id}: the query lacks {pair:?}");
        }
        for pair in &ours {
            assert!(scripted.contains(pair) || implied.contains(&pair.0), "{id}: {pair:?} is not in the script");
        }
        let headers = self.0["connect"]["headers"].as_object().unwrap();
        assert_eq!(endpoint.headers.len(), headers.len(), "{id}");
        for (name, value) in &endpoint.headers {
            let scripted = headers.iter().find(|(scripted, _)| scripted.eq_ignore_ascii_case(name)).unwrap();
            assert_eq!(value.expose_secret(), scripted.1.as_str().unwrap(), "{id}");
        }
    }

    /// What a refused handshake becomes, if the script has one.
    pub(crate) fn refusal(&self, endpoint: &Endpoint) -> Option<VendorError> {
        let response = self.0.get("handshake_response")?;
        let refused = DialError::Refused {
            host: "127.0.0.1:443".to_owned(),
            status: response["status"].as_u64().unwrap().try_into().unwrap(),
            retry_after: None,
            body: Pii::new(response["json"].to_string()),
        };
        Some(refused.into_vendor_error(endpoint.vendor, endpoint.setting))
    }

    /// Checks how the conversation ended: in an error, with a close, or not yet.
    pub(crate) fn check_end(&self, failed: Option<&VendorError>, closed: Option<&VendorError>) {
        let (id, expect) = (self.id(), self.expect_any());
        let fits = matches!(
            (expect["error"].as_str(), failed),
            (None, None)
                | (Some("auth"), Some(VendorError::Refused { status: 401 | 403, .. }))
                | (Some("client_bug"), Some(VendorError::Refused { .. }))
                | (Some("rate_limit"), Some(VendorError::Busy { .. }))
                | (Some("provider"), Some(VendorError::Failed { .. }))
        );
        assert!(fits, "{id}: {:?} became {failed:?}", expect["error"]);
        if let Some(retry) = expect["retry"].as_bool() {
            assert_eq!(failed.unwrap().is_retryable(), retry, "{id}");
        }
        if let Some(reconnect) = expect["reconnect"].as_bool() {
            assert_eq!(closed.unwrap().is_retryable(), reconnect, "{id}");
        }
    }

    fn expect_any(&self) -> &Value {
        &self.0["expect"]
    }
}

impl<'a> Step<'a> {
    pub(crate) fn at_ms(&self) -> u64 {
        self.0["t_ms"].as_u64().unwrap()
    }

    pub(crate) fn frame(&self) -> Frame<'a> {
        let Self(step) = self;
        let audio = &step["audio"];
        match (step["from"].as_str().unwrap(), step["frame"].as_str().unwrap()) {
            ("client", "binary") => Frame::ClientAudio {
                frames: audio["frames"].as_u64().unwrap(),
                bytes_per_frame: audio["bytes_per_frame"].as_u64().unwrap().try_into().unwrap(),
            },
            ("client", "text") => Frame::ClientText(&step["json"]),
            ("server", "text") => {
                Frame::ServerText(step["raw"].as_str().map_or_else(|| step["json"].to_string(), str::to_owned))
            }
            ("server", "binary") => {
                let size = audio["bytes"].as_u64().unwrap().try_into().unwrap();
                Frame::ServerAudio(Bytes::from(vec![0x2a; size]))
            }
            ("server", "close") => Frame::Close(step["code"].as_u64().map(|code| code.try_into().unwrap())),
            other => panic!("no frame of the script is {other:?}"),
        }
    }
}

/// A message as a script writes it.
pub(crate) fn json(message: Outgoing<'_>) -> Value {
    match message {
        Outgoing::Text(text) => serde_json::from_str(text).unwrap(),
        Outgoing::Binary(bytes) => panic!("{} bytes where a text was scripted", bytes.len()),
    }
}

/// All texts that a server sends in the sessions of a file.
pub(crate) fn server_texts(file: &str) -> Vec<String> {
    let sessions = sessions(file);
    let frames = sessions.iter().flat_map(Session::steps).map(|step| step.frame());
    frames.filter_map(|frame| if let Frame::ServerText(text) = frame { Some(text) } else { None }).collect()
}

fn query(url: &str) -> Vec<(&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('=')).collect()
}
