//! Frames of any kind, in any order, never make a message over the cap. The input is a row of frames: a byte
//! with opcode and bits, a byte with the length, the payload.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use voice_pipeline::net::websocket::{Assembler, Incoming, OpCode, RawFrame, Role, WsMessage};

const CAP: usize = 300;

fuzz_target!(|input: &[u8]| {
    let Some((&first, mut rest)) = input.split_first() else { return };
    let role = if first & 1 == 0 { Role::Client } else { Role::Server };
    let mut assembler = Assembler::new(role, CAP);
    while let [head, length, behind @ ..] = rest {
        let (payload, behind) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = behind;
        let opcode = match head & 7 {
            0 => OpCode::Continuation,
            1 | 2 => OpCode::Text,
            3 => OpCode::Binary,
            4 => OpCode::Close,
            5 => OpCode::Ping,
            6 => OpCode::Pong,
            _ => continue,
        };
        // Mostly as the role wants it, or no row would be long.
        let is_masked = (role == Role::Server) != (head & 0xf0 == 0xf0);
        let frame = RawFrame { fin: head & 8 != 0, opcode, masked: is_masked, payload: BytesMut::from(payload) };
        assert!(assembler.frame_allowance() >= 125);
        match assembler.accept(frame) {
            Ok(Some(Incoming::Message(WsMessage::Text(text)))) => assert!(text.len() <= CAP),
            Ok(Some(Incoming::Message(WsMessage::Binary(bytes)))) => assert!(bytes.len() <= CAP),
            Ok(Some(Incoming::Ping(payload))) => assert!(payload.len() <= 125),
            Ok(Some(Incoming::Pong | Incoming::Close(_)) | None) => {}
            Err(violation) => {
                assert!((1000..5000).contains(&violation.close_code()));
                return;
            }
        }
    }
});
