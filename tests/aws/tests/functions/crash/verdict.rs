//! What a run owes, checked from three sides: the stores, the provider's ledger, and what the callers heard.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use offpeak_core::job::State;

use super::callers::Caller;
use super::live::Endpoints;
use super::site::{Findings, Reach, Site};

/// What the invariants say of runs.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    /// Runs.
    pub(crate) runs: u64,
    /// Jobs accepted.
    pub(crate) jobs: u64,
    /// Lines that the provider ran.
    pub(crate) lines: u64,
    /// Of these the calls of lines that had been called before.
    pub(crate) again: u64,
    /// Batches that the provider ran them in.
    pub(crate) batches: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.jobs += other.jobs;
        self.lines += other.lines;
        self.again += other.again;
        self.batches += other.batches;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, jobs, lines, again, batches } = self;
        write!(f, "{runs} runs, {jobs} jobs, {lines} lines paid for, {again} of them again, in {batches} batches")
    }
}

/// Broken promises, and what was counted on the way.
pub(crate) async fn verdict(site: &Site, reach: &Reach, callers: &[Caller], counts: &mut Counts) -> Vec<String> {
    let findings = site.findings(reach).await;
    let mut broken: Vec<String> = callers.iter().filter_map(Caller::complaint).collect();
    broken.extend(leftovers(&findings));
    if findings.jobs.len() != callers.len() {
        broken.push(format!("{} callers have {} jobs", callers.len(), findings.jobs.len()));
    }
    broken.extend(money(site, callers, &findings, counts));
    // Also what a dead process stored and no row names.
    let left = if site.live.is_some() { site.stored("fleet/").await } else { 0 };
    if left > 0 {
        broken.push(format!("{left} objects of chunks are left"));
    }
    if findings.chunks > 0 {
        broken.push(format!("{} rows of chunks are left", findings.chunks));
    }
    counts.runs += 1;
    counts.jobs += findings.jobs.len() as u64;
    broken
}

/// Nothing is lost, and nothing is left over.
pub(crate) fn leftovers(findings: &Findings) -> Vec<String> {
    let mut broken = Vec::new();
    for job in findings.jobs.iter().filter(|job| !job.state.is_final()) {
        broken.push(format!("{} is {}", job.id, job.state.kind()));
    }
    for violation in &findings.audit.violations {
        broken.push(format!("the audit: {} is {}", violation.job, violation.what));
    }
    if findings.audit.unpromised > 0 {
        broken.push(format!("{} rows have no message", findings.audit.unpromised));
    }
    if findings.open > 0 || findings.messages > 0 {
        broken.push(format!("{} submissions and {} messages are left", findings.open, findings.messages));
    }
    broken
}

/// What was paid is what had to be, and usage says the same.
fn money(site: &Site, callers: &[Caller], findings: &Findings, counts: &mut Counts) -> Vec<String> {
    let mut broken = match &site.live {
        Some(endpoints) => called(endpoints, callers, counts),
        None => ran(site, findings, counts),
    };
    let paid = callers.iter().filter(|caller| !caller.withdraws()).count() as u64;
    if findings.used != paid {
        broken.push(format!("{} lines are recorded as used, not {paid}", findings.used));
    }
    for caller in callers.iter().filter(|caller| caller.withdraws()) {
        let cancelled = findings.jobs.iter().filter(|job| job.state == State::Cancelled);
        if !cancelled.map(|job| job.id.text()).any(|id| caller.job() == Some(id.as_str())) {
            broken.push(format!("{caller:?} withdrew a job that is not cancelled"));
        }
    }
    broken
}

/// Every line was called, but for those that were withdrawn before; and only as many again as answers were lost.
fn called(endpoints: &Endpoints, callers: &[Caller], counts: &mut Counts) -> Vec<String> {
    let (mut broken, mut asked, mut again) = (Vec::new(), endpoints.asked(), 0);
    for caller in callers {
        let times = asked.remove(&caller.question()).unwrap_or(0);
        let expected = if caller.withdraws() { 0..=0 } else { 1..=2 };
        if !expected.contains(&times) {
            broken.push(format!("the provider was asked {times} times what {caller:?} asked"));
        }
        counts.lines += times;
        again += times.saturating_sub(1);
    }
    if !asked.is_empty() {
        broken.push(format!("{} lines were called that are nobody's", asked.len()));
    }
    let lost = endpoints.lost();
    if again > lost {
        broken.push(format!("{again} lines were called again, and only {lost} had to be"));
    }
    counts.again += again;
    broken
}

/// Every line ran once in a batch, but for those that were withdrawn before.
fn ran(site: &Site, findings: &Findings, counts: &mut Counts) -> Vec<String> {
    let mut broken = Vec::new();
    let mut runs: BTreeMap<String, u64> = BTreeMap::new();
    for execution in site.provider.executions() {
        *runs.entry(execution.custom_id).or_default() += 1;
    }
    for job in &findings.jobs {
        let ran = runs.remove(&job.id.text()).unwrap_or(0);
        let expected = u64::from(matches!(job.state, State::Done(_)));
        if ran != expected {
            broken.push(format!("{} is {} and ran {ran} times", job.id, job.state.kind()));
        }
        counts.lines += ran;
    }
    if !runs.is_empty() {
        broken.push(format!("{} lines ran that are nobody's", runs.len()));
    }
    counts.batches += site.provider.batches().len() as u64;
    broken
}
