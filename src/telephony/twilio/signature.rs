//! Whether a request really comes from Twilio: `X-Twilio-Signature`.
//!
//! [`Verifier::verify`] is told the public URL exactly as it was requested and what came with it. It
//! compares in constant time, never normalises a URL, and tries only the forms of the URL that
//! Twilio is known to sign: with and without a port, and for the upgrade of a socket with and
//! without a slash at the end.
//!
//! Not here: which URL is the public one (`http::public_url`), what the request means.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// The header that names a shared key and an algorithm, where the account uses them.
pub const SIGNATURE_SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

/// Fields that some accounts receive although they were not signed (unconfirmed).
const SOMETIMES_UNSIGNED: [&str; 2] = ["CallToken", "StirVerstat"];

/// The keys requests are checked with.
#[derive(Debug, Clone, Default)]
pub struct SignatureSettings {
    /// `TWILIO_AUTH_TOKEN`: the primary auth token of the account.
    ///
    /// Without any token the gateway is in local mode and answers only this machine. No default.
    pub auth_token: Option<SecretString>,
    /// `TWILIO_ACCOUNT_TOKENS`: auth tokens of sub-accounts, which sign with their own, by `AccountSid`.
    ///
    /// An account that is not listed is checked with `TWILIO_AUTH_TOKEN`. Default: none.
    pub account_tokens: BTreeMap<String, SecretString>,
    /// `TWILIO_SHARED_KEYS`: secrets of the shared keys that sign with SHA-256, by key id.
    ///
    /// A request that names a key which is not listed is refused. Default: none.
    pub shared_keys: BTreeMap<String, SecretString>,
    /// `TWILIO_SKIP_UNSIGNED_FIELDS`: accept a request whose signature is right once
    /// `CallToken` and `StirVerstat` are left out of the check.
    ///
    /// Helps accounts where Twilio adds the two after signing; both values are then worth nothing
    /// and are removed from the request. Default `false`.
    pub allow_unsigned_call_fields: bool,
}

impl SignatureSettings {
    /// Whether anything can be verified at all.
    pub fn has_keys(&self) -> bool {
        let keys = self.auth_token.iter().chain(self.account_tokens.values()).chain(self.shared_keys.values());
        keys.into_iter().any(is_key)
    }
}

/// What a signature covers besides the URL.
#[derive(Debug, Clone, Copy)]
pub enum SignedBody<'a> {
    /// A GET: everything is in the URL.
    None,
    /// A decoded form.
    Form(&'a [(String, String)]),
    /// Any other body, raw: covered by the `bodySHA256` of the URL, or by nothing.
    Raw(&'a [u8]),
    /// The upgrade of a media socket: no body, and a `ws` or `wss` URL.
    Upgrade,
}

/// A request to be checked.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The public URL with the request target as it came, percent escapes and all.
    pub url: &'a str,
    /// What came with it.
    pub body: SignedBody<'a>,
    /// The account the request claims to be from, where it says.
    pub account_sid: Option<&'a str>,
    /// [`SIGNATURE_HEADER`].
    pub signature: Option<&'a str>,
    /// [`SIGNATURE_SETTINGS_HEADER`].
    pub signature_settings: Option<&'a str>,
}

/// A signature that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It covers everything.
    Whole,
    /// It covers everything but `CallToken` and `StirVerstat`, which are to be ignored.
    WithoutCallFields,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// No header, or an empty one.
    #[error("the request carries no x-twilio-signature")]
    Missing,
    /// The signature is not of this URL and body, or not with this key.
    #[error("x-twilio-signature does not match; check PUBLIC_URL and TWILIO_AUTH_TOKEN")]
    Wrong,
    /// No key to check with.
    #[error("no key for this request; check TWILIO_AUTH_TOKEN, TWILIO_ACCOUNT_TOKENS and TWILIO_SHARED_KEYS")]
    UnknownKey,
    /// An algorithm nobody told us of.
    #[error("x-twilio-webhooks-signature-settings names an algorithm that is neither hmac_sha1 nor hmac_sha256")]
    UnknownAlgorithm,
    /// The body is not the one whose hash was signed.
    #[error("the body does not match the bodySHA256 of the url")]
    WrongBody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    HmacSha1,
    HmacSha256,
}

