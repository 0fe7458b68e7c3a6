//! The one call that spends money, repeated without paying twice.
//!
//! An Offpeak gives every call with the same Idempotency-Key the same batch. OpenAI does not know the key: so before a
//! call is repeated of which is unknown what became of it, the newest batches are looked through for one with this input
//! file, which no other batch has.

use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::state::State;
use super::tries::Tries;
use super::wire::{Batch, Page};

/// Pages of 100 that are looked through.
const PAGES: u32 = 20;

/// Creates the batch of a state whose file is stored, or finds it. `is_repeat` says that an earlier process may have
/// created it.
///
/// # Errors
/// [`Failure`]: it may have been created, unless the server refused it.
pub(super) async fn create(client: &Client, state: &State, is_repeat: bool) -> Result<Batch, Failure> {
    let mut tries = Tries::of(client, "creating the batch");
    let mut may_exist = is_repeat;
    loop {
        let made = async {
            if may_exist && let Some(batch) = find(client, state).await? {
                return Ok(batch);
            }
            once(client, state).await
        };
        match made.await {
            Ok(batch) => return Ok(batch),
            Err(failure) => tries.again(failure).await?,
        }
        may_exist = true;
    }
}

async fn once(client: &Client, state: &State) -> Result<Batch, Failure> {
    let mut asked = json!({
        "input_file_id": state.file_id,
        "endpoint": state.asked.endpoint,
        "completion_window": state.asked.window,
    });
    if !state.asked.metadata.is_empty() {
        asked["metadata"] = json!(state.asked.metadata);
    }
    let call = client.post(&["batches"]).header("idempotency-key", state.idempotency_key());
    let batch: Batch = client.json(call.json(&asked)).await?;
    if batch.id.is_empty() {
        return Err(Failure::Unreadable("a batch without an id".to_owned()));
    }
    Ok(batch)
}

/// The batch that has this input file, if it is among the newest.
async fn find(client: &Client, state: &State) -> Result<Option<Batch>, Failure> {
    let mut after: Option<String> = None;
    for _ in 0..PAGES {
        let mut query = vec![("limit", "100")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page: Page = client.json(client.get(&["batches"], &query)).await?;
        let batches = page.data.iter().filter_map(|raw| serde_json::from_str::<Batch>(raw.get()).ok());
        let is_ours = |batch: &Batch| {
            batch.input_file_id.is_some()
                && batch.input_file_id == state.file_id
                && batch.endpoint.as_ref().is_none_or(|endpoint| *endpoint == state.asked.endpoint)
        };
        let mut last = None;
        for batch in batches {
            if is_ours(&batch) {
                return Ok(Some(batch));
            }
            last = Some(batch.id);
        }
        if !page.has_more || last.is_none() {
            break;
        }
        after = last;
    }
    Ok(None)
}
