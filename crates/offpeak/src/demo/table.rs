//! The demo's closing table.

use std::time::Duration;

use offpeak_simulator::Counts;

use super::client::Tally;

/// List price of gpt-4.1-mini, micro-dollars per million tokens: $0.40 in, $1.60 out; its batch price is half
/// (OpenAI's prices as `LiteLLM`'s `model_prices_and_context_window.json` has them, seen 2026-11-21).
const INPUT_MICRODOLLARS: u64 = 400_000;
const OUTPUT_MICRODOLLARS: u64 = 1_600_000;

/// The table as text.
pub(super) fn of(tally: &Tally, took: Duration, counts: &Counts) -> String {
    let list = (tally.input_tokens * INPUT_MICRODOLLARS + tally.output_tokens * OUTPUT_MICRODOLLARS) / 1_000_000;
    let paid = list.div_ceil(2);
    let answers = tally.right + tally.wrong;
    let rows = [
        ("answers", format!("{} right, {} wrong", tally.right, tally.wrong)),
        ("lines paid twice", counts.paid_twice.to_string()),
        ("accepted", tally.accepted_in.map_or_else(|| "?".to_owned(), |took| format!("{}/s", rate(answers, took)))),
        ("batches", format!("{}, {} lines run", counts.batches_created, counts.lines_run)),
        ("lines run again", counts.lines_run.saturating_sub(answers).to_string()),
        ("callers told to retry", tally.retries.to_string()),
        ("time to answer", format!("p50 {}, p99 {}", seconds(tally, 50), seconds(tally, 99))),
        ("in all", format!("{:.1} s", took.as_secs_f64())),
        ("list price", dollars(list)),
        ("paid", dollars(paid)),
        ("saved", dollars(list - paid)),
    ];
    let lines = rows.map(|(name, value)| format!("  {name:<22} {value}"));
    format!("\n{}\n  (priced as gpt-4.1-mini; nothing was bought)", lines.join("\n"))
}

fn rate(count: u64, took: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000 / took.as_millis().max(1)).unwrap_or(u64::MAX)
}

fn seconds(tally: &Tally, percent: usize) -> String {
    let rank = (tally.latencies.len() * percent).div_ceil(100).saturating_sub(1);
    tally.latencies.get(rank).map_or_else(|| "?".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()))
}

fn dollars(micro: u64) -> String {
    format!("${}.{:06}", micro / 1_000_000, micro % 1_000_000)
}
