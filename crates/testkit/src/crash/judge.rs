//! The judge: after a run, what the stores say must agree with the promises.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_core::flows::audit::audit;
use offpeak_core::ids::{JobId, SubmissionId};
use offpeak_core::job::{Job, State, identity::body_sha256};
use offpeak_core::ports::Clock;
use offpeak_core::submission::Submission;
use offpeak_core::submission::manifest::Manifest;

use super::book::Pages;
use super::plan::{CallerPlan, SKEW_MS};
use super::world::World;
use super::{Outcome, judge_answers, judge_money, judge_notices};

/// Codes of failures that would be ours: nobody asked for what cannot run here.
const OURS: [&str; 7] = [
    "body_unreadable",
    "no_backend",
    "too_large",
    "empty_file",
    "invalid_json_line",
    "duplicate_custom_id",
    "invalid_url",
];

/// Everything the judge looks at, after a run.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) submissions: BTreeMap<SubmissionId, Submission>,
    pub(super) manifests: BTreeMap<SubmissionId, Manifest>,
    /// A caller of each question, by its body's hash.
    questions: BTreeMap<String, &'a CallerPlan>,
    pub(super) pages: Pages,
    pub(super) failures: Vec<String>,
}

impl Case<'_> {
    fn of(world: &World) -> Case<'_> {
        let fakes = &world.watch.fakes;
        let jobs = fakes.jobs.snapshot().into_iter().map(|job| (job.id, job)).collect();
        let submissions: BTreeMap<_, _> = fakes.submissions.snapshot().into_iter().map(|row| (row.id, row)).collect();
        let manifests = submissions
            .iter()
            .filter_map(|(id, row)| {
                let bytes = fakes.objects.bytes(&row.sealed.as_ref()?.manifest)?;
                Some((*id, Manifest::parse(&bytes).ok()?))
            })
            .collect();
        let pages = world.watch.book.with(|pages| pages.clone());
        let failures = pages.wrongs.clone();
        let questions = world.plan.callers.iter().map(|one| (body_sha256(one.body().as_bytes()), one)).collect();
        Case { world, jobs, submissions, manifests, questions, pages, failures }
    }

    pub(super) fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    /// A caller who asked what this job asks.
    pub(super) fn caller(&self, job: &Job) -> Option<&CallerPlan> {
        self.questions.get(&job.request.body_sha256).copied()
    }

    /// The submissions that list a job, with the attempt at which they do.
    pub(super) fn listings(&self, job: JobId) -> impl Iterator<Item = (SubmissionId, u32)> {
        self.manifests.iter().filter_map(move |(id, manifest)| {
            let entry = manifest.entry(manifest.find(job)?)?;
            Some((*id, entry.attempt))
        })
    }

    /// Whether a submission of the job was given up while its batch may still have run.
    pub(super) fn was_forsaken(&self, job: JobId) -> bool {
        self.listings(job).any(|(submission, _)| self.pages.forsaken.contains(&submission))
    }
}

/// Judges a run that has ended, or that was cut off because it did not.
pub(super) async fn judge(world: &World, ended: bool) -> Outcome {
    let mut case = Case::of(world);
    if !ended {
        case.fail("the world did not come to rest".to_owned());
    }
    every_promised_job_is_final(&mut case);
    nothing_is_left_over(&mut case);
    every_end_has_its_reason(&mut case);
    no_night_begins_early(&mut case);
    nobody_is_late_without_need(&mut case);
    judge_answers::judge(&mut case);
    judge_money::judge(&mut case);
    judge_notices::judge(&mut case);
    the_audit_agrees(&mut case).await;
    let mut counts = case.pages.counts;
    counts.seeds = 1;
    counts.jobs = case.jobs.len() as u64;
    counts.callers = world.plan.callers.len() as u64;
    counts.submissions = case.manifests.len() as u64;
    counts.notices = world.watch.fakes.notices.snapshot().len() as u64;
    counts.told = world.receivers.told.lock().len() as u64;
    Outcome { failures: case.failures, counts, trace: world.watch.trace.lines() }
}

/// Promises 1 and 2: what was accepted ends, and what is done can be read.
fn every_promised_job_is_final(case: &mut Case<'_>) {
    for job in case.jobs.values().cloned().collect::<Vec<_>>() {
        if !job.state.is_final() && case.world.is_promised(job.id) {
            case.fail(format!("{} was accepted and is {}", job.id, job.state.kind()));
        }
        let State::Done(answer) = &job.state else { continue };
        let bytes = case.world.watch.fakes.objects.bytes(&answer.object).and_then(|object| {
            let start = usize::try_from(answer.offset).ok()?;
            let end = start + usize::try_from(answer.length).ok()?;
            object.get(start..end).map(<[u8]>::to_vec)
        });
        let Some(bytes) = bytes else {
            case.fail(format!("{} is done, and its answer cannot be read", job.id));
            continue;
        };
        let question = case.caller(&job).map(|caller| caller.question).unwrap_or_default();
        if !judge_answers::answers(&String::from_utf8_lossy(&bytes), question) {
            case.fail(format!("{} has the answer of another question", job.id));
        }
        let named = case.pages.chosen.values().flatten().any(|results| *results == answer.object);
        if !named {
            case.fail(format!("{} names results that were never chosen", job.id));
        }
    }
}

