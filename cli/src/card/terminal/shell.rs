//! `gba card shell`: one session with one card; the same commands, a current directory, completion and history.

use std::io::IsTerminal as _;

use clap::{Args, Parser, Subcommand};
use rustyline::{
    Context, Editor, Helper,
    completion::{Completer, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::DefaultHistory,
    validate::Validator,
};
use uicc::{names, terminal::Path};

use super::{
    Action, apdu,
    at::{CardAt, refused},
    change, export, files, info, keyed, lint, pin, toolkit, tree,
};
use crate::{Failure, advice, print};

#[derive(Args)]
pub(crate) struct Shell {}

/// One line.
#[derive(Parser)]
#[command(
    name = "",
    no_binary_name = true,
    disable_version_flag = true,
    help_template = "{subcommands}\n\nCOMMAND --help tells its options. A file is a name or a path; .. is the directory above.\n"
)]
struct Line {
    #[command(subcommand)]
    command: Command,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Do what changes the card without asking.
    #[arg(long, short, global = true)]
    yes: bool,
    /// Use up the last try of a PIN; move the SQN far.
    #[arg(long, global = true)]
    force: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Who the card is.
    Info(info::Info),
    /// The files found on it.
    Tree(tree::Tree),
    /// The files of the current directory.
    Ls,
    /// Go to a directory.
    Cd {
        /// Name or path; nothing for the MF.
        directory: Option<String>,
    },
    /// Read files.
    Read(files::Read),
    /// Records that hold some octets.
    Search(files::Search),
    /// Write a file.
    Update(change::Update),
    /// PINs and codes.
    Pin(pin::PinArgs),
    /// AUTHENTICATE.
    Auth(Box<keyed::Auth>),
    /// Bootstrap and derive keys of NAFs.
    Derive(Box<keyed::Derive>),
    /// Where the SQN stands.
    Sqn(Box<keyed::SqnCommand>),
    /// Raw commands.
    Apdu(apdu::Apdu),
    /// Play a handset.
    Toolkit(toolkit::Toolkit),
    /// Everything that can be read.
    Export(export::Export),
    /// What makes the card unsafe.
    Lint(lint::Lint),
    /// Leave.
    #[command(alias = "quit")]
    Exit,
}

impl Action for Shell {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        if std::io::stdin().is_terminal() {
            interactive(at)
        } else {
            script(at)
        }
    }
}

/// Lines of a pipe or a file; the first that fails ends it.
fn script(at: &mut CardAt) -> Result<(), Failure> {
    for line in std::io::stdin().lines() {
        let line = line.map_err(|e| Failure::Unable(format!("cannot read standard input: {e}")))?;
        if !execute(at, &line)? {
            break;
        }
    }
    Ok(())
}

fn interactive(at: &mut CardAt) -> Result<(), Failure> {
    let cannot = |e: ReadlineError| Failure::Unable(format!("the terminal can't be used: {e}"));
    let mut editor: Editor<Names, DefaultHistory> = Editor::new().map_err(cannot)?;
    editor.set_helper(Some(Names {
        here: at.here.clone(),
    }));
    advice::note(&format!(
        "{}; help tells the commands, Tab completes, exit leaves",
        at.place
    ));
    loop {
        if let Some(helper) = editor.helper_mut() {
            helper.here = at.here.clone();
        }
        let line = match editor.readline(&format!("{}> ", at.here)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(e) => return Err(cannot(e)),
        };
        if may_be_kept(&line) {
            let _ = editor.add_history_entry(&line);
        }
        match execute(at, &line) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(Failure::Shown) => {}
            Err(Failure::Refused(why) | Failure::Unable(why)) => advice::print(&why),
        }
    }
}

/// A line with a PIN or key in it doesn't enter the history, which lives in memory only.
fn may_be_kept(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let command = words.next().unwrap_or_default();
    command != "pin"
        && !words.any(|w| {
            ["--k", "--op", "--top", "--value", "--new"]
                .iter()
                .any(|o| w.starts_with(o))
        })
}

/// Whether to go on.
fn execute(at: &mut CardAt, line: &str) -> Result<bool, Failure> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(true);
    }
    let parsed = match Line::try_parse_from(words(line)) {
        Ok(parsed) => parsed,
        Err(e) if !e.use_stderr() => {
            print(e.render().to_string())?;
            return Ok(true);
        }
        Err(e) => {
            let text = e.render().to_string();
            let why = text.trim_start_matches("error: ").trim_end();
            return Err(Failure::Unable(why.to_owned()));
        }
    };
    let before = (at.json, at.yes, at.force);
    (at.json, at.yes, at.force) = (
        at.json || parsed.json,
        at.yes || parsed.yes,
        at.force || parsed.force,
    );
    let result = command(at, &parsed.command);
    (at.json, at.yes, at.force) = before;
    result
}

