//! The parts of an input while it is read.

use std::collections::BTreeSet;

use bytes::BytesMut;

use super::aside::Aside;
use super::split::checker;
use super::store;
use crate::batch::input::{self, Checker, Counted, Fault, Line, Request};
use crate::batch::{Batch, InputError, MAX_FIRST_PARTS, Part, PartState};
use crate::flows::submission_id;
use crate::ids::{JobId, ObjectName, SubmissionId};
use crate::lane::Lane;
use crate::ports::{ObjectWriter, Ports, StoreError};
use crate::route::Wanted;
use crate::submission::manifest::{Entry, Manifest};
use crate::submission::{Limits, Sealed, Size};

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// Models whose parts are written in one pass: each keeps a writer and 50,000 entries in memory. Others wait for another.
const OPEN: usize = 4;

/// Reads lines and writes them into parts, one open part per model.
pub(super) struct Splitting<'a> {
    ports: &'a Ports,
    batch: &'a Batch,
    /// By this time the target of every line is chosen, so that a model's lines have one lane.
    began_ms: u64,
    checker: Checker,
    aside: Aside,
    first_pass: bool,
    /// Models that wait for another pass.
    waits: bool,
    done: BTreeSet<String>,
    open: Vec<Filling>,
    parts: Vec<Part>,
    too_many: bool,
    /// The line that is being written.
    text: BytesMut,
}

/// An open part and its object so far.
struct Filling {
    model: String,
    lane: Lane,
    id: SubmissionId,
    object: ObjectName,
    writer: Box<dyn ObjectWriter>,
    buffer: BytesMut,
    entries: Vec<Entry>,
    /// Its bytes are where the next line begins.
    size: Size,
}

impl<'a> Splitting<'a> {
    pub(super) fn new(ports: &'a Ports, batch: &'a Batch) -> Self {
        Self {
            ports,
            batch,
            began_ms: ports.clock.now_ms(),
            checker: checker(batch),
            aside: Aside::default(),
            first_pass: true,
            waits: false,
            done: BTreeSet::new(),
            open: Vec::new(),
            parts: Vec::new(),
            too_many: false,
            text: BytesMut::new(),
        }
    }

