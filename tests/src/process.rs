//! A program that runs while a test goes on: its lines are waited for, and it ends with the test.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// Nothing that a test waits for takes so long.
const LIMIT: Duration = Duration::from_secs(60);

/// A program that runs. Ended when dropped: asked to, then killed.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// What it has said so far, as far as it was waited for.
    pub seen: Vec<String>,
}

impl Process {
    /// Starts it; what it says on standard output and error is read as lines.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let (tell, lines) = channel();
        read(child.stdout.take(), tell.clone());
        read(child.stderr.take(), tell);
        Self {
            name,
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that holds these words and gives what follows them, up to a blank.
    pub fn wait(&mut self, words: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|e| {
                let seen = self.seen.join("\n");
                panic!("{}: {words:?} never came ({e}):\n{seen}", self.name)
            });
            let found = line.split_once(words).map(|(_, rest)| rest.to_owned());
            self.seen.push(line);
            if let Some(rest) = found {
                return rest.split(' ').next().unwrap_or_default().to_owned();
            }
        }
    }

    /// Its number, for a signal.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, and gives all that it said.
    pub fn end(&mut self) -> (ExitStatus, String) {
        // The end of its output is the end of the process, and that is bounded.
        let end = Instant::now() + LIMIT;
        while let Ok(line) = self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.seen.push(line);
        }
        assert!(Instant::now() < end, "{} doesn't end", self.name);
        (self.child.wait().unwrap(), self.seen.join("\n"))
    }

    /// Asks it to end, and waits for that.
    pub fn stop(&mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.end()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let line = format!("kill -{signal} {}", self.child.id());
        let _ = Command::new("sh").args(["-c", &line]).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("TERM");
            let end = Instant::now() + Duration::from_secs(5);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
                thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: Option<impl Read + Send + 'static>, tell: Sender<String>) {
    let Some(from) = from else { return };
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if tell.send(line).is_err() {
                return;
            }
        }
    });
}
