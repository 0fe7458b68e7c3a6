//! What AWS counts of a call.

use std::collections::BTreeMap;

use crate::{Call, Calls, Function, Money, price};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meter {
    /// A request of an HTTP API, each begun 512 KB of it.
    HttpApiRequest,
    /// An invocation of a function.
    LambdaRequest,
    /// A function's memory while it runs.
    LambdaMbMillisecond,
    /// A request of a queue, each begun 64 KB of it.
    QueueRequest,
    /// A write of each begun KB of an item, to its table or to an index.
    WriteUnit,
    /// A read of each begun 4 KB of an item, eventually consistent; a strongly consistent one counts two.
    HalfReadUnit,
    /// PUT, POST and LIST.
    ObjectWrite,
    /// GET and HEAD.
    ObjectRead,
    /// A use of a KMS key.
    KeyRequest,
    /// Having a KMS key.
    KeyMonth,
    /// A run of a schedule.
    ScheduleRun,
    /// A byte of logs.
    LogByte,
    /// Having an alarm.
    AlarmMonth,
    /// Having a metric of one's own.
    MetricMonth,
    /// A byte that leaves AWS.
    EgressByte,
}

/// How much of each was used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage(BTreeMap<Meter, u128>);

const QUEUE_CHUNK: u64 = 64 << 10;

impl Usage {
    /// So much of one.
    pub fn of(meter: Meter, units: u128) -> Self {
        Self(BTreeMap::from([(meter, units)]))
    }

    /// What a call counts, for items of at most 1 KB, which the tests of the bill see to.
    pub fn of_call(call: &Call) -> Self {
        let entries = u128::from(call.entries);
        match (call.service.as_str(), call.operation.as_str()) {
            ("SQS", _) => Self::of(Meter::QueueRequest, u128::from(call.request_bytes.div_ceil(QUEUE_CHUNK).max(1))),
            ("DynamoDB", "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem") => {
                Self::of(Meter::WriteUnit, entries)
            }
            // All reads are taken for strongly consistent ones.
            ("DynamoDB", "GetItem" | "BatchGetItem" | "Query" | "Scan") => Self::of(Meter::HalfReadUnit, 2 * entries),
            ("S3", "GetObject" | "HeadObject") => Self::of(Meter::ObjectRead, 1),
            ("S3", "DeleteObject" | "AbortMultipartUpload") | ("SSM", "GetParametersByPath") => Self::default(),
            ("S3", _) => Self::of(Meter::ObjectWrite, 1),
            ("KMS", _) => Self::of(Meter::KeyRequest, 1),
            (service, operation) => panic!("what does {operation} of {service} count?"),
        }
    }

    /// What a function's calls and logs count.
    pub fn of_function(calls: &Calls, function: Function) -> Self {
        let logs = Self::of(Meter::LogByte, u128::from(calls.log_bytes_of(function)));
        calls.of(function).fold(logs, |sum, call| sum.and(&Self::of_call(call)))
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (meter, units) in &other.0 {
            *self.0.entry(*meter).or_default() += units;
        }
        self
    }

    /// Only what these count.
    #[must_use]
    pub fn only(&self, meters: &[Meter]) -> Self {
        Self(self.0.iter().filter(|(meter, _)| meters.contains(meter)).map(|(meter, units)| (*meter, *units)).collect())
    }

    /// Without another, as far as there is any.
    #[must_use]
    pub fn less(mut self, other: &Self) -> Self {
        for (meter, units) in &mut self.0 {
            *units = units.saturating_sub(other.units(*meter));
        }
        self
    }

    /// So many times this, divided by a count; rounded up.
    #[must_use]
    pub fn times(mut self, many: u128, per: u128) -> Self {
        for units in self.0.values_mut() {
            *units = (*units * many).div_ceil(per);
        }
        self
    }

    /// How much of one there is.
    pub fn units(&self, meter: Meter) -> u128 {
        self.0.get(&meter).copied().unwrap_or_default()
    }

    /// What it costs.
    pub fn price(&self) -> Money {
        self.0.iter().map(|(meter, units)| price(*meter, *units)).sum()
    }
}
