//! What a run owes, checked from three sides: the stores, the provider's ledger, and what the callers heard.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use offpeak_core::job::State;

use super::callers::Caller;
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
    /// Batches that the provider ran them in.
    pub(crate) batches: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.jobs += other.jobs;
        self.lines += other.lines;
        self.batches += other.batches;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs, {} jobs, {} lines paid for in {} batches", self.runs, self.jobs, self.lines, self.batches)
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

/// Every line ran once, but for those that were withdrawn before, and usage says the same.
fn money(site: &Site, callers: &[Caller], findings: &Findings, counts: &mut Counts) -> Vec<String> {
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
    let paid = callers.iter().filter(|caller| !caller.withdraws()).count() as u64;
    if findings.used != paid {
        broken.push(format!("{} lines are recorded as used, not {paid}", findings.used));
    }
    counts.batches += site.provider.batches().len() as u64;
    for caller in callers.iter().filter(|caller| caller.withdraws()) {
        let cancelled = findings.jobs.iter().filter(|job| job.state == State::Cancelled);
        if !cancelled.map(|job| job.id.text()).any(|id| caller.job() == Some(id.as_str())) {
            broken.push(format!("{caller:?} withdrew a job that is not cancelled"));
        }
    }
    broken
}
