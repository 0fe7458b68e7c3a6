//! What AWS asks for: list prices of us-east-1 before free tiers.

use crate::{Meter, Money};

/// A price.
#[derive(Debug, Clone, Copy)]
pub struct Price {
    /// For what.
    pub meter: Meter,
    /// Asked for each lot.
    pub money: Money,
    /// How many units are a lot.
    pub lot: u128,
    /// Where it is written.
    pub source: &'static str,
    /// When it was read there.
    pub read: &'static str,
}

const fn of(meter: Meter, money: Money, lot: u128, source: &'static str) -> Price {
    Price { meter, money, lot, source, read: "2026-11-20" }
}

const MILLION: u128 = 1_000_000;
const GB: u128 = 1 << 30;
/// A gigabyte of memory for a second, in the megabyte-milliseconds that are counted.
const GB_SECOND: u128 = 1_024 * 1_000;

/// Every price that is reckoned with.
pub const PRICES: [Price; 15] = [
    of(Meter::HttpApiRequest, Money::of_hundredths(10_000), MILLION, "https://aws.amazon.com/api-gateway/pricing/"),
    of(Meter::LambdaRequest, Money::of_hundredths(2_000), MILLION, "https://aws.amazon.com/lambda/pricing/"),
    // $0.0000133334 for a GB-second on arm64.
    of(Meter::LambdaMbMillisecond, Money(13_333_400), GB_SECOND, "https://aws.amazon.com/lambda/pricing/"),
    of(Meter::QueueRequest, Money::of_hundredths(4_000), MILLION, "https://aws.amazon.com/sqs/pricing/"),
    of(Meter::WriteUnit, Money::of_hundredths(6_250), MILLION, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    of(Meter::HalfReadUnit, Money::of_hundredths(625), MILLION, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    of(Meter::ObjectWrite, Money::of_hundredths(50_000), MILLION, "https://aws.amazon.com/s3/pricing/"),
    of(Meter::ObjectRead, Money::of_hundredths(4_000), MILLION, "https://aws.amazon.com/s3/pricing/"),
    of(Meter::KeyRequest, Money::of_hundredths(300), 10_000, "https://aws.amazon.com/kms/pricing/"),
    of(Meter::KeyMonth, Money::of_hundredths(10_000), 1, "https://aws.amazon.com/kms/pricing/"),
    of(Meter::ScheduleRun, Money::of_hundredths(10_000), MILLION, "https://aws.amazon.com/eventbridge/pricing/"),
    of(Meter::LogByte, Money::of_hundredths(5_000), GB, "https://aws.amazon.com/cloudwatch/pricing/"),
    of(Meter::AlarmMonth, Money::of_hundredths(1_000), 1, "https://aws.amazon.com/cloudwatch/pricing/"),
    of(Meter::MetricMonth, Money::of_hundredths(3_000), 1, "https://aws.amazon.com/cloudwatch/pricing/"),
    of(Meter::EgressByte, Money::of_hundredths(900), GB, "https://aws.amazon.com/ec2/pricing/on-demand/"),
];

/// What so many units cost.
pub fn price(meter: Meter, units: u128) -> Money {
    let price = PRICES.iter().find(|price| price.meter == meter);
    let price = price.unwrap_or_else(|| panic!("{meter:?} has no price"));
    price.money.times(units, price.lot)
}
