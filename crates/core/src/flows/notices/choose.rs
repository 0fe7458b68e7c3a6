//! Choose: a request names whom to tell.

use super::receivers::change;
use crate::faults::{Fault, planted};
use crate::ids::{ReceiverId, TenantId};
use crate::notice::{Receivers, Webhook};
use crate::ports::{Ports, StoreError};

/// How long after its deadline a job may end, milliseconds: it may be with a provider for a window and two margins more, and
/// whoever collects it may have stood still for weeks.
const LATE_MS: u64 = 30 * 86_400_000;

/// Why a request cannot name whom to tell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// It names no endpoint of the tenant's, and no URL at the origin of one.
    #[error("no endpoint of that id, or at that URL's origin, is registered")]
    Unknown,
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whom a request names: a receiver's id, or a URL at the origin of one, whose secret then signs.
///
/// `until_ms` is the deadline of a job that names it, Unix milliseconds; 0 for what is no job. Whoever ends the job reads
/// its row for it. Durable when it returns.
///
/// # Errors
/// [`ChooseError`].
pub async fn choose(ports: &Ports, tenant: &TenantId, named: &str, until_ms: u64) -> Result<Webhook, ChooseError> {
    let row = ports.receivers.get(tenant).await?.unwrap_or_else(|| Receivers::none(tenant.clone()));
    let webhook = find(&row, named).ok_or(ChooseError::Unknown)?;
    let lasting = until_ms > 0 && !planted(Fault::NamingUnnoted);
    if lasting && until_ms.saturating_add(LATE_MS) > row.asked_until_ms {
        // A day ahead, so that a stream of jobs does not write the row for each.
        let asked_until_ms = until_ms.saturating_add(LATE_MS + 86_400_000);
        let noted = change(ports, tenant, |row| {
            row.asked_until_ms = row.asked_until_ms.max(asked_until_ms);
            Ok::<_, StoreError>(())
        });
        noted.await?;
    }
    Ok(webhook)
}

fn find(row: &Receivers, named: &str) -> Option<Webhook> {
    if let Ok(id) = named.parse::<ReceiverId>() {
        return row.find(id).map(|receiver| Webhook { receiver: receiver.id, url: None });
    }
    let near = row.all.iter().filter(|receiver| origin(&receiver.url) == origin(named));
    // The one whose URL has most in common with it.
    let nearest = near.max_by_key(|receiver| common(&receiver.url, named))?;
    Some(Webhook { receiver: nearest.id, url: Some(named.to_owned()) })
}

/// Scheme, host and port of a URL, as it is spelled.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find(['/', '?', '#', '\\']).map_or(url.len(), |end| host + end);
    Some(&url[..end]).filter(|origin| origin.len() > host)
}

fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}
