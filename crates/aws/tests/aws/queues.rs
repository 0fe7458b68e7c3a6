//! A queue for each class that a test thinks of: on AWS classes are those of the stack.

use std::collections::BTreeMap;

use async_trait::async_trait;
use offpeak_aws::Store;
use offpeak_core::ports::{Depth, Intake, Message, MessageBody, Objects, Receipt, Received, StoreError};
use tokio::sync::Mutex;

use super::world::{self, World};

/// The intake, with queues made at their first mention and bodies that lie aside brought in, as a packer does it.
pub(crate) struct Queues {
    world: World,
    urls: Mutex<BTreeMap<String, String>>,
}

impl Queues {
    pub(crate) fn new(world: World) -> Self {
        Self { world, urls: Mutex::default() }
    }

    async fn store(&self, classes: &[String]) -> Store {
        let mut urls = self.urls.lock().await;
        for class in classes {
            if !urls.contains_key(class) {
                urls.insert(class.clone(), world::queue(&self.world.clients, class).await);
            }
        }
        let mut resources = self.world.resources.clone();
        resources.queues.clone_from(&urls);
        Store::new(self.world.clients.clone(), resources, offpeak_aws::Options::default())
    }
}

#[async_trait]
impl Intake for Queues {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        let classes: Vec<String> = messages.iter().map(|message| message.lane.class.clone()).collect();
        self.store(&classes).await.intake().send(messages).await
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        let store = self.store(&[class.to_owned()]).await;
        let mut received = store.intake().receive(class, max, visibility_ms, wait_ms).await?;
        for one in &mut received {
            if let MessageBody::At(at) = &one.message.body
                && at.object.as_str().starts_with("bodies/")
            {
                let bytes = store.objects().read(&at.object, at.offset, at.length).await?;
                one.message.body = MessageBody::Inline(bytes);
            }
        }
        Ok(received)
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        self.store(&[class.to_owned()]).await.intake().delete(class, receipts).await
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        self.store(&[class.to_owned()]).await.intake().depth(class).await
    }
}
