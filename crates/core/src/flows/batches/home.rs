//! A part comes home: what became of each of its lines is decided, and stored before anything follows from it.
//!
//! The chosen results object never changes, so every pass over it finds the same. What is decided from it also depends
//! on the batch's row, and holds only if that row is still what it was: one compare-and-set notes the part as collected
//! and names the part that runs lines again. Only then is that part's submission created, by whoever drives the batch.

use super::rerun::{self, Again};
use super::verdict::{Fate, Home, later};
use super::{discard, place, take};
use crate::batch::{Batch, Collected, Event, Part, Usage};
use crate::faults::{Fault, planted};
use crate::flows::advance::Advancing;
use crate::flows::lines::Lines;
use crate::flows::{manifest, submission_id};
use crate::ids::ObjectName;
use crate::lane::Lane;
use crate::ports::{Ports, StoreError, UsageRow};
use crate::submission::line::{self, Found};
use crate::submission::manifest::Manifest;
use crate::submission::{Ending, State};

/// What the results of a part say.
pub(super) struct Tally {
    /// Of each line, by its index in the manifest.
    pub(super) fates: Vec<Fate>,
    /// What the provider counted.
    usage: Usage,
    /// Lines that were answered, whatever the status.
    answered: u64,
}

/// Stores what became of the lines of a batch's submission that has ended, and records its usage.
pub(in crate::flows) async fn bring_home(advancing: &Advancing<'_>) -> Result<(), StoreError> {
    let State::Collecting { ending, results, .. } = &advancing.row.state else { return Ok(()) };
    let (Some(sealed), Some(id)) = (&advancing.row.sealed, advancing.row.origin.batch()) else { return Ok(()) };
    let ports = advancing.ports;
    let Some(mut batch) = ports.batches.get(id).await? else { return Ok(()) };
    if open_part(advancing, &batch).is_none() {
        return Ok(());
    }
    let manifest = manifest(ports, sealed).await?;
    let tally = count(advancing, &manifest, ending, results.as_ref()).await?;
    record(advancing, &batch, &tally).await?;
    let mut again: Option<Again> = None;
    while let Some(part) = open_part(advancing, &batch) {
        let now_ms = ports.clock.now_ms();
        let later = later(&batch, part, ending, (now_ms, advancing.timing()));
        let home = home(advancing, (&batch, part, ending), now_ms, later.as_ref());
        if home.may_be_put_back() {
            let event = Event::PutBack { submission: part.submission, by: submission_id(ports) };
            if take(ports, &batch, event).await?.is_some() {
                return Ok(());
            }
        } else {
            let picked: Vec<bool> = tally.fates.iter().map(|fate| home.reruns(*fate)).collect();
            if again.is_none() && picked.contains(&true) {
                again = Some(rerun::write(ports, &home, &manifest, &picked).await?);
            }
            let used =
                again.as_ref().filter(|_| picked.contains(&true)).map_or(Vec::new(), |again| again.parts.clone());
            let collected = Box::new(collected(&home, &tally, &picked, results.as_ref()));
            let event = Event::Collect { submission: part.submission, collected, again: used.clone() };
            if take(ports, &batch, event).await?.is_some() {
                break;
            }
            for unchosen in used.iter().filter(|_| planted(Fault::RerunUnchosen)) {
                place::create_row(ports, &batch, unchosen, false).await?;
            }
        }
        let Some(now) = ports.batches.get(id).await? else { break };
        batch = now;
    }
    forget_unused(advancing, id, again).await
}

/// The part of this submission, unless it came home before, or nobody named it.
fn open_part<'a>(advancing: &Advancing<'_>, batch: &'a Batch) -> Option<&'a Part> {
    batch.part(advancing.row.id).filter(|part| part.collected().is_none())
}

fn home<'a>(
    advancing: &'a Advancing<'_>,
    (batch, part, ending): (&'a Batch, &'a Part, &'a Ending),
    now_ms: u64,
    later: Option<&'a Lane>,
) -> Home<'a> {
    let doubtful = advancing.is_doubtful();
    let parts = later.map_or(1, |later| most_parts(advancing.ports, part, later));
    let has_room = batch.has_room_for(part, parts);
    Home { batch, part, ending, doubtful, now_ms, timing: advancing.timing(), later, has_room }
}

