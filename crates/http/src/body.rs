//! Reading a body: whole, within its limit, and on disk where it is large.
//!
//! Enters: an answer whose head has arrived. Leaves: all bytes of its body, decompressed. Invariant: a body that broke
//! off, does not have its announced length or is larger than the limit never leaves. Memory grows with what arrives,
//! never with what a header announces.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use memmap2::Mmap;
use spile_model::units::show_duration;
use spile_model::{ByteSize, Failure, FailureKind};
use spile_plan::LimitPlan;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::time::timeout;

use crate::classify;

/// A body of unknown length begins with a buffer of this size, which holds most pages' first packets.
const FIRST_BUFFER: usize = 64 * 1024;

/// Spooled bytes go to the file in pieces of this size: each piece costs a hop to a blocking thread.
const SPOOL_BUFFER: usize = 1024 * 1024;

/// Reads the whole body of `answer`. Between two pieces of it pass at most `read`.
///
/// # Errors
/// [`FailureKind::Transport`] or [`FailureKind::BadBody`] for a broken body, [`FailureKind::Timeout`] for a stalled
/// one, [`FailureKind::TooLarge`], and [`FailureKind::Io`] where it cannot be spooled.
pub(crate) async fn read_whole(
    answer: reqwest::Response,
    limits: &LimitPlan,
    read: Duration,
) -> Result<Bytes, Failure> {
    let announced = announced_length(&answer);
    if let Some(length) = announced.filter(|length| *length > limits.body.0) {
        return Err(too_large(limits.body, &format!("announces {}", ByteSize(length))));
    }
    let encoding = answer.headers().get(CONTENT_ENCODING).cloned();
    let mut pieces = Pieces { answer, read, limit: limits.body, received: 0 };
    let body = collect(&mut pieces, announced, limits.spool_above).await?;
    if let Some(length) = announced.filter(|length| *length != pieces.received) {
        let message = format!("the body has {} bytes where {length} were announced", pieces.received);
        return Err(Failure::new(FailureKind::Transport, message));
    }
    // What could be decoded has lost this header on the way.
    if let Some(encoding) =
        encoding.filter(|name| !body.is_empty() && !name.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let message = format!("the body is encoded as {encoding:?}, which was not asked for");
        return Err(Failure::new(FailureKind::BadBody, message));
    }
    Ok(body)
}

/// The first bytes of an error body, at most `most`, and whether they are all of it; what breaks off is still worth
/// showing.
pub(crate) async fn read_beginning(answer: reqwest::Response, most: usize, read: Duration) -> (Bytes, bool) {
    let mut pieces = Pieces { answer, read, limit: ByteSize(u64::MAX), received: 0 };
    let mut body = BytesMut::new();
    loop {
        match pieces.next().await {
            Ok(Some(piece)) if piece.len() <= most - body.len() => body.extend_from_slice(&piece),
            Ok(Some(piece)) => {
                body.extend_from_slice(&piece[..most - body.len()]);
                return (body.freeze(), false);
            }
            Ok(None) => return (body.freeze(), true),
            Err(_) => return (body.freeze(), false),
        }
    }
}

/// `Content-Length`, where it counts the bytes that we will see: not of a compressed body, whose header is gone.
fn announced_length(answer: &reqwest::Response) -> Option<u64> {
    answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

struct Pieces {
    answer: reqwest::Response,
    read: Duration,
    limit: ByteSize,
    received: u64,
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = timeout(self.read, self.answer.chunk()).await.map_err(|_| {
            let waited = show_duration(self.read);
            let message = format!("no further byte within {waited} after {} bytes of the body", self.received);
            Failure::new(FailureKind::Timeout, message)
        })?;
        let piece = piece.map_err(|error| classify::receiving(error, self.received))?;
        self.received += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.received > self.limit.0 {
            return Err(too_large(self.limit, "is larger"));
        }
        Ok(piece)
    }
}

async fn collect(pieces: &mut Pieces, announced: Option<u64>, spool_above: ByteSize) -> Result<Bytes, Failure> {
    let Some(first) = pieces.next().await? else { return Ok(Bytes::new()) };
    if announced == Some(first.len() as u64) {
        // All in one piece: there is nothing to put together.
        return match pieces.next().await? {
            None => Ok(first),
            Some(_) => Err(Failure::new(FailureKind::Transport, "the body is longer than announced")),
        };
    }
    let capacity = announced.map_or(FIRST_BUFFER, |length| ByteSize(length.min(spool_above.0)).as_usize());
    let mut body = BytesMut::with_capacity(capacity);
    body.extend_from_slice(&first);
    while let Some(piece) = pieces.next().await? {
        if pieces.received > spool_above.0 {
            return spool(pieces, &body, &piece).await;
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Writes what has come and what still comes to a temporary file, and maps it.
async fn spool(pieces: &mut Pieces, begun: &[u8], piece: &[u8]) -> Result<Bytes, Failure> {
    // The file has no name, so nobody else opens it and it is gone with the last mapping, whatever happens to us.
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(io::Error::other).flatten();
    let file = file.map_err(|error| cannot_spool("made", error))?;
    let mut spooled = BufWriter::with_capacity(SPOOL_BUFFER, File::from_std(file));
    let failed = |error| cannot_spool("written", error);
    spooled.write_all(begun).await.map_err(failed)?;
    spooled.write_all(piece).await.map_err(failed)?;
    while let Some(piece) = pieces.next().await? {
        spooled.write_all(&piece).await.map_err(failed)?;
    }
    spooled.flush().await.map_err(failed)?;
    let file = spooled.into_inner().into_std().await;
    map(&file).map(Bytes::from_owner).map_err(|error| cannot_spool("mapped", error))
}

/// The `length` bytes of `contents`, in memory or, where they are many, in a mapped file. Blocks.
///
/// # Errors
/// They cannot be read, or not be spooled.
pub(crate) fn gather(mut contents: impl io::Read, length: u64, limits: &LimitPlan) -> io::Result<Bytes> {
    if length > limits.spool_above.0 {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut contents, &mut file)?;
        return map(&file).map(Bytes::from_owner);
    }
    let mut body = Vec::with_capacity(ByteSize(length).as_usize());
    contents.read_to_end(&mut body)?;
    Ok(body.into())
}

#[allow(unsafe_code)]
fn map(file: &std::fs::File) -> io::Result<Mmap> {
    // SAFETY: a mapping is unsound where somebody changes the file under it. This one has no name, was created by this
    // process, is not inherited, and its only handle is dropped by the caller without writing again.
    unsafe { Mmap::map(file) }
}

fn too_large(limit: ByteSize, how: &str) -> Failure {
    Failure::new(
        FailureKind::TooLarge,
        format!("a body of at most {limit} (`limits.body`) is read, and this one {how}"),
    )
}

fn cannot_spool(verb: &str, error: io::Error) -> Failure {
    let folder = std::env::temp_dir();
    let message = format!("the temporary file for a large body cannot be {verb} in {}", folder.display());
    Failure::new(FailureKind::Io, message).caused_by(error)
}