/// Checks signatures with the keys of the settings.
#[derive(Debug)]
pub struct Verifier {
    settings: SignatureSettings,
}

impl Verifier {
    /// Checks with these keys.
    pub fn new(settings: SignatureSettings) -> Self {
        Self { settings }
    }

    /// Whether `request` was signed with one of our keys.
    pub fn verify(&self, request: &SignedRequest<'_>) -> Result<Verified, SignatureFault> {
        let given = request.signature.filter(|header| !header.is_empty()).ok_or(SignatureFault::Missing)?;
        let given = STANDARD.decode(given).map_err(|_| SignatureFault::Wrong)?;
        let (algorithm, keys) = self.keys(request)?;
        if keys.is_empty() {
            return Err(SignatureFault::UnknownKey);
        }
        let matches = |fields: &str| {
            url_candidates(request.url, matches!(request.body, SignedBody::Upgrade))
                .iter()
                .any(|url| keys.iter().any(|key| is_signed(algorithm, key, url, fields, &given)))
        };
        match request.body {
            SignedBody::Form(form) => {
                if matches(&joined_fields(form, &[])) {
                    return Ok(Verified::Whole);
                }
                if self.settings.allow_unsigned_call_fields && matches(&joined_fields(form, &SOMETIMES_UNSIGNED)) {
                    return Ok(Verified::WithoutCallFields);
                }
                Err(SignatureFault::Wrong)
            }
            SignedBody::None | SignedBody::Upgrade => {
                if matches("") {
                    Ok(Verified::Whole)
                } else {
                    Err(SignatureFault::Wrong)
                }
            }
            SignedBody::Raw(body) => {
                if !matches("") {
                    return Err(SignatureFault::Wrong);
                }
                body_is_covered(request.url, body).then_some(Verified::Whole).ok_or(SignatureFault::WrongBody)
            }
        }
    }

    /// The algorithm the request asks for and the keys it may be signed with.
    fn keys(&self, request: &SignedRequest<'_>) -> Result<(Algorithm, Vec<&[u8]>), SignatureFault> {
        let (key_id, algorithm) = parse_signature_settings(request.signature_settings.unwrap_or_default())?;
        if let (Some(algorithm), Some(key_id)) = (algorithm, key_id) {
            let key =
                self.settings.shared_keys.get(key_id).filter(|key| is_key(key)).ok_or(SignatureFault::UnknownKey)?;
            return Ok((algorithm, vec![key.expose_secret().as_bytes()]));
        }
        if algorithm == Some(Algorithm::HmacSha256) {
            // SHA-256 goes with a named key only, and never falls back to the token.
            return Err(SignatureFault::UnknownKey);
        }
        let accounts = &self.settings.account_tokens;
        let tokens: Vec<&SecretString> = match request.account_sid {
            Some(sid) => accounts.get(sid).or(self.settings.auth_token.as_ref()).into_iter().collect(),
            // The upgrade of a socket does not say whose it is.
            None => self.settings.auth_token.iter().chain(accounts.values()).collect(),
        };
        let tokens = tokens.into_iter().filter(|token| is_key(token));
        Ok((Algorithm::HmacSha1, tokens.map(|token| token.expose_secret().as_bytes()).collect()))
    }
}

/// An empty setting is no key: anybody could sign with it.
fn is_key(secret: &SecretString) -> bool {
    !secret.expose_secret().is_empty()
}

/// Reads `key=<id>,algorithm=<name>`.
fn parse_signature_settings(header: &str) -> Result<(Option<&str>, Option<Algorithm>), SignatureFault> {
    let mut key_id = None;
    let mut algorithm = None;
    for (name, value) in header.split(',').filter_map(|pair| pair.split_once('=')) {
        match name.trim() {
            "key" => key_id = Some(value.trim()),
            "algorithm" => {
                algorithm = Some(match value.trim() {
                    "HMAC_SHA1" => Algorithm::HmacSha1,
                    "HMAC_SHA256" => Algorithm::HmacSha256,
                    _ => return Err(SignatureFault::UnknownAlgorithm),
                });
            }
            _ => {}
        }
    }
    Ok((key_id, algorithm))
}

