//! The binary under test, built once, with the profile and into the target directory of these tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around this package")
}

/// `cargo`, in the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace());
    cargo
}

/// The path of `offpeak`.
pub fn offpeak() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    // target/PROFILE/deps/all-HASH
    let profile = this.ancestors().nth(2).expect("the profile's directory");
    let target = profile.parent().expect("the target directory");
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "offpeak", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build.status().expect("cargo runs");
    assert!(status.success(), "offpeak does not build");
    profile.join("offpeak")
}
