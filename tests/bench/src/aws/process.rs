//! What the kernel knows of a process.

use anyhow::Context as _;

fn status(process: &str, field: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).context("odd status")?;
    let kib: u64 = line.split_whitespace().nth(1).context("odd status")?.parse()?;
    Ok(kib * 1_024)
}

/// Resident memory of this process, bytes.
pub(crate) fn resident() -> anyhow::Result<u64> {
    status("self", "VmRSS:")
}

/// The same of another.
pub(crate) fn resident_of(process: u32) -> anyhow::Result<u64> {
    status(&process.to_string(), "VmRSS:")
}

/// The most that was resident since the last reset, bytes.
pub(crate) fn peak() -> anyhow::Result<u64> {
    status("self", "VmHWM:")
}

pub(crate) fn reset_peak() -> anyhow::Result<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}
