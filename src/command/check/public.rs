//! Whether the carrier can reach this gateway and be believed: `PUBLIC_URL`, the listeners, the tokens.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use url::Url;
use voice_gateway::config::TwilioSettings;
use voice_gateway::phone::twiml::is_loopback;

use super::finding::{Area, Findings};
use super::reply::{Answer, Reply};

/// Digits of a Twilio auth token.
const TOKEN_DIGITS: usize = 32;

/// Who holds the address of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    /// Nobody: the gateway can listen there.
    Free,
    /// A gateway.
    Gateway {
        /// Why it takes no call now, if it does not.
        not_ready: Option<String>,
    },
    /// Another program.
    Other,
    /// The system does not let us listen there.
    Unusable(String),
}

impl Port {
    pub(super) fn is_gateway(&self) -> bool {
        matches!(self, Self::Gateway { .. })
    }
}

pub(super) fn judge_port(setting: &str, address: SocketAddr, port: &Port, findings: &mut Findings) {
    let area = Area::PublicUrl;
    match port {
        Port::Free => findings.fine(area, format!("{setting} {address} is free")),
        Port::Gateway { not_ready: None } => findings.fine(area, format!("a gateway runs at {setting} {address}")),
        Port::Gateway { not_ready: Some(why) } => findings.warn(
            area,
            format!("the gateway at {setting} {address} takes no call now ({why})"),
            "look at its log",
        ),
        Port::Other => findings.object(
            area,
            format!("{setting} {address} is held by another program"),
            format!("stop it, or set {setting} to another port"),
        ),
        Port::Unusable(why) => findings.object(
            area,
            format!("{setting} {address} cannot be listened on ({why})"),
            format!("set {setting} to an address of this machine and a port that this user may listen on"),
        ),
    }
}

/// The tokens that prove that a webhook comes from the carrier.
pub(super) fn judge_tokens(twilio: &TwilioSettings, public_url: Option<&Url>, findings: &mut Findings) {
    let area = Area::PublicUrl;
    if public_url.is_some() && !twilio.has_keys() {
        findings.object(
            area,
            "PUBLIC_URL is set, but TWILIO_AUTH_TOKEN is not: every call of the carrier is refused",
            "set TWILIO_AUTH_TOKEN to the account's primary auth token",
        );
    }
    let own = twilio.auth_token.iter().map(|token| ("TWILIO_AUTH_TOKEN".to_owned(), token));
    let of_account = |(account, token)| (format!("the token of {account} in TWILIO_ACCOUNT_TOKENS"), token);
    for (whose, token) in own.chain(twilio.account_tokens.iter().map(of_account)) {
        if looks_wrong(token) {
            let what = format!("{whose} does not look like an auth token, which has {TOKEN_DIGITS} hexadecimal digits");
            findings.warn(area, what, "copy it again from the account's page, without the account SID");
        }
    }
}

