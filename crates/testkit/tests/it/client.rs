//! A client that hides nothing: what it sent and what came back, byte by byte.

use std::io::ErrorKind;
use std::time::Duration;

use spile_testkit::fake_api::FakeApi;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How a connection ended after the bytes that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
    /// Nothing came and nobody closed for ten (virtual) seconds.
    Silent,
}

pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn head(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        text.split_once("\r\n\r\n").map_or(text.clone(), |(head, _)| head.to_owned())
    }

    pub(crate) fn status(&self) -> u16 {
        self.head().split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn body(&self) -> &[u8] {
        let at = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        at.map_or(&[], |at| &self.bytes[at + 4..])
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }
}

/// Sends `GET target` with `Connection: close` and reads to the end.
pub(crate) async fn fetch(api: &FakeApi, target: &str) -> Answer {
    send(api, &format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")).await
}

/// Sends these bytes and reads to the end.
pub(crate) async fn send(api: &FakeApi, bytes: &str) -> Answer {
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    // An API that resets at once may do so before the request is out.
    let _ = stream.write_all(bytes.as_bytes()).await;
    read_to_the_end(&mut stream).await
}

pub(crate) async fn read_to_the_end(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_secs(10), stream.read_buf(&mut bytes)).await {
            Err(_) => return Answer { bytes, end: End::Silent },
            Ok(Ok(0)) => return Answer { bytes, end: End::Closed },
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                return Answer { bytes, end: End::Reset };
            }
        }
    }
}
