//! From frames to messages, within a cap.
//!
//! [`Assembler::accept`] is told every frame, already unmasked, in order. It answers with a whole
//! message, a control frame to act on, nothing (a fragment was kept), or the rule that was broken.
//! After a broken rule the stream is of no more use and the assembler must not be asked again.

use bytes::{Bytes, BytesMut};
use fastwebsockets::{OpCode, WebSocketError};
use thiserror::Error;

use super::{Role, WsMessage, WsText, close_code};

/// The longest payload of a ping, pong or close.
const CONTROL_MAX_BYTES: usize = 125;

/// A frame as it stood on the wire, its payload unmasked.
#[derive(Debug)]
pub struct RawFrame {
    /// Whether it ends its message.
    pub fin: bool,
    /// What it is.
    pub opcode: OpCode,
    /// Whether it came masked.
    pub masked: bool,
    /// What it holds.
    pub payload: BytesMut,
}

/// What the assembler has for its driver.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message.
    Message(WsMessage),
    /// To be answered with a pong of the same payload.
    Ping(Bytes),
    /// An answer to our ping.
    Pong,
    /// The peer closes. The code is missing where the peer gave none.
    Close(Option<u16>),
}

/// The rule a peer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Violation {
    /// A message over the cap.
    #[error("a websocket message of more than {limit_bytes} bytes")]
    TooLarge {
        /// The cap.
        limit_bytes: usize,
    },
    /// Text that is not UTF-8.
    #[error("a websocket text message that is not utf-8")]
    NotUtf8,
    /// Anything else RFC 6455 forbids.
    #[error("{0}")]
    Protocol(&'static str),
}

impl Violation {
    /// The close code that tells the peer.
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooLarge { .. } => close_code::TOO_LARGE,
            Self::NotUtf8 => close_code::NOT_UTF8,
            Self::Protocol(_) => close_code::PROTOCOL,
        }
    }

    /// What a parser's error means, `None` where the connection itself failed.
    pub(super) fn from_parser(error: &WebSocketError, limit_bytes: usize) -> Option<Self> {
        Some(match error {
            WebSocketError::FrameTooLarge => Self::TooLarge { limit_bytes },
            WebSocketError::InvalidUTF8 => Self::NotUtf8,
            WebSocketError::ReservedBitsNotZero => Self::Protocol("a websocket frame with a reserved bit set"),
            WebSocketError::ControlFrameFragmented => Self::Protocol("a fragmented websocket control frame"),
            WebSocketError::PingFrameTooLarge => Self::Protocol("a websocket control frame over 125 bytes"),
            WebSocketError::InvalidValue => Self::Protocol("a websocket frame of an unknown kind"),
            _ => return None,
        })
    }
}

/// A message whose end has not come.
#[derive(Debug)]
struct Unfinished {
    text: bool,
    payload: BytesMut,
}

/// Joins fragments, lets control frames pass between them, and keeps count.
#[derive(Debug)]
pub struct Assembler {
    role: Role,
    max_message_bytes: usize,
    unfinished: Option<Unfinished>,
}

impl Assembler {
    /// `role` is ours, not the peer's.
    pub fn new(role: Role, max_message_bytes: usize) -> Self {
        Self { role, max_message_bytes, unfinished: None }
    }

    /// The largest payload the next frame may have: what is left of the cap, but always room for a
    /// control frame.
    pub fn frame_allowance(&self) -> usize {
        let kept = self.unfinished.as_ref().map_or(0, |message| message.payload.len());
        (self.max_message_bytes - kept).max(CONTROL_MAX_BYTES)
    }

    /// Takes the next frame.
    pub fn accept(&mut self, frame: RawFrame) -> Result<Option<Incoming>, Violation> {
        match (self.role, frame.masked) {
            (Role::Server, false) => return Err(Violation::Protocol("an unmasked websocket frame from a client")),
            (Role::Client, true) => return Err(Violation::Protocol("a masked websocket frame from a server")),
            (Role::Server, true) | (Role::Client, false) => {}
        }
        match frame.opcode {
            OpCode::Text | OpCode::Binary => self.begin(frame),
            OpCode::Continuation => self.go_on(&frame),
            OpCode::Ping | OpCode::Pong | OpCode::Close => control(frame).map(Some),
        }
    }