fn looks_wrong(token: &SecretString) -> bool {
    let token = token.expose_secret();
    token.len() != TOKEN_DIGITS || !token.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The address under which the carrier knows the gateway, asked for its health; `None` where it was not asked.
pub(super) fn judge_url(url: &Url, reply: Option<&Reply>, listener: Option<&Port>, findings: &mut Findings) {
    let area = Area::PublicUrl;
    if url.scheme() != "https" && !is_loopback(url) {
        findings.object(
            area,
            format!("PUBLIC_URL {url} is not https, and Twilio opens its media sockets over TLS only"),
            "put a proxy or tunnel with TLS in front of the gateway, and set PUBLIC_URL to its https address",
        );
    }
    let Some(reply) = reply else { return };
    let runs = listener.is_some_and(Port::is_gateway);
    let (what, remedy) = match reply {
        Reply::Answered(answer) if is_gateway(answer) => {
            return findings.fine(area, format!("PUBLIC_URL {url} reaches a gateway"));
        }
        Reply::Answered(Answer { status, .. }) => (
            format!("PUBLIC_URL {url} reaches something that is no gateway (healthz: status {status})"),
            "let the proxy or tunnel behind PUBLIC_URL forward to LISTEN_ADDR".to_owned(),
        ),
        Reply::Failed(failure) => (format!("PUBLIC_URL {url} {}", failure.what()), failure.remedy("PUBLIC_URL")),
    };
    let excused = match reply {
        // A proxy in front of a gateway that is not there says so with these.
        Reply::Answered(Answer { status, .. }) => matches!(status, 502..=504),
        Reply::Failed(failure) => !matches!(failure, super::reply::Failure::NoSuchHost),
    };
    if excused && !runs {
        findings.warn(area, format!("{what}; the gateway is not running"), "check again when the gateway runs");
    } else {
        findings.object(area, what, remedy);
    }
}

/// Whether this is what a gateway answers to `/healthz`.
pub(super) fn is_gateway(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.trim_ascii() == b"ok"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use voice_gateway::config::Config;

    use super::super::reply::Failure;
    use super::*;

    fn tokens(settings: &[(&'static str, &'static str)]) -> Findings {
        let config = Config::read(&settings.iter().copied().collect::<BTreeMap<_, _>>()).unwrap().0;
        let mut findings = Findings::default();
        judge_tokens(&config.twilio, config.server.public_url.as_ref(), &mut findings);
        findings
    }

    fn url(url: &str, reply: Option<&Reply>, listener: &Port) -> Vec<String> {
        let mut findings = Findings::default();
        judge_url(&Url::parse(url).unwrap(), reply, Some(listener), &mut findings);
        findings.lines()
    }

    const URL: &str = "https://voice.example.com";
    const RUNNING: Port = Port::Gateway { not_ready: None };

    #[test]
    fn a_public_gateway_without_a_token_answers_nobody() {
        let found = tokens(&[("PUBLIC_URL", URL)]);
        assert_eq!(found.lines().len(), 1);
        assert!(found.lines()[0].starts_with("problem ") && found.remedies()[0].contains("TWILIO_AUTH_TOKEN"));
        assert_eq!(tokens(&[]).lines(), [""; 0], "local mode needs none");
    }

    #[test]
    fn a_token_that_cannot_be_one_is_pointed_out_and_not_shown() {
        const RIGHT: &str = "0123456789abcdef0123456789ABCDEF";
        assert_eq!(tokens(&[("PUBLIC_URL", URL), ("TWILIO_AUTH_TOKEN", RIGHT)]).lines(), [""; 0]);
        for wrong in ["AC0123456789abcdef0123456789abcdef", "0123456789abcdef", "g123456789abcdef0123456789abcdef"] {
            let found = tokens(&[("PUBLIC_URL", URL), ("TWILIO_AUTH_TOKEN", wrong)]).lines();
            assert!(found[0].starts_with("warning TWILIO_AUTH_TOKEN does not look"), "{found:?}");
            assert!(!found[0].contains(wrong));
        }
        let found = tokens(&[("TWILIO_ACCOUNT_TOKENS", "AC01=secret")]).lines();
        assert!(found[0].contains("AC01") && !found[0].contains("secret"), "{found:?}");
    }

    #[test]
    fn a_public_url_without_tls_is_a_problem_except_on_this_machine() {
        assert_eq!(url("http://voice.example.com", None, &RUNNING).len(), 1);
        assert_eq!(url("http://127.0.0.1:8080", None, &RUNNING), [""; 0]);
        assert_eq!(url(URL, None, &RUNNING), [""; 0]);
    }

    #[test]
    fn silence_at_the_public_url_is_excused_while_the_gateway_does_not_run() {
        let answered = |status, body: &str| Reply::Answered(Answer { status, clocks: None, body: body.into() });
        let severity =
            |reply: &Reply, listener: &Port| url(URL, Some(reply), listener)[0].split(' ').next().unwrap().to_owned();
        assert_eq!(severity(&answered(200, "ok\n"), &RUNNING), "ok");
        let silent = [answered(502, ""), Reply::Failed(Failure::TimedOut), Reply::Failed(Failure::NoAnswer)];
        for reply in &silent {
            assert_eq!((severity(reply, &Port::Free), severity(reply, &RUNNING)), ("warning".into(), "problem".into()));
        }
        let strangers = [answered(200, "<html>"), answered(404, ""), Reply::Failed(Failure::NoSuchHost)];
        for reply in &strangers {
            assert_eq!(severity(reply, &Port::Free), "problem", "{reply:?}");
        }
    }

    #[test]
    fn a_listener_is_free_ours_or_in_the_way() {
        let severity = |port: &Port| {
            let mut findings = Findings::default();
            judge_port("LISTEN_ADDR", "127.0.0.1:8080".parse().unwrap(), port, &mut findings);
            findings.lines()[0].split(' ').next().unwrap().to_owned()
        };
        assert_eq!((severity(&Port::Free), severity(&RUNNING)), ("ok".into(), "ok".into()));
        assert_eq!(severity(&Port::Gateway { not_ready: Some("draining".into()) }), "warning");
        assert_eq!(
            (severity(&Port::Other), severity(&Port::Unusable("no".into()))),
            ("problem".into(), "problem".into())
        );
    }
}
