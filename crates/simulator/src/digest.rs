//! Cheap, well-mixed numbers: digests of bytes, ids and draws. None of them is a secret.

use std::hash::{DefaultHasher, Hasher};

/// A 128-bit digest of `parts`, each set apart from its neighbours.
pub(crate) fn digest(parts: &[&[u8]]) -> u128 {
    let mut low = DefaultHasher::new();
    let mut high = DefaultHasher::new();
    high.write_u64(0x9e37_79b9_7f4a_7c15);
    for part in parts {
        for hasher in [&mut low, &mut high] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
    }
    (u128::from(high.finish()) << 64) | u128::from(low.finish())
}

/// The lower 64 bits of a digest.
pub(crate) fn low_half(digest: u128) -> u64 {
    u64::try_from(digest & u128::from(u64::MAX)).unwrap_or_default()
}

/// Spreads `number` over all 64 bits, one to one (`SplitMix64`'s finish).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number from 0 (included) to 1 (excluded) that only `number` decides.
pub(crate) fn fraction(number: u64) -> f64 {
    let upper = u32::try_from(mix(number) >> 32).unwrap_or_default();
    f64::from(upper) / 4_294_967_296.0
}

/// Appends `number` as 32 lower-case hexadecimal digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, number: u128) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in number.to_be_bytes() {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}
