//! TwiML as a carrier reads it: which verbs, in which order.
//!
//! [`parse`] turns a gateway's answer into [`Verb`]s, or says what Twilio would have refused. Tag
//! and attribute names are case-sensitive; an attribute or element that does not belong there is an
//! error, because a real carrier ignores it and the operator never learns why nothing happens.
//!
//! Not here: running the verbs (`call`).

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use thiserror::Error;
use url::Url;

/// Name and value of a `<Parameter>` together stay under this.
const PARAMETER_MAX_CHARS: usize = 500;

/// What a carrier is told to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Speak a text.
    Say {
        /// The text.
        text: String,
    },
    /// Play a recording.
    Play {
        /// Where it lies.
        url: String,
    },
    /// Wait.
    Pause {
        /// Seconds.
        seconds: u32,
    },
    /// Open a two-way stream and go on when it ends.
    Connect {
        /// Asked for more TwiML when the stream has ended.
        action: Option<String>,
        /// The stream.
        stream: Stream,
    },
    /// Call somebody else and join the two.
    Dial {
        /// A number, or what else was to be called.
        to: String,
    },
    /// Ask another URL for TwiML.
    Redirect {
        /// That URL; may be relative.
        url: String,
    },
    /// Hang up.
    Hangup,
    /// Do not take the call.
    Reject {
        /// `rejected` or `busy`.
        reason: String,
    },
}

/// `<Stream>` inside `<Connect>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Stream {
    /// As written; may be relative.
    pub url: String,
    /// Its own name, if it has one.
    pub name: Option<String>,
    /// Told when the stream starts, stops or fails.
    pub status_callback: Option<String>,
    /// Handed to the gateway in `start`. Tokens and numbers live here.
    pub parameters: BTreeMap<String, String>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.parameters.keys().collect();
        f.debug_struct("Stream").field("url", &self.url).field("parameters", &names).finish()
    }
}

/// Why a gateway's answer is no TwiML.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TwimlError {
    /// Not well-formed; usually an unescaped `&`. Twilio's error 12100.
    #[error("the answer is not well-formed XML near byte {position}: {problem}")]
    NotXml {
        /// Where.
        position: u64,
        /// What the parser said.
        problem: String,
    },
    /// The root is not `<Response>`.
    #[error("the answer's root element is <{0}>, but must be <Response>")]
    NotAResponse(String),
    /// A verb or noun that does not belong there or that this phone cannot run.
    #[error("<{parent}> holds <{element}>, which does not belong there")]
    UnknownElement {
        /// The element around it.
        parent: String,
        /// The element.
        element: String,
    },
    /// An attribute that does not belong there.
    #[error("<{element}> has the attribute {attribute}, which does not belong there")]
    UnknownAttribute {
        /// The element.
        element: String,
        /// The attribute.
        attribute: String,
    },
    /// An attribute or content that must be there.
    #[error("<{element}> has no {missing}")]
    Missing {
        /// The element.
        element: String,
        /// What must be there.
        missing: &'static str,
    },
    /// A value outside what is allowed.
    #[error("<{element}> has a bad {attribute}: it must be {expected}")]
    BadValue {
        /// The element.
        element: String,
        /// The attribute.
        attribute: &'static str,
        /// What would be right.
        expected: &'static str,
    },
}

/// Reads a gateway's answer.
///
/// # Errors
/// The first thing a carrier would refuse.
pub fn parse(xml: &str) -> Result<Vec<Verb>, TwimlError> {
    let root = Element::read(xml)?;
    if root.name != "Response" {
        return Err(TwimlError::NotAResponse(root.name));
    }
    root.allow(&[])?;
    root.children.iter().map(|child| verb(&root, child)).collect()
}

