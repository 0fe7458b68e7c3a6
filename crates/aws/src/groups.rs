//! The instances of a pool: an Auto Scaling group of spot instances, and one of those bought on demand.
//!
//! A group keeps asking the market for what it is to have, so that a call which asks says nothing of what came: that the
//! next look shows. No group ever ends an instance to have fewer: its instances are protected, by the template.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::types::{Activity, AutoScalingGroup, ScalingActivityStatusCode};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offpeak_core::fleet::Purchase;
use offpeak_core::ports::{Capacity, Group, Member, StoreError};

use crate::error::Fault;
use crate::{Connection, clients};

/// A group's activities that are looked at for a refusal, the newest first.
const ACTIVITIES: i32 = 10;

/// The groups of a pool, by their names.
pub struct Groups {
    client: Client,
    names: Vec<(Purchase, String)>,
}

impl Groups {
    /// These groups, by the environment's identity. Calls nothing.
    pub async fn connect(connection: &Connection, names: Vec<(Purchase, String)>) -> Self {
        let config = clients::shared(connection).await;
        Self { client: client(&config, connection), names }
    }

    fn name(&self, purchase: Purchase) -> Result<&str, Fault> {
        let found = self.names.iter().find(|(of, _)| *of == purchase);
        found.map(|(_, name)| name.as_str()).ok_or(Fault::NoSuch)
    }

    /// Why the newest start of a group failed.
    async fn refusal(&self, name: &str) -> Result<Option<String>, Fault> {
        let call = self.client.describe_scaling_activities().auto_scaling_group_name(name).max_records(ACTIVITIES);
        let reply = call.send().await.map_err(|error| Fault::call("DescribeScalingActivities", &error))?;
        Ok(reply.activities.unwrap_or_default().iter().find_map(refused))
    }

    async fn group(&self, purchase: Purchase, name: &str, found: &[AutoScalingGroup]) -> Result<Group, Fault> {
        let group = found.iter().find(|group| group.auto_scaling_group_name() == Some(name)).ok_or(Fault::NoSuch)?;
        let mut group = Group {
            purchase,
            desired: u32::try_from(group.desired_capacity.unwrap_or(0)).unwrap_or(0),
            members: group.instances().iter().filter_map(member).collect(),
            refusal: None,
        };
        if group.missing() > 0 {
            group.refusal = self.refusal(name).await?;
        }
        Ok(group)
    }
}

/// A client of the service.
pub(crate) fn client(config: &aws_config::SdkConfig, connection: &Connection) -> Client {
    let mut builder = aws_sdk_autoscaling::config::Builder::from(config);
    for interceptor in clients::interceptors(connection) {
        builder.push_interceptor(interceptor);
    }
    Client::from_conf(builder.build())
}

/// Ends an instance of a group, which then is to have one fewer.
pub(crate) async fn end(client: &Client, instance: &str) -> Result<(), Fault> {
    let call = client.terminate_instance_in_auto_scaling_group().instance_id(instance);
    match call.should_decrement_desired_capacity(true).send().await {
        Ok(_) => Ok(()),
        // The service has no word of its own for an instance that it does not know.
        Err(error) if error.code() == Some("ValidationError") && says(&error, "not found") => Ok(()),
        Err(error) => Err(Fault::call("TerminateInstanceInAutoScalingGroup", &error)),
    }
}

pub(crate) fn says(error: &impl ProvideErrorMetadata, words: &str) -> bool {
    error.message().is_some_and(|message| message.to_lowercase().contains(words))
}

fn member(instance: &aws_sdk_autoscaling::types::Instance) -> Option<Member> {
    let state = instance.lifecycle_state().map_or("", |state| state.as_str());
    let ends = ["Terminat", "Detach", "Quarantine"].iter().any(|word| state.starts_with(word));
    instance.instance_id().map(|name| Member { name: name.to_owned(), ends })
}

fn refused(activity: &Activity) -> Option<String> {
    let failed = matches!(
        activity.status_code(),
        Some(ScalingActivityStatusCode::Failed | ScalingActivityStatusCode::Cancelled)
    );
    activity.status_message().filter(|_| failed).map(str::to_owned)
}