    fn begin(&mut self, frame: RawFrame) -> Result<Option<Incoming>, Violation> {
        if self.unfinished.is_some() {
            return Err(Violation::Protocol("a new websocket message inside an unfinished one"));
        }
        let text = frame.opcode == OpCode::Text;
        if frame.payload.len() > self.max_message_bytes {
            return Err(self.too_large());
        }
        if frame.fin {
            return finish(text, frame.payload).map(Some);
        }
        self.unfinished = Some(Unfinished { text, payload: frame.payload });
        Ok(None)
    }

    fn go_on(&mut self, frame: &RawFrame) -> Result<Option<Incoming>, Violation> {
        let Some(mut message) = self.unfinished.take() else {
            return Err(Violation::Protocol("a websocket continuation of nothing"));
        };
        if message.payload.len() + frame.payload.len() > self.max_message_bytes {
            return Err(self.too_large());
        }
        message.payload.extend_from_slice(&frame.payload);
        if frame.fin {
            return finish(message.text, message.payload).map(Some);
        }
        self.unfinished = Some(message);
        Ok(None)
    }

    fn too_large(&self) -> Violation {
        Violation::TooLarge { limit_bytes: self.max_message_bytes }
    }
}

fn finish(text: bool, payload: BytesMut) -> Result<Incoming, Violation> {
    let message = if text {
        WsMessage::Text(WsText::checked(payload.freeze()).map_err(|_| Violation::NotUtf8)?)
    } else {
        WsMessage::Binary(payload.freeze())
    };
    Ok(Incoming::Message(message))
}

fn control(frame: RawFrame) -> Result<Incoming, Violation> {
    if !frame.fin {
        return Err(Violation::Protocol("a fragmented websocket control frame"));
    }
    if frame.payload.len() > CONTROL_MAX_BYTES {
        return Err(Violation::Protocol("a websocket control frame over 125 bytes"));
    }
    match frame.opcode {
        OpCode::Ping => Ok(Incoming::Ping(frame.payload.freeze())),
        OpCode::Pong => Ok(Incoming::Pong),
        _ => close(&frame.payload),
    }
}

