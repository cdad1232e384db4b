//! What all who go through JSON text need, and need fast.

/// The first byte at or after `at` that ends a run of a string's plain characters: a quote, a backslash or a control
/// character (RFC 8259 section 7). The text's length where there is none.
#[inline]
#[must_use]
pub fn plain_until(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let found = special(chunk);
        if found != 0 {
            return at + found.trailing_zeros() as usize / BITS;
        }
        at += BLOCK;
    }
    let rest = text.get(at..).unwrap_or_default();
    let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | ..b' ');
    at.min(text.len()) + rest.iter().take_while(|byte| plain(byte)).count()
}

/// So many bytes are looked at together.
#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 16;
#[cfg(not(target_arch = "x86_64"))]
const BLOCK: usize = 8;

/// The bits that stand for a byte in what `special` returns.
#[cfg(target_arch = "x86_64")]
const BITS: usize = 1;
#[cfg(not(target_arch = "x86_64"))]
const BITS: usize = 8;

/// A set bit for each byte that is no plain character.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special(chunk: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };

    const LAST_CONTROL: i8 = 0x1f;
    #[expect(unsafe_code, reason = "instructions that the compiler does not find by itself")]
    // SAFETY: every x86-64 machine has them; the chunk is as long as the load, which need not be aligned.
    unsafe {
        let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(LAST_CONTROL)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)).cast_unsigned()
    }
}

/// The high bit of each byte that is no plain character, and perhaps of bytes above the lowest such one.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn special(chunk: &[u8; BLOCK]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([0x01; BLOCK]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; BLOCK]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS;
    let word = u64::from_le_bytes(*chunk);
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    equals(b'"') | equals(b'\\') | below(word, b' ')
}

#[cfg(test)]
mod tests {
    use super::plain_until;

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for special in (0..b' ').chain([b'"', b'\\']) {
            for at in 0..70 {
                let mut text = vec![b'x'; 70];
                text[at] = special;
                text[69] = b'"';
                assert_eq!(plain_until(&text, 0), at, "{special}");
                assert_eq!(plain_until(&text, at), at);
                assert_eq!(plain_until(&text, at + 1), if at == 69 { 70 } else { 69 });
            }
        }
    }

    #[test]
    fn everything_else_is_plain() {
        let text: Vec<u8> = (b' '..=255).filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
        assert_eq!(plain_until(&text, 0), text.len());
        assert_eq!(plain_until(&text, text.len() + 5), text.len());
        assert_eq!(plain_until(b"", 0), 0);
    }
}
