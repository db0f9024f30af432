//! The ticket that joins a media socket to the webhook that announced it.
//!
//! The handshake of a media socket is signed over nothing that changes from call to call, so it
//! could be replayed. [`TokenMint::mint`] therefore makes a token for one call, which travels in the
//! TwiML and comes back in the stream's `start`, where [`TokenMint::redeem`] takes it. Time is an
//! argument; the randomness and the key come from outside.
//!
//! What always holds:
//! - a token opens one socket, for its own call, caller, dialled number and agent, and soon or never;
//! - each waiting token carries something of the caller's (`C`, the permit of its call), which comes
//!   back to the caller of [`TokenMint::redeem`] or is dropped when the token can no longer be used;
//! - at most [`TOKENS_PER_CALL`] tokens of a call wait, so the store is bounded by the calls that
//!   were let in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// How many webhooks of one call may be answered before the first answer is no longer good.
pub const TOKENS_PER_CALL: usize = 4;

const NONCE_BYTES: usize = 16;
const EXPIRY_BYTES: usize = 8;
const MAC_BYTES: usize = 32;

/// What a token is bound to. The values are those that travel beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamClaims<'a> {
    /// The call.
    pub call_sid: &'a str,
    /// The caller, as announced by the webhook.
    pub from: &'a str,
    /// The dialled number.
    pub to: &'a str,
    /// The agent that takes the call.
    pub agent: &'a str,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// There is none, or it is none of ours, or what came with it was changed.
    #[error("the stream's token is missing or was not made for this call")]
    Forged,
    /// It came too late.
    #[error("the stream's token has expired")]
    Expired,
    /// It has opened a socket before, or another token of its call has.
    #[error("the stream's token was used before")]
    Used,
}

/// Makes tokens and takes them back.
#[derive(Debug)]
pub struct TokenMint<C> {
    key: MintKey,
    epoch: Instant,
    lifetime: Duration,
    waiting: HashMap<String, Vec<Waiting<C>>>,
}

#[derive(Debug)]
struct Waiting<C> {
    nonce: [u8; NONCE_BYTES],
    expires: Instant,
    carried: C,
}

struct MintKey([u8; 32]);

impl std::fmt::Debug for MintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl<C> TokenMint<C> {
    /// Signs with `key`, which is random and never leaves the process. `epoch` is any moment before
    /// the first token. A token can be used for `lifetime`.
    pub fn new(key: [u8; 32], epoch: Instant, lifetime: Duration) -> Self {
        Self { key: MintKey(key), epoch, lifetime, waiting: HashMap::new() }
    }

