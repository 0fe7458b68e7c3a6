//! The mailbox as people at the bucket know it.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use offpeak_testkit::conformance::mailbox::Stand;

use super::world::World;

/// Somebody with rights to the bucket.
pub(crate) struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    pub(crate) fn of(world: &World) -> Self {
        Self { client: world.clients.s3.clone(), name: world.resources.bucket.clone() }
    }

    async fn put(&self, key: String, content: &[u8]) {
        let put = self.client.put_object().bucket(&self.name).key(key);
        put.body(content.to_vec().into()).send().await.unwrap();
    }
}

#[async_trait]
impl Stand for Bucket {
    async fn drop_into(&self, path: &str, content: &[u8]) {
        self.put(format!("inbox/{path}"), content).await;
    }

    async fn put_input(&self, path: &str, content: &[u8]) {
        self.put(format!("schedules/{path}"), content).await;
    }

    async fn outbox(&self, path: &str) -> Option<Vec<u8>> {
        let got = self.client.get_object().bucket(&self.name).key(format!("outbox/{path}")).send().await.ok()?;
        Some(got.body.collect().await.unwrap().to_vec())
    }
}
