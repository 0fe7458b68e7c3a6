//! What receivers heard must be what happened: each end told to each of them, and nothing else.

use std::collections::BTreeSet;

use offpeak_core::notice::{EventType, State};

use super::judge::Case;
use super::receivers::{Told, urls};

pub(super) fn judge(case: &mut Case<'_>) {
    let told = case.world.receivers.told.lock().clone();
    what_was_told_was_so(case, &told);
    every_end_was_told(case, &told);
    for notice in case.world.watch.fakes.notices.snapshot() {
        if !matches!(notice.state, State::Delivered { .. } | State::Void { .. }) {
            case.fail(format!("{} of {:?} is {:?}", notice.id, notice.subject, notice.state));
        }
    }
}

/// At the moment, and still.
fn what_was_told_was_so(case: &mut Case<'_>, told: &[Told]) {
    for Told { url, event, batch, stood, .. } in told {
        if stood.and_then(EventType::of_batch) != Some(*event) {
            case.fail(format!("{url} was told {} of {batch}, which was {stood:?}", event.name()));
        }
    }
}

fn every_end_was_told(case: &mut Case<'_>, told: &[Told]) {
    for (_, plan, batch) in case.callers() {
        let heard = |url: &str| told.iter().any(|told| told.taken && told.batch == batch.id && told.url == url);
        for url in urls(plan.tenant) {
            if !heard(&url) {
                case.fail(format!("{url} was not told that {} is {}", batch.id, batch.state.kind().name()));
            }
        }
        let of = || told.iter().filter(|told| told.batch == batch.id);
        let ids: BTreeSet<&str> = of().map(|told| told.event_id.as_str()).collect();
        let strangers = of().filter(|told| !urls(plan.tenant).contains(&told.url)).count();
        if ids.len() > 1 || strangers > 0 {
            case.fail(format!("{} was told under {} ids, and {strangers} times to strangers", batch.id, ids.len()));
        }
    }
}