/// The URL a stream is dialled at: absolute, `wss` (plain `ws` only if `plain_allowed` and the host
/// is a loopback), and without its query, which Twilio drops.
///
/// # Errors
/// Says what is wrong with the URL; Twilio's error 31922.
pub fn stream_url(document: &Url, written: &str, plain_allowed: bool) -> Result<Url, String> {
    let mut base = document.clone();
    let scheme = if document.scheme() == "https" { "wss" } else { "ws" };
    base.set_scheme(scheme).map_err(|()| format!("cannot resolve {written}"))?;
    let mut url = base.join(written).map_err(|error| format!("{written}: {error}"))?;
    url.set_query(None);
    url.set_fragment(None);
    match url.scheme() {
        "wss" => Ok(url),
        "ws" if plain_allowed && is_loopback(&url) => Ok(url),
        "ws" if plain_allowed => Err(format!("{url} is not wss, and plain ws is taken only on a loopback address")),
        _ => Err(format!("{url} is not wss")),
    }
}

/// Whether the URL's host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn verb(root: &Element, element: &Element) -> Result<Verb, TwimlError> {
    match element.name.as_str() {
        "Say" => {
            element.allow(&["voice", "language", "loop"])?;
            Ok(Verb::Say { text: element.text.trim().into() })
        }
        "Play" => {
            element.allow(&["loop", "digits"])?;
            Ok(Verb::Play { url: element.text.trim().into() })
        }
        "Pause" => {
            element.allow(&["length"])?;
            let written = element.attributes.get("length").map_or("1", String::as_str);
            let seconds = written.parse().map_err(|_| TwimlError::BadValue {
                element: element.name.clone(),
                attribute: "length",
                expected: "whole seconds",
            })?;
            Ok(Verb::Pause { seconds })
        }
        "Connect" => connect(element),
        "Dial" => {
            let nouns = element.children.iter().map(|noun| noun.text.trim()).collect::<Vec<_>>();
            let to = if nouns.is_empty() { element.text.trim().into() } else { nouns.join(", ") };
            Ok(Verb::Dial { to })
        }
        "Redirect" => {
            element.allow(&["method"])?;
            element.only_post("method")?;
            Ok(Verb::Redirect { url: element.text.trim().into() })
        }
        "Hangup" => {
            element.allow(&[])?;
            Ok(Verb::Hangup)
        }
        "Reject" => {
            element.allow(&["reason"])?;
            let reason = element.attributes.get("reason").map_or("rejected", String::as_str);
            Ok(Verb::Reject { reason: reason.into() })
        }
        _ => Err(element.misplaced_in(root)),
    }
}

fn connect(element: &Element) -> Result<Verb, TwimlError> {
    element.allow(&["action", "method"])?;
    element.only_post("method")?;
    let [noun] = element.children.as_slice() else {
        return Err(TwimlError::Missing { element: element.name.clone(), missing: "single <Stream>" });
    };
    if noun.name != "Stream" {
        return Err(noun.misplaced_in(element));
    }
    noun.allow(&["url", "name", "track", "statusCallback", "statusCallbackMethod"])?;
    noun.only_post("statusCallbackMethod")?;
    if noun.attributes.get("track").is_some_and(|track| track != "inbound_track") {
        return Err(TwimlError::BadValue {
            element: noun.name.clone(),
            attribute: "track",
            expected: "inbound_track inside <Connect>",
        });
    }
    let mut parameters = BTreeMap::new();
    for child in &noun.children {
        if child.name != "Parameter" {
            return Err(child.misplaced_in(noun));
        }
        child.allow(&["name", "value"])?;
        let (name, value) = (child.required("name")?, child.required("value")?);
        if name.chars().count() + value.chars().count() >= PARAMETER_MAX_CHARS {
            return Err(TwimlError::BadValue {
                element: child.name.clone(),
                attribute: "value",
                expected: "under 500 characters together with the name",
            });
        }
        parameters.insert(name, value);
    }
    let stream = Stream {
        url: noun.required("url")?,
        name: noun.attributes.get("name").cloned(),
        status_callback: noun.attributes.get("statusCallback").cloned(),
        parameters,
    };
    Ok(Verb::Connect { action: element.attributes.get("action").cloned(), stream })
}

