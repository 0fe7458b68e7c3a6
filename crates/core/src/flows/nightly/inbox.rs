//! Taking: what lies in the inbox becomes a batch, and goes from the inbox once that batch's row is durable.

use std::collections::BTreeSet;

use super::refuse;
use super::store::{self, Wanted};
use crate::batch::{Batch, Summary};
use crate::flows::batches::put_results;
use crate::ids::{NativeBatchId, NativeFileId, derive};
use crate::nightly::{Address, Meaning, meaning};
use crate::ports::{Dropped, Ports, StoreError};

/// What is listed at a time.
const PAGE: usize = 1_000;

/// What became of something that lay in the inbox.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Its batch was begun.
    Taken,
    /// It stays, or goes without a batch of its own.
    Other,
}

/// The outbox paths to which a batch is still to give: read when the first input is met.
type Busy = Option<BTreeSet<String>>;

/// Takes what lies in the inbox; returns how many batches were begun.
pub(super) async fn take_all(ports: &Ports, stop_ms: u64) -> Result<usize, StoreError> {
    let (mut taken, mut busy, mut after) = (0, Busy::default(), None);
    loop {
        let page = ports.mailbox.dropped(after.as_deref(), PAGE).await?;
        for dropped in &page {
            if ports.clock.now_ms() >= stop_ms {
                return Ok(taken);
            }
            match Box::pin(take(ports, dropped, &mut busy)).await {
                Ok(end) => taken += usize::from(end == End::Taken),
                Err(error) => tracing::error!(%error, path = ?dropped.path, "it could not be taken from the inbox"),
            }
        }
        if page.len() < PAGE {
            return Ok(taken);
        }
        after = page.into_iter().next_back().map(|dropped| dropped.path);
    }
}

async fn take(ports: &Ports, dropped: &Dropped, busy: &mut Busy) -> Result<End, StoreError> {
    let address = match meaning(&dropped.path, ports.settings.nightly.default_tenant.as_ref()) {
        Meaning::Nothing => return Ok(End::Other),
        Meaning::Refused(why) => return refuse::refuse(ports, dropped, why).await.map(|()| End::Other),
        Meaning::Input(address) => address,
    };
    let id = NativeBatchId(words(&address, dropped, "batch"));
    let mut end = End::Other;
    if ports.batches.get(id).await?.is_none() {
        if busy_paths(ports, busy).await?.contains(&address.outbox()) {
            // One of its name is under way: both would write the same results.
            return Ok(End::Other);
        }
        if !begin(ports, dropped, &address, id).await? {
            return Ok(End::Other);
        }
        busy.get_or_insert_default().insert(address.outbox());
        end = End::Taken;
    }
    ports.mailbox.remove(dropped).await?;
    Ok(end)
}

/// Stores the content and creates the batch; `false` if it was removed or replaced meanwhile.
async fn begin(ports: &Ports, dropped: &Dropped, address: &Address, id: NativeBatchId) -> Result<bool, StoreError> {
    let content = match ports.mailbox.read(dropped).await {
        Ok(content) => content,
        Err(StoreError::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    };
    let Address { tenant, name } = address;
    let file = NativeFileId::derived(words(address, dropped, "file"));
    let (input, endpoint) = store::input(ports, content, store::file(tenant, format!("{name}.jsonl"), file)).await?;
    // Before the batch can end: what is there from now on is its own.
    ports.mailbox.retract(&format!("{}/{}", address.outbox(), Summary::NAME)).await?;
    let wanted = Wanted {
        id,
        tenant: tenant.clone(),
        input,
        misnamed: None,
        endpoint,
        note: ("inbox", name.clone()),
        outbox: address.outbox(),
    };
    let batch = store::batch(ports, wanted).await?;
    tracing::info!(batch = %batch.id, "taken from the inbox");
    if batch.state.kind().is_final() {
        // Somebody else was so much faster that what was retracted is what came of it.
        put_results(ports, &batch).await?;
    }
    Ok(true)
}

/// What is known by what was dropped: the same for whoever sees it.
fn words(address: &Address, dropped: &Dropped, what: &str) -> [u8; 16] {
    derive(&["inbox", what, address.tenant.as_str(), &address.name, &dropped.version])
}

async fn busy_paths<'a>(ports: &Ports, busy: &'a mut Busy) -> Result<&'a BTreeSet<String>, StoreError> {
    if busy.is_none() {
        let mut paths = BTreeSet::new();
        for id in ports.batches.open().await? {
            let batch = ports.batches.get(id).await?.filter(Batch::is_open);
            paths.extend(batch.and_then(|batch| batch.asked.outbox));
        }
        *busy = Some(paths);
    }
    Ok(busy.get_or_insert_default())
}
