//! TwiML: what Twilio is told to do with a call.
//!
//! Every text is escaped on its way out; characters that XML cannot hold become spaces. The
//! documents are the only ones the gateway ever sends, so each has a function and no more general
//! writer exists.

use std::fmt::Write;

const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// Twilio's limit for the name and the value of one `<Parameter>` together.
const PARAMETER_MAX_CHARS: usize = 499;

/// A call that is connected to our media socket.
#[derive(Debug, Clone, Copy)]
pub struct ConnectStream<'a> {
    /// Where the media socket is: a `wss` URL without a query, which Twilio would cut off.
    pub stream_url: &'a str,
    /// Where Twilio reports on the stream.
    pub status_url: &'a str,
    /// Where Twilio asks what to do once the stream is over.
    pub after_url: &'a str,
    /// What comes back in the stream's `start`. Values fit because [`parameter_value`] made them.
    pub parameters: &'a [(&'a str, &'a str)],
    /// What the caller hears when neither the stream nor `after_url` can be reached.
    pub apology: &'a str,
}

/// Connects the call to our media socket.
pub fn connect_stream(stream: &ConnectStream<'_>) -> String {
    let mut xml = Document::new();
    xml.open("Connect", &[("action", stream.after_url), ("method", "POST")]);
    xml.open(
        "Stream",
        &[("url", stream.stream_url), ("statusCallback", stream.status_url), ("statusCallbackMethod", "POST")],
    );
    for (name, value) in stream.parameters {
        xml.empty("Parameter", &[("name", name), ("value", value)]);
    }
    xml.close("Stream");
    xml.close("Connect");
    xml.text("Say", &[], stream.apology);
    xml.finish()
}

/// Says a sentence and hangs up: a busy line, an apology.
pub fn say_and_hang_up(sentence: &str) -> String {
    let mut xml = Document::new();
    xml.text("Say", &[], sentence);
    xml.empty("Hangup", &[]);
    xml.finish()
}

/// Hangs up.
pub fn hang_up() -> String {
    let mut xml = Document::new();
    xml.empty("Hangup", &[]);
    xml.finish()
}

/// Hands the caller over to a person: a phone number, or a `sip:` address.
pub fn dial(target: &str) -> String {
    let noun = if target.starts_with("sip:") || target.starts_with("sips:") { "Sip" } else { "Number" };
    let mut xml = Document::new();
    xml.open("Dial", &[]);
    xml.text(noun, &[], target);
    xml.close("Dial");
    xml.finish()
}

/// `value` as it can travel in the parameter `name`: cut to Twilio's limit and free of characters
/// that XML cannot hold, so that exactly these characters come back.
pub fn parameter_value(name: &str, value: &str) -> String {
    let room = PARAMETER_MAX_CHARS.saturating_sub(name.chars().count());
    value.chars().map(xml_char).take(room).collect()
}

struct Document(String);

impl Document {
    fn new() -> Self {
        Self(format!("{PROLOG}<Response>"))
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.0.push('>');
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.0.push_str("/>");
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.escaped(value);
            self.0.push('"');
        }
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        self.escaped(text);
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars().map(xml_char) {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&apos;"),
                // Bare, a parser turns these into spaces inside an attribute.
                '\t' | '\n' | '\r' => write!(self.0, "&#{};", u32::from(c)).expect("a string takes any text"),
                _ => self.0.push(c),
            }
        }
    }

    fn finish(mut self) -> String {
        self.close("Response");
        self.0
    }
}

/// The character itself where XML 1.0 can hold it, else a space.
fn xml_char(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => c,
        _ => ' ',
    }
}
