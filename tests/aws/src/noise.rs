//! Text that compression cannot help.

/// Text that hardly shrinks: digits of a linear congruence in base 64.
pub fn noise(mut seed: u64, length: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut draw = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(DIGITS[usize::try_from(seed >> 58).unwrap_or_default()])
    };
    std::iter::repeat_with(&mut draw).take(length).collect()
}