    /// A token for the call. `nonce` is random. The oldest waiting token of the same call gives way
    /// when there are too many.
    pub fn mint(&mut self, now: Instant, nonce: [u8; NONCE_BYTES], claims: &StreamClaims<'_>, carried: C) -> String {
        let expires = now + self.lifetime;
        let waiting = self.waiting.entry(claims.call_sid.to_owned()).or_default();
        if waiting.len() == TOKENS_PER_CALL {
            waiting.remove(0);
        }
        waiting.push(Waiting { nonce, expires, carried });
        let expiry = self.millis(expires).to_be_bytes();
        let mac = self.mac(&nonce, expiry, claims).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&nonce[..], &expiry[..], &mac[..]].concat())
    }

    /// Takes a token back and gives what it carried. The other tokens of the call end with it.
    pub fn redeem(&mut self, now: Instant, token: &str, claims: &StreamClaims<'_>) -> Result<C, TokenFault> {
        let (nonce, expiry) = self.check(token, claims)?;
        if self.millis(now) >= u64::from_be_bytes(expiry) {
            self.expire(now);
            return Err(TokenFault::Expired);
        }
        let waiting = self.waiting.get(claims.call_sid).ok_or(TokenFault::Used)?;
        let place = waiting.iter().position(|waiting| waiting.nonce == nonce).ok_or(TokenFault::Used)?;
        let mut waiting = self.waiting.remove(claims.call_sid).unwrap_or_default();
        Ok(waiting.swap_remove(place).carried)
    }

    /// Forgets tokens whose time is over and drops what they carried.
    pub fn expire(&mut self, now: Instant) {
        self.waiting.retain(|_, waiting| {
            waiting.retain(|token| token.expires > now);
            !waiting.is_empty()
        });
    }

    /// Forgets the tokens of a call that will not come any more.
    pub fn forget(&mut self, call_sid: &str) {
        self.waiting.remove(call_sid);
    }

    /// Whether a socket for the call is still expected.
    pub fn is_waiting(&self, now: Instant, call_sid: &str) -> bool {
        self.waiting.get(call_sid).is_some_and(|waiting| waiting.iter().any(|token| token.expires > now))
    }

    fn check(
        &self,
        token: &str,
        claims: &StreamClaims<'_>,
    ) -> Result<([u8; NONCE_BYTES], [u8; EXPIRY_BYTES]), TokenFault> {
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenFault::Forged)?;
        if token.len() != NONCE_BYTES + EXPIRY_BYTES + MAC_BYTES {
            return Err(TokenFault::Forged);
        }
        let (nonce, rest) = token.split_first_chunk::<NONCE_BYTES>().ok_or(TokenFault::Forged)?;
        let (expiry, mac) = rest.split_first_chunk::<EXPIRY_BYTES>().ok_or(TokenFault::Forged)?;
        self.mac(nonce, *expiry, claims).verify_slice(mac).map_err(|_| TokenFault::Forged)?;
        Ok((*nonce, *expiry))
    }

    fn mac(&self, nonce: &[u8], expiry: [u8; EXPIRY_BYTES], claims: &StreamClaims<'_>) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.0).expect("hmac takes a key of any length");
        mac.update(nonce);
        mac.update(&expiry);
        for field in [claims.call_sid, claims.from, claims.to, claims.agent] {
            // The length keeps a letter from moving over to the next field.
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field.as_bytes());
        }
        mac
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    const CLAIMS: StreamClaims<'_> =
        StreamClaims { call_sid: "CA1", from: "+14155550123", to: "+18005550199", agent: "golf" };

    const LIFETIME: Duration = Duration::from_secs(60);

    fn mint() -> (TokenMint<Rc<()>>, Instant) {
        let start = Instant::now();
        (TokenMint::new([7; 32], start, LIFETIME), start)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn opens_one_socket_and_hands_over_what_it_carried() {
        let (mut mint, start) = mint();
        let permit = Rc::new(());
        let token = mint.mint(start, [1; 16], &CLAIMS, Rc::clone(&permit));
        assert!(mint.is_waiting(start, "CA1"));
        let carried = mint.redeem(start + seconds(59), &token, &CLAIMS).unwrap();
        assert!(Rc::ptr_eq(&carried, &permit));
        assert!(!mint.is_waiting(start, "CA1"));
        assert_eq!(mint.redeem(start + seconds(59), &token, &CLAIMS), Err(TokenFault::Used));
    }

    #[test]
    fn ends_after_its_time_and_gives_the_place_back() {
        let (mut mint, start) = mint();
        let permit = Rc::new(());
        let token = mint.mint(start, [1; 16], &CLAIMS, Rc::clone(&permit));
        mint.expire(start + LIFETIME - seconds(1));
        assert_eq!(Rc::strong_count(&permit), 2);
        assert_eq!(mint.redeem(start + LIFETIME, &token, &CLAIMS), Err(TokenFault::Expired));
        assert_eq!(Rc::strong_count(&permit), 1, "nobody comes for it any more");
    }

    #[test]
    fn is_bound_to_everything_that_travels_beside_it() {
        let (mut mint, start) = mint();
        let token = mint.mint(start, [1; 16], &CLAIMS, Rc::new(()));
        for forged in [
            StreamClaims { call_sid: "CA2", ..CLAIMS },
            StreamClaims { from: "+14155550124", ..CLAIMS },
            StreamClaims { to: "+18005550198", ..CLAIMS },
            StreamClaims { agent: "admin", ..CLAIMS },
            StreamClaims { from: "+14155550123+", to: "18005550199", ..CLAIMS },
        ] {
            assert_eq!(mint.redeem(start, &token, &forged), Err(TokenFault::Forged), "{forged:?}");
        }
        assert!(mint.redeem(start, &token, &CLAIMS).is_ok(), "a forged attempt uses nothing up");
    }

    #[test]
    fn cannot_be_made_elsewhere_or_lived_longer() {
        let (mut mint, start) = mint();
        let token = mint.mint(start, [1; 16], &CLAIMS, Rc::new(()));
        let elsewhere = TokenMint::new([8; 32], start, LIFETIME).mint(start, [1; 16], &CLAIMS, Rc::new(()));
        let mut longer = URL_SAFE_NO_PAD.decode(&token).unwrap();
        longer[NONCE_BYTES] = 0xFF;
        let junk = ["", "x", "ö", &token[1..], &format!("{token}AAAA")].map(str::to_owned);
        for forged in junk.into_iter().chain([elsewhere, URL_SAFE_NO_PAD.encode(longer)]) {
            assert_eq!(mint.redeem(start, &forged, &CLAIMS), Err(TokenFault::Forged), "{forged}");
        }
    }

    #[test]
    fn every_answer_to_a_repeated_webhook_is_good_until_one_is_used() {
        let (mut mint, start) = mint();
        let permit = Rc::new(());
        let first = mint.mint(start, [1; 16], &CLAIMS, Rc::clone(&permit));
        let second = mint.mint(start, [2; 16], &CLAIMS, Rc::clone(&permit));
        let carried = mint.redeem(start, &first, &CLAIMS).unwrap();
        assert_eq!(mint.redeem(start, &second, &CLAIMS), Err(TokenFault::Used));
        drop(carried);
        assert_eq!(Rc::strong_count(&permit), 1);
    }

    #[test]
    fn keeps_few_tokens_of_a_call_however_often_it_is_announced() {
        let (mut mint, start) = mint();
        let permit = Rc::new(());
        let tokens: Vec<String> = (0..100).map(|n| mint.mint(start, [n; 16], &CLAIMS, Rc::clone(&permit))).collect();
        assert_eq!(Rc::strong_count(&permit), 1 + TOKENS_PER_CALL);
        assert_eq!(mint.redeem(start, &tokens[0], &CLAIMS), Err(TokenFault::Used));
        assert!(mint.redeem(start, &tokens[99], &CLAIMS).is_ok());
    }

    #[test]
    fn forgets_a_call_that_ended_before_its_stream_came() {
        let (mut mint, start) = mint();
        let permit = Rc::new(());
        mint.mint(start, [1; 16], &CLAIMS, Rc::clone(&permit));
        mint.forget("CA1");
        assert_eq!(Rc::strong_count(&permit), 1);
    }

    #[test]
    fn fits_a_parameter() {
        let (mut mint, start) = mint();
        assert_eq!(mint.mint(start, [1; 16], &CLAIMS, Rc::new(())).len(), 75);
    }
}
