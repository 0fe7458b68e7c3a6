//! The judge of money: what the provider's ledger says was run must have been asked for, once.

use std::collections::BTreeMap;

use offpeak_core::ids::{JobId, SubmissionId};
use offpeak_core::job::State;
use offpeak_core::submission::line::{self, LineOutcome};
use offpeak_core::submission::manifest::Manifest;

use super::judge::Case;
use super::plan::SKEW_MS;
use super::targets::misnamed;
use crate::provider::Execution;

pub(super) fn judge(case: &mut Case<'_>) {
    no_line_runs_twice(case);
    no_paid_answer_is_thrown_away(case);
    every_submission_is_one_batch(case);
    every_submission_fits(case);
    for why in misnamed(&case.world.watch.fakes) {
        case.fail(why);
    }
    nothing_private_leaves(case);
    usage_is_what_was_answered(case);
}

/// Promise 3.
fn no_line_runs_twice(case: &mut Case<'_>) {
    let mut runs: BTreeMap<JobId, Vec<(u32, Execution)>> = BTreeMap::new();
    for run in case.world.providers.executions() {
        let Ok(job) = run.custom_id.parse::<JobId>() else { continue };
        let attempt = case.listings(job).find(|(submission, _)| *submission == run.submission);
        match attempt {
            Some((_, attempt)) => runs.entry(job).or_default().push((attempt, run)),
            None => case.fail(format!("{job} ran in {}, which does not list it", run.submission)),
        }
    }
    for (job, mut runs) in runs {
        if runs.iter().filter(|(_, run)| run.billed).count() > 1 {
            case.fail(format!("{job} was paid for more than once"));
        }
        runs.sort_by_key(|(attempt, run)| (*attempt, run.executed_ms));
        for pair in runs.windows(2) {
            let ((first, before), (second, after)) = (&pair[0], &pair[1]);
            if first == second {
                case.fail(format!("{job} ran twice in attempt {first}: {} and {}", before.batch, after.batch));
            } else if after.executed_ms < before.executed_ms {
                case.fail(format!("{job} ran attempt {second} before attempt {first}"));
            }
        }
    }
}

/// Rules 4, 6 and 10: who is paid for is done, unless its batch was given up while it still ran.
fn no_paid_answer_is_thrown_away(case: &mut Case<'_>) {
    let executions = case.world.providers.executions();
    for job in case.jobs.values().cloned().collect::<Vec<_>>() {
        if matches!(job.state, State::Done(_)) || case.was_forsaken(job.id) {
            continue;
        }
        let id = job.id.text();
        for run in executions.iter().filter(|run| run.custom_id == id) {
            if run.billed {
                case.fail(format!("{} is {}, and {} was paid for it", job.id, job.state.kind(), run.batch));
            } else if job.state == State::Cancelled && run.executed_ms > job.finished_ms + 2 * SKEW_MS {
                case.fail(format!("{} ran after it was cancelled", job.id));
            }
        }
    }
}

fn every_submission_is_one_batch(case: &mut Case<'_>) {
    let mut batches: BTreeMap<SubmissionId, u32> = BTreeMap::new();
    let mut running: BTreeMap<SubmissionId, u32> = BTreeMap::new();
    for batch in case.world.providers.batches() {
        *batches.entry(batch.submission).or_default() += 1;
        *running.entry(batch.submission).or_default() += u32::from(!batch.ended);
    }
    for (submission, count) in batches {
        if count > 1 {
            case.fail(format!("{submission} was created {count} times"));
        }
        if case.pages.forsaken.contains(&submission) && running.get(&submission) == Some(&0) {
            case.fail(format!("{submission} was given up although its batch had ended"));
        }
        if case.pages.unrun.contains(&submission)
            && case.world.providers.executions().iter().any(|run| run.submission == submission)
        {
            case.fail(format!("{submission} ended as if it had not run"));
        }
    }
}

/// Rule 3.
fn every_submission_fits(case: &mut Case<'_>) {
    let limits = case.world.plan.limits;
    for (id, manifest) in case.manifests.clone() {
        let Some(sealed) = case.submissions.get(&id).and_then(|row| row.sealed.clone()) else { continue };
        let bytes = case.world.watch.fakes.objects.bytes(&sealed.object).map_or(0, |object| object.len() as u64);
        if manifest.len() as u64 > limits.requests || bytes > limits.bytes || sealed.size.bytes > limits.bytes {
            case.fail(format!("{id} holds {} lines and {bytes} bytes", manifest.len()));
        }
    }
}

/// Step 6: what is private runs on own model servers, whatever became of it on the way.
fn nothing_private_leaves(case: &mut Case<'_>) {
    let outside = case.world.providers.outside();
    for run in outside {
        let Some(job) = run.custom_id.parse::<JobId>().ok().and_then(|id| case.jobs.get(&id)) else { continue };
        if case.caller(job).is_some_and(|caller| caller.private) {
            case.fail(format!("{} is private, and ran in {}", run.custom_id, run.batch));
        }
    }
}

/// Rule 9.
fn usage_is_what_was_answered(case: &mut Case<'_>) {
    let mut recorded: BTreeMap<SubmissionId, u64> = BTreeMap::new();
    for row in case.world.watch.fakes.usage.snapshot() {
        *recorded.entry(row.submission).or_default() += row.lines;
    }
    for (id, manifest) in case.manifests.clone() {
        let answered = case.pages.chosen.get(&id).and_then(|results| {
            let name = results.first()?;
            Some(answered_lines(&case.world.watch.fakes.objects.bytes(name)?, &manifest))
        });
        let recorded = recorded.get(&id).copied().unwrap_or(0);
        if case.submissions.get(&id).is_some_and(|row| row.state.is_settled()) && recorded != answered.unwrap_or(0) {
            case.fail(format!("{id} has {answered:?} answered lines and {recorded} recorded"));
        }
    }
}

/// How many of a manifest's jobs are answered in these results; the first line of a job counts.
fn answered_lines(results: &[u8], manifest: &Manifest) -> u64 {
    let mut seen = vec![false; manifest.len()];
    let mut answered = 0;
    for read in results.split(|byte| *byte == b'\n').filter_map(line::read) {
        let Some(index) = manifest.find(read.job) else { continue };
        if !std::mem::replace(&mut seen[index], true) {
            answered += u64::from(matches!(read.outcome, LineOutcome::Answered { .. }));
        }
    }
    answered
}
