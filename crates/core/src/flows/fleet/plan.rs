//! The plan: the sealed object is read once, its lines are put into order and cut.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
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

/// Writes the plan; returns the manifest's tenants, and the cuts. What was sealed never changes, so every writer writes the
/// same.
pub(super) async fn write(
    stores: &Stores,
    submission: SubmissionId,
    sealed: &Sealed,
    timing: &Timing,
) -> Result<(Vec<TenantId>, Vec<Cut>), StoreError> {
    let manifest = crate::flows::manifest_of(stores.objects.as_ref(), sealed).await?;
    let mut requests = Vec::with_capacity(manifest.len());
    let mut lines = Lines::of(stores.objects.stream(&sealed.object).await?.1);
    while let Some(line) = lines.next().await? {
        let length = u32::try_from(line.bytes.len()).unwrap_or(u32::MAX);
        requests.push(request(&manifest, Record { offset: line.offset, length }, &line.bytes)?);
    }
    let cuts = cut(&mut requests, timing);
    let plan = Plan::bytes(requests.iter().map(|request| request.record));
    let mut writer = stores.objects.create(&name(submission)).await?;
    writer.write(plan).await?;
    writer.finish().await?;
    Ok((manifest.tenants().to_vec(), cuts))
}

/// Whose line it is says the manifest, where several tenants share the submission.
fn request(manifest: &Manifest, record: Record, line: &Bytes) -> Result<Request, StoreError> {
    let line: Line<'_> =
        serde_json::from_slice(line).map_err(|_| StoreError::Corrupt("a sealed line is no request".to_owned()))?;
    let several = manifest.tenants().len() > 1;
    let entry = several.then(|| manifest.find(line.custom_id.parse().ok()?)).flatten();
    let tenant = entry.and_then(|index| manifest.entry(index)).map_or(0, |entry| entry.tenant);
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
