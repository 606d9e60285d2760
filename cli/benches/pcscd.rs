//! The card through pcscd and its virtual reader, against a card that does nothing in the reader's other slot: what a
//! program over PC/SC waits for a command.
//!
//! `cargo bench -p gba-cli --bench pcscd`. Goals, in one run: at least 0.7 times as many commands in the same time as
//! the card that does nothing, and half of them within a millisecond. With `--gate` a miss is a failure.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that can't be set up is a mistake in it"
)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command as Program, ExitCode},
    thread,
    time::{Duration, Instant},
};

use base::apdu::Command;
use tests::{
    apart,
    pcscd::{PORT, Pcscd},
    process::Process,
};
use uicc::{
    Card as _, atr,
    pcsc::{Choice, Reader},
};

const GOAL: f64 = 0.7;
const MEDIAN: Duration = Duration::from_millis(1);

/// Blocks of commands, ours and the other's in turn.
const BLOCKS: usize = 20;
const COMMANDS: usize = 300;

/// Set within the namespaces.
const INSIDE: &str = "GBA_BENCH_APART";

fn main() -> ExitCode {
    let gate = std::env::args().any(|arg| arg == "--gate");
    if std::env::var_os(INSIDE).is_some() {
        return measure(gate);
    }
    let this = std::env::current_exe().unwrap();
    let flag = if gate { "--gate" } else { "--bench" };
    let Some(mut again) = apart::unshared(&[this.to_str().unwrap(), flag]) else {
        return ExitCode::SUCCESS;
    };
    match again.env(INSIDE, "1").status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn measure(gate: bool) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut pcscd) = Pcscd::start(folder.path()) else {
        return ExitCode::SUCCESS;
    };
    let place = format!("127.0.0.1:{PORT}");
    let mut gba = Program::new(env!("CARGO_BIN_EXE_gba"));
    let _card = Process::start(gba.args(["card", "serve", "--vpcd", &place]));
    thread::spawn(do_nothing);
    pcscd.wait_for_card();
    pcscd.wait_for_card();

    let mut readers = [0, 1].map(|slot| Reader::open(&Choice::Number(slot)).unwrap());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..BLOCKS {
        for (reader, times) in readers.iter_mut().zip(&mut times) {
            block(reader, times);
        }
    }
    let [ours, nothing] = &mut times;
    let sum = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
    let (ours_sum, nothing_sum) = (sum(ours), sum(nothing));
    let ratio = nothing_sum / ours_sum;
    let [ours, nothing] = [ours, nothing].map(|times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    println!(
        "through pcscd: {ratio:.2} of the commands of a card that does nothing (goal {GOAL}); median {} us, the other {} us",
        ours.as_micros(),
        nothing.as_micros()
    );
    if gate && (ratio < GOAL || ours > MEDIAN) {
        println!(
            "beyond the bound: {GOAL}, and a median of {} us",
            MEDIAN.as_micros()
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What a terminal does all day: SELECT, READ BINARY by SFI, STATUS.
fn block(reader: &mut Reader, times: &mut Vec<Duration>) {
    let commands = [
        Command::new(0, 0xa4, 0, 0x0c).with_data(&[0x3f, 0]).unwrap(),
        Command::new(0, 0xb0, 0x82, 0).with_le(10),
        Command::new(0x80, 0xf2, 0, 0x0c),
    ];
    for command in commands.iter().cycle().take(COMMANDS) {
        let begin = Instant::now();
        let answer = reader.transmit(command).unwrap();
        times.push(begin.elapsed());
        assert_eq!(answer.sw, 0x9000, "{command:?}");
    }
}

/// 9000 to everything, by the shortest code that vpcd lets pass.
fn do_nothing() {
    let mut stream = TcpStream::connect(("127.0.0.1", PORT + 1)).unwrap();
    stream.set_nodelay(true).unwrap();
    let read = |stream: &mut TcpStream, octets: &mut [u8]| {
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(&*stream, true);
        stream.read_exact(octets).is_ok()
    };
    let (mut length, mut frame) = ([0; 2], [0; 300]);
    while read(&mut stream, &mut length) {
        let frame = &mut frame[..usize::from(u16::from_be_bytes(length))];
        if !read(&mut stream, frame) {
            return;
        }
        let sent = match frame {
            [4] => stream.write_all(&[&[0, 22][..], &atr::SOFTWARE].concat()),
            [0..=2] => Ok(()),
            _ => stream.write_all(&[0, 2, 0x90, 0]),
        };
        if sent.is_err() {
            return;
        }
    }
}
