//! The judge: after a run, what each caller got out must agree with what it put in.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_core::batch::{Batch, Collected, Part, State, StateKind};
use offpeak_core::file::File;
use offpeak_core::flows::audit_batches::audit_batches;
use offpeak_core::ids::{NativeBatchId, NativeFileId, SubmissionId};
use offpeak_core::notice::EventType;
use serde_json::Value;

use super::plan::BatchPlan;
use super::world::World;
use super::{Counts, Outcome, input, judge_money};
use crate::crash::judge_notices::{Owed, wrongs};
use crate::crash::plan::SKEW_MS;
use crate::crash::receivers::{subscribed, webhook};
use crate::crash::targets::SECOND;
use crate::fakes::TokioClock;

/// Everything the judge looks at, after a run.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) batches: BTreeMap<NativeBatchId, Batch>,
    pub(super) failures: Vec<String>,
}

impl Case<'_> {
    pub(super) fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    /// The batch of each caller, with its number and its plan.
    pub(super) fn callers(&self) -> Vec<(usize, BatchPlan, Batch)> {
        let heard = self.world.heard.batches.lock().clone();
        let one = |(number, plan): (usize, &BatchPlan)| {
            let batch = self.batches.get(heard.get(&number)?)?;
            Some((number, plan.clone(), batch.clone()))
        };
        self.world.plan.batches.iter().enumerate().filter_map(one).collect()
    }
}

/// Judges a run that has ended, or that was cut off because it did not.
pub(super) async fn judge(world: &World, ended: bool) -> Outcome {
    let rows = world.watch.fakes.batches.snapshot();
    let failures = world.heard.wrongs.lock().clone();
    let mut case = Case { world, batches: rows.into_iter().map(|row| (row.id, row)).collect(), failures };
    if !ended {
        case.fail("the world did not come to rest".to_owned());
    }
    if case.callers().len() != world.plan.batches.len() || case.batches.len() != world.plan.batches.len() {
        case.fail(format!("{} callers, and {} batches", world.plan.batches.len(), case.batches.len()));
    }
    for (number, plan, batch) in case.callers() {
        every_state_has_its_reason(&mut case, &plan, &batch);
        every_line_is_spoken_for_once(&mut case, number, &plan, &batch);
    }
    nobody_is_late_without_need(&mut case);
    judge_money::judge(&mut case);
    every_end_is_told(&mut case);
    the_audit_agrees(&mut case).await;
    Outcome { counts: counts(&case), failures: case.failures, trace: world.watch.trace.lines() }
}

/// Each end told to the tenant's receiver, and to the one that its batches name.
fn every_end_is_told(case: &mut Case<'_>) {
    let mut owed = BTreeSet::new();
    for (_, plan, batch) in case.callers() {
        let Some(event) = EventType::of_batch(batch.state.kind()) else { continue };
        let named = webhook(plan.tenant).and_then(|webhook| webhook.url);
        for url in subscribed(plan.tenant).into_iter().chain(named) {
            owed.insert(Owed { object: batch.id.text(), event, url });
        }
    }
    let told = case.world.receivers.told.lock().clone();
    case.failures.extend(wrongs(&case.world.watch.fakes, &told, &owed));
}

async fn the_audit_agrees(case: &mut Case<'_>) {
    match audit_batches(&case.world.ports, &case.world.watch.fakes.batches).await {
        Ok(report) => {
            for violation in report.violations {
                case.fail(format!("the audit: {}: {}", violation.batch, violation.what));
            }
        }
        Err(error) => case.fail(format!("the audit fails: {error}")),
    }
}

fn counts(case: &Case<'_>) -> Counts {
    let pages = case.world.watch.book.with(|pages| pages.counts);
    let of = |kind| case.batches.values().filter(|batch| batch.state.kind() == kind).count() as u64;
    let parts = || case.batches.values().flat_map(|batch| &batch.parts);
    Counts {
        seeds: 1,
        batches: case.batches.len() as u64,
        completed: of(StateKind::Completed),
        failed: of(StateKind::Failed),
        expired: of(StateKind::Expired),
        cancelled: of(StateKind::Cancelled),
        lines: case.batches.values().map(|batch| batch.lines).sum(),
        parts: parts().count() as u64,
        taken: parts().filter(|part| part.again_of.is_some() && part.lane.provider == SECOND).count() as u64,
        reruns: parts().filter_map(|part| part.collected()).map(|collected| collected.rerun).sum(),
        told: case.world.receivers.told.lock().len() as u64,
        kills: pages.kills,
        lost_replies: pages.lost_replies,
    }
}

fn every_state_has_its_reason(case: &mut Case<'_>, plan: &BatchPlan, batch: &Batch) {
    let cancelled = case.world.heard.cancelled.lock().contains(&batch.id);
    let (kind, id) = (batch.state.kind(), batch.id);
    if cancelled != (kind == StateKind::Cancelled) {
        case.fail(format!("{id} is {}, and its cancel was {}taken", kind.name(), if cancelled { "" } else { "not " }));
    }
    if (kind == StateKind::Failed) != (plan.broken.is_some() && !cancelled) {
        case.fail(format!("{id} is {}, and its broken line is {:?}", kind.name(), plan.broken));
    }
    if let State::Failed { errors } = &batch.state
        && errors.iter().map(|error| error.line).ne([plan.broken.map(|line| line as u64 + 1)])
    {
        case.fail(format!("{id} failed with {errors:?}"));
    }
    let ended_ms = batch.times.ended_ms.unwrap_or(0);
    if kind == StateKind::Expired && ended_ms + 2 * SKEW_MS < batch.deadline_ms && !was_forsaken(case, batch) {
        case.fail(format!("{id} expired before its time"));
    }
}

