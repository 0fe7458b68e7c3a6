//! What operators can see of the calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use offpeak_core::ids::{CredentialId, ObjectName};
use offpeak_core::ports::{Credentials as _, Intake as _, Objects as _};
use offpeak_testkit::samples::Namespace;
use secrecy::SecretString;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::world::World;

type Fields = BTreeMap<&'static str, String>;

/// Keeps the events of the target.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Fields>>>);

#[derive(Default)]
struct Reader(Fields);

impl Visit for Reader {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == offpeak_aws::calls::TARGET {
            assert_eq!(*event.metadata().level(), Level::DEBUG);
            let mut reader = Reader::default();
            event.record(&mut reader);
            self.0.lock().unwrap().push(reader.0);
        }
    }
}

#[tokio::test]
async fn every_call_is_told_without_its_content() {
    let world = World::fresh().await;
    let store = world.store();
    let heard = Heard::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(heard.clone()));
    let mut message = Namespace::fresh().message(Bytes::from_static(b"a secret prompt"));
    message.lane.class = "soon".to_owned();
    store.intake().send(vec![message]).await.unwrap();
    store.intake().receive("soon", 1, 1_000, 0).await.unwrap();
    store.objects().list("any/", None, 1).await.unwrap();
    drop(store.objects().read(&ObjectName::from("results/secret"), 0, 5).await);
    store.credentials().seal(&SecretString::from("sk-secret")).await.unwrap();
    drop(store.credentials().open(&CredentialId::from("caller:x")).await);
    drop(guard);
    let heard = heard.0.lock().unwrap().clone();
    let told: Vec<[&str; 3]> =
        heard.iter().map(|fields| ["service", "operation", "resource"].map(|name| fields[name].as_str())).collect();
    let (queue, bucket) = (world.resources.queues["soon"].as_str(), world.resources.bucket.as_str());
    let (table, key) = (world.resources.tables.credentials.as_str(), world.resources.sealing_key.as_deref().unwrap());
    assert_eq!(
        told,
        [
            ["SQS", "SendMessage", queue],
            ["SQS", "ReceiveMessage", queue],
            ["S3", "ListObjectsV2", bucket],
            ["S3", "GetObject", &format!("{bucket}/results/")],
            ["DynamoDB", "GetItem", table],
            ["KMS", "GenerateDataKey", key],
            ["DynamoDB", "PutItem", table],
            ["DynamoDB", "PutItem", table],
            ["DynamoDB", "GetItem", table],
        ]
    );
    assert!(heard.iter().all(|fields| fields["attempt"] == "1"));
    assert!(heard[0]["request_bytes"].parse::<u64>().unwrap() > 100);
    assert!(!format!("{heard:?}").contains("secret"), "no content");
}
