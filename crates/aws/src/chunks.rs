//! The rows of chunks, and what tenants were served: each one document. Nothing expires; a submission's chunks go with it.
//!
//! ```text
//! submission S   index N             the chunk's id; or `served/QUEUE` 0, what tenants were served of a queue;
//!                                    or `models` 0, the queues that ever had chunks: names SS
//! version N   doc S
//! model S   turn B (created, id)     the keys of the index `open`, while the chunk is not final: its queue, `fleet/MODEL`
//!                                    or `live:PROVIDER`, and the order of its turn
//! ```

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use offpeak_core::fleet::{Chunk, ChunkId, Queue, Served};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dynamo::{FIRST, Item, Outcome, Row, bytes, in_order, number, put, text, update};
use crate::error::Fault;

const SUBMISSION: &str = "submission";
const INDEX: &str = "index";
const VERSION: &str = "version";
const DOC: &str = "doc";
const MODEL: &str = "model";
const TURN: &str = "turn";
const NAMES: &str = "names";
/// The index.
const OPEN: &str = "open";
/// Keys that no submission has: its own begins with `sub_`.
const MODELS: &str = "models";
const SERVED: &str = "served";
/// What faults call the rows.
const WHAT: &str = "a chunk's row";
const WHAT_SERVED: &str = "the row of what tenants were served";

/// The rows of chunks, and what tenants were served.
pub struct Chunks {
    client: Client,
    table: String,
    /// Queues of which the table is known to have the name.
    named: Mutex<BTreeSet<String>>,
}

impl Chunks {
    /// The rows in that table.
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table, named: Mutex::new(BTreeSet::new()) }
    }

    /// Names the queues in the table before chunks are in them: the index cannot say which it has.
    async fn name(&self, chunks: &[Chunk]) -> Result<(), Fault> {
        let queues: BTreeSet<String> = chunks.iter().map(|chunk| chunk.queue().to_string()).collect();
        let new: Vec<String> = {
            let named = self.named.lock();
            queues.into_iter().filter(|queue| !named.contains(queue)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(MODELS, 0)))
            .update_expression("ADD #names :new")
            .expression_attribute_names("#names", NAMES)
            .expression_attribute_values(":new", AttributeValue::Ss(new.clone()));
        update(request).await?;
        self.named.lock().extend(new);
        Ok(())
    }

    /// Every queue that ever had chunks.
    async fn names(&self) -> Result<Vec<String>, Fault> {
        let Some(mut item) = self.item(key(MODELS, 0)).await? else { return Ok(Vec::new()) };
        match item.remove(NAMES) {
            Some(AttributeValue::Ss(names)) => Ok(names),
            _ => Err(Fault::Garbled { row: "the row of queues", attribute: NAMES }),
        }
    }

    async fn item(&self, key: Item) -> Result<Option<Item>, Fault> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(request.send().await.map_err(|error| Fault::call("GetItem", &error))?.item)
    }

    /// Stores an item unless its key is taken.
    async fn insert(&self, item: Item) -> Result<bool, Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#submission)")
            .expression_attribute_names("#submission", SUBMISSION);
        Ok(matches!(put(request).await?, Outcome::Written))
    }

    /// Replaces an item of that version.
    async fn exchange(&self, item: Item, version: u64) -> Result<bool, Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", number(version));
        Ok(matches!(put(request).await?, Outcome::Written))
    }

    /// What asks for a submission's chunks, by index.
    fn chunks_of(&self, submission: SubmissionId) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#submission = :submission")
            .expression_attribute_names("#submission", SUBMISSION)
            .expression_attribute_values(":submission", text(&submission.text()))
            .consistent_read(true)
    }

    /// What asks for a queue's chunks that are not final, oldest first.
    fn open_of(&self, queue: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .index_name(OPEN)
            .key_condition_expression("#model = :model")
            .expression_attribute_names("#model", MODEL)
            .expression_attribute_values(":model", text(queue))
    }

    /// Whether a chunk of the queue is not final.
    async fn has_open(&self, queue: &str) -> Result<bool, Fault> {
        let request = self.open_of(queue).select(Select::Count).limit(1);
        let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
        Ok(reply.count > 0)
    }

    async fn remove(&self, id: ChunkId) -> Result<(), Fault> {
        let key = key(&id.submission.text(), id.index);
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        request.send().await.map(drop).map_err(|error| Fault::call("DeleteItem", &error))
    }
}

