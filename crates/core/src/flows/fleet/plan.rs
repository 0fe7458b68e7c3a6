//! The plan: the sealed object is read once, its lines are put into order and cut.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Stores;
use crate::fleet::{Cut, Plan, Record, Request, Timing, cut};
use crate::flows::lines::Lines;
use crate::ids::{ObjectName, SubmissionId, TenantId};
use crate::ports::StoreError;
use crate::submission::Sealed;
use crate::submission::manifest::Manifest;

/// Where a submission's plan lies.
pub(super) fn name(submission: SubmissionId) -> ObjectName {
    ObjectName(format!("fleet/{submission}.plan"))
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Where the cuts of its chunks lie.
fn name_of_cuts(submission: SubmissionId) -> ObjectName {
    ObjectName(format!("fleet/{submission}.cuts"))
}

/// The cuts, written once: a create that is repeated makes the chunks of the first, whatever the settings are by then.
#[derive(Serialize, Deserialize)]
struct Cuts {
    tenants: Vec<TenantId>,
    cuts: Vec<Cut>,
}

/// The manifest's tenants and the cuts, of the plan that is there or of one that is written now.
pub(super) async fn made(
    stores: &Stores,
    submission: SubmissionId,
    sealed: &Sealed,
    timing: &Timing,
) -> Result<(Vec<TenantId>, Vec<Cut>), StoreError> {
    let name = name_of_cuts(submission);
    let Cuts { tenants, cuts } = match crate::flows::whole(stores.objects.as_ref(), &name).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        Err(StoreError::NotFound) => {
            let cuts = write(stores, submission, sealed, timing).await?;
            let bytes = serde_json::to_vec(&cuts).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            // After the plan: whoever finds the cuts finds what they cut.
            put(stores, &name, bytes.into()).await?;
            cuts
        }
        Err(error) => return Err(error),
    };
    Ok((tenants, cuts))
}

async fn put(stores: &Stores, name: &ObjectName, bytes: Bytes) -> Result<(), StoreError> {
    let mut writer = stores.objects.create(name).await?;
    writer.write(bytes).await?;
    writer.finish().await?;
    Ok(())
}

/// Writes the plan.
async fn write(
    stores: &Stores,
    submission: SubmissionId,
    sealed: &Sealed,
    timing: &Timing,
) -> Result<Cuts, StoreError> {
    let manifest = crate::flows::manifest_of(stores.objects.as_ref(), sealed).await?;
    let mut requests = Vec::with_capacity(manifest.len());
    let mut lines = Lines::of(stores.objects.stream(&sealed.object).await?.1);
    while let Some(line) = lines.next().await? {
        let length = u32::try_from(line.bytes.len()).unwrap_or(u32::MAX);
        requests.push(request(&manifest, Record { offset: line.offset, length }, &line.bytes)?);
    }
    let cuts = cut(&mut requests, timing);
    let plan = Plan::bytes(requests.iter().map(|request| request.record));
    put(stores, &name(submission), plan).await?;
    Ok(Cuts { tenants: manifest.tenants().to_vec(), cuts })
}

/// Whose line it is says the manifest, where several tenants share the submission.
fn request(manifest: &Manifest, record: Record, line: &Bytes) -> Result<Request, StoreError> {
    let line: Line<'_> =
        serde_json::from_slice(line).map_err(|_| StoreError::Corrupt("a sealed line is no request".to_owned()))?;
    let tenant = if manifest.tenants().len() > 1 {
        let entry = line.custom_id.parse().ok().and_then(|job| manifest.entry(manifest.find(job)?));
        entry.ok_or_else(|| StoreError::Corrupt("a sealed line is nobody's".to_owned()))?.tenant
    } else {
        0
    };
    Ok(Request::of(tenant, record, line.body.get()))
}

/// The records of one chunk.
pub(super) async fn records(
    stores: &Stores,
    submission: SubmissionId,
    first: u32,
    lines: u32,
) -> Result<Vec<Record>, StoreError> {
    let (offset, length) = (u64::from(first) * Plan::RECORD, u64::from(lines) * Plan::RECORD);
    Ok(Plan::records(&stores.objects.read(&name(submission), offset, length).await?))
}
