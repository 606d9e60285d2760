//! A named pipe where a file is expected is told, and not waited for: nobody may ever open its other end.

use std::{path::Path, process::Command};

use base::Now;
use hss::{
    FileSqnStore, Subscribers,
    subscribers::{KeySource as _, OsKeys},
};

fn pipe(folder: &Path, name: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// An error with what stands under it.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut under = e.source();
    while let Some(e) = under {
        text += &format!(": {e}");
        under = e.source();
    }
    text
}

#[test]
fn a_named_pipe_is_no_file_of_subscribers_keys_or_sequence_numbers() {
    const TOLD: &str = "it is a named pipe, and a file is expected";
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path(), "pipe");
    let now: Now = net::clock::now();
    let told = chain(&Subscribers::load(&path, now).err().unwrap());
    assert!(told.contains(TOLD), "{told}");
    for open in [
        FileSqnStore::open,
        FileSqnStore::create,
        FileSqnStore::open_or_create,
    ] {
        let told = chain(&open(&path).err().unwrap());
        assert!(told.contains(TOLD), "{told}");
    }
    let mut keys = OsKeys {
        directory: folder.path().to_owned(),
    };
    let told = chain(&keys.file("pipe", false).err().unwrap());
    assert!(told.contains(TOLD), "{told}");
}