#[async_trait]
impl ports::Chunks for Chunks {
    async fn create(&self, chunks: Vec<Chunk>) -> Result<(), StoreError> {
        self.name(&chunks).await?;
        let insert = |chunk: Chunk| async move { self.insert(item_of(&chunk, FIRST)?).await };
        in_order(chunks, |chunk| chunk.id, insert).await?;
        Ok(())
    }

    async fn get(&self, id: ChunkId) -> Result<Option<Chunk>, StoreError> {
        let found = self.item(key(&id.submission.text(), id.index)).await?;
        Ok(found.map(|item| read(WHAT, item)).transpose()?)
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<Chunk>, StoreError> {
        let items = all(self.chunks_of(submission), usize::MAX).await?;
        Ok(items.into_iter().map(|item| read(WHAT, item)).collect::<Result<_, _>>()?)
    }

    /// By an index that may lag behind the rows by a second or so; a write's condition tells what became of one.
    async fn open(&self, queue: &Queue, limit: usize) -> Result<Vec<Chunk>, StoreError> {
        let items = all(self.open_of(queue.as_str()), limit).await?;
        Ok(items.into_iter().map(|item| read(WHAT, item)).collect::<Result<_, _>>()?)
    }

    /// By the same index: one small call for each of the fleet's models that ever had chunks.
    async fn models(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.names().await?;
        names.retain(|queue| Queue::fleet_model(queue).is_some());
        let ask = |queue: String| async move {
            let model = Queue::fleet_model(&queue).unwrap_or_default().to_owned();
            Ok(self.has_open(&queue).await?.then_some(model))
        };
        Ok(in_order(names, String::clone, ask).await?.into_iter().flatten().collect())
    }

    async fn replace(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let version = chunk.version;
        Ok(self.exchange(item_of(chunk, version.saturating_add(1))?, version).await?)
    }

    async fn delete(&self, submission: SubmissionId) -> Result<(), StoreError> {
        let keys =
            self.chunks_of(submission).projection_expression("#index").expression_attribute_names("#index", INDEX);
        let mut ids = Vec::new();
        for item in all(keys, usize::MAX).await? {
            ids.push(ChunkId { submission, index: Row::new(WHAT, item).number(INDEX)? });
        }
        in_order(ids, |id| *id, |id| self.remove(id)).await?;
        Ok(())
    }

    async fn served(&self, queue: &Queue) -> Result<Served, StoreError> {
        let found = self.item(key(&served_key(queue), 0)).await?;
        Ok(found.map(|item| read(WHAT_SERVED, item)).transpose()?.unwrap_or_default())
    }

    async fn serve(&self, queue: &Queue, served: &Served) -> Result<bool, StoreError> {
        let stored = Served { version: served.version.saturating_add(1), ..served.clone() };
        let item = document(WHAT_SERVED, key(&served_key(queue), 0), stored.version, &stored)?;
        match served.version {
            0 => Ok(self.insert(item).await?),
            version => Ok(self.exchange(item, version).await?),
        }
    }
}

fn key(submission: &str, index: u32) -> Item {
    [(SUBMISSION, text(submission)), (INDEX, number(index))].map(|(name, value)| (name.to_owned(), value)).into()
}

fn served_key(queue: &Queue) -> String {
    format!("{SERVED}/{queue}")
}

/// The item of a chunk as that version. One that is final has no turn.
fn item_of(chunk: &Chunk, version: u64) -> Result<Item, Fault> {
    let ChunkId { submission, index } = chunk.id;
    let stored = Chunk { version, ..chunk.clone() };
    let mut item = document(WHAT, key(&submission.text(), index), version, &stored)?;
    if !chunk.state.is_final() {
        let turn = [&chunk.created_ms.to_be_bytes()[..], &submission.0, &index.to_be_bytes()].concat();
        item.insert(MODEL.to_owned(), text(chunk.queue().as_str()));
        item.insert(TURN.to_owned(), bytes(&turn));
    }
    Ok(item)
}

fn document<T: Serialize>(what: &'static str, mut key: Item, version: u64, row: &T) -> Result<Item, Fault> {
    let doc = serde_json::to_string(row).map_err(|_| Fault::Unwritable(what))?;
    key.insert(VERSION.to_owned(), number(version));
    key.insert(DOC.to_owned(), text(&doc));
    Ok(key)
}

fn read<T: DeserializeOwned>(what: &'static str, item: Item) -> Result<T, Fault> {
    let mut row = Row::new(what, item);
    let doc = row.text(DOC)?;
    serde_json::from_str(&doc).map_err(|_| row.garbled(DOC))
}

/// The first `limit` items that a query finds.
async fn all(query: QueryFluentBuilder, limit: usize) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::new();
    let mut after = None;
    while items.len() < limit {
        let left = i32::try_from(limit - items.len()).ok();
        let request = query.clone().set_limit(left).set_exclusive_start_key(after);
        let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
        items.extend(reply.items.unwrap_or_default());
        after = reply.last_evaluated_key;
        if after.is_none() {
            break;
        }
    }
    Ok(items)
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("table", &self.table).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use offpeak_core::ports::Chunks as _;
    use offpeak_testkit::samples::Namespace;
    use serde_json::{Value, json};