fn close(payload: &[u8]) -> Result<Incoming, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(Incoming::Close(None)),
        [_] => return Err(Violation::Protocol("a websocket close with half a code")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::NotUtf8);
    }
    // 1004 to 1006 and 1015 never stand on the wire; 1016 to 2999 are not given out.
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Incoming::Close(Some(code))),
        _ => Err(Violation::Protocol("a websocket close with a forbidden code")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn frame(opcode: OpCode, fin: bool, payload: &[u8]) -> RawFrame {
        RawFrame { fin, opcode, masked: true, payload: payload.into() }
    }

    fn server(cap: usize) -> Assembler {
        Assembler::new(Role::Server, cap)
    }

    fn text(text: &str) -> Incoming {
        Incoming::Message(WsMessage::Text(text.into()))
    }

    #[test]
    fn joins_fragments_around_a_ping_and_inside_a_character() {
        let mut assembler = server(100);
        let sushi = "寿司".as_bytes();
        assert_eq!(assembler.accept(frame(OpCode::Text, false, &sushi[..1])), Ok(None));
        assert_eq!(
            assembler.accept(frame(OpCode::Ping, true, b"there?")),
            Ok(Some(Incoming::Ping(Bytes::from_static(b"there?"))))
        );
        assert_eq!(assembler.accept(frame(OpCode::Continuation, false, &sushi[1..4])), Ok(None));
        assert_eq!(assembler.accept(frame(OpCode::Continuation, true, &sushi[4..])), Ok(Some(text("寿司"))));
        assert_eq!(assembler.accept(frame(OpCode::Text, true, b"next")), Ok(Some(text("next"))));
    }

    #[test]
    fn counts_all_fragments_of_a_message_against_the_cap() {
        let mut assembler = server(10);
        assert_eq!(assembler.accept(frame(OpCode::Binary, false, &[0; 6])), Ok(None));
        assert_eq!(assembler.accept(frame(OpCode::Continuation, false, &[0; 4])), Ok(None));
        assert_eq!(
            assembler.accept(frame(OpCode::Continuation, true, &[0; 1])),
            Err(Violation::TooLarge { limit_bytes: 10 })
        );
    }

    #[test]
    fn takes_a_message_of_exactly_the_cap() {
        let mut assembler = server(4);
        assert_eq!(assembler.accept(frame(OpCode::Text, true, b"four")), Ok(Some(text("four"))));
        assert_eq!(assembler.accept(frame(OpCode::Text, true, b"fiver")), Err(Violation::TooLarge { limit_bytes: 4 }));
    }

    #[test]
    fn leaves_room_for_a_control_frame_when_the_cap_is_used_up() {
        let mut assembler = server(10);
        assert_eq!(assembler.frame_allowance(), CONTROL_MAX_BYTES);
        let mut assembler_of_a_vendor = server(1_000);
        assert_eq!(assembler_of_a_vendor.frame_allowance(), 1_000);
        assert_eq!(assembler_of_a_vendor.accept(frame(OpCode::Binary, false, &[0; 400])), Ok(None));
        assert_eq!(assembler_of_a_vendor.frame_allowance(), 600);
        assert_eq!(assembler.accept(frame(OpCode::Binary, false, &[0; 10])), Ok(None));
        assert_eq!(assembler.frame_allowance(), CONTROL_MAX_BYTES);
    }

    #[test]
    fn names_the_close_code_of_every_broken_rule() {
        type Story = (&'static str, Vec<RawFrame>, u16);
        let unmasked = RawFrame { masked: false, ..frame(OpCode::Text, true, b"x") };
        let stories: Vec<Story> = vec![
            ("unmasked client", vec![unmasked], 1002),
            ("orphan", vec![frame(OpCode::Continuation, true, b"x")], 1002),
            ("message in a message", vec![frame(OpCode::Text, false, b"x"), frame(OpCode::Text, true, b"y")], 1002),
            ("long pong", vec![frame(OpCode::Pong, true, &[0; 126])], 1002),
            ("cut ping", vec![frame(OpCode::Ping, false, b"")], 1002),
            ("half a code", vec![frame(OpCode::Close, true, &[3])], 1002),
            ("code 1005", vec![frame(OpCode::Close, true, &1005_u16.to_be_bytes())], 1002),
            ("code 999", vec![frame(OpCode::Close, true, &999_u16.to_be_bytes())], 1002),
            ("reason", vec![frame(OpCode::Close, true, &[3, 232, 0xFF])], 1007),
            ("text", vec![frame(OpCode::Text, true, &[0xC3, 0x28])], 1007),
            (
                "text cut inside a character",
                vec![frame(OpCode::Text, false, &[0xE5]), frame(OpCode::Continuation, true, b"")],
                1007,
            ),
        ];
        for (story, frames, code) in stories {
            let mut assembler = server(1_000);
            let mut last = Ok(None);
            for frame in frames {
                last = assembler.accept(frame);
            }
            assert_eq!(last.expect_err(story).close_code(), code, "{story}");
        }
    }

    #[test]
    fn refuses_a_masked_frame_from_a_server() {
        let mut assembler = Assembler::new(Role::Client, 100);
        let violation = assembler.accept(frame(OpCode::Text, true, b"x")).unwrap_err();
        assert_eq!(violation.close_code(), close_code::PROTOCOL);
    }

    #[test]
    fn reads_a_close_with_and_without_a_code() {
        assert_eq!(server(9).accept(frame(OpCode::Close, true, b"")), Ok(Some(Incoming::Close(None))));
        assert_eq!(server(9).accept(frame(OpCode::Close, true, b"\x03\xE8bye")), Ok(Some(Incoming::Close(Some(1000)))));
    }

    proptest! {
        #[test]
        fn never_holds_more_than_the_cap(
            frames in prop::collection::vec((0_u8..=10, any::<bool>(), 0_usize..200), 0..100)
        ) {
            let mut assembler = server(300);
            for (opcode, fin, length) in frames {
                let Ok(opcode) = OpCode::try_from(opcode) else { continue };
                let accepted = assembler.accept(frame(opcode, fin, &vec![b'a'; length]));
                let held = assembler.unfinished.as_ref().map_or(0, |message| message.payload.len());
                assert!(held <= 300, "{held} bytes are held");
                match accepted {
                    Ok(Some(Incoming::Message(WsMessage::Text(text)))) => assert!(text.len() <= 300),
                    Ok(Some(Incoming::Message(WsMessage::Binary(data)))) => assert!(data.len() <= 300),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
    }
}
