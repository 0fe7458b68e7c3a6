//! Tables, queues and a bucket on the emulator.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::thread;

use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use aws_sdk_sqs::config::Credentials;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use offpeak_aws::{Clients, Connection, Options, Resources, Store, Tables};
use offpeak_testkit::emulator::Emulator;
use offpeak_testkit::samples::Namespace;

/// How long finished jobs are kept.
pub(crate) const RETENTION_MS: u64 = 30 * 86_400_000;

/// A deployment's resources and the clients to reach them.
pub(crate) struct World {
    pub(crate) clients: Clients,
    pub(crate) resources: Resources,
}

impl World {
    /// On resources that all tests share.
    pub(crate) async fn shared() -> Self {
        static SHARED: OnceLock<Resources> = OnceLock::new();
        // Connections belong to a test's runtime, and so the clients do; what is made stays.
        let resources = SHARED.get_or_init(|| {
            let made = thread::spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { make(&clients(Vec::new()).await).await })
            });
            made.join().unwrap()
        });
        Self { clients: clients(Vec::new()).await, resources: resources.clone() }
    }

    /// On resources of its own.
    pub(crate) async fn fresh() -> Self {
        let clients = clients(Vec::new()).await;
        Self { resources: make(&clients).await, clients }
    }

    /// The ports on these resources.
    pub(crate) fn store(&self) -> Store {
        let options = Options { retention_ms: RETENTION_MS, ..Options::default() };
        Store::new(self.clients.clone(), self.resources.clone(), options)
    }

    /// The same with a queue of that class.
    pub(crate) async fn with_queue(mut self, class: &str) -> Self {
        let url = queue(&self.clients, class).await;
        self.resources.queues.insert(class.to_owned(), url);
        self
    }
}

/// Clients of the emulator.
pub(crate) async fn clients(interceptors: Vec<SharedInterceptor>) -> Clients {
    let endpoint = Some(Emulator::shared().url().to_owned());
    let connection = Connection { endpoint, s3_path_style: true, interceptors };
    let credentials = Credentials::new("test", "test", None, None, "tests");
    Clients::connect_as(&connection, "us-east-1", credentials).await
}

/// A new queue of that class.
pub(crate) async fn queue(clients: &Clients, class: &str) -> String {
    let name = format!("{class}-{}", Namespace::fresh().name("queue"));
    clients.sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

async fn make(clients: &Clients) -> Resources {
    let names = Namespace::fresh();
    let bucket = names.name("bucket");
    clients.s3.create_bucket().bucket(&bucket).send().await.unwrap();
    let key = clients.kms.create_key().send().await.unwrap();
    let mut queues = BTreeMap::new();
    for class in ["soon", "nightly"] {
        queues.insert(class.to_owned(), queue(clients, class).await);
    }
    let resources = Resources {
        tables: Tables {
            jobs: names.name("jobs"),
            submissions: names.name("submissions"),
            files: names.name("files"),
            uploads: names.name("uploads"),
            batches: names.name("batches"),
            receivers: names.name("receivers"),
            notices: names.name("notices"),
            classes: names.name("classes"),
            keys: names.name("keys"),
            usage: names.name("usage"),
            credentials: names.name("credentials"),
        },
        bucket,
        queues,
        parameters: format!("/offpeak/{}/", names.name("stack")),
        sealing_key: key.key_metadata.map(|key| key.key_id),
        job_index: true,
        fleet: true,
        live: true,
        chunks: None,
        event_bus: None,
    };
    make_tables(clients, &resources.tables).await;
    resources
}

async fn make_tables(clients: &Clients, tables: &Tables) {
    use ScalarAttributeType::{B, S};
    let by_tenant = || ("by-tenant", [("tenant", S), ("born", B)], ProjectionType::KeysOnly);
    let whole = || ("by-tenant", [("tenant", S), ("born", B)], ProjectionType::All);
    let open = |order| ("open", [("open", S), (order, B)], ProjectionType::KeysOnly);
    table(clients, &tables.jobs, &[("id", B)], &[by_tenant()]).await;
    table(clients, &tables.submissions, &[("id", B)], &[open("id")]).await;
    table(clients, &tables.files, &[("id", B)], &[whole()]).await;
    table(clients, &tables.uploads, &[("id", B)], &[]).await;
    table(clients, &tables.batches, &[("id", B)], &[by_tenant(), open("born")]).await;
    table(clients, &tables.receivers, &[("id", B)], &[]).await;
    table(clients, &tables.notices, &[("id", B)], &[whole(), open("due")]).await;
    table(clients, &tables.classes, &[("class", S)], &[]).await;
    table(clients, &tables.keys, &[("kind", S), ("hash", B)], &[]).await;
    table(clients, &tables.usage, &[("submission", B), ("tenant", S)], &[]).await;
    table(clients, &tables.credentials, &[("name", S)], &[]).await;
}

/// A new table of chunks, which no other port needs.
pub(crate) async fn chunks_table(clients: &Clients) -> String {
    use ScalarAttributeType::{B, N, S};
    let name = Namespace::fresh().name("chunks");
    let open = ("open", [("model", S), ("turn", B)], ProjectionType::All);
    table(clients, &name, &[("submission", S), ("index", N)], &[open]).await;
    name
}

type Keys<'a> = &'a [(&'static str, ScalarAttributeType)];
type Index = (&'static str, [(&'static str, ScalarAttributeType); 2], ProjectionType);

async fn table(clients: &Clients, name: &str, keys: Keys<'_>, indexes: &[Index]) {
    let mut kinds: BTreeMap<&str, ScalarAttributeType> = keys.iter().cloned().collect();
    kinds.extend(indexes.iter().flat_map(|(_, keys, _)| keys.iter().cloned()));
    let mut call = clients.dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    call = call.set_key_schema(Some(schema(keys)));
    for (name, kind) in kinds {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        call = call.attribute_definitions(attribute.build().unwrap());
    }
    for (name, keys, projection) in indexes {
        let projection = Projection::builder().projection_type(projection.clone()).build();
        let index = GlobalSecondaryIndex::builder().index_name(*name).set_key_schema(Some(schema(keys)));
        call = call.global_secondary_indexes(index.projection(projection).build().unwrap());
    }
    call.send().await.unwrap();
    let wait = clients.dynamodb.wait_until_table_exists().table_name(name);
    wait.wait(std::time::Duration::from_secs(10)).await.unwrap();
}

fn schema(keys: Keys<'_>) -> Vec<KeySchemaElement> {
    let kinds = [KeyType::Hash, KeyType::Range];
    let element = |((name, _), kind): (&(&str, _), _)| {
        KeySchemaElement::builder().attribute_name(*name).key_type(kind).build().unwrap()
    };
    keys.iter().zip(kinds).map(element).collect()
}
