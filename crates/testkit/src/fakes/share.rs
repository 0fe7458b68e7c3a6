//! Sharing objects, in memory: a URL that names the object and leads nowhere.

use async_trait::async_trait;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{self, Objects as _, StoreError};

use super::Objects;

/// What every shared URL begins with; the object's name follows.
const AT: &str = "https://objects.invalid/";

#[async_trait]
impl ports::Share for Objects {
    async fn share(
        &self,
        source: &ObjectName,
        offset: u64,
        length: u64,
        name: &ObjectName,
    ) -> Result<String, StoreError> {
        let part = self.read(source, offset, length).await?;
        if self.bytes(name).is_none() {
            let mut writer = self.create(name).await?;
            writer.write(part).await?;
            writer.finish().await?;
        }
        Ok(format!("{AT}{name}"))
    }

    async fn link(&self, object: &ObjectName, _: &str, _: &str) -> Result<String, StoreError> {
        Ok(format!("{AT}{object}"))
    }
}
