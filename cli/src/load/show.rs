//! What is shown of a load: a line while it runs, then a table with a picture, or one JSON object.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use comfy_table::{CellAlignment, Table, presets};
use lab::load::{End, Pace, Plan, Progress, Report};
use serde_json::json;

/// Quantiles that are told.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
/// Columns of the longest bar.
const BAR: u64 = 40;

/// Tells on standard error how far it is, until `over`: anew in one line on a terminal, else a line now and then.
pub(super) fn follow(progress: &Arc<Progress>, over: &std::sync::mpsc::Receiver<()>) {
    let terminal = std::io::stderr().is_terminal();
    let step = if terminal {
        Duration::from_millis(500)
    } else {
        Duration::from_secs(5)
    };
    let began = Instant::now();
    let mut before = 0;
    while over.recv_timeout(step) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        let (done, failed) = progress.counts();
        let rate = whole(done.saturating_sub(before)) / step.as_secs_f64();
        before = done;
        let seconds = began.elapsed().as_secs();
        let line = format!("{seconds:>4} s   done {done}   failed {failed}   {rate:.0}/s");
        let (begin, end) = if terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let _ = write!(std::io::stderr(), "{begin}{line}{end}");
    }
    if terminal {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts for people")]
const fn whole(n: u64) -> f64 {
    n as f64
}

/// For people.
pub(super) fn text(what: &str, plan: &Plan, report: &Report) -> String {
    let pace = match plan.pace {
        Pace::Closed if plan.clients == 1 => "closed loop, 1 client".into(),
        Pace::Closed => format!("closed loop, {} clients", plan.clients),
        Pace::Open(rate) => format!("open loop, {rate} a second, at most {} at once", plan.clients),
    };
    let mut text = format!(
        "{what}: {pace}\n\nruns        {} in {:.2} s\ndone        {}, {:.0} a second\nfailed      {}\n",
        report.done() + report.failed(),
        report.elapsed.as_secs_f64(),
        report.done(),
        report.rate(),
        report.failed(),
    );
    for (kind, (count, why)) in &report.failures {
        text += &format!("  {count:>8}  {kind}: {why}\n");
    }
    text += &format!(
        "generator   {:.2} s of CPU, busiest thread {:.0} %\n",
        report.cpu.as_secs_f64(),
        report.busiest * 100.0
    );
    if report.done() > 0 {
        let since = if matches!(plan.pace, Pace::Open(_)) {
            "intended start"
        } else {
            "start"
        };
        text += &format!(
            "\nlatency from the {since}, of runs that ended well\n{}\n",
            quantiles(report)
        );
        text += &picture(report);
    }
    text
}

fn quantiles(report: &Report) -> Table {
    let latency = &report.latency;
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let mut head: Vec<String> = QUANTILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut row: Vec<String> = QUANTILES
        .iter()
        .map(|(_, q)| time(latency.value_at_quantile(*q)))
        .collect();
    head.push("max".into());
    row.push(time(latency.max()));
    table.set_header(head).add_row(row);
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// One bar for each doubling of the latency.
fn picture(report: &Report) -> String {
    let latency = &report.latency;
    let mut bars = Vec::new();
    let mut low = latency.min().max(1).next_power_of_two() / 2;
    while low <= latency.max() {
        let high = low.max(1) * 2;
        bars.push((high, latency.count_between(low, high - 1)));
        low = high;
    }
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    bars.iter()
        .map(|(high, count)| {
            let columns = count.saturating_mul(BAR).div_ceil(most);
            let bar = "█".repeat(usize::try_from(columns).unwrap_or(0));
            format!("< {:>9} {bar} {count}\n", time(*high))
        })
        .collect()
}

/// Microseconds in a unit that fits.
fn time(micros: u64) -> String {
    match micros {
        0..=9_999 => format!("{micros} µs"),
        10_000..=9_999_999 => format!("{:.1} ms", whole(micros) / 1e3),
        _ => format!("{:.1} s", whole(micros) / 1e6),
    }
}

/// For programs. Times are in seconds, latencies in microseconds.
pub(super) fn json(what: &str, plan: &Plan, report: &Report) -> String {
    let latency = |h: &hdrhistogram::Histogram<u64>| {
        let mut object = json!({ "count": h.len(), "min": if h.is_empty() { 0 } else { h.min() }, "max": h.max(), "mean": h.mean() });
        for (name, q) in QUANTILES {
            object[name] = h.value_at_quantile(q).into();
        }
        let buckets = h.iter_log(64, 2.0).map(
            |step| json!({ "up_to": step.value_iterated_to(), "count": step.count_since_last_iteration() }),
        );
        object["histogram"] = buckets.collect();
        object
    };
    let failures: serde_json::Map<_, _> = report
        .failures
        .iter()
        .map(|(kind, (count, why))| (kind.to_string(), json!({ "count": count, "first": why })))
        .collect();
    let rate = match plan.pace {
        Pace::Closed => None,
        Pace::Open(rate) => Some(rate),
    };
    let (seconds, count) = match plan.end {
        End::After(time) => (Some(time.as_secs_f64()), None),
        End::Count(count) => (None, Some(count)),
    };
    let object = json!({
        "what": what,
        "plan": {
            "loop": if rate.is_some() { "open" } else { "closed" },
            "rate": rate, "clients": plan.clients, "threads": plan.threads,
            "seconds": seconds, "count": count, "timeout": plan.timeout.as_secs_f64(),
        },
        "runs": report.done() + report.failed(),
        "done": report.done(),
        "failed": report.failed(),
        "failures": failures,
        "elapsed": report.elapsed.as_secs_f64(),
        "rate": report.rate(),
        "latency": latency(&report.latency),
        "failed_latency": latency(&report.failed_latency),
        "open_loop": { "waited_for_a_client": report.waited, "late": report.late_sends(), "unsent": report.unsent },
        "generator": { "cpu": report.cpu.as_secs_f64(), "busiest": report.busiest },
        "warnings": report.doubts(),
    });
    format!("{object}\n")
}