/// Step 6: a batch whose grace begins in clear weather is done in time where the later target was sound all along, and no
/// line of it is given up; unless the provider cannot be stopped, and may still be running.
fn nobody_is_late_without_need(case: &mut Case<'_>) {
    let Some(later) = case.world.plan.later.filter(|later| !later.tempered) else { return };
    let calm_ms = TokioClock::EPOCH_MS + case.world.plan.calm_ms + SKEW_MS;
    let unstoppable: Vec<SubmissionId> =
        case.world.providers.batches().into_iter().filter(|batch| batch.deaf).map(|batch| batch.submission).collect();
    for batch in case.batches.values().cloned().collect::<Vec<_>>() {
        let clear = batch.deadline_ms.saturating_sub(later.grace_ms) >= calm_ms;
        let stopped = !batch.parts.iter().any(|part| unstoppable.contains(&part.submission));
        let given_up = |home: &Collected| home.unrun > 0 && home.rest.code == "result_missing";
        let late = batch.state.kind() == StateKind::Expired
            || batch.state.kind() == StateKind::Completed
                && batch.parts.iter().filter_map(Part::collected).any(given_up);
        if clear && stopped && late && !was_forsaken(case, &batch) {
            case.fail(format!("{} is late, and a later target was sound", batch.id));
        }
    }
}

/// Whether a submission of the batch was given up while the provider's batch may still have run.
pub(super) fn was_forsaken(case: &Case<'_>, batch: &Batch) -> bool {
    case.world.watch.book.with(|pages| batch.parts.iter().any(|part| pages.forsaken.contains(&part.submission)))
}

/// Conservation: input lines = output lines + error lines, each once, each with its own answer.
fn every_line_is_spoken_for_once(case: &mut Case<'_>, number: usize, plan: &BatchPlan, batch: &Batch) {
    let Some(results) = batch.state.results().cloned() else { return };
    if plan.broken.is_some() {
        if batch.lines > 0 || results.output.is_some() || results.errors.is_some() {
            case.fail(format!("{} was refused, and has results", batch.id));
        }
        return;
    }
    let mut questions = input::questions(number, plan);
    let mut lines = (0_u64, 0_u64);
    for (file, is_output) in [(results.output, true), (results.errors, false)] {
        let Some(file) = file else { continue };
        for line in read(case, batch, file) {
            *if is_output { &mut lines.0 } else { &mut lines.1 } += 1;
            let custom_id = line["custom_id"].as_str().unwrap_or_default().to_owned();
            match questions.remove(&custom_id) {
                Some(question) if is_output => answered(case, batch, &question, &line),
                Some(_) => failed(case, batch, &line),
                None => case.fail(format!("{}: '{custom_id}' is nobody's, or stands twice", batch.id)),
            }
        }
    }
    if let Some((custom_id, _)) = questions.first_key_value() {
        case.fail(format!("{}: '{custom_id}' and {} others are lost", batch.id, questions.len() - 1));
    }
    let counts = batch.counts();
    if (counts.completed, counts.failed) != lines || counts.total != plan.lines as u64 {
        case.fail(format!("{} counts {counts:?}, and has {lines:?} lines", batch.id));
    }
}

fn answered(case: &mut Case<'_>, batch: &Batch, question: &str, line: &Value) {
    let response = &line["response"];
    if response["status_code"] != 200 || response["body"]["echo"] != question || !line["error"].is_null() {
        case.fail(format!("{}: question {question} is answered {line}", batch.id));
    }
    if !line["id"].as_str().is_some_and(|id| id.starts_with("batch_req_")) {
        case.fail(format!("{}: {line} has no id", batch.id));
    }
}

/// A line that was not answered with success: the provider's answer, or a reason that fits the batch's end.
fn failed(case: &mut Case<'_>, batch: &Batch, line: &Value) {
    if line["response"]["status_code"].as_u64().is_some_and(|status| status >= 400) {
        return;
    }
    let kind = batch.state.kind();
    let fits = match line["error"]["code"].as_str() {
        Some("batch_cancelled") => kind == StateKind::Cancelled,
        Some("batch_expired") => matches!(kind, StateKind::Expired | StateKind::Cancelled),
        // The provider's own, or that its attempts are spent.
        Some(
            "result_missing" | "request_timeout" | "mismatched_model" | "invalid_request" | "token_limit_exceeded",
        ) => true,
        Some(_) | None => false,
    };
    if !fits {
        case.fail(format!("{} is {}, and has {line}", batch.id, kind.name()));
    }
}

/// The lines of a batch's file.
fn read(case: &mut Case<'_>, batch: &Batch, id: NativeFileId) -> Vec<Value> {
    let fakes = &case.world.watch.fakes;
    let row: Option<File> = fakes.files.snapshot().into_iter().find(|file| file.id == id);
    let bytes = row.as_ref().and_then(|file| fakes.objects.bytes(&file.object));
    let (Some(row), Some(bytes)) = (row, bytes) else {
        case.fail(format!("{}: {id} cannot be read", batch.id));
        return Vec::new();
    };
    if row.tenant != batch.tenant || row.bytes != bytes.len() as u64 {
        case.fail(format!("{}: {row:?} is not of its {} bytes", batch.id, bytes.len()));
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap_or_default()).collect()
}
