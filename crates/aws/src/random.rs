//! Randomness from the operating system.

use offpeak_core::ports::Random;
use rand::Rng;

/// A generator per thread, seeded by the operating system and reseeded as it goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bits(&self) -> [u8; 16] {
        let mut bits = [0; 16];
        rand::rng().fill_bytes(&mut bits);
        bits
    }
}
