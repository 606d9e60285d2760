//! Child processes, the places of the work tree, and how a task fails.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task ended early, and the exit status that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What to print; empty where a child has already said it.
    pub(crate) text: String,
    /// 1 a check or test failed, 2 usage or environment; for the demo, what `gba` ended with.
    pub(crate) status: u8,
}

impl Failure {
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            status: 1,
        }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            status: 2,
        }
    }

    pub(crate) fn status(status: u8) -> Self {
        Self {
            text: String::new(),
            status,
        }
    }
}

/// The folder with the workspace's Cargo.toml.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target folder: this program lies in `<target>/<profile>/`.
pub(crate) fn target() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.to_path_buf()))
        .unwrap_or_else(|| root().join("target"))
}

/// A `cargo` run in the workspace's root, by the cargo that runs us.
pub(crate) fn cargo<I, S>(args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// A program run in the workspace's root.
pub(crate) fn program<I, S>(name: impl AsRef<OsStr>, args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(name);
    command.args(args).current_dir(root());
    command
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    command
        .get_args()
        .fold(name, |line, arg| format!("{line} {}", arg.to_string_lossy()))
}

/// Runs with our terminal; a non-zero end is a failure.
pub(crate) fn go(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    println!("$ {line}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::failed(format!("'{line}' ended with {status}"))),
        Err(error) => Err(Failure::usage(format!("'{line}' did not start: {error}"))),
    }
}

/// Runs silently and gives standard output; standard error goes into the failure's text.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let line = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::usage(format!("'{line}' did not start: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::failed(format!(
            "'{line}' ended with {}: {}",
            output.status,
            said.trim()
        )))
    }
}

/// True where the command can be started and ends well. Nothing of it is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Finds a program in PATH.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// True in continuous integration, where a missing peer is a failure and not a skip.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty())
}
