//! The suites that every implementation of a port passes: intake, objects, mailbox, sharing and credentials.

use std::sync::Arc;

use offpeak_core::ports;
use offpeak_testkit::conformance::mailbox::Stand;

use super::mailbox::Bucket;
use super::queues::Queues;
use super::world::World;

async fn intake() -> (Arc<dyn ports::Intake>, ()) {
    (Arc::new(Queues::new(World::shared().await)), ())
}

async fn objects() -> (Arc<dyn ports::Objects>, ()) {
    (World::shared().await.store().objects(), ())
}

async fn mailbox() -> (Arc<dyn ports::Mailbox>, Arc<dyn Stand>, ()) {
    let world = World::shared().await;
    (world.store().mailbox(), Arc::new(Bucket::of(&world)), ())
}

async fn share() -> (Arc<dyn ports::Objects>, Arc<dyn ports::Share>, ()) {
    let store = World::shared().await.store();
    (store.objects(), store.objects(), ())
}

async fn credentials() -> (Arc<dyn ports::Credentials>, ()) {
    (World::shared().await.store().credentials(), ())
}

mod of_intake {
    offpeak_testkit::intake_conformance!(super::intake);
}

mod of_objects {
    offpeak_testkit::objects_conformance!(super::objects);
}

mod of_mailbox {
    offpeak_testkit::mailbox_conformance!(super::mailbox);
}

mod of_share {
    offpeak_testkit::share_conformance!(super::share);
}

mod of_credentials {
    offpeak_testkit::credentials_conformance!(super::credentials);
}