/// Every form of the URL that Twilio may have signed.
fn url_candidates(url: &str, upgrade: bool) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = split_port(authority);
    let mut authorities = vec![host.to_owned()];
    match (port, scheme) {
        (Some(_), _) => authorities.push(authority.to_owned()),
        (None, "https") => authorities.push(format!("{host}:443")),
        (None, "wss") => authorities.extend([format!("{host}:443"), format!("{host}:80")]),
        (None, _) => authorities.push(format!("{host}:80")),
    }
    let mut targets = vec![target.to_owned()];
    if upgrade {
        targets.push(with_other_slash(target));
    }
    let join = |target: &String| authorities.iter().map(move |host| format!("{scheme}://{host}{target}")).collect();
    targets.iter().flat_map(|target| -> Vec<String> { join(target) }).collect()
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons inside an IPv6 address are no port.
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The path with a slash at its end if it had none, without it if it had one.
fn with_other_slash(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    match path.strip_suffix('/') {
        Some(bare) => format!("{bare}{query}"),
        None => format!("{path}/{query}"),
    }
}

/// Names in byte order, each before each of its distinct values, nothing in between.
fn joined_fields(form: &[(String, String)], left_out: &[&str]) -> String {
    let distinct: BTreeSet<(&str, &str)> = form
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    distinct.iter().flat_map(|(name, value)| [*name, *value]).collect()
}

fn is_signed(algorithm: Algorithm, key: &[u8], url: &str, fields: &str, given: &[u8]) -> bool {
    fn check<M: Mac + KeyInit>(key: &[u8], url: &str, fields: &str, given: &[u8]) -> bool {
        let mut mac = <M as KeyInit>::new_from_slice(key).expect("hmac takes a key of any length");
        mac.update(url.as_bytes());
        mac.update(fields.as_bytes());
        mac.verify_slice(given).is_ok()
    }
    match algorithm {
        Algorithm::HmacSha1 => check::<Hmac<Sha1>>(key, url, fields, given),
        Algorithm::HmacSha256 => check::<Hmac<Sha256>>(key, url, fields, given),
    }
}