/// One element with what is inside it.
#[derive(Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn read(xml: &str) -> Result<Self, TwimlError> {
        let mut reader = Reader::from_str(xml);
        // The document itself is the outermost element; a sound one has exactly one child.
        let mut open = vec![Element::default()];
        loop {
            let position = reader.buffer_position();
            let not_xml = |problem: String| TwimlError::NotXml { position, problem };
            let event = reader.read_event().map_err(|error| not_xml(error.to_string()))?;
            let inside = open.last_mut().expect("the document is never closed");
            match event {
                Event::Start(tag) => open.push(Self::opened(&tag).map_err(not_xml)?),
                Event::Empty(tag) => inside.children.push(Self::opened(&tag).map_err(not_xml)?),
                Event::End(_) => {
                    let closed = open.pop().expect("the reader checks that tags match");
                    let parent = open.last_mut().expect("the document is never closed");
                    parent.children.push(closed);
                }
                Event::Text(text) => inside.text.push_str(&text.xml10_content()),
                Event::CData(text) => inside.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                    Ok(Some(character)) => inside.text.push(character),
                    _ => match quick_xml::escape::resolve_predefined_entity(&reference) {
                        Some(text) => inside.text.push_str(text),
                        None => return Err(not_xml("an entity nobody declared".into())),
                    },
                },
                Event::Eof => break,
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        let position = reader.buffer_position();
        let problem = |problem: &str| TwimlError::NotXml { position, problem: problem.into() };
        match open.as_mut_slice() {
            [document] if !document.text.trim().is_empty() => Err(problem("text outside the root")),
            [document] if document.children.len() == 1 => Ok(document.children.remove(0)),
            [_] => Err(problem("not exactly one root element")),
            _ => Err(problem("the document ends inside an element")),
        }
    }

    fn opened(tag: &BytesStart<'_>) -> Result<Self, String> {
        let mut attributes = BTreeMap::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| error.to_string())?;
            attributes.insert(attribute.key.as_ref().to_owned(), value.into_owned());
        }
        Ok(Self { name: tag.name().as_ref().to_owned(), attributes, ..Self::default() })
    }

    fn allow(&self, names: &[&str]) -> Result<(), TwimlError> {
        match self.attributes.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(TwimlError::UnknownAttribute { element: self.name.clone(), attribute: name.clone() }),
        }
    }

    fn required(&self, name: &'static str) -> Result<String, TwimlError> {
        let missing = || TwimlError::Missing { element: self.name.clone(), missing: name };
        self.attributes.get(name).cloned().ok_or_else(missing)
    }

    fn only_post(&self, attribute: &'static str) -> Result<(), TwimlError> {
        match self.attributes.get(attribute).map(String::as_str) {
            None | Some("POST") => Ok(()),
            Some(_) => Err(TwimlError::BadValue {
                element: self.name.clone(),
                attribute,
                expected: "POST, the only method this phone speaks",
            }),
        }
    }

    fn misplaced_in(&self, parent: &Element) -> TwimlError {
        TwimlError::UnknownElement { parent: parent.name.clone(), element: self.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn reads_a_stream_with_its_parameters_and_what_follows() {
        let verbs = parse(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response>
              <Connect action="/after" method="POST">
                <Stream url="wss://gw.example.com/twilio/media" statusCallback="https://gw.example.com/s">
                  <Parameter name="session" value="a&amp;b"/>
                </Stream>
              </Connect>
              <Say>Sorry, R&amp;D is &#39;out&#39;.</Say><Pause/><Hangup/>
            </Response>"#,
        )
        .unwrap();
        let stream = Stream {
            url: "wss://gw.example.com/twilio/media".into(),
            name: None,
            status_callback: Some("https://gw.example.com/s".into()),
            parameters: [("session".to_owned(), "a&b".to_owned())].into(),
        };
        assert_eq!(
            verbs,
            [
                Verb::Connect { action: Some("/after".into()), stream },
                Verb::Say { text: "Sorry, R&D is 'out'.".into() },
                Verb::Pause { seconds: 1 },
                Verb::Hangup,
            ]
        );
    }

    #[test]
    fn reads_the_other_verbs() {
        let verbs = parse(
            "<Response><Reject reason=\"busy\"/><Redirect>/next</Redirect><Dial><Number>+1800</Number>\
             </Dial><Dial>+1900</Dial><Pause length=\"3\"/><Play>https://x/y.mp3</Play></Response>",
        )
        .unwrap();
        assert_eq!(
            verbs,
            [
                Verb::Reject { reason: "busy".into() },
                Verb::Redirect { url: "/next".into() },
                Verb::Dial { to: "+1800".into() },
                Verb::Dial { to: "+1900".into() },
                Verb::Pause { seconds: 3 },
                Verb::Play { url: "https://x/y.mp3".into() },
            ]
        );
        assert_eq!(parse("<Response/>"), Ok(vec![]));
    }

    #[test]
    fn refuses_what_a_carrier_would_refuse() {
        let refused = |xml: &str| parse(xml).unwrap_err().to_string();
        let connect = |inside: &str| refused(&format!("<Response><Connect>{inside}</Connect></Response>"));
        for xml in [
            "",
            "busy",
            "<Response>",
            "<Response><Say>Tom & Jerry</Say></Response>",
            "<Response><Connect><Stream url=\"wss://a/?x=1&y=2\"/></Connect></Response>",
            "<Response></Response><Response></Response>",
        ] {
            assert!(refused(xml).contains("not well-formed"), "{xml}: {}", refused(xml));
        }
        assert!(refused("<response/>").contains("<response>"));
        assert!(refused("<Response><say>x</say></Response>").contains("<say>"));
        assert!(connect("").contains("<Stream>"));
        assert!(connect("<Stream/>").contains("url"));
        assert!(connect("<Stream url=\"wss://a\" Url=\"x\"/>").contains("Url"));
        assert!(connect("<Stream url=\"wss://a\" track=\"both_tracks\"/>").contains("track"));
        assert!(connect("<Stream url=\"wss://a\"><Parameter name=\"n\"/></Stream>").contains("value"));
        let long = "x".repeat(500);
        let stream = format!("<Stream url=\"wss://a\"><Parameter name=\"n\" value=\"{long}\"/></Stream>");
        assert!(connect(&stream).contains("500"));
    }

    #[test]
    fn cuts_the_query_and_takes_plain_streams_only_on_loopback() {
        let secure = url("https://gw.example.com/twilio/voice");
        let cut = stream_url(&secure, "wss://gw.example.com/m?token=1#x", false).unwrap();
        assert_eq!(cut.as_str(), "wss://gw.example.com/m");
        assert_eq!(stream_url(&secure, "/m", false).unwrap().as_str(), "wss://gw.example.com/m");
        assert!(stream_url(&secure, "https://gw.example.com/m", false).is_err());
        assert!(stream_url(&secure, "ws://127.0.0.1/m", false).is_err());
        assert!(stream_url(&secure, "ws://gw.example.com/m", true).is_err());
        let local = url("http://127.0.0.1:8080/twilio/voice");
        let plain = stream_url(&local, "ws://127.0.0.1:8080/m", true).unwrap();
        assert_eq!(plain.as_str(), "ws://127.0.0.1:8080/m");
    }

    #[test]
    fn debug_output_hides_parameter_values() {
        let xml = "<Response><Connect><Stream url=\"wss://a\"><Parameter name=\"token\" \
                   value=\"hush\"/></Stream></Connect></Response>";
        assert!(!format!("{:?}", parse(xml).unwrap()).contains("hush"));
    }
}
