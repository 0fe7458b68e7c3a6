//! The judge of money: what the provider's ledger says was run must have been asked for, once.

use std::collections::BTreeMap;

use offpeak_core::batch::Batch;
use offpeak_core::ids::{NativeBatchId, SubmissionId};
use serde_json::Value;

use super::judge::{Case, was_forsaken};
use crate::crash::targets::misnamed;
use crate::provider::Execution;

pub(super) fn judge(case: &mut Case<'_>) {
    let runs = runs(case);
    no_line_is_paid_twice(case, &runs);
    every_submission_is_one_batch_that_fits(case);
    for why in misnamed(&case.world.watch.fakes) {
        case.fail(why);
    }
    nothing_private_leaves(case);
    usage_is_what_was_answered(case);
}

/// Step 6: the lines of what is private run on own model servers only.
fn nothing_private_leaves(case: &mut Case<'_>) {
    let outside = case.world.providers.outside();
    for (_, plan, batch) in case.callers() {
        let ours = |run: &&Execution| batch.part(run.submission).is_some();
        if let Some(run) = outside.iter().find(ours).filter(|_| plan.private) {
            case.fail(format!("{} is private, and '{}' ran in {}", batch.id, run.custom_id, run.batch));
        }
    }
}

/// Executions by batch and line, each of a submission that its batch's row names.
fn runs(case: &mut Case<'_>) -> BTreeMap<(NativeBatchId, String), Vec<Execution>> {
    let mut owners: BTreeMap<SubmissionId, NativeBatchId> = BTreeMap::new();
    for batch in case.batches.values() {
        owners.extend(batch.parts.iter().map(|part| (part.submission, batch.id)));
    }
    let mut runs: BTreeMap<(NativeBatchId, String), Vec<Execution>> = BTreeMap::new();
    for run in case.world.providers.executions() {
        match owners.get(&run.submission) {
            Some(batch) => runs.entry((*batch, run.custom_id.clone())).or_default().push(run),
            None => case.fail(format!("'{}' ran in {}, which no batch names", run.custom_id, run.submission)),
        }
    }
    runs
}

fn no_line_is_paid_twice(case: &mut Case<'_>, runs: &BTreeMap<(NativeBatchId, String), Vec<Execution>>) {
    // At each later target a line may run once more, also where its attempts are spent.
    let later = if case.world.plan.later.is_some() { 2 } else { 0 };
    let most = case.world.plan.timing.max_attempts as usize + later;
    for ((id, custom_id), runs) in runs {
        let billed = runs.iter().filter(|run| run.billed).count();
        if billed > 1 {
            case.fail(format!("{id}: '{custom_id}' was paid for {billed} times"));
        }
        if runs.len() > most {
            case.fail(format!("{id}: '{custom_id}' ran {} times", runs.len()));
        }
        for (n, run) in runs.iter().enumerate() {
            if runs[..n].iter().any(|before| before.submission == run.submission) {
                case.fail(format!("{id}: '{custom_id}' ran twice in {}", run.submission));
            }
        }
        let Some(batch) = case.batches.get(id).cloned() else { continue };
        if billed > 0 && !was_forsaken(case, &batch) && !is_answered(case, &batch, custom_id) {
            case.fail(format!("{id}: '{custom_id}' was paid for, and its answer thrown away"));
        }
    }
}

fn is_answered(case: &Case<'_>, batch: &Batch, custom_id: &str) -> bool {
    let fakes = &case.world.watch.fakes;
    let output = batch.state.results().and_then(|results| results.output);
    let file = fakes.files.snapshot().into_iter().find(|file| Some(file.id) == output);
    let bytes = file.and_then(|file| fakes.objects.bytes(&file.object)).unwrap_or_default();
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .any(|line| line["custom_id"] == custom_id)
}

fn every_submission_is_one_batch_that_fits(case: &mut Case<'_>) {
    let mut batches: BTreeMap<SubmissionId, u32> = BTreeMap::new();
    for batch in case.world.providers.batches() {
        *batches.entry(batch.submission).or_default() += 1;
    }
    for (submission, count) in batches.into_iter().filter(|(_, count)| *count > 1) {
        case.fail(format!("{submission} was created {count} times"));
    }
    let limits = case.world.plan.limits;
    for row in case.world.watch.fakes.submissions.snapshot() {
        let Some(sealed) = &row.sealed else { continue };
        let bytes = case.world.watch.fakes.objects.bytes(&sealed.object).map_or(0, |object| object.len() as u64);
        if bytes > limits.bytes || sealed.size.bytes != bytes || sealed.size.requests > limits.requests {
            case.fail(format!("{} holds {bytes} bytes and says {:?}", row.id, sealed.size));
        }
    }
}

/// What is recorded of a batch's submissions is what its row says.
fn usage_is_what_was_answered(case: &mut Case<'_>) {
    let rows = case.world.watch.fakes.usage.snapshot();
    for batch in case.batches.values().cloned().collect::<Vec<_>>() {
        let ours = rows.iter().filter(|row| batch.part(row.submission).is_some());
        let recorded = ours.fold((0, 0), |sum, row| (sum.0 + row.input_tokens, sum.1 + row.output_tokens));
        let usage = batch.usage();
        if recorded != (usage.input_tokens, usage.output_tokens) {
            case.fail(format!("{} used {usage:?}, and {recorded:?} is recorded", batch.id));
        }
    }
}
