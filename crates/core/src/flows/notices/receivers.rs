//! Receivers: created, changed, rotated, tried and removed, all in the tenant's one row.

use secrecy::{ExposeSecret, SecretString};

use super::payload::{Payload, delivery};
use crate::ids::{ReceiverId, TenantId};
use crate::notice::{EventType, MAX_RECEIVERS, Receiver, Receivers, SigningSecret};
use crate::ports::{Deliver, Delivered, NotAdmitted, Ports, StoreError};

/// The longest name, bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// How long a secret goes on signing beside the one that replaced it, milliseconds: what the official SDK's parameter is
/// called after, `keep_old_secret_active_for_24_hours`.
pub const ROTATION_MS: u64 = 86_400_000;

/// Why a receiver is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The tenant has none of that id.
    #[error("there is no such endpoint")]
    NotFound,
    /// The tenant has as many as it may.
    #[error("there are {MAX_RECEIVERS} endpoints already")]
    TooMany,
    /// Its URL is not called.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is asked of a new receiver.
#[derive(Debug, Clone)]
pub struct NewReceiver {
    /// At most [`MAX_NAME_BYTES`].
    pub name: String,
    /// Called with POST.
    pub url: String,
    /// What it is told of without being asked.
    pub events: Vec<EventType>,
    /// `whsec_…`, from whoever signs: kept sealed, and given to the tenant once.
    pub secret: SecretString,
}

/// What is changed of a receiver; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// See [`NewReceiver::name`].
    pub name: Option<String>,
    /// See [`NewReceiver::url`].
    pub url: Option<String>,
    /// See [`NewReceiver::events`].
    pub events: Option<Vec<EventType>>,
}

/// Creates a receiver. Durable when it returns.
///
/// # Errors
/// [`ReceiverError`]. After [`ReceiverError::Store`] it may exist.
pub async fn create(
    ports: &Ports,
    deliver: &dyn Deliver,
    tenant: &TenantId,
    new: NewReceiver,
) -> Result<Receiver, ReceiverError> {
    deliver.admit(&new.url).await?;
    let sealed = ports.credentials.seal(&new.secret).await?;
    let now_ms = ports.clock.now_ms();
    let receiver = Receiver {
        id: ReceiverId(ports.random.bits()),
        name: new.name,
        url: new.url,
        events: new.events,
        secrets: vec![SigningSecret { sealed, until_ms: None }],
        hint: hint(&new.secret),
        created_ms: now_ms,
        updated_ms: now_ms,
        disabled_ms: None,
    };
    change(ports, tenant, |row| {
        if row.all.len() >= MAX_RECEIVERS {
            return Err(ReceiverError::TooMany);
        }
        row.all.push(receiver.clone());
        Ok(receiver.clone())
    })
    .await
}

/// The tenant's receivers, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(ports: &Ports, tenant: &TenantId) -> Result<Vec<Receiver>, StoreError> {
    Ok(ports.receivers.get(tenant).await?.map(|row| row.all).unwrap_or_default())
}

/// One of them.
///
/// # Errors
/// [`ReceiverError::NotFound`], [`ReceiverError::Store`].
pub async fn get(ports: &Ports, tenant: &TenantId, id: ReceiverId) -> Result<Receiver, ReceiverError> {
    let row = ports.receivers.get(tenant).await?;
    row.and_then(|row| row.find(id).cloned()).ok_or(ReceiverError::NotFound)
}

/// Changes a receiver; one that was disabled is called again.
///
/// # Errors
/// [`ReceiverError`].
pub async fn update(
    ports: &Ports,
    deliver: &dyn Deliver,
    (tenant, id): (&TenantId, ReceiverId),
    changes: Changes,
) -> Result<Receiver, ReceiverError> {
    if let Some(url) = &changes.url {
        deliver.admit(url).await?;
    }
    let now_ms = ports.clock.now_ms();
    change(ports, tenant, |row| {
        let receiver = row.find_mut(id).ok_or(ReceiverError::NotFound)?;
        let before = receiver.clone();
        receiver.name = changes.name.clone().unwrap_or_else(|| before.name.clone());
        receiver.url = changes.url.clone().unwrap_or_else(|| before.url.clone());
        receiver.events = changes.events.clone().unwrap_or_else(|| before.events.clone());
        receiver.disabled_ms = None;
        if *receiver != before {
            receiver.updated_ms = now_ms;
        }
        Ok(receiver.clone())
    })
    .await
}

