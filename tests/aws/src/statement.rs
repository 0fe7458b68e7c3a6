//! A bill as it is printed: lines with a price behind an HTTP API and one behind a Function URL.

use std::fmt;

use crate::Money;

/// What one thing costs, by the million.
#[derive(Debug, Clone)]
pub struct Line {
    /// For what.
    pub what: String,
    /// Behind an HTTP API.
    pub http_api: Money,
    /// Behind a Function URL.
    pub function_url: Money,
}

/// Lines and their sum.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its heading.
    pub title: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

impl Line {
    /// One that costs the same behind either.
    pub fn alike(what: impl Into<String>, money: Money) -> Self {
        Self { what: what.into(), http_api: money, function_url: money }
    }
}

impl Statement {
    /// The sums of both columns.
    pub fn sums(&self) -> (Money, Money) {
        let sum = |column: fn(&Line) -> Money| self.lines.iter().map(column).sum();
        (sum(|line| line.http_api), sum(|line| line.function_url))
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:<74} {:>10} {:>13}", self.title, "HTTP API", "Function URL")?;
        for line in &self.lines {
            writeln!(formatter, "  {:<72} {:>10} {:>13}", line.what, line.http_api, line.function_url)?;
        }
        let (http_api, function_url) = self.sums();
        writeln!(formatter, "  {:<72} {http_api:>10} {function_url:>13}", "together")
    }
}
