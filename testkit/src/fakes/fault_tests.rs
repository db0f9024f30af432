//! A plain client against a server whose connection fails.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fault::{Counted, Fault, FaultHandle, FaultKind, FaultyStream};

const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nx: \r\r\n\r\n";
const BODY: &[u8] = b"0123456789";

async fn connected() -> (TcpStream, FaultyStream, FaultHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (server, faults) = FaultyStream::new(server.unwrap().0);
    (client.unwrap(), server, faults)
}

fn after(after_bytes: u64, counted: Counted, kind: FaultKind) -> Fault {
    Fault { after_bytes, counted, kind }
}

/// Writes head and body in pieces of a size, as far as that goes.
async fn serve(server: &mut FaultyStream, size: usize) -> io::Result<()> {
    for piece in [HEAD, BODY].concat().chunks(size) {
        server.write_all(piece).await?;
    }
    Ok(())
}

async fn read_to_end(client: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut read = Vec::new();
    let end = client.read_to_end(&mut read).await;
    (read, end.err().map(|error| error.kind()))
}

#[tokio::test]
async fn ends_after_exactly_so_many_bytes_however_they_are_written() {
    let sent = [HEAD, BODY].concat();
    for size in [1, 3, 1_000] {
        for after_bytes in 0..sent.len() {
            let (mut client, mut server, faults) = connected().await;
            faults.arm(after(after_bytes as u64, Counted::FromConnect, FaultKind::CloseTcp));
            let served = serve(&mut server, size).await;
            assert_eq!(served.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "both directions end");
            assert_eq!(read_to_end(&mut client).await, (sent[..after_bytes].to_vec(), None));
        }
    }
}

#[tokio::test]
async fn counts_from_the_end_of_the_head() {
    for size in [1, 4, HEAD.len(), 1_000] {
        for after_bytes in 0..BODY.len() {
            let (mut client, mut server, faults) = connected().await;
            faults.arm(after(after_bytes as u64, Counted::FromHandshake, FaultKind::CloseTcp));
            serve(&mut server, size).await.unwrap_err();
            assert_eq!(read_to_end(&mut client).await, ([HEAD, &BODY[..after_bytes]].concat(), None));
        }
    }
}

#[tokio::test]
async fn a_second_head_is_counted_from_when_the_fault_is_armed_after_the_first() {
    let (mut client, mut server, faults) = connected().await;
    serve(&mut server, 1_000).await.unwrap();
    faults.arm(after(2, Counted::FromHandshake, FaultKind::CloseTcp));
    serve(&mut server, 1_000).await.unwrap_err();
    assert_eq!(read_to_end(&mut client).await.0, [HEAD, BODY, HEAD, b"01"].concat());
}

#[tokio::test]
async fn resets() {
    let (mut client, mut server, faults) = connected().await;
    faults.arm(after(5, Counted::FromConnect, FaultKind::Reset));
    assert_eq!(serve(&mut server, 1_000).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (read, end) = read_to_end(&mut client).await;
    assert!(HEAD.starts_with(&read) && read.len() <= 5, "{read:?}");
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn what_follows_a_cut_is_lost_and_the_client_is_still_read() {
    let (mut client, mut server, faults) = connected().await;
    faults.arm(after(5, Counted::FromHandshake, FaultKind::CutThenClose));
    serve(&mut server, 1_000).await.expect("the server does not notice");
    assert_eq!(read_to_end(&mut client).await, ([HEAD, &BODY[..5]].concat(), None));
    client.write_all(b"still there?").await.unwrap();
    let mut read = [0; 12];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"still there?");
}

#[tokio::test]
async fn garbage_comes_between() {
    let (mut client, mut server, faults) = connected().await;
    faults.arm(after(5, Counted::FromHandshake, FaultKind::Garbage(b"<garbage>".to_vec())));
    serve(&mut server, 4).await.unwrap();
    faults.break_now(FaultKind::Garbage(b"<more>".to_vec()));
    // A server that only reads sends it as well.
    assert!(server.read(&mut [0; 8]).now_or_never().is_none());
    server.shutdown().await.unwrap();
    let expected = [HEAD, &BODY[..5], b"<garbage>", &BODY[5..], b"<more>"].concat();
    assert_eq!(read_to_end(&mut client).await, (expected, None));
}

#[tokio::test]
async fn goes_on_after_a_stall() {
    let (mut client, mut server, faults) = connected().await;
    let span = Duration::from_millis(30);
    faults.arm(after(5, Counted::FromHandshake, FaultKind::StallFor(span)));
    let begun = Instant::now();
    serve(&mut server, 1_000).await.unwrap();
    assert!(begun.elapsed() >= span);
    drop(server);
    assert_eq!(read_to_end(&mut client).await, ([HEAD, BODY].concat(), None));
}

#[tokio::test]
async fn a_stall_lets_nothing_pass_and_outlives_the_stream() {
    let (mut client, mut server, faults) = connected().await;
    faults.arm(after(5, Counted::FromHandshake, FaultKind::Stall));
    assert!(serve(&mut server, 1_000).now_or_never().is_none(), "the server waits");
    client.write_all(b"hello?").await.unwrap();
    assert!(server.read(&mut [0; 8]).now_or_never().is_none(), "and does not read");
    let mut read = vec![0; HEAD.len() + 5];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(read, [HEAD, &BODY[..5]].concat());
    drop(server);
    assert!(faults.holds_stalled());
    assert!(client.read(&mut [0; 8]).now_or_never().is_none(), "the connection is open and silent");
    drop(faults);
    assert!(client.read(&mut [0; 8]).await.map_or(true, |read| read == 0), "nobody is left");
}

#[tokio::test]
async fn breaks_a_connection_that_waits() {
    let (mut client, mut server, faults) = connected().await;
    let read = async {
        let (outcome, ()) = tokio::join!(server.read_u8(), async { faults.break_now(FaultKind::Reset) });
        outcome.unwrap_err().kind()
    };
    assert_eq!(read.await, ErrorKind::ConnectionReset);
    assert_eq!(read_to_end(&mut client).await.1, Some(ErrorKind::ConnectionReset));
    assert!(server.write_all(b"late").await.is_err());
}

#[tokio::test]
async fn breaks_a_connection_that_stalls() {
    let (mut client, mut server, faults) = connected().await;
    faults.arm(after(0, Counted::FromConnect, FaultKind::Stall));
    let (written, ()) = tokio::join!(server.write_all(b"x"), async { faults.break_now(FaultKind::CloseTcp) });
    assert_eq!(written.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(read_to_end(&mut client).await, (Vec::new(), None));
}