/// How many parts lines of `part` can become where a later target takes fewer at once: any two that follow each other
/// exceed together one of its limits.
fn most_parts(ports: &Ports, part: &Part, later: &Lane) -> usize {
    let Some(backend) = ports.backends.get(&later.provider) else { return 1 };
    let limits = backend.limits(&later.model);
    let size = part.sealed.size;
    if limits.hold(size) {
        return 1;
    }
    let halves = [
        (size.requests, limits.requests),
        (size.bytes, limits.bytes),
        (size.tokens, limits.tokens),
        (size.inputs, limits.inputs),
    ];
    let halves: u64 = halves.iter().map(|(size, limit)| (size / limit.max(&1)).saturating_mul(2)).sum();
    usize::try_from(halves).unwrap_or(usize::MAX).saturating_add(2)
}

/// Deletes the lines that were picked out but that no row names.
async fn forget_unused(
    advancing: &Advancing<'_>,
    id: crate::ids::NativeBatchId,
    again: Option<Again>,
) -> Result<(), StoreError> {
    let Some(again) = again else { return Ok(()) };
    let ours = |part: &Part| again.parts.iter().any(|again| again.sealed.object == part.sealed.object);
    let named = |batch: &Batch| batch.parts.iter().any(ours);
    if !advancing.ports.batches.get(id).await?.as_ref().is_none_or(named) {
        discard(advancing.ports, &again.parts).await;
    }
    Ok(())
}

/// What became of each line, by the results and by how the stay at the backend ended.
async fn count(
    advancing: &Advancing<'_>,
    manifest: &Manifest,
    ending: &Ending,
    results: Option<&ObjectName>,
) -> Result<Tally, StoreError> {
    let mut tally = fates_of(advancing.ports, manifest, results).await?;
    if let Ending::Refused { refusal, .. } = ending {
        name_lines(&mut tally.fates, manifest, &refusal.lines);
    }
    Ok(tally)
}

/// Reads the results once. The first line of an id counts.
pub(super) async fn fates_of(
    ports: &Ports,
    manifest: &Manifest,
    results: Option<&ObjectName>,
) -> Result<Tally, StoreError> {
    let mut tally = Tally { fates: vec![Fate::Unanswered; manifest.len()], usage: Usage::default(), answered: 0 };
    let Some(results) = results else { return Ok(tally) };
    let mut seen = vec![false; manifest.len()];
    let mut lines = Lines::of(ports.objects.stream(results).await?.1);
    while let Some(line) = lines.next().await? {
        let Some(found) = Found::read(&line.bytes) else { continue };
        let Some(index) = manifest.find(crate::batch::line_id(&found.custom_id)) else { continue };
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        tally.fates[index] = Fate::of(&found);
        if let Some(answer) = found.answer {
            tally.answered += 1;
            if tally.fates[index] == Fate::Completed {
                tally.usage = tally.usage.plus(answer.body.map(line::usage).unwrap_or_default());
            }
        }
    }
    Ok(tally)
}

/// Marks the lines that the provider named, which it counts from 1 in the order of the file.
fn name_lines(fates: &mut [Fate], manifest: &Manifest, lines: &[u64]) {
    if lines.is_empty() {
        return;
    }
    let mut by_offset: Vec<usize> = (0..manifest.len()).collect();
    by_offset.sort_by_key(|index| manifest.entry(*index).map(|entry| entry.offset));
    for line in lines {
        let index = usize::try_from(*line).ok().and_then(|line| by_offset.get(line.checked_sub(1)?));
        if let Some(index) = index {
            fates[*index] = Fate::Named;
        }
    }
}

fn collected(home: &Home<'_>, tally: &Tally, picked: &[bool], results: Option<&ObjectName>) -> Collected {
    let count = |wanted: &dyn Fn(Fate, bool) -> bool| {
        tally.fates.iter().zip(picked).filter(|(fate, picked)| wanted(**fate, **picked)).count() as u64
    };
    Collected {
        order: 0,
        results: results.cloned(),
        completed: count(&|fate, _| fate == Fate::Completed),
        failed: count(&|fate, picked| !picked && matches!(fate, Fate::Failed | Fate::Passing)),
        unrun: count(&|fate, picked| !picked && matches!(fate, Fate::Unanswered | Fate::Named)),
        rerun: count(&|_, picked| picked),
        usage: tally.usage,
        rest: home.rest(),
    }
}

/// Before the part is noted as collected: who is cut off between the two records the same again.
async fn record(advancing: &Advancing<'_>, batch: &Batch, tally: &Tally) -> Result<(), StoreError> {
    if tally.answered == 0 {
        return Ok(());
    }
    let row = UsageRow {
        submission: advancing.row.id,
        tenant: batch.tenant.clone(),
        model: advancing.row.lane.model.clone(),
        lines: tally.answered,
        input_tokens: tally.usage.input_tokens,
        output_tokens: tally.usage.output_tokens,
    };
    advancing.ports.usage.record(vec![row]).await
}