fn nothing_is_left_over(case: &mut Case<'_>) {
    for row in case.submissions.values().cloned().collect::<Vec<_>>() {
        if !row.state.is_settled() {
            case.fail(format!("{} is left {}", row.id, row.state.kind().name()));
        }
    }
    for (submission, results) in case.pages.chosen.clone() {
        if results.len() > 1 {
            case.fail(format!("{submission} has {} chosen results", results.len()));
        }
    }
    for class in ["soon", "nightly"] {
        let left = case.world.watch.fakes.intake.snapshot(class).len();
        if left > 0 {
            case.fail(format!("{left} messages of {class} are left"));
        }
    }
}

/// Nobody's job expires or fails but for a reason.
fn every_end_has_its_reason(case: &mut Case<'_>) {
    let spent = case.world.plan.timing.max_attempts;
    for job in case.jobs.values().cloned().collect::<Vec<_>>() {
        match &job.state {
            State::Failed(failure) if OURS.contains(&failure.code.as_str()) => {
                case.fail(format!("{} failed: {}", job.id, failure.code));
            }
            State::Expired => {
                let overdue = job.finished_ms + 2 * SKEW_MS >= job.deadline_ms;
                if !overdue && job.attempt + 1 < spent && !case.was_forsaken(job.id) {
                    case.fail(format!("{} expired without a reason", job.id));
                }
            }
            State::Queued | State::Packed { .. } | State::Done(_) | State::Failed(_) | State::Cancelled => {}
        }
    }
}

/// No nightly job is claimed before the hour, unless something had been put back.
fn no_night_begins_early(case: &mut Case<'_>) {
    let hour_ms = case.world.first_hour_ms().saturating_sub(SKEW_MS);
    let recalled_ms = case.pages.recalled.get("nightly").copied().unwrap_or(u64::MAX);
    for (job, at_ms) in case.pages.claims.clone() {
        let nightly = case.jobs.get(&job).is_some_and(|job| job.lane.class == "nightly");
        if nightly && at_ms < hour_ms && at_ms < recalled_ms {
            case.fail(format!("{job} departed before its hour"));
        }
    }
}

/// Step 6: a job whose grace begins in clear weather, and that was sent by then, is done in time where the later target was
/// sound all along. One whose batch cannot be stopped may still be running there, and nothing helps.
fn nobody_is_late_without_need(case: &mut Case<'_>) {
    let Some(later) = case.world.plan.later.filter(|later| !later.tempered) else { return };
    let deaf: BTreeSet<SubmissionId> =
        case.world.providers.batches().into_iter().filter(|batch| batch.deaf).map(|batch| batch.submission).collect();
    for job in case.jobs.values().cloned().collect::<Vec<_>>() {
        let turn_ms = job.deadline_ms.saturating_sub(later.grace_ms + SKEW_MS);
        let sent = case.pages.sent.get(&job.id).is_some_and(|sent_ms| *sent_ms <= turn_ms);
        let clear = sent && turn_ms >= case.world.calm_at_ms();
        let stopped = !case.listings(job.id).any(|(submission, _)| deaf.contains(&submission));
        let late = job.finished_ms > job.deadline_ms + SKEW_MS || job.state == State::Expired;
        if clear && stopped && late && job.lane.class == "soon" && case.world.is_promised(job.id) {
            let seconds = job.finished_ms.cast_signed() - job.deadline_ms.cast_signed();
            case.fail(format!("{} is {}, {} ms after its deadline", job.id, job.state.kind(), seconds));
        }
    }
}

/// Called while nothing waits but for its hour: then nobody may wait who should have departed.
pub(super) fn departures(world: &World) {
    let (_, last_ms) = world.hours_ms();
    for job in world.watch.fakes.jobs.snapshot() {
        if job.state.is_final() || !world.is_promised(job.id) {
            continue;
        }
        world.watch.book.with(|pages| {
            let sent_ms = pages.sent.get(&job.id).copied().unwrap_or(u64::MAX);
            if sent_ms < last_ms.saturating_sub(SKEW_MS) || job.submission().is_some() {
                pages.wrongs.push(format!("{} missed its departure", job.id));
            }
            if pages.requeued.contains(&job.id) {
                pages.wrongs.push(format!("{} was put back and waits for the next night", job.id));
            }
        });
    }
    world.watch.trace.say("judge", || format!("it is {} and all is quiet", world.watch.fakes.clock.now_ms()));
}

async fn the_audit_agrees(case: &mut Case<'_>) {
    let fakes = &case.world.watch.fakes;
    let messages: BTreeSet<JobId> =
        ["soon", "nightly"].iter().flat_map(|class| fakes.intake.snapshot(class)).map(|message| message.job).collect();
    match audit(&case.world.ports, &fakes.jobs, &messages).await {
        Ok(report) => {
            let untold = case.jobs.values().filter(|job| !job.state.is_final() && !case.pages.told.contains(&job.id));
            if report.unpromised > untold.count() as u64 {
                case.fail(format!(
                    "the audit: {} jobs are unpromised, some of whose callers were told",
                    report.unpromised
                ));
            }
            for violation in report.violations {
                case.fail(format!("the audit: {} is {}", violation.job, violation.what));
            }
        }
        Err(error) => case.fail(format!("the audit fails: {error}")),
    }
}
