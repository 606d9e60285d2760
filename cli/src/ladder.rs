//! The ladder: every protocol message as an arrow between lifelines, or, without a terminal, as a plain line.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use lab::trace::Event;

/// Lifelines from left to right.
const LIFELINES: [&str; 7] = ["UICC", "UE", "BSF", "HSS", "NAF", "MAF", "IN-CSE"];
/// Columns from one lifeline to the next.
const PITCH: usize = 7;
/// Columns before the first lifeline: time, interface, blanks.
const LEFT: usize = 15;
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
        let width = terminal_width.unwrap_or(NARROWEST).min(140);
        Self {
            width,
            picture: terminal_width.is_some_and(|w| w >= NARROWEST),
        }
    }

    /// The names over the lifelines.
    pub(crate) fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        let bold = Style::new().bold();
        if self.picture {
            let mut names = String::new();
            for name in LIFELINES {
                names.push_str(&format!("{name:^PITCH$}"));
            }
            writeln!(out, "{bold}{:>8}  {:<5}{names}{bold:#}", "ms", "")
        } else {
            writeln!(
                out,
                "{:>8}  {:<5} {:<6}   {:<6}  what it says",
                "ms", "if", "from", "to"
            )
        }
    }

    /// A heading between the acts.
    pub(crate) fn act(&self, out: &mut dyn Write, title: &str) -> io::Result<()> {
        let style = Style::new().bold();
        if self.picture {
            let bars: String = LIFELINES.iter().map(|_| format!("{:^PITCH$}", "│")).collect();
            let dim = Style::new().dimmed();
            writeln!(out, "{:LEFT$}{dim}{bars}{dim:#}  {style}{title}{style:#}", "")
        } else {
            writeln!(out, "\n{:>8}  {title}", "")
        }
    }

    /// One message.
    pub(crate) fn event(&self, out: &mut dyn Write, event: &Event) -> io::Result<()> {
        let ms = event.at.as_secs_f64() * 1000.0;
        let colour = colour(event.interface);
        if !self.picture {
            return writeln!(
                out,
                "{ms:>8.2}  {:<5} {:<6} → {:<6}  {}",
                event.interface, event.from, event.to, event.summary
            );
        }
        let room = self
            .width
            .saturating_sub(LEFT + LIFELINES.len() * PITCH + 1)
            .max(20);
        let dim = Style::new().dimmed();
        for (n, text) in wrap(&event.summary, room).into_iter().enumerate() {
            if n == 0 {
                write!(
                    out,
                    "{dim}{ms:>8.2}{dim:#}  {colour}{:<5}{colour:#}",
                    event.interface
                )?;
                rail(out, position(&event.from), position(&event.to), colour)?;
            } else {
                write!(out, "{:LEFT$}", "")?;
                rail(out, None, None, colour)?;
            }
            writeln!(out, " {text}")?;
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
        .position(|name| *name == element)
        .map(|n| n * PITCH + PITCH / 2)
}

/// The lifelines of one line, with an arrow from one to another if both are known.
fn rail(out: &mut dyn Write, from: Option<usize>, to: Option<usize>, colour: Style) -> io::Result<()> {
    let dim = Style::new().dimmed();
    let (low, high, right) = match (from, to) {
        (Some(a), Some(b)) if a != b => (a.min(b), a.max(b), b > a),
        _ => (usize::MAX, usize::MAX, false),
    };
    for column in 0..LIFELINES.len() * PITCH {
        let line = column % PITCH == PITCH / 2;
        let symbol = match column {
            c if c < low || c > high => {
                if line {
                    "│"
                } else {
                    " "
                }
            }
            c if c == low => {
                if right {
                    "├"
                } else {
                    "│"
                }
            }
            c if c == high => {
                if right {
                    "│"
                } else {
                    "┤"
                }
            }
            c if right && c + 1 == high => "▶",
            c if !right && c == low + 1 => "◀",
            _ if line => "┼",
            _ => "─",
        };
        let style = if (low..=high).contains(&column) && low != usize::MAX {
            colour
        } else {
            dim
        };
        if symbol == " " {
            write!(out, " ")?
        } else {
            write!(out, "{style}{symbol}{style:#}")?
        }
    }
    Ok(())
}

/// Breaks at blanks; a word longer than the room is cut.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() > room {
            lines.push(String::new());
            used = 0;
        }
        while word.len() > room {
            let tail = word.split_off(room);
            lines.last_mut().into_iter().for_each(|l| l.extend(word.iter()));
            lines.push(String::new());
            word = tail;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.extend(word.iter());
            used += word.len();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn print(width: Option<usize>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        let ladder = Ladder::new(width);
        ladder.head(&mut out).unwrap();
        ladder.act(&mut out, "Bootstrapping").unwrap();
        for (from, to) in [("UE", "BSF"), ("HSS", "BSF"), ("IN-CSE", "BSF")] {
            let event = Event {
                at: Duration::from_micros(12_340),
                interface: "Ub",
                from: from.into(),
                to: to.into(),
                summary: "401 challenge: RAND 23553cbe…, AKAv1-MD5, auth-int, and a good deal more to say"
                    .into(),
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
        assert!(
            text.contains("│      ├─────▶│      │      │      │      │"),
            "{text}"
        );
        assert!(
            text.contains("│      │      │◀─────┤      │      │      │"),
            "{text}"
        );
        assert!(
            text.contains("│      │      │◀─────┼──────┼──────┼──────┤"),
            "{text}"
        );
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
