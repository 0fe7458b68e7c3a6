//! What is wrong with a configuration, and where.

use std::fmt;

use crate::flags::Variable;
use crate::place::Place;

/// Where a setting was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A line of the file, from 1.
    Line(usize),
    /// A flag, its environment variable or the parameter that fills it.
    Variable(Variable),
    /// Nowhere: it is about a default, or about the file as a whole.
    Nowhere,
}

/// A setting as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given<T> {
    /// Its value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
    /// Its key in the file; empty for a flag, whose name is its origin.
    pub key: &'static str,
}

impl<T> Given<T> {
    /// The same setting with what its value means.
    pub(crate) fn meaning<U>(&self, value: U) -> Given<U> {
        Given { value, origin: self.origin, key: self.key }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<(Origin, String)>,
}

impl Problems {
    /// Notes that something is wrong.
    pub(crate) fn add(&mut self, origin: Origin, what: impl Into<String>) {
        self.found.push((origin, what.into()));
    }

    /// Notes that a setting is wrong, by its key.
    pub(crate) fn refuse<T>(&mut self, given: &Given<T>, what: impl fmt::Display) {
        let colon = if given.key.is_empty() { "" } else { ": " };
        self.add(given.origin, format!("{}{colon}{what}", given.key));
    }

    /// What a setting means, unless `read` refuses it.
    pub(crate) fn read<T, U>(
        &mut self,
        given: Option<Given<T>>,
        read: impl FnOnce(&T) -> Result<U, String>,
    ) -> Option<Given<U>> {
        let given = given?;
        match read(&given.value) {
            Ok(value) => Some(given.meaning(value)),
            Err(what) => {
                self.refuse(&given, what);
                None
            }
        }
    }

    /// What a setting means that may stand in the file and be overruled by a flag; both are read.
    pub(crate) fn read_either<T, U>(
        &mut self,
        file: Option<Given<T>>,
        flag: Option<Given<T>>,
        read: impl Fn(&T) -> Result<U, String>,
    ) -> Option<Given<U>> {
        let file = self.read(file, &read);
        self.read(flag, &read).or(file)
    }

    /// `Ok` if nothing is wrong; `path` is how the text is called where it will hold.
    pub(crate) fn verdict(mut self, place: Place, path: &str) -> Result<(), Refused> {
        self.found.sort_by_key(|(origin, _)| *origin);
        let line = |(origin, what): (Origin, String)| match origin {
            Origin::Line(line) => format!("{path}:{line}: {what}"),
            Origin::Variable(variable) => format!("{}: {what}", variable.within(place)),
            Origin::Nowhere => what,
        };
        let lines: Vec<String> = self.found.into_iter().map(line).collect();
        if lines.is_empty() { Ok(()) } else { Err(Refused { lines }) }
    }
}

/// The configuration is refused: one line for each thing that is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines.join("\n"))]
pub struct Refused {
    /// The lines, those about the file first.
    pub lines: Vec<String>,
}
