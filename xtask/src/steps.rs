//! A row of steps: each is announced, timed and remembered; a table and one closing line end it.
//!
//! A failed step does not stop the others, so that one run tells everything that is wrong.

use std::time::{Duration, Instant};

use crate::run::Failure;

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// The steps done so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

impl Steps {
    /// Runs one step; true where it passed.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<(), Failure>) -> bool {
        println!("\n── {name} {}", "─".repeat(74usize.saturating_sub(name.len())));
        let start = Instant::now();
        let result = step();
        let took = start.elapsed();
        let passed = result.is_ok();
        let outcome = match result {
            Ok(()) => Outcome::Passed,
            Err(failure) => {
                println!("{name} failed: {}", failure.text);
                Outcome::Failed(failure.text)
            }
        };
        self.done.push(Step { name, outcome, took });
        passed
    }

    /// Notes a step that was left out, with the reason.
    pub(crate) fn skip(&mut self, name: &'static str, reason: &str) {
        self.done.push(Step {
            name,
            outcome: Outcome::Skipped(reason.to_owned()),
            took: Duration::ZERO,
        });
    }

    /// Prints the table and the closing line; a failure where any step failed.
    pub(crate) fn close(self) -> Result<(), Failure> {
        println!("\n{:<34} {:>8}  result", "step", "time");
        let (mut passed, mut failed, mut skipped, mut total) = (0, 0, 0, Duration::ZERO);
        for step in &self.done {
            let result = match &step.outcome {
                Outcome::Passed => {
                    passed += 1;
                    "passed".to_owned()
                }
                Outcome::Failed(text) => {
                    failed += 1;
                    format!("FAILED: {}", text.lines().next().unwrap_or_default())
                }
                Outcome::Skipped(reason) => {
                    skipped += 1;
                    format!("skipped: {reason}")
                }
            };
            total += step.took;
            println!("{:<34} {:>8}  {result}", step.name, seconds(step.took));
        }
        println!("{:<34} {:>8}", "together", seconds(total));
        // Read by machines: keep the form 'N passed, N failed'.
        println!("\nsteps: {passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 {
            Ok(())
        } else {
            Err(Failure::status(1))
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_row_but_does_not_stop_it() {
        let mut steps = Steps::default();
        assert!(!steps.run("bad", || Err(Failure::failed("no"))));
        assert!(steps.run("good", || Ok(())));
        steps.skip("left out", "not asked for");
        assert_eq!(steps.close().map_err(|failure| failure.status), Err(1));
    }
}
