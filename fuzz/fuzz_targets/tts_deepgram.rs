//! Deepgram's voice may send anything. One line of the input is one thing that happens: `S` and a text is a
//! piece, `X` a cancel, `B` audio, everything else a message.

#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::socket::Incoming;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_pipeline::vendors::tts::{TtsSignal, TtsVendor};

fuzz_target!(|input: &str| {
    let vendor = DeepgramTts::new(Arc::new(DeepgramSettings::default())).expect("the default address is one");
    let mut codec = vendor.codec();
    let mut is_speaking = false;
    for line in input.lines() {
        let (mut sent, mut out) = (Vec::new(), Vec::new());
        match line.as_bytes().first() {
            Some(b'S') if !is_speaking => {
                codec.encode_speak(&line[1..], &mut sent);
                is_speaking = true;
                assert!(sent.iter().map(String::len).sum::<usize>() < 64 + line.len() * 16);
            }
            Some(b'X') => {
                codec.encode_cancel(&mut sent);
                assert_eq!(sent.len(), usize::from(is_speaking));
                is_speaking = false;
            }
            Some(b'B') => {
                let audio = Bytes::copy_from_slice(line.as_bytes());
                codec.decode(Incoming::Binary(audio), &mut out).expect("audio is never refused");
            }
            _ => {
                let _ = codec.decode(Incoming::Text(line), &mut out);
            }
        }
        for signal in out {
            assert!(is_speaking, "nothing is heard that was not asked for");
            is_speaking = signal != TtsSignal::PieceDone;
        }
    }
});
