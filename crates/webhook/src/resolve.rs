//! From a host's name to addresses that may be called.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ports::NotAdmitted;
use reqwest::dns::{Addrs, Name, Resolving};

use crate::guard::Guard;

/// Who knows the addresses of hosts.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of a host, in the order in which they should be tried.
    ///
    /// # Errors
    /// There is no such host, or nobody could say.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct System;

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((host, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// A resolver whose every answer has been checked. It is the only one that the HTTP client has, and is asked once for
/// each connection: what was checked is what is called.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) guard: Guard,
}

impl Checked {
    /// The addresses of a host. One that is forbidden forbids them all: a name that leads inside and outside is none
    /// that an honest receiver has, and which of its addresses is called should not hang on their order.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NotAdmitted> {
        let addresses = self.resolver.resolve(host).await.map_err(|_| NotAdmitted::Unresolvable)?;
        if addresses.is_empty() {
            return Err(NotAdmitted::Unresolvable);
        }
        for address in &addresses {
            self.guard.address(*address)?;
        }
        Ok(addresses)
    }
}

impl reqwest::dns::Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let checked = self.clone();
        Box::pin(async move {
            let addresses = checked.addresses(name.as_str()).await?;
            // Port 0 stands for the URL's.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("guard", &self.guard).finish_non_exhaustive()
    }
}
