//! The one question a caller under load asks of TwiML: where does the stream go?

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use thiserror::Error;

/// A `<Stream>` inside a `<Connect>`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// Where to dial.
    pub url: String,
    /// What its `start` repeats; holds a token and phone numbers.
    pub parameters: BTreeMap<String, String>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why the answer is no TwiML.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the answer is not TwiML: {0}")]
pub struct NotTwiml(String);

/// The stream to connect to; `None` when the gateway wants something else, such as to say that it is
/// busy.
///
/// # Errors
/// [`NotTwiml`] for anything that is not one well-formed `<Response>`, or a stream without a URL.
pub fn stream(document: &str) -> Result<Option<Stream>, NotTwiml> {
    let problem = |what: &str| NotTwiml(what.to_owned());
    let mut reader = Reader::from_str(document);
    let mut open: Vec<String> = Vec::new();
    let mut root_seen = false;
    let mut found: Option<Stream> = None;
    loop {
        let event = reader.read_event().map_err(|error| NotTwiml(error.to_string()))?;
        let (tag, closed) = match event {
            Event::Start(tag) => (tag, false),
            Event::Empty(tag) => (tag, true),
            Event::End(_) => {
                open.pop();
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        let name = tag.name().as_ref().to_owned();
        match (open.last().map(String::as_str), name.as_str()) {
            (None, "Response") => root_seen = true,
            (None, _) => return Err(problem("its root is not <Response>")),
            (Some("Connect"), "Stream") => {
                let url = attribute(&tag, "url")?.ok_or_else(|| problem("a <Stream> without url"))?;
                found = Some(Stream { url, parameters: BTreeMap::new() });
            }
            (Some("Stream"), "Parameter") => {
                let pair = attribute(&tag, "name")?.zip(attribute(&tag, "value")?);
                let (name, value) = pair.ok_or_else(|| problem("a <Parameter> without name or value"))?;
                if let Some(stream) = &mut found {
                    stream.parameters.insert(name, value);
                }
            }
            _ => {}
        }
        if !closed {
            open.push(name);
        }
    }
    if !root_seen || !open.is_empty() {
        return Err(problem("the document is not complete"));
    }
    Ok(found)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, NotTwiml> {
    let wrong = |error: String| NotTwiml(error);
    let Some(attribute) = tag.try_get_attribute(name).map_err(|error| wrong(error.to_string()))? else {
        return Ok(None);
    };
    let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_stream_and_unescapes_its_parameters() {
        let document = r#"<?xml version="1.0" encoding="UTF-8"?><Response>
            <Connect action="http://127.0.0.1:1/after" method="POST">
              <Stream url="ws://127.0.0.1:1/twilio/media" statusCallback="http://127.0.0.1:1/s">
                <Parameter name="token" value="a&amp;b&quot;"/><Parameter name="from" value="+1"></Parameter>
              </Stream>
            </Connect><Say>Sorry.</Say></Response>"#;
        let stream = stream(document).unwrap().unwrap();
        assert_eq!(stream.url, "ws://127.0.0.1:1/twilio/media");
        let parameters: Vec<_> = stream.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(parameters, [("from", "+1"), ("token", "a&b\"")]);
        assert!(!format!("{stream:?}").contains("a&b"));
    }

    #[test]
    fn a_busy_line_has_no_stream() {
        assert_eq!(stream("<Response><Say>All our lines are busy.</Say><Hangup/></Response>"), Ok(None));
        assert_eq!(stream("<Response><Start><Stream url=\"ws://a\"/></Start></Response>"), Ok(None));
        assert_eq!(stream("<Response/>"), Ok(None));
    }

    #[test]
    fn refuses_what_is_no_twiml() {
        let connect = |inside: &str| format!("<Response><Connect>{inside}</Connect></Response>");
        for document in [
            "",
            "busy",
            "<html/>",
            "<Response>",
            "<Response></Connect>",
            &connect("<Stream/>"),
            &connect("<Stream url=\"ws://a\"><Parameter name=\"n\"/></Stream>"),
        ] {
            assert!(stream(document).is_err(), "{document}");
        }
    }
}
