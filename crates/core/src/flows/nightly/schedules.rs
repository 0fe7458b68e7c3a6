//! Keeping schedules: each hour that comes begins one batch.
//!
//! A schedule's row, among those of classes, says up to when it is kept. The first look writes it: what was to come
//! before that is not owed. After it only the latest occurrence is made up for, and none that is long past.

use futures_util::StreamExt;

use super::store::{self, Wanted};
use crate::batch::input::FirstEndpoint;
use crate::class::Departures;
use crate::endpoint::Endpoint;
use crate::file::File;
use crate::ids::{NativeBatchId, NativeFileId, derive};
use crate::nightly::{Occurrence, Schedule, ScheduledInput};
use crate::ports::{Ports, StoreError};

/// What was missed longer ago is left out: the next one is nearer.
const MISSED_MS: u64 = 12 * 3_600_000;

/// No file has this id.
const NO_FILE: NativeFileId = NativeFileId([0xff; 16]);

/// An input as it is found when it is due.
struct Found {
    input: NativeFileId,
    /// What was looked for, where there is none.
    missing: Option<String>,
    endpoint: Option<Endpoint>,
}

/// Begins what is due; returns how many batches that were.
pub(super) async fn keep(ports: &Ports, stop_ms: u64) -> usize {
    let mut begun = 0;
    for schedule in &ports.settings.nightly.schedules {
        if ports.clock.now_ms() >= stop_ms {
            break;
        }
        match Box::pin(keep_one(ports, schedule)).await {
            Ok(is_begun) => begun += usize::from(is_begun),
            Err(error) => tracing::error!(%error, schedule = schedule.name, "a schedule could not be kept"),
        }
    }
    begun
}

async fn keep_one(ports: &Ports, schedule: &Schedule) -> Result<bool, StoreError> {
    let now_ms = ports.clock.now_ms();
    let Some(last) = schedule.last(now_ms) else { return Ok(false) };
    let key = format!("schedule/{}", schedule.name);
    let row = ports.classes.get(&key).await?;
    if row.version == 0 {
        ports.classes.replace(&key, &Departures { departed_ms: now_ms, ..row }).await?;
        return Ok(false);
    }
    if last.at_ms <= row.departed_ms || now_ms.saturating_sub(last.at_ms) > MISSED_MS {
        return Ok(false);
    }
    begin(ports, schedule, last).await?;
    ports.classes.replace(&key, &Departures { departed_ms: last.at_ms, ..row }).await?;
    Ok(true)
}

/// Creates the batch of an occurrence, unless there is one.
async fn begin(ports: &Ports, schedule: &Schedule, occurrence: Occurrence) -> Result<(), StoreError> {
    let id = NativeBatchId(words(schedule, occurrence, "batch"));
    if ports.batches.get(id).await?.is_some() {
        return Ok(());
    }
    let Found { input, missing, endpoint } = find(ports, schedule, occurrence).await?;
    let wanted = Wanted {
        id,
        tenant: schedule.tenant.clone(),
        input,
        misnamed: missing,
        endpoint: schedule.endpoint.or(endpoint),
        note: ("schedule", schedule.name.clone()),
        outbox: schedule.outbox(occurrence),
    };
    store::batch(ports, wanted).await?;
    tracing::info!(batch = %id, schedule = schedule.name, date = %occurrence.date, "begun by a schedule");
    Ok(())
}

/// What is not there is an error of the batch, so that its summary says it.
async fn find(ports: &Ports, schedule: &Schedule, occurrence: Occurrence) -> Result<Found, StoreError> {
    match &schedule.input {
        ScheduledInput::File(id) => {
            Ok(Found { input: *id, missing: None, endpoint: first_endpoint(ports, schedule, *id).await? })
        }
        ScheduledInput::Path(path) => match ports.mailbox.input(path).await {
            Ok(content) => {
                let id = NativeFileId::derived(words(schedule, occurrence, "file"));
                let new = store::file(&schedule.tenant, format!("{}.jsonl", schedule.name), id);
                let (input, endpoint) = store::input(ports, content, new).await?;
                Ok(Found { input, missing: None, endpoint })
            }
            Err(StoreError::NotFound) => {
                Ok(Found { input: NO_FILE, missing: Some(format!("schedules/{path}")), endpoint: None })
            }
            Err(error) => Err(error),
        },
    }
}

/// The endpoint that the first line of a file names; none if the file is not there or not the tenant's.
async fn first_endpoint(ports: &Ports, schedule: &Schedule, id: NativeFileId) -> Result<Option<Endpoint>, StoreError> {
    let of_tenant = |file: &File| file.tenant == schedule.tenant;
    let Some(file) = ports.files.get(id).await?.filter(of_tenant) else { return Ok(None) };
    let mut pieces = match ports.objects.stream(&file.object).await {
        Ok((_, pieces)) => pieces,
        Err(StoreError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut first = FirstEndpoint::default();
    while !first.is_known() {
        let Some(piece) = pieces.next().await else { break };
        first.push(&piece?);
    }
    Ok(first.end())
}

/// What is known by a schedule and an hour: the same for whoever keeps it.
fn words(schedule: &Schedule, occurrence: Occurrence, what: &str) -> [u8; 16] {
    derive(&["schedule", what, schedule.tenant.as_str(), &schedule.name, &occurrence.at_ms.to_string()])
}
