//! Split: the input is read once, checked line by line, and written into the sealed objects of its parts.
//!
//! One compare-and-set chooses the parts of one reader. The objects of any other have names that no row has.

use futures_util::StreamExt;

use super::retry;
use super::splitting::Splitting;
use super::{busy_until_ms, discard, freed, hold, place, take};
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

/// Takes the batch for a split, and splits it, unless somebody was faster. Without its input it is refused, unless that is
/// still to be written: then it is written first.
pub(super) async fn begin(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    // Read once: who writes an input that is owed may be about to.
    let stored = ports.files.get(batch.asked.input).await?;
    if stored.is_none()
        && let Some(of) = batch.asked.retry_of
    {
        return retry::write_input(ports, batch, of).await;
    }
    match input(batch, stored, ports.clock.now_ms()) {
        Ok(file) => {
            let Some(held) = hold(ports, batch, None, busy_until_ms(ports, file.bytes)).await? else { return Ok(()) };
            let done = Box::pin(split(ports, &held, &file)).await;
            freed(ports, &held, done).await
        }
        Err(error) => take(ports, batch, Event::Refuse(vec![error])).await.map(drop),
    }
}

/// The input, or why it is none.
fn input(batch: &Batch, stored: Option<File>, now_ms: u64) -> Result<File, InputError> {
    let readable =
        |file: &File| batch.asked.misnamed.is_none() && file.tenant == batch.tenant && file.is_readable(now_ms);
    match stored.filter(readable) {
        None => Err(not_found(batch)),
        Some(file) if file.purpose != Purpose::Batch => Err(input::wrong_purpose(file.purpose.name())),
        Some(file) => Ok(file),
    }
}

pub(super) fn not_found(batch: &Batch) -> InputError {
    input::input_not_found(&batch.asked.input_name())
}

/// Reads the input and stores what it became, unless somebody was faster.
async fn split(ports: &Ports, batch: &Batch, file: &File) -> Result<(), StoreError> {
    match read(ports, batch, file).await? {
        Ok(split) if !has_room(batch, &split) => {
            discard(ports, &split.parts).await;
            take(ports, batch, Event::Refuse(vec![input::too_long_names()])).await?;
        }
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

/// Whether the row can be written with these parts.
fn has_room(batch: &Batch, split: &Split) -> bool {
    Batch { parts: split.parts.clone(), model: split.model.clone(), ..batch.clone() }.fits()
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

async fn read(ports: &Ports, batch: &Batch, file: &File) -> Result<Result<Split, Vec<InputError>>, StoreError> {
    let mut splitting = Splitting::new(ports, batch);
    loop {
        let stream = match ports.objects.stream(&file.object).await {
            Ok((_, stream)) => stream,
            Err(StoreError::NotFound) => return Ok(Err(vec![not_found(batch)])),
            Err(error) => return Err(error),
        };
        if let Err(error) = pass(&mut splitting, stream).await {
            let sealed = splitting.into_parts();
            discard(ports, &sealed).await;
            // It may have been deleted while it was read.
            return if matches!(error, StoreError::NotFound) { Ok(Err(vec![not_found(batch)])) } else { Err(error) };
        }
        if !splitting.needs_another_pass() {
            break;
        }
    }
    let (sealed, counted) = Box::pin(splitting.finish()).await;
    if !matches!(counted, Ok(Ok(_))) {
        discard(ports, &sealed).await;
    }
    Ok(counted?.map(|counted| {
        let model = if counted.models.len() == 1 { counted.models.into_keys().next() } else { None };
        Split { parts: sealed, lines: counted.size.requests, model }
    }))
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
