//! `make bench-aws`: what the functions drain, hold, weigh and take to start, as a table. It asserts nothing.

#![expect(clippy::cast_precision_loss, reason = "figures for people: three digits matter")]
#![expect(clippy::print_stdout, reason = "a benchmark talks to a terminal")]

mod distance;
mod drain;
mod flood;
mod memory;
mod process;
#[path = "../report.rs"]
mod report;
mod start;

use report::Table;

// As many threads as a function has.
#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["as-provider"] => return memory::as_provider().await,
        ["as-function", emulator, provider] => return memory::as_function(emulator, provider).await,
        _ => {}
    }
    let asked = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let mut table = Table::new(&["what", "measured", "aim"]);
    if asked("drain") {
        drain::drain(&mut table).await?;
    }
    if asked("memory") {
        memory::memory(&mut table).await?;
    }
    if asked("weight") {
        start::weigh(&mut table)?;
    }
    if asked("start") {
        start::start(&mut table)?;
    }
    table.print();
    Ok(())
}
