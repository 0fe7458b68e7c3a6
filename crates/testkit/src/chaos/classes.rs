//! The rows of classes behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::class::Departures;
use offpeak_core::ports::{self, StoreError};

use super::{Gate, through};

/// The rows of classes behind a gate.
#[derive(Clone)]
pub struct Classes {
    inner: Arc<dyn ports::Classes>,
    gate: Arc<dyn Gate>,
}

impl Classes {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Classes>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classes").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Classes for Classes {
    async fn get(&self, class: &str) -> Result<Departures, StoreError> {
        let (inner, class) = (Arc::clone(&self.inner), class.to_owned());
        through(&*self.gate, "classes.get", async move { inner.get(&class).await }).await
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        let (inner, class, row) = (Arc::clone(&self.inner), class.to_owned(), row.clone());
        through(&*self.gate, "classes.replace", async move { inner.replace(&class, &row).await }).await
    }
}
