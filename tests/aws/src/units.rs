//! Money to the picodollar: no price of AWS is finer, and sums of whole numbers are exact.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// An amount in picodollars (10⁻¹² dollars).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money(pub u128);

impl Money {
    /// Hundredths of a cent: `$1.2345` is 12,345.
    pub const fn of_hundredths(hundredths_of_a_cent: u128) -> Self {
        Self(hundredths_of_a_cent * 100_000_000)
    }

    /// So many times this, divided by a count; rounded up.
    #[must_use]
    pub const fn times(self, many: u128, per: u128) -> Self {
        Self((self.0 * many).div_ceil(per))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

impl fmt::Display for Money {
    /// In dollars, rounded to a hundredth of a cent.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0 + 50_000_000) / 100_000_000;
        formatter.pad_integral(true, "", &format!("${}.{:04}", hundredths / 10_000, hundredths % 10_000))
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn dollars_have_four_places() {
        assert_eq!(Money::of_hundredths(12_345).to_string(), "$1.2345");
        assert_eq!(Money(49_999_999).to_string(), "$0.0000");
        assert_eq!(Money::of_hundredths(10_000).times(1, 3).0, 333_333_333_334);
    }
}
