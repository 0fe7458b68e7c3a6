//! What is freed goes back to the system: how the allocator is set for a process that lives long.

/// From which size on glibc's allocator takes a block from the system by itself, and gives it back when it is freed. Left
/// alone it raises that size to the largest block that was ever freed, 32 MiB at most (mallopt(3)); from
/// then on large buffers leave holes in the heap that small ones fill (docs/decisions/0025).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(clippy::disallowed_methods, reason = "the allocator's own variable is no part of the configuration")]
pub(crate) fn give_back() {
    use std::os::unix::process::CommandExt as _;

    const SETTING: &str = "MALLOC_MMAP_THRESHOLD_";
    const BYTES: &str = "131072";

    if std::env::var_os(SETTING).is_some() {
        return;
    }
    // It is read once, before a program begins: this one begins again, as the same process. Where that is refused, it goes
    // on with more memory.
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    let refused = std::process::Command::new(program).arg0(name).args(arguments).env(SETTING, BYTES).exec();
    tracing::debug!(%refused, "the allocator keeps its own setting");
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
