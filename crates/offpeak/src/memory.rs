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
    // A program with privileges of its own is not given the allocator's variable, but this one.
    const BEGUN: &str = "OFFPEAK_BEGUN_AGAIN";

    if std::env::var_os(SETTING).is_some() || std::env::var_os(BEGUN).is_some() {
        return;
    }
    // It is read once, before a program begins: this one begins again, as the same process. Where that is refused, or where
    // another program runs this one, it goes on with more memory.
    let mut arguments = std::env::args_os();
    let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) else { return };
    if program.file_name() != std::path::Path::new(&name).file_name() {
        return;
    }
    let mut again = std::process::Command::new(program);
    let refused = again.arg0(name).args(arguments).env(SETTING, BYTES).env(BEGUN, "1").exec();
    tracing::debug!(%refused, "the allocator keeps its own setting");
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