/// Gives a receiver a new secret. The old one signs beside it for [`ROTATION_MS`] if `keep_old`, else no more.
///
/// # Errors
/// [`ReceiverError`].
pub async fn rotate(
    ports: &Ports,
    (tenant, id): (&TenantId, ReceiverId),
    secret: &SecretString,
    keep_old: bool,
) -> Result<Receiver, ReceiverError> {
    get(ports, tenant, id).await?;
    let sealed = ports.credentials.seal(secret).await?;
    let now_ms = ports.clock.now_ms();
    change(ports, tenant, |row| {
        let receiver = row.find_mut(id).ok_or(ReceiverError::NotFound)?;
        let mut secrets = vec![SigningSecret { sealed: sealed.clone(), until_ms: None }];
        if keep_old {
            let until_ms = |old: &SigningSecret| old.until_ms.unwrap_or(u64::MAX).min(now_ms + ROTATION_MS);
            let old = receiver.signing(now_ms).map(|old| (old, until_ms(old)));
            // A rotation whose reply was lost is repeated: the oldest one is what the receiver has.
            let mut old: Vec<_> = old.collect();
            if old.len() > 2 {
                old.drain(1..old.len() - 1);
            }
            secrets.extend(
                old.into_iter()
                    .map(|(old, until_ms)| SigningSecret { sealed: old.sealed.clone(), until_ms: Some(until_ms) }),
            );
        }
        (receiver.secrets, receiver.hint, receiver.updated_ms) = (secrets, hint(secret), now_ms);
        Ok(receiver.clone())
    })
    .await
}

/// Removes a receiver; what it is owed is given up.
///
/// # Errors
/// [`ReceiverError`].
pub async fn remove(ports: &Ports, tenant: &TenantId, id: ReceiverId) -> Result<(), ReceiverError> {
    change(ports, tenant, |row| {
        let before = row.all.len();
        row.all.retain(|receiver| receiver.id != id);
        if row.all.len() < before { Ok(()) } else { Err(ReceiverError::NotFound) }
    })
    .await
}

/// Sends a receiver an event that did not happen, once.
///
/// # Errors
/// [`ReceiverError`].
pub async fn test(
    ports: &Ports,
    deliver: &dyn Deliver,
    (tenant, id): (&TenantId, ReceiverId),
    event: EventType,
) -> Result<Delivered, ReceiverError> {
    let receiver = get(ports, tenant, id).await?;
    let delivery = delivery(ports, &receiver, &receiver.url, &Payload::sample(ports, event)).await?;
    Ok(deliver.deliver(&delivery, ports.clock.now_ms() / 1_000).await)
}

/// Notes that a receiver wants to be told nothing any more. One that was removed meanwhile is no error.
pub(super) async fn disable(ports: &Ports, tenant: &TenantId, id: ReceiverId) -> Result<(), StoreError> {
    let now_ms = ports.clock.now_ms();
    change(ports, tenant, |row| {
        if let Some(receiver) = row.find_mut(id) {
            receiver.disabled_ms = receiver.disabled_ms.or(Some(now_ms));
        }
        Ok(())
    })
    .await
}

/// The end of a secret.
fn hint(secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    secret[secret.len().saturating_sub(4)..].to_owned()
}

/// Changes the tenant's row, as often as it takes.
pub(super) async fn change<T, E: From<StoreError>>(
    ports: &Ports,
    tenant: &TenantId,
    mut change: impl FnMut(&mut Receivers) -> Result<T, E>,
) -> Result<T, E> {
    loop {
        let mut row = ports.receivers.get(tenant).await?.unwrap_or_else(|| Receivers::none(tenant.clone()));
        let changed = change(&mut row)?;
        if ports.receivers.replace(&row).await? {
            return Ok(changed);
        }
    }
}
