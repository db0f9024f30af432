//! The carrier's HTTP side: asks the gateway for TwiML and tells it what became of the call.
//!
//! Every request is a signed form with the fields Twilio sends. A webhook has 15 s in all; a
//! callback that fails costs a warning, never the call.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::carrier::{Sids, random_sid};
use super::events::PhoneError;
use super::signature::sign;
use super::twiml::{self, Verb};
use super::{PhoneSettings, twiml::is_loopback};

/// The largest TwiML Twilio reads.
const TWIML_MAX_BYTES: usize = 64 * 1024;

/// How long a callback may take; it holds up nothing but the end of the call.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Named fields of a form.
pub(super) type Form = Vec<(String, String)>;

/// HTTP clients for any gateway: this machine's own is asked directly, whatever proxy the machine is set to use.
#[derive(Clone)]
pub(super) struct Clients {
    direct: Client,
    proxied: Client,
}

impl Clients {
    pub(super) fn new() -> Result<Self, PhoneError> {
        // Whoever installs one first wins; all that counts is that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would arrive with the first URL's signature, so it is an answer like any other.
        let builder = || Client::builder().redirect(reqwest::redirect::Policy::none());
        let direct = builder().no_proxy().build().map_err(PhoneError::Client)?;
        Ok(Self { direct, proxied: builder().build().map_err(PhoneError::Client)? })
    }

    pub(super) fn for_url(&self, url: &Url) -> Client {
        if is_loopback(url) { self.direct.clone() } else { self.proxied.clone() }
    }
}

/// Speaks HTTP to one gateway about one call.
#[derive(Clone)]
pub(super) struct Webhooks {
    client: Client,
    auth_token: Option<SecretString>,
    call: Form,
    answer_timeout: Duration,
}

impl Webhooks {
    pub(super) fn new(client: Client, settings: &PhoneSettings, sids: &Sids) -> Self {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let call = vec![
            field("AccountSid", &sids.account),
            field("ApiVersion", "2010-04-01"),
            field("CallSid", &sids.call),
            field("Called", &settings.to),
            field("Caller", &settings.from),
            field("Direction", "inbound"),
            field("From", &settings.from),
            field("To", &settings.to),
        ];
        Self { client, auth_token: settings.auth_token.clone(), call, answer_timeout: settings.answer_timeout }
    }

    /// What the gateway wants done with the call.
    pub(super) async fn twiml(&self, url: &Url, status: &str) -> Result<Vec<Verb>, PhoneError> {
        let fields = vec![("CallStatus".into(), status.into())];
        let unreachable = |cause| PhoneError::Unreachable { url: url.to_string(), cause };
        let answer = self.post(url, fields, self.answer_timeout).await.map_err(unreachable)?;
        match answer.status().as_u16() {
            200..=299 => {}
            403 => {
                let hint = forbidden_hint(self.auth_token.is_some());
                return Err(PhoneError::Forbidden { url: url.to_string(), hint });
            }
            status => return Err(PhoneError::BadStatus { url: url.to_string(), status }),
        }
        let unusable = |problem: String| PhoneError::BadAnswer { url: url.to_string(), problem };
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !["text/xml", "application/xml"].contains(&kind) {
            return Err(unusable(format!("its content type is {kind:?}, but must be text/xml")));
        }
        let xml = read_body(answer).await.map_err(unusable)?;
        twiml::parse(&xml).map_err(|problem| PhoneError::BadTwiml { url: url.to_string(), problem })
    }

    /// Tells the gateway how the call ended.
    pub(super) async fn call_ended(&self, url: &Url, status: &str, duration: Duration) -> Result<(), String> {
        let seconds = duration.as_secs_f64().round() as u64;
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        let now = jiff::fmt::rfc2822::to_string(&now).unwrap_or_default();
        let fields = [
            ("CallStatus", status.to_owned()),
            ("CallbackSource", "call-progress-events".to_owned()),
            ("CallDuration", seconds.to_string()),
            ("Duration", seconds.div_ceil(60).to_string()),
            ("SequenceNumber", "0".to_owned()),
            ("Timestamp", now),
        ];
        self.notify(url, fields).await
    }

