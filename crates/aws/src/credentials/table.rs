//! The table of sealed credentials. Items are created once and never change.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use offpeak_core::ports::StoreError;

use crate::backoff::patiently;
use crate::failure::unavailable;

/// The name of the sealed data key. No credential has such a name.
pub(super) const DATA_KEY: &str = "#key";

const NAME: &str = "name";
const SEALED: &str = "sealed";
const DEPLOYMENT: &str = "deployment";

/// What an item holds.
#[derive(Clone)]
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    /// With the data key: the deployment that it was made for, which KMS wants to hear again.
    pub(super) deployment: Option<String>,
}

/// The table.
pub(super) struct Table {
    client: Client,
    name: String,
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Creates an item unless there is one of that name; says whether it did. The SDK may try this twice, and the
    /// second time find its own item: then it is there all the same.
    pub(super) async fn create(&self, name: &str, sealed: Sealed) -> Result<bool, StoreError> {
        let mut call = self.client.put_item().table_name(&self.name);
        call = call
            .item(NAME, AttributeValue::S(name.to_owned()))
            .item(SEALED, AttributeValue::B(Blob::new(sealed.bytes)));
        if let Some(deployment) = sealed.deployment {
            call = call.item(DEPLOYMENT, AttributeValue::S(deployment));
        }
        call = call.condition_expression("attribute_not_exists(#name)").expression_attribute_names("#name", NAME);
        match patiently(|| call.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(unavailable("PutItem", &error)),
        }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Sealed>, StoreError> {
        let call = self.client.get_item().table_name(&self.name).consistent_read(true);
        let call = call.key(NAME, AttributeValue::S(name.to_owned()));
        let got = patiently(|| call.clone().send()).await.map_err(|error| unavailable("GetItem", &error))?;
        let Some(mut item) = got.item else { return Ok(None) };
        let Some(AttributeValue::B(bytes)) = item.remove(SEALED) else {
            return Err(StoreError::Corrupt("a credential without its sealed bytes".to_owned()));
        };
        let deployment = match item.remove(DEPLOYMENT) {
            Some(AttributeValue::S(deployment)) => Some(deployment),
            _ => None,
        };
        Ok(Some(Sealed { bytes: bytes.into_inner(), deployment }))
    }
}
