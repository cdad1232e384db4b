//! Puts a response on the wire, with its faults.
//!
//! The response becomes a list of byte runs and a position on the wire at which to stop, so that every framing fails
//! in the same way: what was announced stays announced, what is cut is cut.

use std::io;

use bytes::Bytes;
use tokio::time::sleep;

use super::response::{Framing, Hook, Pace, Position, Response, Then};
use super::wire::Stream;

/// What becomes of the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    KeepAlive,
    Close,
    /// Close without a TLS alert.
    Vanish,
    Reset,
    /// The client had left before the answer was out.
    ClientLeft,
}

/// One run of bytes: the head, a piece of the body, or chunk framing.
enum Run {
    Head(Bytes),
    Framing(Bytes),
    Body(Bytes),
}

impl Run {
    fn bytes(&self) -> &Bytes {
        let (Self::Head(bytes) | Self::Framing(bytes) | Self::Body(bytes)) = self;
        bytes
    }
}

/// Sends `response`; `bodyless` for the answer to a HEAD request. Returns how the connection goes on.
///
/// Cancel safe in the sense that matters here: dropped in the middle, the connection closes in the middle.
pub(crate) async fn transmit(stream: &mut Stream, response: &Response, bodyless: bool) -> Ending {
    if !response.delay.is_zero() {
        sleep(response.delay).await;
    }
    let runs = runs(response, bodyless);
    let whole: usize = runs.iter().map(|run| run.bytes().len()).sum();
    let stop = response.cut.map_or(whole, |cut| wire_offset(&runs, cut.at));
    let hook = response.hook.as_ref().map(|(at, hook)| (wire_offset(&runs, *at), hook));

    if send_until(stream, &runs, stop, response.pace, hook).await.is_err() {
        return Ending::ClientLeft;
    }
    match response.cut.map(|cut| cut.then) {
        Some(Then::Reset) => Ending::Reset,
        // A body that was complete by its own account was not truncated.
        Some(Then::Close) if stop < whole || response.framing != Framing::ContentLength => Ending::Vanish,
        Some(Then::Stall) => {
            stream.wait_for_the_client_to_leave().await;
            Ending::ClientLeft
        }
        _ if response.close => Ending::Close,
        _ => Ending::KeepAlive,
    }
}

async fn send_until(
    stream: &mut Stream,
    runs: &[Run],
    stop: usize,
    pace: Option<Pace>,
    hook: Option<(usize, &Hook)>,
) -> io::Result<()> {
    let mut sent = 0;
    let mut pending = hook;
    for run in runs {
        let mut rest = run.bytes().clone();
        while !rest.is_empty() && sent < stop {
            let mut step = rest.len().min(stop - sent);
            if let Some((at, hook)) = pending {
                if at <= sent {
                    hook();
                    pending = None;
                } else {
                    step = step.min(at - sent);
                }
            }
            if let Some(pace) = pace {
                step = step.min(pace.bytes);
            }
            stream.send(&rest.split_to(step)).await?;
            sent += step;
            if let Some(pace) = pace {
                sleep(pace.every).await;
            }
        }
    }
    if let Some((at, hook)) = pending
        && at <= sent
    {
        hook();
    }
    Ok(())
}

/// The position on the wire at which exactly so much of the head or of the body has been sent.
fn wire_offset(runs: &[Run], position: Position) -> usize {
    match position {
        Position::Head(n) => {
            let head: usize = runs.iter().take_while(|run| matches!(run, Run::Head(_))).map(|r| r.bytes().len()).sum();
            n.min(head)
        }
        Position::Body(n) => {
            let (mut wire, mut body, mut after_last) = (0, 0, 0);
            for run in runs {
                let length = run.bytes().len();
                if let Run::Body(_) = run {
                    if body + length > n {
                        return wire + (n - body);
                    }
                    body += length;
                }
                wire += length;
                if !matches!(run, Run::Framing(_)) {
                    after_last = wire;
                }
            }
            // Beyond the body: everything except what would tell its end.
            after_last
        }
    }
}

fn runs(response: &Response, bodyless: bool) -> Vec<Run> {
    if response.framing == Framing::Raw {
        return vec![Run::Body(response.body.clone())];
    }
    let bodyless = bodyless || response.status < 200 || response.status == 204 || response.status == 304;
    let mut runs: Vec<Run> = response
        .interim
        .iter()
        .map(|(status, headers)| Run::Head(head(&status_line(*status), headers).into()))
        .collect();
    runs.push(Run::Head(final_head(response).into()));
    match response.framing {
        _ if bodyless => {}
        Framing::Chunked { size } => {
            let mut rest = response.body.clone();
            while !rest.is_empty() {
                let piece = rest.split_to(rest.len().min(size));
                runs.push(Run::Framing(format!("{:x}\r\n", piece.len()).into()));
                runs.push(Run::Body(piece));
                runs.push(Run::Framing(Bytes::from_static(b"\r\n")));
            }
            runs.push(Run::Framing(Bytes::from_static(b"0\r\n\r\n")));
        }
        _ => runs.push(Run::Body(response.body.clone())),
    }
    runs
}

fn final_head(response: &Response) -> String {
    let line = response.status_line.clone().unwrap_or_else(|| status_line(response.status));
    let mut headers = response.headers.clone();
    match response.framing {
        Framing::ContentLength if response.status == 204 || response.status == 304 => {}
        Framing::ContentLength => {
            let told = i64::try_from(response.body.len()).unwrap_or(i64::MAX).saturating_add(response.length_lie);
            headers.push(("Content-Length".to_owned(), told.max(0).to_string()));
        }
        Framing::Chunked { .. } => headers.push(("Transfer-Encoding".to_owned(), "chunked".to_owned())),
        Framing::UntilClose => headers.push(("Connection".to_owned(), "close".to_owned())),
        Framing::Bare | Framing::Raw => {}
    }
    head(&line, &headers)
}

fn head(line: &str, headers: &[(String, String)]) -> String {
    let mut text = format!("{line}\r\n");
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text
}

fn status_line(status: u16) -> String {
    let reason = match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    };
    format!("HTTP/1.1 {status} {reason}")
}