    /// Takes the next line of the input.
    pub(super) async fn line(&mut self, line: &Line) -> Result<(), StoreError> {
        let endpoint = self.batch.asked.endpoint;
        let request = if self.first_pass {
            let request = self.checker.check(line);
            if let Some(run) = self.checker.set_aside() {
                self.aside.put(self.ports, run).await?;
            }
            request
        } else {
            line.bytes.as_ref().and_then(|bytes| input::read(endpoint, bytes).ok())
        };
        match request {
            Some(request) if !self.is_over() => Box::pin(self.add(line.number, &request)).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Whether nothing that follows matters.
    pub(super) fn is_over(&self) -> bool {
        self.too_many || self.checker.is_full()
    }

    /// Seals what is open.
    pub(super) async fn end_pass(&mut self) -> Result<(), StoreError> {
        self.first_pass = false;
        let open = std::mem::take(&mut self.open);
        if self.checker.is_refused() || self.too_many {
            self.waits = false;
            return Ok(());
        }
        for filling in open {
            self.done.insert(filling.model.clone());
            self.parts.push(filling.seal(self.ports, self.batch).await?);
        }
        Ok(())
    }

    /// Whether lines of some models were left out; asked once after each pass.
    pub(super) fn needs_another_pass(&mut self) -> bool {
        std::mem::take(&mut self.waits) && !self.is_over()
    }

    /// The parts that are sealed so far.
    pub(super) fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// All parts, and what they hold or what is wrong with the input: then they are to be discarded, as they are where
    /// that could not be told.
    pub(super) async fn finish(self) -> (Vec<Part>, Result<Result<Counted, Vec<InputError>>, StoreError>) {
        let Self { ports, mut checker, aside, parts, too_many, .. } = self;
        if too_many {
            return (parts, Ok(Err(vec![input::too_many_parts(MAX_FIRST_PARTS)])));
        }
        if aside.is_empty() {
            return (parts, Ok(checker.finish()));
        }
        let rest = checker.rest();
        let repeats = aside.repeats(ports, rest).await;
        (parts, repeats.map(|repeats| checker.finish_knowing(repeats)))
    }

    async fn add(&mut self, number: u64, request: &Request) -> Result<(), StoreError> {
        let model = &request.peek.model;
        if self.done.contains(model) {
            return Ok(());
        }
        let (lane, limits) = match self.lane(model) {
            Ok(found) => found,
            Err(fault) => {
                self.checker.refuse(number, fault);
                return Ok(());
            }
        };
        if self.checker.is_refused() {
            self.open.clear();
            return Ok(());
        }
        let open = self.open.iter().position(|filling| filling.model == *model);
        let at = match open {
            Some(at) => at,
            None if self.open.len() < OPEN => {
                let Some(filling) = self.begin(model, &lane).await? else { return Ok(()) };
                self.open.push(filling);
                self.open.len() - 1
            }
            None => {
                self.waits = true;
                return Ok(());
            }
        };
        let renamed = (lane.model != *model).then_some(lane.model.as_str());
        self.text.clear();
        let size = request.write(&mut self.text, lane.endpoint, renamed);
        if !limits.hold(size) {
            self.checker.refuse(number, input::too_large());
            return Ok(());
        }
        if !limits.hold(self.open[at].size.plus(size)) {
            let Some(next) = self.begin(model, &lane).await? else { return Ok(()) };
            let full = std::mem::replace(&mut self.open[at], next);
            self.parts.push(full.seal(self.ports, self.batch).await?);
        }
        self.open[at].add(request.id, &self.text, size).await
    }

    /// Where a model's lines go, and how many of them at once.
    fn lane(&self, model: &str) -> Result<(Lane, Limits), Fault> {
        let unknown = || input::model_not_supported(model);
        let route = self.ports.settings.routes.find(model).ok_or_else(unknown)?;
        let asked = &self.batch.asked;
        let wanted = Wanted {
            endpoint: asked.endpoint,
            model,
            class: route.class.clone(),
            left_ms: self.batch.deadline_ms.saturating_sub(self.began_ms),
            private: asked.private,
            credential: asked.credential.clone(),
        };
        let lane = route.lane(wanted).ok_or_else(|| input::model_not_private(model))?;
        let limits = self.ports.backends.get(&lane.provider).ok_or_else(unknown)?.limits(&lane.model);
        Ok((lane, limits))
    }

    /// Begins a part, unless there are too many.
    async fn begin(&mut self, model: &str, lane: &Lane) -> Result<Option<Filling>, StoreError> {
        if self.parts.len() + self.open.len() >= MAX_FIRST_PARTS {
            self.too_many = true;
            return Ok(None);
        }
        let id = submission_id(self.ports);
        let object = ObjectName(format!("sealed/{id}.jsonl"));
        let writer = self.ports.objects.create(&object).await?;
        Ok(Some(Filling {
            model: model.to_owned(),
            lane: lane.clone(),
            id,
            object,
            writer,
            buffer: BytesMut::new(),
            entries: Vec::new(),
            size: Size::default(),
        }))
    }
}

impl Filling {
    async fn add(&mut self, id: JobId, line: &[u8], size: Size) -> Result<(), StoreError> {
        self.entries.push(Entry {
            job: id,
            attempt: 0,
            offset: self.size.bytes,
            length: u32::try_from(line.len() - 1).unwrap_or(u32::MAX),
            tenant: 0,
        });
        self.size = self.size.plus(size);
        self.buffer.extend_from_slice(line);
        if self.buffer.len() >= BUFFER {
            self.writer.write(self.buffer.split().freeze()).await?;
        }
        Ok(())
    }

    /// Makes object and manifest durable.
    async fn seal(mut self, ports: &Ports, batch: &Batch) -> Result<Part, StoreError> {
        if !self.buffer.is_empty() {
            self.writer.write(self.buffer.split().freeze()).await?;
        }
        self.writer.finish().await?;
        let manifest = Manifest::of(self.entries, vec![batch.tenant.clone()]).bytes();
        let name = ObjectName(format!("manifests/{}", self.id));
        let manifest_sha256 = Manifest::sha256(&manifest);
        store(ports, &name, manifest).await?;
        let turn_ms = self.lane.turn_ms(batch.deadline_ms);
        Ok(Part {
            submission: self.id,
            lane: self.lane,
            model: self.model,
            sealed: Sealed {
                object: self.object,
                manifest: name,
                manifest_sha256,
                size: self.size,
                deadline_ms: batch.deadline_ms,
                turn_ms,
            },
            attempt: 0,
            picked: 0,
            again_of: None,
            state: PartState::Sealed,
        })
    }
}
