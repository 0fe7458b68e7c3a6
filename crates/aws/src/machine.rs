//! The EC2 instance that a worker runs on: what its metadata announces, and its end in its Auto Scaling group.
//!
//! ```text
//! PUT /latest/api/token ─► GET /latest/meta-data/… with the token (IMDSv2)
//!   spot/instance-action                  404, or what happens within two minutes
//!   autoscaling/target-lifecycle-state    Terminated: its group ends it
//!   events/recommendations/rebalance      404, or that it is at risk
//! ```

use std::fmt;

use async_trait::async_trait;
use aws_config::Region;
use aws_config::imds::client::Client as Metadata;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_autoscaling::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offpeak_core::ports::{self, Notice, StoreError};
use secrecy::SecretString;

use crate::error::Fault;
use crate::{Connection, clients, failure, groups};

const SPOT: &str = "spot/instance-action";
const LIFECYCLE: &str = "autoscaling/target-lifecycle-state";
const REBALANCE: &str = "events/recommendations/rebalance";

/// The tag that bears the name of its group: instances of a template that lets metadata tell tags.
const GROUP: &str = "tags/instance/offpeak-group";

/// The hook by which its group waits for it.
pub const HOOK: &str = "offpeak-worker";

/// An instance.
pub struct Machine {
    metadata: Metadata,
    autoscaling: Client,
    ssm: aws_sdk_ssm::Client,
    id: String,
    group: String,
}

impl Machine {
    /// The instance that this process runs on; `metadata` is where its metadata is, if not at EC2's own address.
    ///
    /// # Errors
    /// [`StoreError`]: it is none, or its metadata does not say its group.
    pub async fn this(connection: &Connection, metadata: Option<&str>) -> Result<Self, StoreError> {
        let configuration = ProviderConfig::without_region().with_http_client(clients::http());
        let mut builder = Metadata::builder().configure(&configuration);
        if let Some(url) = metadata {
            builder = builder
                .endpoint(url)
                .map_err(|_| Fault::Garbled { row: "the address of metadata", attribute: "URL" })?;
        }
        let metadata = builder.build();
        let must = async |path| told(&metadata, path).await?.ok_or(Fault::NoSuch);
        let (id, region) = (must("instance-id").await?, must("placement/region").await?);
        let group = must(GROUP).await?;
        let credentials = ImdsCredentialsProvider::builder().imds_client(metadata.clone()).build();
        let config = clients::shared_as(connection, Region::new(region), credentials).await;
        let mut ssm = aws_sdk_ssm::config::Builder::from(&config);
        for interceptor in clients::interceptors(connection) {
            ssm.push_interceptor(interceptor);
        }
        let ssm = aws_sdk_ssm::Client::from_conf(ssm.build());
        Ok(Self { metadata, autoscaling: groups::client(&config, connection), ssm, id, group })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A secret of the parameter store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], which names it.
    pub async fn secret(&self, name: &str) -> Result<SecretString, StoreError> {
        let reply = self.ssm.get_parameter().name(name).with_decryption(true).send().await;
        let reply = reply
            .map_err(|error| StoreError::Unavailable(format!("the parameter {name}: {}", failure::reason(&error))))?;
        let value = reply.parameter.and_then(|parameter| parameter.value);
        value.map(SecretString::from).ok_or(StoreError::NotFound)
    }

    async fn announced(&self) -> Result<Option<Notice>, Fault> {
        let is_ending = told(&self.metadata, SPOT).await?.is_some()
            || told(&self.metadata, LIFECYCLE).await?.is_some_and(|state| state.trim() == "Terminated");
        if is_ending {
            return Ok(Some(Notice::Ending));
        }
        Ok(told(&self.metadata, REBALANCE).await?.map(|_| Notice::AtRisk))
    }
}

/// What metadata says of it; nothing where it has nothing of it.
async fn told(metadata: &Metadata, path: &str) -> Result<Option<String>, Fault> {
    match metadata.get(format!("/latest/meta-data/{path}")).await {
        Ok(text) => Ok(Some(String::from(text))),
        Err(ImdsError::ErrorResponse(answer)) if answer.response().status().as_u16() == 404 => Ok(None),
        Err(error) => Err(Fault::Call { operation: "metadata", reason: error.to_string() }),
    }
}

#[async_trait]
impl ports::Machine for Machine {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        Ok(self.announced().await?)
    }

    async fn let_go(&self) -> Result<(), StoreError> {
        let call = self.autoscaling.complete_lifecycle_action().auto_scaling_group_name(&self.group);
        let call = call.lifecycle_hook_name(HOOK).instance_id(&self.id).lifecycle_action_result("CONTINUE");
        match call.send().await {
            Ok(_) => Ok(()),
            // Spot takes an instance back without a word to its group, which then waits for nothing.
            Err(error) if error.code() == Some("ValidationError") && groups::says(&error, "no active lifecycle") => {
                Ok(())
            }
            Err(error) => Err(Fault::call("CompleteLifecycleAction", &error).into()),
        }
    }

    async fn end(&self) -> Result<(), StoreError> {
        Ok(groups::end(&self.autoscaling, &self.id).await?)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("id", &self.id).field("group", &self.group).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use offpeak_core::ports::Machine as _;
    use offpeak_testkit::instance::Instance;

    use super::*;

    async fn machine_of(instance: &Instance) -> Result<Machine, StoreError> {
        let connection = Connection { endpoint: Some(instance.url().to_owned()), ..Connection::default() };
        Machine::this(&connection, Some(instance.url())).await
    }

    #[tokio::test]
    async fn what_is_announced_is_read_with_a_token() {
        let instance = Instance::start();
        let machine = machine_of(&instance).await.unwrap();
        assert_eq!((machine.id(), machine.group.as_str()), ("i-0123", "s-spot"));
        assert_eq!(machine.notice().await.unwrap(), None);
        instance.says(REBALANCE, r#"{"noticeTime":"2026-11-29T00:00:00Z"}"#);
        assert_eq!(machine.notice().await.unwrap(), Some(Notice::AtRisk));
        instance.says(SPOT, r#"{"action":"terminate","time":"2026-11-29T00:02:00Z"}"#);
        assert_eq!(machine.notice().await.unwrap(), Some(Notice::Ending));
    }

    #[tokio::test]
    async fn a_group_that_ends_it_is_heard_of() {
        let instance = Instance::start();
        let machine = machine_of(&instance).await.unwrap();
        instance.says(LIFECYCLE, "Terminated");
        assert_eq!(machine.notice().await.unwrap(), Some(Notice::Ending));
    }

    #[tokio::test]
    async fn without_a_token_nothing_is_known() {
        let error = machine_of(&Instance::without_tokens()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }

    #[tokio::test]
    async fn it_lets_go_and_ends_itself_by_its_own_identity() {
        let instance = Instance::start();
        let machine = machine_of(&instance).await.unwrap();
        machine.let_go().await.unwrap();
        machine.end().await.unwrap();
        let asked = instance.asked();
        let says = |call: &str, words: &[&str]| words.iter().all(|word| call.contains(word));
        let let_go = ["CompleteLifecycleAction", "s-spot", "i-0123", HOOK, "CONTINUE"];
        assert!(says(&asked[0], &let_go), "{asked:?}");
        assert!(says(&asked[1], &["TerminateInstanceInAutoScalingGroup", "i-0123", "true"]), "{asked:?}");
        instance.refuses("No active Lifecycle Action found with instance ID i-0123");
        machine.let_go().await.unwrap();
        instance.refuses("It is another's");
        assert!(machine.let_go().await.is_err() && machine.end().await.is_err());
    }
}
