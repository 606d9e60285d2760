//! The log: operation only, to standard error, as text or as one JSON object a line. It names no subscriber and no key.
//!
//! Chosen by the table `[log]`, `GBA_LOG` and `GBA_LOG_FORMAT`, `--log` and `--log-format`; commands without a
//! configuration have the variables only.

use std::{
    fmt,
    io::Write as _,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;
use tracing::{Event, Level, Subscriber, field};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format as Plain, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

use crate::{config::Config, escape};

/// Errors, which Diameter peer a node turned away, what hostapd was not given, and why: whoever sets up both ends needs that.
pub(crate) const DEFAULT: &str = "error,net::diameter::server=warn,hss::hostapd=warn";

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text or json expected"),
        }
    }
}

/// A choice of levels by target, such as `info` or `error,bsf=trace`.
#[derive(Clone, Debug)]
pub(crate) struct Filter(String);

impl FromStr for Filter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err("levels by target expected, such as info or error,bsf=trace"),
        }
    }
}

/// Whether standard error is a stream of JSON objects.
static JSON: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// As the configuration says. What it says twice is checked where it is read.
pub(crate) fn begin_as(config: &Config) -> Result<(), String> {
    let filter: Option<Filter> = config.maybe("log", "filter")?;
    begin(filter.as_ref(), config.get("log", "format")?);
    Ok(())
}

/// As the environment says, for what has no configuration; what it says there wrongly doesn't count.
pub(crate) fn begin_as_environment(filter: Option<Filter>, format: Option<Format>) {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let filter = filter.or_else(|| variable("GBA_LOG").map(Filter));
    let format = format.or_else(|| variable("GBA_LOG_FORMAT")?.parse().ok());
    begin(filter.as_ref(), format.unwrap_or(Format::Text));
}

fn begin(filter: Option<&Filter>, format: Format) {
    let chosen = filter.map(|f| f.0.as_str()).filter(|text| !text.is_empty());
    let filter = EnvFilter::builder().parse_lossy(chosen.unwrap_or(DEFAULT));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Begun twice only by a mistake of ours; the first counts then.
    let _ = match format {
        Format::Text => log.event_format(Text::default()).try_init(),
        Format::Json => {
            JSON.store(true, Ordering::Relaxed);
            log.event_format(Json).try_init()
        }
    };
}

/// A line of the program itself, where standard error is a stream of JSON objects.
pub(crate) fn say(level: Level, message: &str) {
    let line = line(level, "gba", message, &serde_json::Map::new());
    // Standard error may be closed.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

fn line(
    level: Level,
    target: &str,
    message: &str,
    fields: &serde_json::Map<String, serde_json::Value>,
) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        level: &'a str,
        target: &'a str,
        message: &'a str,
        fields: &'a serde_json::Map<String, serde_json::Value>,
    }
    let mut time = String::new();
    // A String takes everything.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let line = Line {
        time,
        level: level.as_str(),
        target,
        message,
        fields,
    };
    // Texts and numbers always are JSON.
    let line = serde_json::to_string(&line).unwrap_or_default();
    format!("{}\n", escape::json(&line))
}

/// As `tracing_subscriber` has it, with each event kept to its line.
#[derive(Default)]
struct Text(Plain);

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{}", escape::text(line.trim_end_matches('\n')))
    }
}

/// `{"time":…,"level":…,"target":…,"message":…,"fields":{…}}`.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let meta = event.metadata();
        writer.write_str(&line(
            *meta.level(),
            meta.target(),
            &fields.message,
            &fields.others,
        ))
    }
}

/// What an event brings.
#[derive(Default)]
struct Fields {
    message: String,
    others: serde_json::Map<String, serde_json::Value>,
}

impl Fields {
    fn put(&mut self, field: &field::Field, value: impl Into<serde_json::Value>) {
        self.others.insert(field.name().to_owned(), value.into());
    }
}

impl field::Visit for Fields {
    fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(field, format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value);
        }
    }

    fn record_u64(&mut self, field: &field::Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &field::Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &field::Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of two events, of which one names what somebody outside may be called.
    fn written(format: Format) -> String {
        let name = "a\x1b[31m\r\n\0\u{202e}\u{85}b\"";
        let written = Written::default();
        let to = written.clone();
        let log = tracing_subscriber::fmt().with_writer(move || to.clone());
        let tell = || {
            tracing::warn!(peer = %name, as_debug = ?name, count = 7_u64, plain = name, "{name} was here");
            tracing::info!("done");
        };
        match format {
            Format::Text => {
                tracing::subscriber::with_default(log.event_format(Text::default()).finish(), tell)
            }
            Format::Json => tracing::subscriber::with_default(log.event_format(Json).finish(), tell),
        }
        let octets = written.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap()
    }

    //= ROW-46
    /// ESC, CR and LF, NUL, C1 and marks of direction in a name.
    #[test]
    fn row_46_a_name_writes_no_line_and_no_colour_of_its_own() {
        for format in [Format::Text, Format::Json] {
            let text = written(format);
            assert_eq!(text.lines().count(), 2, "{format:?}: {text}");
            let odd = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!text.contains(odd), "{format:?}: {text}");
        }
    }

    #[test]
    fn json_has_what_was_said_in_its_place() {
        let text = written(Format::Json);
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let name = "a\x1b[31m\r\n\0\u{202e}\u{85}b\"";
        assert_eq!(
            (&line["level"], &line["target"]),
            (&"WARN".into(), &module_path!().into())
        );
        assert_eq!(line["fields"]["plain"], name);
        assert_eq!(line["fields"]["count"], 7);
        assert!(line["message"].as_str().unwrap().ends_with("was here"), "{line}");
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    }
}
