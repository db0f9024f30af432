//! Plays a script with a recogniser.

use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::socket::{Incoming, Outgoing};
use voice_pipeline::vendors::stt::{SttCodec, SttEvent, SttVendor};

use crate::session::{Frame, Session, json};

/// What a text frame of the client asks for.
pub(crate) enum Ask {
    Final,
    KeepAlive,
    Finish,
}

/// How a script went.
#[derive(Default)]
struct Heard {
    turns: Vec<String>,
    first_words_ms: Option<u64>,
    failed: Option<VendorError>,
    closed: Option<VendorError>,
}

/// Plays the script: our codec must send what it says, and conclude what it expects. Every final is taken
/// as a turn.
pub(crate) fn replay(session: &Session, vendor: &dyn SttVendor, ask: fn(&serde_json::Value) -> Ask) {
    let id = session.id();
    let mut heard = Heard { failed: session.refusal(&vendor.endpoint()), ..Heard::default() };
    let mut codec = vendor.codec();
    let mut pause = PauseId(0);
    for step in session.steps() {
        assert!(heard.failed.is_none() && heard.closed.is_none(), "{id}: the script goes on after its end");
        match step.frame() {
            Frame::ClientAudio { frames, bytes_per_frame } => {
                for _ in 0..frames {
                    let audio = vec![0xff; bytes_per_frame];
                    assert_eq!(codec.encode_audio(&audio), Some(Outgoing::Binary(&audio)), "{id}");
                }
            }
            Frame::ClientText(scripted) => {
                let sent = match ask(scripted) {
                    Ask::Final => {
                        pause = PauseId(pause.0 + 1);
                        codec.encode_pause(pause)
                    }
                    Ask::KeepAlive => codec.encode_keep_alive(),
                    Ask::Finish => codec.encode_finish(),
                };
                assert_eq!(json(sent.unwrap()), *scripted, "{id}");
            }
            Frame::ServerText(text) => {
                let mut out = Vec::new();
                heard.failed = codec.decode(Incoming::Text(&text), &mut out).err();
                for event in out {
                    heard.take(event, step.at_ms(), pause, &mut *codec);
                }
            }
            Frame::ServerAudio(bytes) => codec.decode(Incoming::Binary(bytes), &mut Vec::new()).unwrap(),
            Frame::Close(code) => heard.closed = Some(codec.closed(code)),
        }
    }
    assert_eq!(codec.awaited(), None, "{id}: a pause is not answered");
    let expect = session.expect(&["turns", "first_non_empty_interim_ms"]);
    let turns: Vec<&str> =
        expect["turns"].as_array().into_iter().flatten().map(|turn| turn.as_str().unwrap()).collect();
    assert_eq!(heard.turns, turns, "{id}");
    if let Some(at) = expect["first_non_empty_interim_ms"].as_u64() {
        assert_eq!(heard.first_words_ms, Some(at), "{id}");
    }
    session.check_end(heard.failed.as_ref(), heard.closed.as_ref());
}

impl Heard {
    fn take(&mut self, event: SttEvent, at_ms: u64, asked: PauseId, codec: &mut dyn SttCodec) {
        match event {
            SttEvent::Interim(text) if !text.is_empty() => {
                self.first_words_ms.get_or_insert(at_ms);
            }
            SttEvent::Final { pause, text } => {
                assert!(pause.is_none_or(|pause| pause == asked));
                self.turns.extend((!text.is_empty()).then_some(text));
                codec.committed();
            }
            SttEvent::Interim(_) | SttEvent::Settled { .. } => {}
            other @ (SttEvent::Connected { .. } | SttEvent::Overloaded) => panic!("no codec says {other:?}"),
        }
    }
}
