//! A pool of instances with own model servers, as the environment of the scaler names it.

use std::sync::Arc;

use offpeak_core::fleet::{Purchase, Scaling};
use offpeak_core::flows::fleet::scaling::{Rules, Scaler};

use crate::resources::Variable;
use crate::{Chunks, Clients, Connection, Groups, Objects, ResourceError, SystemClock, environment};

const TABLE: Variable = Variable("OFFPEAK_CHUNKS_TABLE", "the table ChunksTable");
const BUCKET: Variable = Variable("OFFPEAK_BUCKET", "the bucket Bucket");
const SPOT: Variable = Variable("OFFPEAK_SPOT_GROUP", "the stack's name");
const ON_DEMAND: Variable = Variable("OFFPEAK_ON_DEMAND_GROUP", "the stack's name");
const MODEL: Variable = Variable("OFFPEAK_FLEET_MODEL", "the parameter FleetModel");
const RATE: Variable = Variable("OFFPEAK_FLEET_RATE", "the parameter FleetTokensPerSecond");
const DRAIN: Variable = Variable("OFFPEAK_FLEET_DRAIN", "the parameter FleetDrainMinutes");
const BOOT: Variable = Variable("OFFPEAK_FLEET_BOOT", "the parameter FleetBootMinutes");
const FALL_BACK: Variable = Variable("OFFPEAK_FLEET_FALL_BACK", "the parameter FleetOnDemandAfter");
const SILENT: Variable = Variable("OFFPEAK_FLEET_SILENT", "the parameter FleetSilentMinutes");
const MOST: Variable = Variable("OFFPEAK_FLEET_MOST", "the parameter FleetMaxInstances");

/// What a pool is made of, and what was decided of it.
#[derive(Debug, Clone)]
pub struct Pool {
    /// The table of chunks.
    pub table: String,
    /// The bucket of objects.
    pub bucket: String,
    /// The groups' names.
    pub groups: Vec<(Purchase, String)>,
    /// What was decided of it.
    pub rules: Rules,
}

impl Pool {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`ResourceError`] names the variable and where the template takes it from.
    pub fn from_environment() -> Result<Self, ResourceError> {
        Self::read(environment::variable)
    }

    fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ResourceError> {
        let must = |variable: &Variable| variable.must(&look_up);
        let minutes = |variable: &Variable| Ok(u64::from(number(variable, &must(variable)?)?) * 60_000);
        let fall_back_ms = if must(&FALL_BACK)? == "never" { u64::MAX } else { minutes(&FALL_BACK)? };
        let scaling = Scaling {
            drain_ms: minutes(&DRAIN)?,
            boot_ms: minutes(&BOOT)?,
            silent_ms: minutes(&SILENT)?,
            fall_back_ms,
            ceiling: number(&MOST, &must(&MOST)?)?,
            ..Scaling::default()
        };
        if scaling.silent_ms <= scaling.boot_ms {
            return Err(SILENT.odd("more than FleetBootMinutes: whoever starts is silent"));
        }
        Ok(Self {
            table: must(&TABLE)?,
            bucket: must(&BUCKET)?,
            groups: vec![(Purchase::Spot, must(&SPOT)?), (Purchase::OnDemand, must(&ON_DEMAND)?)],
            rules: Rules { model: must(&MODEL)?, tokens_per_second: number(&RATE, &must(&RATE)?)?, scaling },
        })
    }

    /// Who looks at it. Calls nothing.
    pub async fn scaler(self, connection: &Connection) -> Scaler {
        let clients = Clients::connect(connection).await;
        Scaler {
            chunks: Arc::new(Chunks::new(clients.dynamodb, self.table)),
            capacity: Arc::new(Groups::connect(connection, self.groups).await),
            objects: Arc::new(Objects::new(clients.s3, self.bucket)),
            clock: Arc::new(SystemClock),
            rules: self.rules,
        }
    }
}

fn number(variable: &Variable, text: &str) -> Result<u32, ResourceError> {
    text.parse().map_err(|_| variable.odd("a whole number"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SET: [(&str, &str); 11] = [
        ("OFFPEAK_CHUNKS_TABLE", "chunks-1"),
        ("OFFPEAK_BUCKET", "bucket-1"),
        ("OFFPEAK_SPOT_GROUP", "s-spot"),
        ("OFFPEAK_ON_DEMAND_GROUP", "s-on-demand"),
        ("OFFPEAK_FLEET_MODEL", "llama"),
        ("OFFPEAK_FLEET_RATE", "3500"),
        ("OFFPEAK_FLEET_DRAIN", "60"),
        ("OFFPEAK_FLEET_BOOT", "4"),
        ("OFFPEAK_FLEET_FALL_BACK", "10"),
        ("OFFPEAK_FLEET_SILENT", "15"),
        ("OFFPEAK_FLEET_MOST", "4"),
    ];

    fn with(name: &str, value: &str) -> Result<Pool, ResourceError> {
        let mut set: BTreeMap<&str, &str> = SET.into();
        set.insert(name, value);
        Pool::read(|name| set.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_environment_names_a_pool() {
        let pool = with("", "").unwrap();
        assert_eq!((pool.table.as_str(), pool.bucket.as_str(), pool.groups.len()), ("chunks-1", "bucket-1", 2));
        let Scaling { drain_ms, boot_ms, silent_ms, fall_back_ms, ceiling, .. } = pool.rules.scaling;
        assert_eq!((drain_ms, boot_ms, silent_ms, fall_back_ms, ceiling), (3_600_000, 240_000, 900_000, 600_000, 4));
        assert_eq!(with("OFFPEAK_FLEET_FALL_BACK", "never").unwrap().rules.scaling.fall_back_ms, u64::MAX);
    }

    #[test]
    fn what_is_missing_or_odd_is_named() {
        for (name, _) in SET {
            let error = with(name, "").unwrap_err();
            assert!(matches!(error, ResourceError::Missing { variable, .. } if variable == name), "{error}");
        }
        for (name, value) in
            [("OFFPEAK_FLEET_RATE", "many"), ("OFFPEAK_FLEET_FALL_BACK", "-1"), ("OFFPEAK_FLEET_SILENT", "4")]
        {
            let error = with(name, value).unwrap_err();
            assert!(matches!(error, ResourceError::Odd { variable, .. } if variable == name), "{error}");
        }
    }
}
