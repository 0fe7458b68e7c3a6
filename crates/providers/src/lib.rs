//! The `Backend` port per provider dialect, engines that answer one request at a time, and the relay for calls that are no
//! jobs.
//!
//! [`engine`] calls a model server; [`live`] calls a provider's ordinary endpoints the same way; [`desk`] is where a worker gets its work from another machine; [`openai`] speaks Files and Batches as OpenAI and its many look-alikes do; [`relay`] passes every other call through.
//! All trust Mozilla's certificate authorities as compiled in, use no proxy from the environment, and never print a
//! key or a body.

mod client;
pub mod desk;
pub mod engine;
pub mod live;
pub mod openai;
pub mod relay;
mod tls;