/// Whether the URL, which is signed, names the hash of this body. An empty body needs none.
fn body_is_covered(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let hash = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="));
    match hash {
        Some(hash) => hash.eq_ignore_ascii_case(&hex(&Sha256::digest(body))),
        None => body.is_empty(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://gw.example.com/twilio/voice";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn sign(key: &str, text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    fn request<'a>(form: &'a [(String, String)], signature: &'a str) -> SignedRequest<'a> {
        SignedRequest {
            url: URL,
            body: SignedBody::Form(form),
            account_sid: form.iter().find(|(name, _)| name == "AccountSid").map(|(_, value)| value.as_str()),
            signature: Some(signature),
            signature_settings: None,
        }
    }

    fn settings() -> SignatureSettings {
        SignatureSettings { auth_token: Some("parent".into()), ..SignatureSettings::default() }
    }

    #[test]
    fn checks_a_sub_account_with_its_own_token_only() {
        let verifier =
            Verifier::new(SignatureSettings { account_tokens: [("ACsub".into(), "own".into())].into(), ..settings() });
        let form = fields(&[("AccountSid", "ACsub")]);
        let signed = format!("{URL}AccountSidACsub");
        assert_eq!(verifier.verify(&request(&form, &sign("own", &signed))), Ok(Verified::Whole));
        assert_eq!(verifier.verify(&request(&form, &sign("parent", &signed))), Err(SignatureFault::Wrong));
        let form = fields(&[("AccountSid", "ACparent")]);
        let signed = format!("{URL}AccountSidACparent");
        assert_eq!(verifier.verify(&request(&form, &sign("parent", &signed))), Ok(Verified::Whole));
    }

    #[test]
    fn takes_any_of_its_tokens_for_an_upgrade_that_names_no_account() {
        let verifier =
            Verifier::new(SignatureSettings { account_tokens: [("ACsub".into(), "own".into())].into(), ..settings() });
        for (token, expected) in [("own", true), ("parent", true), ("other", false)] {
            let signature = sign(token, "wss://gw.example.com:8443/twilio/media/");
            let request = SignedRequest {
                url: "wss://gw.example.com:8443/twilio/media",
                body: SignedBody::Upgrade,
                account_sid: None,
                signature: Some(&signature),
                signature_settings: None,
            };
            assert_eq!(verifier.verify(&request).is_ok(), expected, "{token}");
        }
    }

    #[test]
    fn leaves_two_fields_out_only_when_told_to() {
        let form = fields(&[("CallSid", "CA1"), ("CallToken", "t"), ("StirVerstat", "TN-Validation-Passed-A")]);
        let signature = sign("parent", &format!("{URL}CallSidCA1"));
        assert_eq!(Verifier::new(settings()).verify(&request(&form, &signature)), Err(SignatureFault::Wrong));
        let lenient = Verifier::new(SignatureSettings { allow_unsigned_call_fields: true, ..settings() });
        assert_eq!(lenient.verify(&request(&form, &signature)), Ok(Verified::WithoutCallFields));
        let forged = fields(&[("CallSid", "CA2"), ("CallToken", "t")]);
        assert_eq!(lenient.verify(&request(&forged, &signature)), Err(SignatureFault::Wrong));
    }

    #[test]
    fn never_falls_back_from_a_named_key() {
        let form = fields(&[("CallSid", "CA1")]);
        let signature = sign("parent", &format!("{URL}CallSidCA1"));
        let verifier = Verifier::new(settings());
        let with = |settings_header| {
            verifier.verify(&SignedRequest { signature_settings: Some(settings_header), ..request(&form, &signature) })
        };
        assert_eq!(with("key=k1"), Ok(Verified::Whole), "no algorithm means the token");
        assert_eq!(with("key=k1,algorithm=HMAC_SHA256"), Err(SignatureFault::UnknownKey));
        assert_eq!(with("algorithm=HMAC_SHA256"), Err(SignatureFault::UnknownKey));
        assert_eq!(with("key=k1,algorithm=HMAC_MD5"), Err(SignatureFault::UnknownAlgorithm));
    }

    #[test]
    fn believes_no_body_that_the_signature_does_not_cover() {
        let verifier = Verifier::new(settings());
        let signature = sign("parent", URL);
        let raw = |body| SignedRequest { body: SignedBody::Raw(body), ..request(&[], &signature) };
        assert_eq!(verifier.verify(&raw(b"")), Ok(Verified::Whole));
        assert_eq!(verifier.verify(&raw(b"{}")), Err(SignatureFault::WrongBody));
    }

    #[test]
    fn refuses_what_is_no_signature() {
        let verifier = Verifier::new(settings());
        for junk in ["", "====", "short", "ö", &"A".repeat(10_000)] {
            assert!(verifier.verify(&request(&[], junk)).is_err(), "{junk}");
        }
        assert_eq!(
            Verifier::new(SignatureSettings::default()).verify(&request(&[], &sign("", URL))),
            Err(SignatureFault::UnknownKey),
            "no key is not the empty key"
        );
        let empty = SignatureSettings { auth_token: Some("".into()), ..SignatureSettings::default() };
        assert!(!empty.has_keys());
        assert_eq!(
            Verifier::new(empty).verify(&request(&[], &sign("", URL))),
            Err(SignatureFault::UnknownKey),
            "an empty setting is no key"
        );
    }

    #[test]
    fn keeps_the_colons_of_an_address() {
        assert_eq!(url_candidates("http://[::1]:8080/v", false), ["http://[::1]/v", "http://[::1]:8080/v"]);
        assert_eq!(url_candidates("https://[::1]/v", false), ["https://[::1]/v", "https://[::1]:443/v"]);
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let settings = SignatureSettings {
            account_tokens: [("ACsub".into(), "own-token".into())].into(),
            shared_keys: [("k1".into(), "shared-secret".into())].into(),
            auth_token: Some("parent-token".into()),
            allow_unsigned_call_fields: false,
        };
        let shown = format!("{:?}", Verifier::new(settings));
        for secret in ["own-token", "shared-secret", "parent-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
