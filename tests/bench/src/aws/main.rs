//! `make bench-aws`: what the functions drain, hold, weigh and take to start, as a table. It asserts nothing.

#![expect(clippy::cast_precision_loss, reason = "figures for people: three digits matter")]
#![expect(clippy::print_stdout, reason = "a benchmark talks to a terminal")]

mod distance;
mod drain;
#[path = "../report.rs"]
mod report;

use report::Table;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let mut table = Table::new(&["what", "measured", "aim"]);
    if asked("drain") {
        drain::drain(&mut table).await?;
    }
    table.print();
    Ok(())
}
