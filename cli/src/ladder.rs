//! The ladder: every protocol message as an arrow between lifelines, or, without a terminal, as a plain line.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use lab::trace::Event;

/// Lifelines from left to right: the element, and the name over its line.
const LIFELINES: [(&str, &str); 7] = [
    ("UICC", "UICC"),
    ("UE", "UE"),
    ("BSF", "BSF"),
    ("HSS", "HSS"),
    ("NAF", "NAF"),
    ("MAF", "MAF"),
    ("IN-CSE", "CSE"),
];
/// Columns from one lifeline to the next.
const PITCH: usize = 6;
/// Column of the first lifeline within the rail: half the width of the widest name before it.
const FIRST: usize = 2;
/// Columns of all lifelines together.
const RAIL: usize = FIRST + (LIFELINES.len() - 1) * PITCH + 1;
/// Columns before the rail: time, interface, blanks.
const LEFT: usize = 13;
/// Columns before the words in a plain line.
const PLAIN: usize = 33;
/// Below this width the picture leaves no room for words.
const NARROWEST: usize = 96;

/// Prints events as they come.
pub(crate) struct Ladder {
    width: usize,
    picture: bool,
}

impl Ladder {
    /// A picture for a terminal that is wide enough, else plain lines.
    pub(crate) fn new(terminal_width: Option<usize>) -> Self {
        Self {
            // Without a terminal a line may be as long as it is.
            width: terminal_width.map_or(usize::MAX, |w| w.min(140)),
            picture: terminal_width.is_some_and(|w| w >= NARROWEST),
        }
    }

    /// The names over the lifelines.
    pub(crate) fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        let bold = Style::new().bold();
        if self.picture {
            let names: String = LIFELINES
                .iter()
                .map(|(_, name)| format!("{name:^PITCH$}"))
                .collect();
            writeln!(out, "{bold}{:>7}  {:<4}{names}{bold:#}", "ms", "")
        } else {
            writeln!(
                out,
                "{:>8}  {:<5} {:<6}   {:<6}  what it says",
                "ms", "if", "from", "to"
            )
        }
    }

    /// Columns to the right of the lifelines.
    fn room(&self) -> usize {
        self.width.saturating_sub(LEFT + RAIL + 2).max(20)
    }

    /// A heading between the acts.
    pub(crate) fn act(&self, out: &mut dyn Write, title: &str) -> io::Result<()> {
        let style = Style::new().bold();
        if self.picture {
            for text in std::iter::once(String::new()).chain(wrap(title, self.room())) {
                write!(out, "{:LEFT$}", "")?;
                rail(out, None, None, style)?;
                writeln!(out, "  {style}{text}{style:#}")?;
            }
            Ok(())
        } else {
            writeln!(out, "\n{:>8}  {title}", "")
        }
    }

    /// One message.
    pub(crate) fn event(&self, out: &mut dyn Write, event: &Event) -> io::Result<()> {
        let ms = event.at.as_secs_f64() * 1000.0;
        let colour = colour(event.interface);
        if !self.picture {
            return self.plain(out, event, ms);
        }
        let dim = Style::new().dimmed();
        for (n, text) in wrap(&event.summary, self.room()).into_iter().enumerate() {
            if n == 0 {
                write!(
                    out,
                    "{dim}{ms:>7.2}{dim:#}  {colour}{:<4}{colour:#}",
                    event.interface
                )?;
                rail(out, position(&event.from), position(&event.to), colour)?;
            } else {
                write!(out, "{:LEFT$}", "")?;
                rail(out, None, None, colour)?;
            }
            writeln!(out, "  {text}")?;
        }
        Ok(())
    }

    fn plain(&self, out: &mut dyn Write, event: &Event, ms: f64) -> io::Result<()> {
        let Event {
            interface, from, to, ..
        } = event;
        let room = self.width.saturating_sub(PLAIN).max(20);
        for (n, text) in wrap(&event.summary, room).into_iter().enumerate() {
            match n {
                0 => writeln!(out, "{ms:>8.2}  {interface:<5} {from:<6} → {to:<6}  {text}")?,
                _ => writeln!(out, "{:PLAIN$}{text}", "")?,
            }
        }
        Ok(())
    }
}