    use super::*;
    use crate::dynamo::{Script, wire};

    fn page(chunks: &[Chunk], more: bool) -> String {
        let items: Vec<Value> = chunks.iter().map(|chunk| wire(&item_of(chunk, FIRST).unwrap())).collect();
        let last = if more { wire(&key("sub_", 7)) } else { Value::Null };
        json!({"Items": items, "LastEvaluatedKey": last}).to_string()
    }

    #[tokio::test]
    async fn reads_go_on_where_a_page_ends() {
        let all = Namespace::fresh().chunks(4);
        let pages = [page(&all[..2], true), page(&[], true), page(&all[2..], false)];
        let replies = pages.each_ref().map(|page| (200, page.as_str()));
        let script = Script::new(&[replies, replies].concat());
        let chunks = Chunks::new(script.client(), "chunks".to_owned());
        assert_eq!(chunks.of(all[0].id.submission).await.unwrap(), all);
        assert_eq!(chunks.open(&all[0].queue(), 9).await.unwrap(), all);
        let asked: Vec<_> = script.requests().iter().map(|request| request["ExclusiveStartKey"].clone()).collect();
        let place = || wire(&key("sub_", 7));
        assert_eq!(asked, [Value::Null, place(), place(), Value::Null, place(), place()]);
        let limits: Vec<_> = script.requests()[3..].iter().map(|request| request["Limit"].clone()).collect();
        assert_eq!(limits, [9, 7, 7], "no more is read than asked for");
    }

    #[tokio::test]
    async fn a_queue_is_named_once_before_its_chunks() {
        let all = Namespace::fresh().chunks(3);
        let script = Script::new(&[(200, "{}"); 4]);
        let chunks = Chunks::new(script.client(), "chunks".to_owned());
        chunks.create(all[..1].to_vec()).await.unwrap();
        chunks.create(all[1..].to_vec()).await.unwrap();
        let named: Vec<bool> =
            script.requests().iter().map(|request| request["UpdateExpression"].is_string()).collect();
        assert_eq!(named, [true, false, false, false]);
    }
}
