//! Standard output: what a command was asked for, and nothing else; logs go to standard error.

use std::fmt::Display;
use std::io::Write as _;

use anyhow::Context as _;

/// Writes one line (or several, if the text has breaks) and a line's end, at once.
///
/// # Errors
/// Standard output is closed or full.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("could not write to standard output")
}

/// Writes a line to standard error: what went wrong, or a remark for people.
pub(crate) fn remark(text: impl Display) {
    // Nobody is left to be told if standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
