//! End to end: the real binary, on loopback, against simulated upstreams.

#[cfg(test)]
#[path = "all"]
mod all {
    mod background;
    mod bad_input;
    mod batch_check;
    mod batch_commands;
    mod batch_once;
    mod batch_submit;
    mod batches;
    mod bytes_kept;
    mod clients;
    mod direction;
    mod faults;
    mod files;
    mod fleet;
    mod fleet_faults;
    mod kill;
    mod late;
    mod lifecycle;
    mod live;
    mod modes;
    mod nightly;
    mod relay;
    mod resources;
    mod rooms;
    mod secrets;
    mod streams;
    mod tenants;
    mod twins;
    mod vllm;
    mod waiting;
    mod webhooks;
}
