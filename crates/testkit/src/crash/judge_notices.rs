//! What receivers heard must be what happened: each end told to each of them under one id, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_core::notice::{EventType, State};

use super::judge::Case;
use super::receivers::{Told, ends, subscribed};
use crate::fakes::Fakes;

/// What one receiver is to be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owed {
    /// What ended, by the id that a receiver is given.
    pub(crate) object: String,
    pub(crate) event: EventType,
    pub(crate) url: String,
}

pub(super) fn judge(case: &mut Case<'_>) {
    let fakes = &case.world.watch.fakes;
    let mut owed = BTreeSet::new();
    for job in case.jobs.values() {
        let Some(caller) = case.caller(job) else { continue };
        let events = ends(fakes, job);
        // Whom the request names hears of it once, as of the response that it is, if it is one.
        let named = events.last().copied().zip(caller.named.as_ref().map(|named| named.url.clone()));
        let told_all = events.into_iter().filter_map(|event| Some((event, subscribed(caller.tenant)?)));
        for (event, url) in told_all.chain(named) {
            let object = if event.is_response() { format!("resp_{}", job.id) } else { job.id.text() };
            owed.insert(Owed { object, event, url });
        }
    }
    let told = case.world.receivers.told.lock().clone();
    case.failures.extend(wrongs(fakes, &told, &owed));
}

/// Where what was told, and what stands in the outbox, is not what was owed.
pub(crate) fn wrongs(fakes: &Fakes, told: &[Told], owed: &BTreeSet<Owed>) -> Vec<String> {
    let mut wrongs = Vec::new();
    let (mut heard, mut ids) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<&str>>::new());
    for told in told {
        let what = Owed { object: told.object.clone(), event: told.event, url: told.url.clone() };
        if !told.so.contains(&told.event) {
            wrongs.push(format!(
                "{} was told {} of {}, which was {:?}",
                told.url,
                told.event.name(),
                told.object,
                told.so
            ));
        } else if !owed.contains(&what) {
            wrongs.push(format!("{} was told {} of {} unasked", told.url, told.event.name(), told.object));
        }
        ids.entry((&told.object, told.event)).or_default().insert(&told.event_id);
        heard.extend(told.taken.then_some(what));
    }
    for Owed { object, event, url } in owed.difference(&heard) {
        wrongs.push(format!("{url} was not told {} of {object}", event.name()));
    }
    for ((object, event), ids) in ids.into_iter().filter(|(_, ids)| ids.len() > 1) {
        wrongs.push(format!("{object} was told to be {} under {} ids", event.name(), ids.len()));
    }
    wrongs.extend(outbox(fakes));
    wrongs
}

/// Nothing is owed any more, or given up, and nobody was owed one event twice.
fn outbox(fakes: &Fakes) -> Vec<String> {
    let mut wrongs = Vec::new();
    let mut delivered = BTreeSet::new();
    for notice in fakes.notices.snapshot() {
        let (object, receiver) = (notice.subject.object_id(notice.event), notice.receiver());
        match notice.state {
            State::Void { .. } => {}
            State::Delivered { .. } => {
                if !delivered.insert((object.clone(), notice.event, receiver)) {
                    wrongs.push(format!("{receiver:?} was owed {} of {object} twice", notice.event.name()));
                }
            }
            State::Owed | State::Dead { .. } => {
                wrongs.push(format!("{} of {object} is {:?}", notice.id, notice.state));
            }
        }
    }
    wrongs
}
