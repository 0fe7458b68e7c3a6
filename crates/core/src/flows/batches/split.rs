//! Split: the input is read once, checked line by line, and written into the sealed objects of its parts.
//!
//! One compare-and-set chooses the parts of one reader. The objects of any other have names that no row has.

use futures_util::StreamExt;

use super::splitting::Splitting;
use super::{discard, place, take};
use crate::batch::input::{self, Checker, Splitter};
use crate::batch::{Batch, Event, InputError, Part};
use crate::faults::{Fault, planted};
use crate::file::{File, Purpose};
use crate::ports::{ByteStream, Ports, StoreError};
use crate::submission::Limits;

/// What the input became.
struct Split {
    parts: Vec<Part>,
    lines: u64,
    model: Option<String>,
}

/// Reads the input and stores what it became, unless somebody was faster.
pub(super) async fn split(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    match read(ports, batch).await? {
        Ok(split) => {
            let ours = split.parts.clone();
            if planted(Fault::PlacedBeforeSplit) {
                place_unchosen(ports, batch, &ours).await?;
            }
            let event = Event::Split { parts: split.parts, lines: split.lines, model: split.model };
            if take(ports, batch, event).await?.is_none() {
                lost(ports, batch, &ours).await?;
            }
        }
        Err(errors) => {
            take(ports, batch, Event::Refuse(errors)).await?;
        }
    }
    Ok(())
}

/// Somebody was faster, or the reply was lost: only the row says whose parts these are.
async fn lost(ports: &Ports, batch: &Batch, ours: &[Part]) -> Result<(), StoreError> {
    if planted(Fault::UnchosenPlaced) {
        place_unchosen(ports, batch, ours).await?;
    }
    let now = ports.batches.get(batch.id).await?;
    // By its object: another submission may have taken its lines since.
    let names = |now: &Batch, ours: &Part| now.parts.iter().any(|part| part.sealed.object == ours.sealed.object);
    let chosen = |part: &Part| now.as_ref().is_some_and(|now| names(now, part));
    let decided = now.as_ref().is_some_and(|now| !now.parts.is_empty() || now.state.kind().is_final());
    if decided && !ours.iter().any(chosen) {
        discard(ports, ours).await;
    }
    Ok(())
}

/// The planted faults: submissions that no row names.
async fn place_unchosen(ports: &Ports, batch: &Batch, unchosen: &[Part]) -> Result<(), StoreError> {
    for part in unchosen {
        place::create_row(ports, batch, part, false).await?;
    }
    Ok(())
}

async fn read(ports: &Ports, batch: &Batch) -> Result<Result<Split, Vec<InputError>>, StoreError> {
    let id = batch.asked.input;
    let not_found = || vec![input::input_not_found(&batch.asked.input_name())];
    let now_ms = ports.clock.now_ms();
    let readable =
        |file: &File| batch.asked.misnamed.is_none() && file.tenant == batch.tenant && file.is_readable(now_ms);
    let Some(file) = ports.files.get(id).await?.filter(readable) else { return Ok(Err(not_found())) };
    if file.purpose != Purpose::Batch {
        return Ok(Err(vec![input::wrong_purpose(file.purpose.name())]));
    }
    let mut splitting = Splitting::new(ports, batch);
    loop {
        let stream = match ports.objects.stream(&file.object).await {
            Ok((_, stream)) => stream,
            Err(StoreError::NotFound) => return Ok(Err(not_found())),
            Err(error) => return Err(error),
        };
        if let Err(error) = pass(&mut splitting, stream).await {
            let sealed = splitting.into_parts();
            discard(ports, &sealed).await;
            // It may have been deleted while it was read.
            return if matches!(error, StoreError::NotFound) { Ok(Err(not_found())) } else { Err(error) };
        }
        if !splitting.needs_another_pass() {
            break;
        }
    }
    let (sealed, counted) = splitting.finish();
    match counted {
        Ok(counted) => {
            let model = if counted.models.len() == 1 { counted.models.into_keys().next() } else { None };
            Ok(Ok(Split { parts: sealed, lines: counted.size.requests, model }))
        }
        Err(errors) => {
            discard(ports, &sealed).await;
            Ok(Err(errors))
        }
    }
}

/// Reads the input once.
async fn pass(splitting: &mut Splitting<'_>, mut stream: ByteStream) -> Result<(), StoreError> {
    let mut splitter = Splitter::default();
    while let Some(piece) = stream.next().await {
        splitter.push(piece?);
        while let Some(line) = splitter.take() {
            splitting.line(&line).await?;
        }
        if splitting.is_over() {
            return Ok(());
        }
    }
    splitter.end();
    while let Some(line) = splitter.take() {
        splitting.line(&line).await?;
    }
    splitting.end_pass().await
}

/// A checker for this batch.
pub(super) fn checker(batch: &Batch) -> Checker {
    Checker::new(batch.asked.endpoint, batch.asked.rule, Limits::OPENAI)
}