fn command(at: &mut CardAt, command: &Command) -> Result<bool, Failure> {
    match command {
        Command::Exit => return Ok(false),
        Command::Cd { directory } => {
            let path = match directory {
                Some(text) => at.path(text)?,
                None => Path::MF,
            };
            let fcp = at.session.select(&path).map_err(|e| refused(&e))?;
            if fcp.structure != uicc::fcp::Structure::Directory {
                return Err(Failure::Unable(format!("{path} is no directory")));
            }
            at.here = path;
        }
        Command::Ls => {
            let tree = tree::Tree::of(&at.here.hex());
            tree.run(at)?;
        }
        Command::Info(c) => c.run(at)?,
        Command::Tree(c) => c.run(at)?,
        Command::Read(c) => c.run(at)?,
        Command::Search(c) => c.run(at)?,
        Command::Update(c) => c.run(at)?,
        Command::Pin(c) => c.run(at)?,
        Command::Auth(c) => c.run(at)?,
        Command::Derive(c) => c.run(at)?,
        Command::Sqn(c) => c.run(at)?,
        Command::Apdu(c) => c.run(at)?,
        Command::Toolkit(c) => c.run(at)?,
        Command::Export(c) => c.run(at)?,
        Command::Lint(c) => c.run(at)?,
    }
    Ok(true)
}

/// Words, where quotes hold blanks together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                begun = true;
            }
            c if c.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Completes commands in the first word, files behind it.
struct Names {
    here: Path,
}

impl Names {
    /// What the word may become.
    fn candidates(&self, first: bool, word: &str) -> Vec<String> {
        use clap::CommandFactory as _;
        if first {
            let commands = Line::command();
            let names = commands.get_subcommands().map(|c| c.get_name().to_owned());
            return names
                .chain(["help".to_owned()])
                .filter(|n| n.starts_with(word))
                .collect();
        }
        let (directory, part) = word.rsplit_once('/').map_or(("", word), |(d, p)| (d, p));
        let place = if directory.is_empty() {
            self.here.clone()
        } else {
            match Path::parse_in(&self.here, directory) {
                Ok(path) => path,
                Err(_) => return Vec::new(),
            }
        };
        let before = if directory.is_empty() {
            String::new()
        } else {
            format!("{directory}/")
        };
        let mut found = Vec::new();
        if directory.is_empty() {
            found.push("MF".to_owned());
            found.extend(names::APPLICATIONS.iter().map(|(name, _)| format!("ADF.{name}")));
        }
        let (aid, fids) = place.place();
        for d in names::DIRECTORIES {
            if names::directory(aid, fids).is_some_and(|here| here.name == d.name) || directory.is_empty() {
                found.extend(d.files.iter().map(|f| f.name.to_owned()));
            }
        }
        let part = part.to_ascii_uppercase();
        found.retain(|name| name.to_ascii_uppercase().starts_with(&part));
        found.sort();
        found.dedup();
        found.into_iter().map(|name| format!("{before}{name}")).collect()
    }
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..at).unwrap_or(line);
        let start = before.rfind(char::is_whitespace).map_or(0, |i| i + 1);
        let word = before.get(start..).unwrap_or_default();
        let pairs = self
            .candidates(before.get(..start).unwrap_or_default().trim().is_empty(), word)
            .into_iter()
            .map(|name| Pair {
                display: name.clone(),
                replacement: name,
            })
            .collect();
        Ok((start, pairs))
    }
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_files_are_completed() {
        let names = Names { here: Path::MF };
        assert_eq!(names.candidates(true, "rea"), ["read"]);
        assert_eq!(names.candidates(false, "ef_ims"), ["EF_IMSI"]);
        assert_eq!(names.candidates(false, "ADF.USIM/EF_UST"), ["ADF.USIM/EF_UST"]);
        assert!(names.candidates(false, "MF/").contains(&"MF/EF_ICCID".to_owned()));
        assert!(names.candidates(false, "NO/x").is_empty());
    }

    #[test]
    fn a_line_with_a_secret_is_not_kept() {
        for line in ["pin verify", "sqn --k @k", "auth --opc=00", "auth --topc x"] {
            assert!(!may_be_kept(line), "{line}");
        }
        assert!(may_be_kept("read EF_IMSI"));
        assert_eq!(words(r#"read  "EF IMSI" x"#), ["read", "EF IMSI", "x"]);
    }
}
