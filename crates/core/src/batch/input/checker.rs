//! Checks an input line by line, and says at its end what is wrong with it.

use std::collections::BTreeMap;

use super::errors::{self, Fault};
use super::request::{Request, read};
use super::seen::Seen;
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
        !self.errors.is_empty() || self.over
    }

    /// Whether reading on would find nothing that is kept.
    pub fn is_full(&self) -> bool {
        self.errors.len() >= MAX_ERRORS || self.over
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

    /// Ends the pass.
    ///
    /// # Errors
    /// What is wrong with the input, by line: the first [`MAX_ERRORS`]. What is wrong with it as a whole comes first.
    pub fn finish(self) -> Result<Counted, Vec<InputError>> {
        let Self { rule, limits, seen, mut errors, counted, over, .. } = self;
        let repeats = seen.repeats(MAX_ERRORS).into_iter();
        errors.extend(repeats.map(|repeat| errors::repeated(repeat.first).at(repeat.line)));
        errors.sort_by_key(|error| error.line);
        if over {
            let strict = rule == InputRule::Strict && !limits.hold(counted.size);
            let error =
                if strict { errors::over_limits(&limits, counted.size) } else { errors::too_many_lines(MAX_LINES) };
            errors.insert(0, error);
        }
        errors.truncate(MAX_ERRORS);
        if !errors.is_empty() {
            return Err(errors);
        }
        if counted.size.requests == 0 { Err(vec![errors::empty_file()]) } else { Ok(counted) }
    }
}
