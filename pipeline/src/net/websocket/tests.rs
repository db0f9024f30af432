//! Both halves against peers that behave and peers that do not.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::*;

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const PING: u8 = 0x9;

/// A client's frame. An all-zero mask leaves the payload readable.
fn client_frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Sends every message back, the way a driver uses the halves: a task's worth of work for each.
async fn echo<R, W>(mut reader: WsReader<R>, mut writer: WsWriter<W>) -> WsEnd
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (messages_tx, mut messages) = mpsc::channel(4);
    let read = async move {
        let end = loop {
            match reader.next().await {
                Ok(message) => messages_tx.send(message).await.unwrap(),
                Err(end) => break end,
            }
        };
        drop(messages_tx);
        reader.drain().await;
        end
    };
    let write = async move {
        loop {
            tokio::select! {
                Some(message) = messages.recv() => writer.send(&message).await.unwrap(),
                reply = writer.reply() => match reply {
                    Some(reply) => if writer.answer(reply).await.unwrap().is_break() { break },
                    None => break,
                },
            }
        }
    };
    tokio::join!(read, write).0
}

fn server(
    stream: DuplexStream,
    limits: &WsLimits,
) -> (WsReader<ReadHalf<DuplexStream>>, WsWriter<WriteHalf<DuplexStream>>) {
    split(stream, Role::Server, limits)
}

#[tokio::test]
async fn echoes_a_thousand_messages_in_order_between_its_own_two_sides() {
    let (ours, theirs) = duplex(4096);
    let limits = WsLimits::default();
    let (reader, writer) = server(ours, &limits);
    let (mut client_reader, mut client_writer) = split(theirs, Role::Client, &limits);
    let client = async {
        for number in 0..1_000 {
            client_writer.send_text(&format!("message {number}")).await.unwrap();
            let WsMessage::Text(text) = client_reader.next().await.unwrap() else { panic!("text comes back as text") };
            assert_eq!(*text, format!("message {number}"));
        }
        client_writer.send_binary(&[7; 60_000]).await.unwrap();
        assert_eq!(client_reader.next().await.unwrap(), WsMessage::Binary(vec![7; 60_000].into()));
        client_writer.close(close_code::NORMAL, "done").await;
        client_reader.drain().await;
    };
    let (end, ()) = tokio::join!(echo(reader, writer), client);
    assert!(matches!(end, WsEnd::PeerClosed { code: Some(1000) }), "{end:?}");
}

#[tokio::test]
async fn ends_a_thousand_fragments_with_1009_and_takes_no_more_than_the_cap() {
    let limits = WsLimits { close_drain_bytes: 16 * 1024, ..WsLimits::default() };
    let (ours, theirs) = duplex(1024);
    let (reader, writer) = server(ours, &limits);
    let (mut peer_read, mut peer_write) = tokio::io::split(theirs);
    let flood = async {
        let mut taken_bytes = 0;
        let first = client_frame(TEXT, &[b'a'; 120]);
        let more = client_frame(CONTINUATION, &[b'a'; 120]);
        for number in 0..1_000 {
            let frame = if number == 0 { &first } else { &more };
            if peer_write.write_all(frame).await.is_err() {
                break;
            }
            taken_bytes += frame.len();
        }
        taken_bytes
    };
    let said = async {
        let mut said = Vec::new();
        peer_read.read_to_end(&mut said).await.unwrap();
        said
    };
    let (end, taken_bytes, said) = tokio::join!(echo(reader, writer), flood, said);
    assert!(matches!(end, WsEnd::Violated(Violation::TooLarge { limit_bytes: 65_536 })), "{end:?}");
    assert_eq!(said, [0x88, 2, 0x03, 0xF1], "a close frame with 1009 and nothing else");
    assert!(taken_bytes < 100 * 1024, "{taken_bytes} bytes were taken");
}

