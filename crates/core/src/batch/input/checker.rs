//! Checks an input line by line, and says at its end what is wrong with it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::errors::{self, Fault};
use super::request::{Request, read};
use super::seen::{Repeat, Seen};
use super::{Line, MAX_LINES};
use crate::batch::{InputError, InputRule, MAX_ERRORS};
use crate::endpoint::Endpoint;
use crate::submission::{Limits, Size};

/// Models that are counted apart.
const MODELS: usize = 1_000;

/// One pass over an input.
#[derive(Debug)]
pub struct Checker {
    endpoint: Endpoint,
    rule: InputRule,
    limits: Limits,
    seen: Seen,
    errors: Vec<InputError>,
    /// Errors were found and taken.
    taken: bool,
    counted: Counted,
    first_model: Option<String>,
    over: bool,
}

/// What an input holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Lines, bytes, estimated tokens, embedding inputs.
    pub size: Size,
    /// How many lines name each model: the first thousand models.
    pub models: BTreeMap<String, u64>,
}

impl Checker {
    /// Begins a pass. `limits` are those of a batch that is not split: OpenAI's.
    pub fn new(endpoint: Endpoint, rule: InputRule, limits: Limits) -> Self {
        Self {
            endpoint,
            rule,
            limits: Limits { tokens: u64::MAX, ..limits },
            seen: Seen::default(),
            errors: Vec::new(),
            taken: false,
            counted: Counted::default(),
            first_model: None,
            over: false,
        }
    }

    /// Checks the next line: a request, unless something is wrong with it.
    pub fn check(&mut self, line: &Line) -> Option<Request> {
        let request = match &line.bytes {
            None => Err(errors::too_long()),
            Some(bytes) => read(self.endpoint, bytes),
        };
        match request.and_then(|request| self.counts(&request, line).map(|()| request)) {
            Ok(request) => Some(request),
            Err(fault) => {
                self.refuse(line.number, fault);
                None
            }
        }
    }

    /// Notes what is wrong with a line.
    pub fn refuse(&mut self, line: u64, fault: Fault) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(fault.at(line));
        }
    }

    /// Whether something is wrong already: then no part of the input will run.
    pub fn is_refused(&self) -> bool {
        self.taken || !self.errors.is_empty() || self.over
    }

    /// Whether reading on would find nothing that is kept.
    pub fn is_full(&self) -> bool {
        self.errors.len() >= MAX_ERRORS || self.over
    }

    /// Hands over what was found so far: for who tells every error as it is found, however many there are.
    ///
    /// The pass is then ended by [`Self::finish_telling`], and it is full only where the input is too large as a whole.
    pub fn take_errors(&mut self) -> Vec<InputError> {
        self.taken |= !self.errors.is_empty();
        std::mem::take(&mut self.errors)
    }

    fn counts(&mut self, request: &Request, line: &Line) -> Result<(), Fault> {
        self.seen.add(request.id, line.number);
        let bytes = line.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64 + 1);
        let size = Size { bytes, ..request.peek.size(self.endpoint, request.body.len()) };
        self.counted.size = self.counted.size.plus(size);
        let model = &request.peek.model;
        let models = &mut self.counted.models;
        if let Some(lines) = models.get_mut(model) {
            *lines += 1;
        } else if models.len() < MODELS {
            models.insert(model.clone(), 1);
        }
        self.over |= self.counted.size.requests > MAX_LINES;
        if self.rule == InputRule::Split {
            return Ok(());
        }
        self.over |= !self.limits.hold(self.counted.size);
        let first = self.first_model.get_or_insert_with(|| model.clone());
        if first == model { Ok(()) } else { Err(errors::mismatched_model(model, first)) }
    }

    /// Ids that are to be kept elsewhere, so that no input takes more memory than another: a sorted run of
    /// [`super::RUN_BYTES`]. Who takes any ends with [`Self::rest`] and [`Self::finish_knowing`].
    pub fn set_aside(&mut self) -> Option<Bytes> {
        self.seen.set_aside()
    }

    /// Sorted runs of the ids that were not set aside.
    pub fn rest(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.seen).into_runs()
    }

    /// Ends the pass.
    ///
    /// # Errors
    /// What is wrong with the input, by line: the first [`MAX_ERRORS`]. What is wrong with it as a whole comes first.
    pub fn finish(mut self) -> Result<Counted, Vec<InputError>> {
        let repeats = std::mem::take(&mut self.seen).repeats(MAX_ERRORS);
        self.finish_knowing(repeats)
    }

    /// The same, with the repeats that a [`super::Merge`] of all runs found.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_knowing(self, repeats: Vec<Repeat>) -> Result<Counted, Vec<InputError>> {
        let whole = self.wrong_as_a_whole();
        let Self { mut errors, counted, .. } = self;
        errors.extend(repeats.into_iter().map(|repeat| errors::repeated(repeat.first).at(repeat.line)));
        errors.sort_by_key(|error| error.line);
        if let Some(error) = whole {
            errors.insert(0, error);
        }
        errors.truncate(MAX_ERRORS);
        if errors.is_empty() { Ok(counted) } else { Err(errors) }
    }

    /// Ends the pass of who takes the errors: tells all those that show only now, by line, what is wrong with the input
    /// as a whole at last. What was counted is given in any case: of the lines with which nothing is wrong.
    ///
    /// # Errors
    /// What `tell` fails with.
    pub fn finish_telling<E>(self, mut tell: impl FnMut(InputError) -> Result<(), E>) -> Result<Counted, E> {
        let whole = self.wrong_as_a_whole();
        for error in self.errors {
            tell(error)?;
        }
        for repeat in self.seen.repeats(usize::MAX) {
            tell(errors::repeated(repeat.first).at(repeat.line))?;
        }
        whole.map_or(Ok(()), tell)?;
        Ok(self.counted)
    }

    /// What is wrong with the input, whichever line one looks at.
    fn wrong_as_a_whole(&self) -> Option<InputError> {
        let strict = self.rule == InputRule::Strict && !self.limits.hold(self.counted.size);
        match (self.over, strict) {
            (true, true) => Some(errors::over_limits(&self.limits, self.counted.size)),
            (true, false) => Some(errors::too_many_lines(MAX_LINES)),
            (false, _) => (!self.is_refused() && self.counted.size.requests == 0).then(errors::empty_file),
        }
    }
}
