//! The `Backend` port per provider dialect, and the relay for calls that are no jobs.
//!
//! [`openai`] speaks Files and Batches as OpenAI and its many look-alikes do; [`relay`] passes every other call through.
//! Both trust Mozilla's certificate authorities as compiled in, use no proxy from the environment, and never print a
//! key or a body.

pub mod openai;
pub mod relay;
mod tls;
