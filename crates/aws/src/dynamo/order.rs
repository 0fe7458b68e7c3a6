//! Many writes in one call: side by side, but those of one row in their order.

use std::collections::HashMap;
use std::hash::Hash;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::Fault;

/// Writes of one call under way at once: 256 of 10 ms each are 25,000 a second, and connections stay far below the
/// 1,024 files that a function may open.
const WRITES: usize = 256;

/// Does the work of each item; answers are in the order of the items. The first failure ends it, and what is under way
/// then may or may not have been done.
pub(crate) async fn in_order<I, K, T, F>(
    items: Vec<I>,
    key: impl Fn(&I) -> K,
    work: impl Fn(I) -> F,
) -> Result<Vec<T>, Fault>
where
    K: Eq + Hash,
    F: Future<Output = Result<T, Fault>>,
{
    let count = items.len();
    let work = &work;
    let answered: Vec<Vec<(usize, T)>> = stream::iter(rows(items, key))
        .map(|row| async move {
            let mut answers = Vec::with_capacity(row.len());
            for (place, item) in row {
                answers.push((place, work(item).await?));
            }
            Ok(answers)
        })
        .buffer_unordered(WRITES)
        .try_collect()
        .await?;
    let mut answers: Vec<Option<T>> = Vec::new();
    answers.resize_with(count, || None);
    for (place, answer) in answered.into_iter().flatten() {
        answers[place] = Some(answer);
    }
    Ok(answers.into_iter().flatten().collect())
}

/// The items of each row with their places, rows by their first item.
fn rows<I, K: Eq + Hash>(items: Vec<I>, key: impl Fn(&I) -> K) -> Vec<Vec<(usize, I)>> {
    let mut rows: Vec<Vec<(usize, I)>> = Vec::with_capacity(items.len());
    let mut known = HashMap::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let row = *known.entry(key(&item)).or_insert(rows.len());
        if row == rows.len() {
            rows.push(Vec::with_capacity(1));
        }
        rows[row].push((place, item));
    }
    rows
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[tokio::test]
    async fn answers_are_in_the_order_of_the_items_and_a_row_is_written_in_its_order() {
        let items: Vec<(u32, u32)> = (0..600).map(|n| (n % 7, n)).collect();
        let done = Mutex::new(Vec::new());
        let work = async |(key, n): (u32, u32)| {
            for _ in 0..(n * 31) % 5 {
                tokio::task::yield_now().await;
            }
            done.lock().push((key, n));
            Ok(n)
        };
        let answers = in_order(items, |(key, _)| *key, work).await.unwrap();
        assert_eq!(answers, (0..600).collect::<Vec<_>>());
        let done = done.into_inner();
        for key in 0..7 {
            assert!(done.iter().filter(|(of, _)| *of == key).is_sorted(), "row {key} was written out of order");
        }
    }
}
