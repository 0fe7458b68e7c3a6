//! Scenarios for what random runs rarely meet.
