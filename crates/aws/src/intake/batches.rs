//! Texts in the batches in which they are sent.

use std::collections::HashMap;

use super::queue::{CALL_BYTES, CALL_MESSAGES, Queue};

/// Texts by queue, each batch small enough for one call.
#[derive(Debug, Default)]
pub(super) struct Batches {
    full: Vec<(Queue, Vec<String>)>,
    /// The batch being filled, by the queue's address.
    open: HashMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    queue: Queue,
    texts: Vec<String>,
    bytes: usize,
}

impl Batches {
    pub(super) fn add(&mut self, queue: Queue, text: String) {
        let url = queue.url.clone();
        let open = self.open.entry(url).or_insert_with(|| Open { queue, texts: Vec::new(), bytes: 0 });
        if open.texts.len() == CALL_MESSAGES || open.bytes + text.len() > CALL_BYTES {
            self.full.push((open.queue.clone(), std::mem::take(&mut open.texts)));
            open.bytes = 0;
        }
        open.bytes += text.len();
        open.texts.push(text);
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Queue, Vec<String>)> {
        self.full.into_iter().chain(self.open.into_values().map(|open| (open.queue, open.texts)))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::Client;
    use aws_sdk_sqs::config::{BehaviorVersion, Config};

    use super::*;

    fn batched(lengths: &[usize]) -> Vec<Vec<usize>> {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        let queue = Queue { client, url: "http://localhost/soon".to_owned() };
        let mut batches = Batches::default();
        for length in lengths {
            batches.add(queue.clone(), "x".repeat(*length));
        }
        batches.into_iter().map(|(_, texts)| texts.iter().map(String::len).collect()).collect()
    }

    #[test]
    fn a_batch_keeps_both_limits() {
        assert_eq!(batched(&[1; 21]), [vec![1; 10], vec![1; 10], vec![1]]);
        let half = CALL_BYTES / 2;
        assert_eq!(batched(&[half, half, 1]), [vec![half, half], vec![1]]);
        assert_eq!(batched(&[half, half + 1]), [vec![half], vec![half + 1]]);
        assert!(batched(&[]).is_empty());
    }
}
