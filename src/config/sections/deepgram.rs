//! Deepgram as ear and mouth.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::config::declare::settings;
use crate::config::kinds::{SecretKind, TermsKind, duration, flag, ms, optional, secs, socket_url, words};

settings! {
    /// Deepgram, where `STT_VENDOR` or `TTS_VENDOR` names it. Audio goes both ways as the carrier has it.
    "Deepgram" DeepgramSettings {
        /// Key of the account, sent as `Authorization: Token …`. A self-hosted server may need none.
        "DEEPGRAM_API_KEY" api_key: Option<SecretString> = optional(SecretKind),
        /// Root of the server, before `/v1`. Other regions and self-hosted servers have others; `ws://` is
        /// for servers on the same machine.
        "DEEPGRAM_URL" url: Url = socket_url("wss://api.deepgram.com"),
        /// Model that hears.
        "DEEPGRAM_STT_MODEL" stt_model: String = words("nova-3"),
        /// Model that speaks, for agents whose own voice is not one of Deepgram's (`aura-…`).
        "DEEPGRAM_TTS_MODEL" tts_model: String = words("aura-2-thalia-en"),
        /// Language that is heard, BCP 47, or `multi`.
        "DEEPGRAM_LANGUAGE" language: String = words("en"),
        /// Silence after which Deepgram by itself takes an utterance for complete: a witness beside our own.
        /// Lower answers sooner and cuts more callers off; 0 leaves it to our own pauses.
        "DEEPGRAM_ENDPOINTING" endpointing: Duration = duration(ms(300), ms(0)..=secs(5)),
        /// Time after the last word after which it does so even in noise.
        "DEEPGRAM_UTTERANCE_END" utterance_end: Duration = duration(secs(1), secs(1)..=secs(5)),
        /// Numbers, times and the like as one writes them. Off gives finals a little sooner.
        "DEEPGRAM_SMART_FORMAT" smart_format: bool = flag(true),
        /// Names and terms to be listened for, with commas between them.
        "DEEPGRAM_KEYTERMS" keyterms: Vec<String> = TermsKind,
        /// How long a connection may take. Lower notices a dead server sooner; higher bears a far one.
        "DEEPGRAM_CONNECT_TIMEOUT" connect_timeout: Duration = duration(secs(2), ms(100)..=secs(30)),
        /// How long its answer to our pause may take before the words known so far are taken for all. Lower
        /// loses last words on a slow network; higher makes the caller of a noise wait.
        "DEEPGRAM_FINAL_TIMEOUT" final_timeout: Duration = duration(secs(1), ms(200)..=secs(5)),
    }
}
