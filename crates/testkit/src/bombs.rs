//! Bodies that are small on the wire and large when they are read: zeros, compressed in every way that HTTP knows.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

/// `size` bytes of zeros in gzip.
pub fn gzip(size: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    pour(size, &mut encoder);
    encoder.finish().expect("writing into memory does not fail")
}

/// `size` bytes of zeros in zstd.
pub fn zstd(size: u64) -> Vec<u8> {
    zstd::encode_all(zeros(size), 3).expect("writing into memory does not fail")
}

/// `size` bytes of zeros in what HTTP calls deflate.
pub fn deflate(size: u64) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    pour(size, &mut encoder);
    encoder.finish().expect("writing into memory does not fail")
}

/// `size` bytes of zeros in brotli.
pub fn brotli(size: u64) -> Vec<u8> {
    let mut compressed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut compressed, 64 * 1024, 1, 22);
    pour(size, &mut encoder);
    drop(encoder);
    compressed
}

fn zeros(size: u64) -> impl Read {
    io::repeat(b'0').take(size)
}

fn pour(size: u64, into: &mut impl Write) {
    io::copy(&mut io::BufReader::with_capacity(1 << 20, zeros(size)), into).expect("memory takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_small_and_what_is_in_it_is_not() {
        let size = 64 << 20;
        for (name, bomb) in
            [("gzip", gzip(size)), ("zstd", zstd(size)), ("deflate", deflate(size)), ("br", brotli(size))]
        {
            assert!((bomb.len() as u64) < size / 900, "{name}: {} bytes", bomb.len());
        }
    }
}
