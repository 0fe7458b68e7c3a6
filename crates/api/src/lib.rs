//! The front door: one axum [`Router`] for the local binary and for Lambda alike.
//!
//! A request is authenticated ([`caller`]), read and routed ([`intake`]), made a job by the accept flow, and answered
//! as its caller chose to wait ([`waiting`]), or is fetched later ([`responses`]). [`files`], [`uploads`] and [`batches`]
//! are OpenAI's surface for many requests in one file, [`webhooks`] that for being told. Workers beside own model servers get
//! their work at [`work`]. What is none of these is relayed ([`relay`]).

mod answer;
mod batches;
mod caller;
mod error;
mod extract;
mod fields;
mod files;
mod gateway;
mod headers;
mod health;
mod intake;
mod jobs;
mod models;
mod paging;
mod relay;
mod responses;
mod stats;
mod stream;
mod uploads;
mod waiters;
mod waiting;
mod webhooks;
mod work;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use offpeak_core::endpoint::Endpoint;

pub use caller::{Auth, own_credential};
pub use gateway::{Abilities, BatchRules, Gateway, Rules, Work};
pub use offpeak_core::route::{Pattern, Route, Routes, Target};
pub use relay::{Relay, RelayError};
pub use waiters::Waiters;

use responses::Act;

/// The front door's routes over a gateway.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let response = |act| move |state, id, request| responses::resource(state, id, request, act);
    let mut router = Router::new();
    for endpoint in Endpoint::JOBS {
        router = router.route(endpoint.path(), post(move |state, request| intake::create(state, endpoint, request)));
    }
    router
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/result", get(jobs::result).head(jobs::show))
        .route("/v1/responses/{id}", get(response(Act::Show)).delete(response(Act::Delete)))
        .route("/v1/responses/{id}/cancel", post(response(Act::Cancel)))
        .route("/v1/responses/{id}/input_items", get(response(Act::InputItems)))
        .route("/v1/files", get(files::list).post(files::create))
        .route("/v1/files/{id}", get(files::show).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content))
        .route("/v1/uploads", post(uploads::create))
        .route("/v1/uploads/{id}/parts", post(uploads::part))
        .route("/v1/uploads/{id}/complete", post(uploads::complete))
        .route("/v1/uploads/{id}/cancel", post(uploads::cancel))
        .route("/v1/batches", get(batches::list).post(batches::create))
        .route("/v1/batches/{id}", get(batches::show))
        .route("/v1/batches/{id}/cancel", post(batches::cancel))
        .route("/v1/batches/{id}/results", get(batches::results))
        .route("/v1/batches/{id}/retry", post(batches::retry))
        .route("/v1/webhook_endpoints", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhook_endpoints/{id}", get(webhooks::show).post(webhooks::update).delete(webhooks::delete))
        .route("/v1/webhook_endpoints/{id}/rotate_secret", post(webhooks::rotate))
        .route("/v1/webhook_endpoints/{id}/test", post(webhooks::test))
        .route("/v1/webhook_event_types", get(webhooks::event_types))
        .route("/v1/webhook_deliveries", get(webhooks::list_dead))
        .route("/v1/webhook_deliveries/{id}/replay", post(webhooks::replay))
        .route("/worker/take", post(work::take))
        .route("/worker/lines", post(work::lines))
        .route("/worker/keep", post(work::keep))
        .route("/worker/leave", post(work::leave))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::show))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/stats", get(health::stats))
        .fallback(relay::relay)
        .method_not_allowed_fallback(relay::relay)
        .with_state(gateway)
}
