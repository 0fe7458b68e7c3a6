//! The judge of answers: everybody who stayed has one, it is its own, and nobody else's.

use std::collections::BTreeMap;

use offpeak_core::ids::JobId;
use offpeak_core::job::State;

use super::judge::Case;
use super::plan::Manner;

pub(super) fn judge(case: &mut Case<'_>) {
    every_caller_is_answered(case);
    no_sample_is_given_twice(case);
}

/// Whether a body answers this question: its echo, or a provider's error.
pub(super) fn answers(body: &str, question: usize) -> bool {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else { return false };
    match body.get("echo") {
        Some(echo) => *echo == format!("q{question}"),
        None => body.get("error").is_some(),
    }
}

/// Promise 4, as far as one tenant goes.
fn every_caller_is_answered(case: &mut Case<'_>) {
    for (number, caller) in case.world.plan.callers.iter().enumerate() {
        let Some(answer) = case.pages.answers.get(&number).cloned() else {
            if !matches!(caller.manner, Manner::Leaves | Manner::Forgets) {
                case.failures.push(format!("caller {number} ({:?}) was never answered", caller.manner));
            }
            continue;
        };
        let Some(job) = case.jobs.get(&answer.job).cloned() else {
            case.failures.push(format!("caller {number} was answered by {}, which does not exist", answer.job));
            continue;
        };
        let right = match (&answer.body, &job.state) {
            (Some(body), State::Done(_)) => answers(body, caller.question),
            (None, State::Failed(_) | State::Cancelled | State::Expired) => true,
            (Some(_) | None, _) => false,
        };
        if !right {
            let kind = job.state.kind();
            case.failures.push(format!("caller {number} got {:?} of {}, which is {kind}", answer.body, job.id));
        }
    }
}

/// Rule 11: two callers with equal bodies get two samples, unless a reply was lost among them.
fn no_sample_is_given_twice(case: &mut Case<'_>) {
    let mut takers: BTreeMap<JobId, Vec<usize>> = BTreeMap::new();
    for (number, answer) in &case.pages.answers {
        takers.entry(answer.job).or_default().push(*number);
    }
    for (job, takers) in takers.into_iter().filter(|(_, takers)| takers.len() > 1) {
        let question = case.world.plan.callers[takers[0]].question;
        case.pages.counts.shared_samples += takers.len() as u64 - 1;
        if !case.pages.troubled.contains(&question) {
            case.fail(format!("{job} was given to callers {takers:?}, and no reply among them was lost"));
        }
    }
    let taken: Vec<JobId> = case.pages.answers.values().map(|answer| answer.job).collect();
    let done = |job: &&offpeak_core::job::Job| matches!(job.state, State::Done(_));
    let orphans = case.jobs.values().filter(done).filter(|job| !taken.contains(&job.id)).count();
    case.pages.counts.orphans += orphans as u64;
}
