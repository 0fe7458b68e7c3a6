//! The judge: after a run, what came out must agree with what was put in, and with what the engines did.

use std::collections::BTreeMap;

use offpeak_core::ids::{JobId, SubmissionId};
use offpeak_core::submission::{Origin, Submission};
use serde_json::Value;

use super::engine::OTHER;
use super::ledger::Ran;
use super::plan::{Kind, SubmissionPlan};
use super::world::World;
use super::{Counts, Outcome, input};

/// How often a line is put off before that is its answer.
const PUT_OFF: u64 = 50;

/// Everything the judge looks at, after a run.
struct Case<'a> {
    world: &'a World,
    rows: BTreeMap<SubmissionId, Submission>,
    ran: BTreeMap<JobId, Ran>,
    failures: Vec<String>,
    counts: Counts,
}

/// Judges a run that has ended, or that was cut off because it did not.
pub(super) fn judge(world: &World, ended: bool) -> Outcome {
    let rows = world.watch.fakes.submissions.snapshot().into_iter().map(|row| (row.id, row)).collect();
    let (ran, failures) = world.ledger.with(|pages| (pages.lines.clone(), pages.wrongs.clone()));
    let mut case = Case { world, rows, ran, failures, counts: counts(world) };
    if !ended {
        case.fail("the world did not come to rest".to_owned());
    }
    for (number, plan) in world.plan.submissions.iter().enumerate() {
        every_line_is_spoken_for_once(&mut case, number, plan);
    }
    the_provider_is_called_at_its_rate(&mut case);
    nothing_is_left(&mut case);
    Outcome { counts: case.counts, failures: case.failures, trace: world.watch.trace.lines() }
}

fn counts(world: &World) -> Counts {
    let pages = world.watch.book.with(|pages| pages.counts);
    world.ledger.with(|ledger| Counts {
        seeds: 1,
        submissions: world.plan.submissions.len() as u64,
        live: world.plan.submissions.iter().filter(|plan| plan.live).count() as u64,
        chunks: ledger.held.len() as u64,
        parts: ledger.parts,
        takes: ledger.takes,
        takeovers: ledger.takeovers,
        recomputed: ledger.lines.values().map(|ran| ran.answers.saturating_sub(1)).sum(),
        lost: ledger.lost,
        deaths: ledger.deaths,
        kills: pages.kills,
        freezes: pages.freezes,
        lost_replies: pages.lost_replies,
        ..Counts::default()
    })
}

impl Case<'_> {
    fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    /// The lines of a submission's results; none without results.
    fn results(&mut self, id: SubmissionId) -> Vec<Value> {
        let chosen = self.world.watch.book.with(|pages| pages.chosen.get(&id).cloned()).unwrap_or_default();
        if chosen.len() > 1 {
            self.fail(format!("{id} has {} results", chosen.len()));
        }
        let Some(bytes) = chosen.first().and_then(|name| self.world.watch.fakes.objects.bytes(name)) else {
            return Vec::new();
        };
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap_or_default()).collect()
    }
}

/// Conservation: each line once, with its own answer or a reason; of a withdrawn submission, what there is of them.
fn every_line_is_spoken_for_once(case: &mut Case<'_>, number: usize, plan: &SubmissionPlan) {
    let id = input::id(number);
    let origin = case.rows.get(&id).map(|row| row.origin);
    let withdrawn = matches!(origin, Some(Origin::Batch { withdrawn: true, .. }));
    let lines = plan.lines.iter().enumerate();
    let mut open: BTreeMap<JobId, Kind> = lines.map(|(line, plan)| (input::line_id(number, line), plan.kind)).collect();
    case.counts.lines += open.len() as u64;
    case.counts.withdrawn += u64::from(withdrawn);
    for line in case.results(id) {
        let custom_id: Option<JobId> = line["custom_id"].as_str().and_then(|text| text.parse().ok());
        match custom_id.and_then(|line| Some((line, open.remove(&line)?))) {
            Some((asked, kind)) => answered(case, (number, asked), kind, &line),
            None => case.fail(format!("{id}: {line} is nobody's, or stands twice")),
        }
    }
    case.counts.answered += plan.lines.len() as u64 - open.len() as u64;
    if let Some((line, _)) = open.first_key_value().filter(|_| !withdrawn) {
        case.fail(format!("{id}: {line} and {} others are lost", open.len() - 1));
    }
}

/// A line that has its answer: its own, or an error that the engines explain.
fn answered(case: &mut Case<'_>, (number, asked): (usize, JobId), kind: Kind, line: &Value) {
    let ran = case.ran.get(&asked).cloned().unwrap_or_default();
    let tries = u64::from(case.world.plan.fleet.tries);
    let spent = ran.failed >= tries || ran.too_much >= PUT_OFF;
    let (status, code) = (line["response"]["status_code"].as_u64(), line["error"]["code"].as_str());
    let fits = match (status, code) {
        (Some(200), None) => kind == Kind::Plain && line["response"]["body"]["echo"] == asked.to_string(),
        (Some(400), None) => kind == Kind::Refused,
        (Some(429 | 500 | 503), None)
        | (None, Some("engine_unreachable" | "engine_invalid_response" | "engine_timeout")) => spent,
        (None, Some("provider_unreachable" | "provider_invalid_response" | "provider_timeout")) => {
            spent && case.world.plan.submissions[number].live
        }
        (Some(422), None) => line["response"]["body"]["error"]["code"] == "engine_died" && ran.alone > 0,
        _ => false,
    };
    case.counts.failed += u64::from(status != Some(200));
    case.counts.died += u64::from(status == Some(422));
    if !fits {
        case.fail(format!("{asked} is {kind:?} and has {line}; it ran {ran:?}"));
    }
}

/// Of any minute: its rate, a twentieth of it across a start over, and what had begun before and was late.
fn the_provider_is_called_at_its_rate(case: &mut Case<'_>) {
    let calls = case.world.ledger.with(|pages| pages.calls.clone());
    let most = u64::from(case.world.plan.most);
    for (is_other, what, rate) in
        [(false, "any model", case.world.plan.rate), (true, OTHER, case.world.plan.rate_of_other())]
    {
        let of_it = calls.iter().filter(|(_, of_other)| !is_other || *of_other);
        let calls: Vec<u64> = of_it.map(|(at_ms, _)| *at_ms).collect();
        let within =
            |from: usize| calls[from..].iter().take_while(|at_ms| **at_ms < calls[from] + 60_000).count() as u64;
        let busiest = (0..calls.len()).map(within).max().unwrap_or(0);
        if busiest > rate + rate / 20 + 1 + most {
            case.fail(format!("the provider was called {busiest} times within a minute for {what}, of {rate}"));
        }
    }
}

/// What the fleet kept of a submission goes with it.
fn nothing_is_left(case: &mut Case<'_>) {
    let names = case.world.watch.fakes.objects.names();
    let kept: Vec<_> = names.iter().filter(|name| name.as_str().starts_with("fleet/")).collect();
    if !kept.is_empty() {
        case.failures.push(format!("left: {kept:?}"));
    }
    if !case.world.watch.fakes.chunks.snapshot().is_empty() {
        case.fail("rows of chunks are left".to_owned());
    }
}