#[tokio::test]
async fn a_peer_in_the_middle_of_a_large_frame_reads_1009_and_no_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = async {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, writer) = split(stream, Role::Server, &WsLimits::default());
        echo(reader, writer).await
    };
    let peer = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&client_frame(FIN | TEXT, &[b'a'; 300_000])).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.expect("the connection ends in order");
        said
    };
    let (end, said) = tokio::join!(gateway, peer);
    assert!(matches!(end, WsEnd::Violated(Violation::TooLarge { .. })), "{end:?}");
    assert_eq!(said, [0x88, 2, 0x03, 0xF1]);
}

#[tokio::test(start_paused = true)]
async fn loses_nothing_of_a_peer_that_trickles_while_other_work_goes_on() {
    let (ours, mut theirs) = duplex(64);
    let (mut reader, writer) = server(ours, &WsLimits::default());
    let (messages_tx, mut messages) = mpsc::channel(1);
    let read = async move {
        while let Ok(WsMessage::Text(text)) = reader.next().await {
            messages_tx.send(text).await.unwrap();
        }
    };
    let trickle = async move {
        let mut stream = Vec::new();
        for letter in [b'a', b'b', b'c'] {
            stream.extend(client_frame(FIN | TEXT, &[letter; 400]));
        }
        for piece in stream.chunks(50) {
            theirs.write_all(piece).await.unwrap();
            sleep(Duration::from_millis(15)).await;
        }
        theirs
    };
    let work = async {
        let mut heard = Vec::new();
        let mut interruptions = 0;
        let mut barge_in = tokio::time::interval(Duration::from_millis(7));
        loop {
            tokio::select! {
                _ = barge_in.tick() => interruptions += 1,
                text = messages.recv() => match text {
                    Some(text) => heard.push((text.len(), text.as_bytes()[0])),
                    None => return (heard, interruptions),
                },
            }
        }
    };
    let trickle = async {
        drop(trickle.await);
        drop(writer);
    };
    let ((), (), (heard, interruptions)) = tokio::join!(read, trickle, work);
    assert_eq!(heard, [(400, b'a'), (400, b'b'), (400, b'c')]);
    assert!(interruptions > 30, "{interruptions} interruptions");
}

#[tokio::test(start_paused = true)]
async fn refuses_to_go_on_after_a_read_that_was_dropped_half_way() {
    let (ours, mut theirs) = duplex(64);
    let (mut reader, _writer) = server(ours, &WsLimits::default());
    let frame = client_frame(FIN | TEXT, b"cut in two");
    theirs.write_all(&frame[..5]).await.unwrap();
    let cut = tokio::time::timeout(Duration::from_millis(5), reader.next()).await;
    assert!(cut.is_err());
    theirs.write_all(&frame[5..]).await.unwrap();
    assert!(matches!(reader.next().await, Err(WsEnd::Interrupted)));
}

#[tokio::test]
async fn answers_pings_between_fragments() {
    let (ours, mut theirs) = duplex(4096);
    let (reader, writer) = server(ours, &WsLimits::default());
    let peer = async move {
        theirs.write_all(&client_frame(TEXT, b"he")).await.unwrap();
        theirs.write_all(&client_frame(FIN | PING, b"there?")).await.unwrap();
        let mut pong = [0; 8];
        theirs.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\x8A\x06there?");
        theirs.write_all(&client_frame(FIN | CONTINUATION, b"llo")).await.unwrap();
        let mut text = [0; 7];
        theirs.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"\x81\x05hello");
    };
    let (end, ()) = tokio::join!(echo(reader, writer), peer);
    assert!(
        matches!(&end, WsEnd::Lost(cause) if cause.kind() == ErrorKind::UnexpectedEof),
        "a peer that just goes away is lost: {end:?}"
    );
}

