//! `offpeak batch check`: what a server would find wrong with a file, found without one.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use clap::Args;
use offpeak_core::batch::input::{self, Checker, Counted, Line, Splitter};
use offpeak_core::batch::{InputError, InputRule};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::file::FirstLine;
use offpeak_core::submission::Limits;

use super::input::{Endpoint as Found, each_piece};
use super::wire::InputFault;
use crate::output;

/// What is checked, and how strictly.
#[derive(Debug, Args)]
#[command(
    after_help = "It says the same, in the same words, as the server that would run the file, and all of it; but \
                        it does not know which models the server has.\nExit codes: 0 nothing is wrong, 2 something is, \
                        1 it could not be done."
)]
pub(crate) struct Options {
    /// The requests, one a line
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the lines go [default: the `url` of the first line that has one]
    #[arg(long, value_name = "PATH", value_parser = endpoint)]
    endpoint: Option<Endpoint>,
    /// By OpenAI's own rules: one model, 50,000 lines, 200 MB
    #[arg(long)]
    strict: bool,
}

/// One pass over a file.
struct Pass {
    checker: Checker,
    endpoint: Endpoint,
    first: FirstLine,
    bytes: u64,
    lines: u64,
    /// Those among them of which the checker keeps something.
    sound: u64,
    errors: u64,
}

/// Prints each error, and then what the file holds.
///
/// # Errors
/// The file cannot be read, or standard output is closed.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let endpoint = options.endpoint.map_or_else(|| detected(options), Ok)?;
    let rule = if options.strict { InputRule::Strict } else { InputRule::Split };
    let mut pass = Pass {
        checker: Checker::new(endpoint, rule, Limits::OPENAI),
        endpoint,
        first: FirstLine::default(),
        bytes: 0,
        lines: 0,
        sound: 0,
        errors: 0,
    };
    let mut splitter = Splitter::default();
    each_piece(&options.file, |piece| pass.piece(&mut splitter, piece))?;
    splitter.end();
    pass.lines(&mut splitter)?;
    pass.finish(&options.file)
}

/// What the first line that says so says.
fn detected(options: &Options) -> anyhow::Result<Endpoint> {
    let mut found = Found::default();
    each_piece(&options.file, |piece| {
        found.look(piece);
        Ok(!found.is_known())
    })?;
    // A file of which no line says where it goes is wrong in every line, wherever it goes.
    found.finish().map_or(Ok(Endpoint::ChatCompletions), |path| {
        endpoint(&path).with_context(|| format!("the `url` of the first line is {path:?}"))
    })
}

fn endpoint(path: &str) -> anyhow::Result<Endpoint> {
    Endpoint::from_path(path).ok_or_else(|| {
        let known = Endpoint::ALL.map(Endpoint::path).join(", ");
        anyhow!("Offpeak's batches go to one of {known}")
    })
}

impl Pass {
    /// Says whether reading on is of use.
    fn piece(&mut self, splitter: &mut Splitter, piece: Bytes) -> anyhow::Result<bool> {
        self.bytes += piece.len() as u64;
        self.first.push(&piece);
        splitter.push(piece);
        self.lines(splitter)?;
        Ok(!self.is_full())
    }

    /// More lines than any batch may have are not looked at, and would take memory without end.
    const fn is_full(&self) -> bool {
        self.sound > input::MAX_LINES
    }

    fn lines(&mut self, splitter: &mut Splitter) -> anyhow::Result<()> {
        while let Some(line) = splitter.take() {
            if !self.is_full() {
                self.line(&line)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> anyhow::Result<()> {
        self.lines += 1;
        let request = self.checker.check(line);
        self.sound += u64::from(request.is_some());
        let is_too_large =
            request.is_some_and(|request| !Limits::OPENAI.hold(request.peek.size(self.endpoint, request.body.len())));
        if is_too_large {
            self.checker.refuse(line.number, input::too_large());
        }
        for error in self.checker.take_errors() {
            self.errors += 1;
            tell(error)?;
        }
        Ok(())
    }

    fn finish(self, file: &std::path::Path) -> anyhow::Result<ExitCode> {
        let Self { checker, first, bytes, lines, mut errors, .. } = self;
        let counted = checker.finish_telling(|error| {
            errors += 1;
            tell(error)
        })?;
        let is_jsonl = file.extension().is_some_and(|end| end == "jsonl") && first.is_object();
        if !is_jsonl {
            errors += 1;
            output::line("the file: Invalid file format for Batch API. Must be .jsonl")?;
        }
        output::line(summary(&counted, lines, bytes, errors).trim_end())?;
        Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

fn tell(error: InputError) -> anyhow::Result<()> {
    let InputError { line, code, message, param } = error;
    output::line(InputFault { line, code: Some(code), message: Some(message), param })
}

fn summary(counted: &Counted, lines: u64, bytes: u64, errors: u64) -> String {
    let tokens = counted.size.tokens;
    let held = format!(
        "{lines} lines, {bytes} bytes, {errors} errors; about {tokens} tokens (an estimate: one for each 4 bytes of the \
         bodies)\n"
    );
    let models = counted.models.iter();
    models.fold(held, |held, (model, lines)| held + &format!("{lines:>9}  {}\n", super::failure::plain(model)))
}