#[async_trait]
impl Capacity for Groups {
    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        let names = self.names.iter().map(|(_, name)| name.clone()).collect();
        let call = self.client.describe_auto_scaling_groups().set_auto_scaling_group_names(Some(names));
        let reply = call.send().await.map_err(|error| Fault::call("DescribeAutoScalingGroups", &error))?;
        let found = reply.auto_scaling_groups.unwrap_or_default();
        let mut groups = Vec::with_capacity(self.names.len());
        for (purchase, name) in &self.names {
            groups.push(self.group(*purchase, name, &found).await?);
        }
        Ok(groups)
    }

    async fn ask(&self, purchase: Purchase, desired: u32) -> Result<(), StoreError> {
        let call = self.client.set_desired_capacity().auto_scaling_group_name(self.name(purchase)?);
        let call = call.desired_capacity(i32::try_from(desired).unwrap_or(i32::MAX)).honor_cooldown(false);
        call.send().await.map_err(|error| Fault::call("SetDesiredCapacity", &error))?;
        Ok(())
    }

    async fn end(&self, instance: &str) -> Result<(), StoreError> {
        Ok(end(&self.client, instance).await?)
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use parking_lot::Mutex;
    use std::collections::VecDeque;
    use std::sync::Arc;

    use super::*;

    /// A service that answers in turn, and keeps what it is asked.
    #[derive(Debug, Clone)]
    struct Script(Arc<Mutex<Played>>);

    #[derive(Debug)]
    struct Played {
        replies: VecDeque<(u16, String)>,
        asked: Vec<String>,
    }

    impl Script {
        fn new(replies: &[(u16, &str)]) -> Self {
            let replies = replies.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
            Self(Arc::new(Mutex::new(Played { replies, asked: Vec::new() })))
        }

        fn groups(&self) -> Groups {
            let script = self.clone();
            let config = aws_sdk_autoscaling::Config::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(aws_config::Region::from_static("us-east-1"))
                .credentials_provider(aws_sdk_sqs::config::Credentials::new("id", "secret", None, None, "script"))
                .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(script.clone())));
            let names = vec![(Purchase::Spot, "s-spot".to_owned()), (Purchase::OnDemand, "s-on-demand".to_owned())];
            Groups { client: Client::from_conf(config.build()), names }
        }

        fn asked(&self) -> Vec<String> {
            self.0.lock().asked.clone()
        }
    }

    impl HttpConnector for Script {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let mut played = self.0.lock();
            let body = request.body().bytes().unwrap_or_default();
            played.asked.push(String::from_utf8(body.to_vec()).unwrap());
            let (status, body) = played.replies.pop_front().unwrap();
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
        }
    }

    const GROUPS: &str = "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups>\
        <member><AutoScalingGroupName>s-on-demand</AutoScalingGroupName><DesiredCapacity>0</DesiredCapacity></member>\
        <member><AutoScalingGroupName>s-spot</AutoScalingGroupName><DesiredCapacity>3</DesiredCapacity><Instances>\
        <member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState></member>\
        <member><InstanceId>i-2</InstanceId><LifecycleState>Terminating:Wait</LifecycleState></member>\
        <member><InstanceId>i-3</InstanceId><LifecycleState>Pending</LifecycleState></member></Instances></member>\
        </AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>";

    const ACTIVITIES: &str = "<DescribeScalingActivitiesResponse><DescribeScalingActivitiesResult><Activities>\
        <member><StatusCode>Successful</StatusCode><StatusMessage>fine</StatusMessage></member>\
        <member><StatusCode>Failed</StatusCode><StatusMessage>no spot capacity</StatusMessage></member>\
        </Activities></DescribeScalingActivitiesResult></DescribeScalingActivitiesResponse>";

    #[tokio::test]
    async fn groups_are_seen_with_who_ends_and_why_one_is_missing() {
        let script = Script::new(&[(200, GROUPS), (200, ACTIVITIES)]);
        let groups = script.groups().groups().await.unwrap();
        let [spot, on_demand] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!((spot.purchase, spot.desired, spot.staying(), spot.missing()), (Purchase::Spot, 3, 2, 1));
        let ends: Vec<_> = spot.members.iter().map(|member| (member.name.as_str(), member.ends)).collect();
        assert_eq!(ends, [("i-1", false), ("i-2", true), ("i-3", false)]);
        assert_eq!(spot.refusal.as_deref(), Some("no spot capacity"));
        assert_eq!((on_demand.desired, on_demand.members.len(), &on_demand.refusal), (0, 0, &None));
        assert!(script.asked()[1].contains("AutoScalingGroupName=s-spot"), "{:?}", script.asked());
    }

    #[tokio::test]
    async fn a_group_that_is_not_there_is_told() {
        let nothing = "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups/>\
            </DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>";
        let groups = Script::new(&[(200, nothing)]).groups();
        assert!(matches!(groups.groups().await, Err(StoreError::NotFound)));
    }

    #[tokio::test]
    async fn numbers_are_asked_for_in_all_and_who_ends_is_not_replaced() {
        let gone = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Instance Id not \
            found - No managed instance found for instance ID: i-9</Message></Error></ErrorResponse>";
        let set = "<SetDesiredCapacityResponse/>";
        let done = "<TerminateInstanceInAutoScalingGroupResponse><TerminateInstanceInAutoScalingGroupResult/>\
            </TerminateInstanceInAutoScalingGroupResponse>";
        let busy = gone.replace("Instance Id not found", "It is busy").replace("No managed", "A");
        let script = Script::new(&[(200, set), (200, done), (400, gone), (400, &busy.replace("found", "met"))]);
        let groups = script.groups();
        groups.ask(Purchase::Spot, 2).await.unwrap();
        groups.end("i-1").await.unwrap();
        groups.end("i-9").await.unwrap();
        assert!(groups.end("i-9").await.is_err());
        let asked = script.asked();
        assert!(
            asked[0].contains("DesiredCapacity=2") && asked[0].contains("AutoScalingGroupName=s-spot"),
            "{asked:?}"
        );
        assert!(asked[1].contains("ShouldDecrementDesiredCapacity=true"), "{asked:?}");
    }
}