fn colour(interface: &str) -> Style {
    let colour = match interface {
        "card" => AnsiColor::Yellow,
        "Ub" => AnsiColor::Cyan,
        "Zh" => AnsiColor::Magenta,
        "Zn" => AnsiColor::Blue,
        "Mca" => AnsiColor::BrightGreen,
        _ => AnsiColor::Green,
    };
    Style::new().fg_color(Some(colour.into()))
}

fn position(element: &str) -> Option<usize> {
    LIFELINES
        .iter()
        .position(|(name, _)| *name == element)
        .map(|n| FIRST + n * PITCH)
}

/// The lifelines of one line, with an arrow from one to another if both are known.
fn rail(out: &mut dyn Write, from: Option<usize>, to: Option<usize>, colour: Style) -> io::Result<()> {
    let bars = |columns: std::ops::Range<usize>| -> String {
        columns
            .map(|c| if c % PITCH == FIRST { '│' } else { ' ' })
            .collect()
    };
    let dim = Style::new().dimmed();
    let (low, high, right) = match (from, to) {
        (Some(a), Some(b)) if a != b => (a.min(b), a.max(b), b > a),
        _ => return write!(out, "{dim}{}{dim:#}", bars(0..RAIL)),
    };
    let arrow: String = (low..=high)
        .map(|column| match column {
            c if c == low => {
                if right {
                    '├'
                } else {
                    '│'
                }
            }
            c if c == high => {
                if right {
                    '│'
                } else {
                    '┤'
                }
            }
            c if right && c + 1 == high => '▶',
            c if !right && c == low + 1 => '◀',
            c if c % PITCH == FIRST => '┼',
            _ => '─',
        })
        .collect();
    write!(
        out,
        "{dim}{}{dim:#}{colour}{arrow}{colour:#}{dim}{}{dim:#}",
        bars(0..low),
        bars(high + 1..RAIL)
    )
}

/// Breaks at blanks, and before `@` and `;` in long names; what is still too long is cut.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ').flat_map(pieces) {
        let length = word.trim_end().chars().count();
        if used > 0 && used + length > room {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            if used == room {
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().into_iter().for_each(|line| line.push(c));
            used += 1;
        }
    }
    lines
        .iter_mut()
        .for_each(|line| line.truncate(line.trim_end().len()));
    lines
}

/// `a@b` as `a` and `@b`.
fn pieces(word: &str) -> Vec<&str> {
    let mut cuts: Vec<usize> = word
        .match_indices(['@', ';'])
        .map(|(at, _)| at)
        .filter(|at| *at > 0)
        .collect();
    cuts.insert(0, 0);
    cuts.push(word.len());
    cuts.windows(2)
        .filter_map(|w| word.get(*w.first()?..*w.last()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn print(width: Option<usize>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        let ladder = Ladder::new(width);
        ladder.head(&mut out).unwrap();
        ladder
            .act(
                &mut out,
                "A heading as long as the longest one of a story: it is wrapped like a message",
            )
            .unwrap();
        for (from, to) in [("UE", "BSF"), ("HSS", "BSF"), ("IN-CSE", "BSF")] {
            let event = Event {
                at: Duration::from_micros(12_340),
                interface: "Ub",
                from: from.into(),
                to: to.into(),
                summary: "401 challenge: RAND 23553cbe…, AKAv1-MD5, auth-int, and a good deal more to say"
                    .into(),
                clause: None,
            };
            ladder.event(&mut out, &event).unwrap();
        }
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [96, 100, 120] {
            for line in print(Some(width)).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn arrows_point_from_sender_to_receiver() {
        let text = print(Some(100));
        assert!(text.contains("│     ├────▶│     │     │     │     │"), "{text}");
        assert!(text.contains("│     │     │◀────┤     │     │     │"), "{text}");
        assert!(text.contains("│     │     │◀────┼─────┼─────┼─────┤"), "{text}");
    }

    #[test]
    fn without_a_terminal_each_message_is_one_line() {
        let text = print(None);
        assert!(
            text.contains("   12.34  Ub    UE     → BSF     401 challenge"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
