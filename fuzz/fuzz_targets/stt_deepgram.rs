//! Deepgram's recogniser may send anything. One line of the input is one thing that happens: `P` a pause, `C` a
//! commit, `G` an answer given up, `A` audio as long as the line, everything else a message.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::socket::Incoming;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::stt::{SttEvent, SttVendor, UTTERANCE_MAX_BYTES};

fuzz_target!(|input: &str| {
    let vendor = DeepgramStt::new(Arc::new(DeepgramSettings::default())).expect("the default address is one");
    let mut codec = vendor.codec();
    let (mut asked, mut told) = (0, String::new());
    for line in input.lines() {
        let mut out = Vec::new();
        match line.as_bytes().first() {
            Some(b'P') => {
                asked += 1;
                codec.encode_pause(PauseId(asked));
            }
            Some(b'C') => {
                codec.committed();
                told.clear();
            }
            Some(b'G') => codec.give_up_awaited(&mut out),
            Some(b'A') => assert!(codec.encode_audio(line.as_bytes()).is_some()),
            _ => {
                let _ = codec.decode(Incoming::Text(line), &mut out);
            }
        }
        for event in out {
            match event {
                SttEvent::Interim(text) | SttEvent::Settled { text, .. } => assert!(text.len() <= UTTERANCE_MAX_BYTES),
                SttEvent::Final { pause, text } => {
                    assert!(text.len() <= UTTERANCE_MAX_BYTES);
                    match pause {
                        Some(pause) => assert_eq!(pause, PauseId(asked), "only the newest pause is answered"),
                        None => assert_ne!(text, told, "no final says the same again"),
                    }
                    told = text;
                }
                other => panic!("no codec says {other:?}"),
            }
        }
    }
});