#[tokio::test]
async fn a_flood_of_pings_waits_in_no_queue_and_does_not_push_out_the_close() {
    let (ours, mut theirs) = duplex(1 << 16);
    let (mut reader, mut writer) = server(ours, &WsLimits::default());
    for _ in 0..1_000 {
        theirs.write_all(&client_frame(FIN | PING, b"!")).await.unwrap();
    }
    theirs.write_all(&client_frame(FIN | TEXT, &[0xFF])).await.unwrap();
    assert!(matches!(reader.next().await, Err(WsEnd::Violated(Violation::NotUtf8))));
    drop(reader);
    let mut pongs = 0;
    loop {
        let reply = writer.reply().await.expect("the close comes before the end");
        if writer.answer(reply).await.unwrap().is_break() {
            break;
        }
        pongs += 1;
    }
    assert!((1..=8).contains(&pongs), "{pongs} pongs");
    let mut said = Vec::new();
    theirs.read_to_end(&mut said).await.unwrap();
    assert_eq!(said[said.len() - 4..], [0x88, 2, 0x03, 0xEF], "1007");
}

#[tokio::test(start_paused = true)]
async fn our_close_ends_the_reader_and_waits_for_the_peer_no_longer_than_agreed() {
    let limits = WsLimits { close_timeout: Duration::from_millis(700), ..WsLimits::default() };
    let (ours, theirs) = duplex(4096);
    let (mut reader, mut writer) = server(ours, &limits);
    let started = Instant::now();
    let read = async move {
        let end = reader.next().await.unwrap_err();
        reader.drain().await;
        end
    };
    let (end, ()) = tokio::join!(read, writer.close(close_code::POLICY, "no token"));
    assert!(matches!(end, WsEnd::WeClosed), "{end:?}");
    assert_eq!(started.elapsed(), Duration::from_millis(700));
    assert!(matches!(writer.send_text("late").await, Err(WsWriteError::Closed)));
    drop(writer);
    let mut theirs = theirs;
    let mut said = Vec::new();
    theirs.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, *b"\x88\x0A\x03\xF0no token");
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_peer_that_never_reads() {
    let limits = WsLimits { write_timeout: Duration::from_secs(3), ..WsLimits::default() };
    let (ours, _theirs) = duplex(64);
    let (_reader, mut writer) = server(ours, &limits);
    let started = Instant::now();
    let stalled = writer.send_binary(&[0; 1_000]).await.unwrap_err();
    assert!(matches!(stalled, WsWriteError::Stalled(_)), "{stalled:?}");
    assert_eq!(started.elapsed(), Duration::from_secs(3));
    assert!(matches!(writer.ping().await, Err(WsWriteError::Closed)), "half a frame is never continued");
}

#[tokio::test]
async fn a_writer_that_is_dropped_ends_the_reader() {
    let (ours, _theirs) = duplex(64);
    let (mut reader, writer) = server(ours, &WsLimits::default());
    drop(writer);
    assert!(matches!(reader.next().await, Err(WsEnd::WeClosed)));
}

#[tokio::test]
async fn survives_any_bytes_a_peer_may_send() {
    // A fixed sequence of bytes without pattern, cut at every place by the tiny pipe.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for _ in 0..200 {
        let bytes: Bytes = (0..64).flat_map(|_| noise()).collect();
        let (ours, mut theirs) = duplex(16);
        let (reader, writer) = server(ours, &WsLimits::default());
        let peer = async {
            let _ = theirs.write_all(&bytes).await;
            drop(theirs);
        };
        let (end, ()) = tokio::join!(echo_quietly(reader, writer), peer);
        assert!(matches!(end, WsEnd::Violated(_) | WsEnd::Lost(_) | WsEnd::PeerClosed { .. }), "{end:?}");
    }
}

/// Reads to the end and answers nobody.
async fn echo_quietly<R, W>(mut reader: WsReader<R>, writer: WsWriter<W>) -> WsEnd
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let end = loop {
        if let Err(end) = reader.next().await {
            break end;
        }
    };
    drop(writer);
    end
}