    /// Tells the gateway what became of a stream.
    pub(super) async fn stream_status(
        &self,
        url: &Url,
        event: &str,
        stream_sid: &str,
        stream_name: Option<&str>,
        error: Option<&str>,
    ) -> Result<(), String> {
        let mut fields = vec![
            ("StreamSid", stream_sid.to_owned()),
            ("StreamName", stream_name.unwrap_or(stream_sid).to_owned()),
            ("StreamEvent", event.to_owned()),
            ("Timestamp", Timestamp::now().to_string()),
        ];
        if let Some(error) = error {
            fields.push(("StreamError", error.to_owned()));
        }
        self.notify(url, fields).await
    }

    /// The signature of a WebSocket handshake, if requests are signed.
    pub(super) fn handshake_signature(&self, url: &str) -> Option<String> {
        let token = self.auth_token.as_ref()?;
        Some(sign(token.expose_secret(), url, &[]))
    }

    async fn notify(&self, url: &Url, fields: impl IntoIterator<Item = (&'static str, String)>) -> Result<(), String> {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        match self.post(url, fields, CALLBACK_TIMEOUT).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("{url} answered with status {}", answer.status().as_u16())),
            Err(_) => Err(format!("{url} did not answer")),
        }
    }

    async fn post(&self, url: &Url, fields: Form, limit: Duration) -> reqwest::Result<Response> {
        let form: Form = self.call.iter().cloned().chain(fields).collect();
        let mut request = self
            .client
            .post(url.clone())
            .timeout(limit)
            .header("User-Agent", "TwilioProxy/1.1")
            .header("I-Twilio-Idempotency-Token", random_sid("").trim_start_matches('-'))
            .form(&form);
        if let Some(token) = &self.auth_token {
            let signature = sign(token.expose_secret(), &signed_url(url), &form);
            request = request.header("X-Twilio-Signature", signature);
        }
        request.send().await
    }
}

/// Twilio signs neither user and password, nor the port of an https URL, nor the fragment.
fn signed_url(url: &Url) -> String {
    let mut signed = url.clone();
    signed.set_fragment(None);
    // Setting these fails only for URLs without a host, and those are not called.
    let _ = signed.set_username("");
    let _ = signed.set_password(None);
    if signed.scheme() == "https" {
        let _ = signed.set_port(None);
    }
    signed.into()
}

fn forbidden_hint(signed: bool) -> &'static str {
    if signed {
        "the signature is not the one it expects; TWILIO_AUTH_TOKEN must be the gateway's own, and \
         the url called must be the gateway's PUBLIC_URL with the webhook's path"
    } else {
        "the call was not signed; set TWILIO_AUTH_TOKEN to the gateway's own. Without a token a \
         gateway is in local mode and takes calls only from its own machine, by a loopback url, and \
         never through a tunnel or proxy"
    }
}

async fn read_body(mut answer: Response) -> Result<String, String> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_| "it was cut off".to_owned())? {
        body.extend_from_slice(&part);
        if body.len() > TWIML_MAX_BYTES {
            return Err(format!("it is larger than {TWIML_MAX_BYTES} bytes"));
        }
    }
    String::from_utf8(body).map_err(|_| "it is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_the_url_the_way_the_platform_does() {
        let signed = |url: &str| signed_url(&Url::parse(url).unwrap());
        assert_eq!(signed("https://u:p@gw.example.com:8443/v?a=1#f"), "https://gw.example.com/v?a=1");
        assert_eq!(signed("http://127.0.0.1:8080/v"), "http://127.0.0.1:8080/v");
    }

    #[test]
    fn a_refusal_names_the_setting() {
        assert!(forbidden_hint(false).contains("TWILIO_AUTH_TOKEN"));
        assert!(forbidden_hint(false).contains("local mode"));
        assert!(forbidden_hint(true).contains("PUBLIC_URL"));
    }
}
