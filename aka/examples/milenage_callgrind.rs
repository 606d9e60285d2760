//! Computes N Milenage vectors, each with a K of its own, so that instructions per vector are the difference of
//! two runs:
//!
//! ```text
//! cargo build --release -p gba-aka --example milenage_callgrind
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/milenage_callgrind 10000
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/milenage_callgrind 20000
//! ```
//!
//! With a second argument `crate` it runs the crate `milenage` instead.

use std::{env, process::ExitCode};

#[path = "../benches/work.rs"]
mod work;

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let n = args.next().and_then(|n| n.parse().ok());
    if !work::agree(1) {
        return ExitCode::FAILURE;
    }
    match (n, args.next().as_deref()) {
        (Some(n), None) => work::ours(n),
        (Some(n), Some("crate")) => work::theirs(n),
        _ => return ExitCode::from(2),
    };
    ExitCode::SUCCESS
}
