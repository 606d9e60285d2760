//! Who runs when. Each thread has a runtime of its own and its share of the clients.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    End, Pace, Plan, Progress,
    failed::Failed,
    tally::{Report, Tally},
};

/// One client: it runs again and again, one run at a time.
pub trait Client: Send + 'static {
    /// One run. It ends well only if everything was checked that the protocol lets this side check.
    fn run(&mut self) -> impl Future<Output = Result<(), Failed>> + Send;

    /// The run was given up midway: nothing of it may be used again.
    fn given_up(&mut self) {}
}

/// Which client is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its thread.
    pub thread: usize,
    /// Its number among all clients.
    pub client: usize,
}

/// Applies the load and returns when it is over; `make` is called once for each client, within its thread's runtime.
///
/// # Errors
/// If the system gives no thread or runtime.
pub fn run<C: Client>(
    plan: &Plan,
    progress: &Arc<Progress>,
    make: impl Fn(Place) -> C + Sync,
) -> io::Result<Report> {
    let threads = plan.threads.clamp(1, plan.clients.max(1));
    let queues: Vec<Arc<Queue>> = (0..threads).map(|_| Arc::default()).collect();
    let begun = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let (tallies, unsent) = thread::scope(|scope| {
        let workers: Vec<_> = queues
            .iter()
            .enumerate()
            .map(|(thread, queue)| {
                let (queue, begun, make) = (Arc::clone(queue), Arc::clone(&begun), &make);
                let places = (thread..plan.clients).step_by(threads);
                let clients = move || places.map(move |client| make(Place { thread, client }));
                let turns = move || match (plan.pace, plan.end) {
                    (Pace::Open(_), _) => Turns::Queued(Arc::clone(&queue)),
                    (Pace::Closed, End::After(time)) => Turns::Until(began + time),
                    (Pace::Closed, End::Count(count)) => Turns::Counted(Arc::clone(&begun), count),
                };
                scope.spawn(move || work(plan, progress, clients(), &turns))
            })
            .collect();
        let unsent = match plan.pace {
            Pace::Open(rate) => schedule(plan.end, rate, began, progress, &queues),
            Pace::Closed => 0,
        };
        let tallies: io::Result<Vec<Tally>> = workers
            .into_iter()
            .map(|w| {
                w.join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread of the generator panicked")))
            })
            .collect();
        tallies.map(|tallies| (tallies, unsent))
    })?;
    let left = queues.iter().map(|queue| queue.left()).sum::<u64>();
    Ok(Report::of(began, tallies, unsent + left))
}

/// One thread's clients, to their end.
fn work<C: Client>(
    plan: &Plan,
    progress: &Arc<Progress>,
    clients: impl Iterator<Item = C>,
    turns: &dyn Fn() -> Turns,
) -> io::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tally = Arc::new(Mutex::new(Tally::new()));
    let before = busy();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for client in clients {
            let (progress, tally, turns) = (Arc::clone(progress), Arc::clone(&tally), turns());
            tasks.spawn(keep_running(client, turns, plan.timeout, progress, tally));
        }
        while tasks.join_next().await.is_some() {}
    });
    let after = busy();
    // Every other owner was a task that has ended.
    let mut tally = Arc::into_inner(tally)
        .map(|tally| tally.into_inner().unwrap_or_else(PoisonError::into_inner))
        .ok_or_else(|| io::Error::other("a client of the generator hasn't ended"))?;
    tally.busy = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    Ok(tally)
}

async fn keep_running<C: Client>(
    mut client: C,
    turns: Turns,
    timeout: Duration,
    progress: Arc<Progress>,
    tally: Arc<Mutex<Tally>>,
) {
    while !progress.is_stopped() {
        let Some(from) = turns.next(&tally).await else {
            return;
        };
        let result = match tokio::time::timeout(timeout, client.run()).await {
            Ok(result) => result,
            Err(_) => {
                client.given_up();
                Err(Failed::timed_out(timeout))
            }
        };
        progress.count(result.is_ok());
        lock(&tally).count(from, result);
    }
}

/// When a client's next run begins.
enum Turns {
    /// At once, until then.
    Until(Instant),
    /// At once, while the counter is below the bound.
    Counted(Arc<AtomicU64>, u64),
    /// When its time has come.
    Queued(Arc<Queue>),
}

impl Turns {
    /// The instant from which the run's latency counts; `None` if there is no more.
    async fn next(&self, tally: &Mutex<Tally>) -> Option<Instant> {
        match self {
            Self::Until(end) => Some(Instant::now()).filter(|now| now < end),
            Self::Counted(begun, bound) => {
                (begun.fetch_add(1, Ordering::Relaxed) < *bound).then(Instant::now)
            }
            Self::Queued(queue) => queue.next(tally).await,
        }
    }
}

/// Runs whose time has come and that no client has begun.
struct Queue {
    due: Mutex<VecDeque<Instant>>,
    there: Semaphore,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            due: Mutex::default(),
            there: Semaphore::new(0),
        }
    }
}

impl Queue {
    fn push(&self, intended: Instant) {
        lock(&self.due).push_back(intended);
        self.there.add_permits(1);
    }

    /// No more will come.
    fn close(&self) {
        self.there.close();
    }

    fn left(&self) -> u64 {
        u64::try_from(lock(&self.due).len()).unwrap_or(u64::MAX)
    }

    fn forget(&self) {
        lock(&self.due).clear();
    }

    async fn next(&self, tally: &Mutex<Tally>) -> Option<Instant> {
        let was_free = self.there.available_permits() == 0;
        if let Ok(permit) = self.there.acquire().await {
            permit.forget();
        }
        // Closed: what is due is still done.
        let intended = lock(&self.due).pop_front()?;
        let mut tally = lock(tally);
        if was_free {
            tally.sent(intended.elapsed());
        } else {
            tally.waited();
        }
        Some(intended)
    }
}

/// Puts each run into a queue when its time has come. Gives how many were due and never began.
fn schedule(end: End, rate: f64, began: Instant, progress: &Progress, queues: &[Arc<Queue>]) -> u64 {
    /// So that a stop is seen.
    const STEP: Duration = Duration::from_millis(100);
    let (count, until) = match end {
        End::Count(count) => (count, None),
        End::After(time) => (u64::MAX, Some(began + time)),
    };
    for (n, queue) in (0..count).zip(queues.iter().cycle()) {
        #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
        let intended = began + Duration::from_secs_f64(n as f64 / rate);
        if until.is_some_and(|until| intended >= until) {
            break;
        }
        loop {
            let wait = intended.saturating_duration_since(Instant::now());
            if wait.is_zero() || progress.is_stopped() {
                break;
            }
            // A thread's sleep is exact to some 50 µs; the runtime's timers count milliseconds.
            thread::sleep(wait.min(STEP));
        }
        if progress.is_stopped() {
            break;
        }
        queue.push(intended);
    }
    let mut unsent = 0;
    for queue in queues {
        // A load for a time ends with it; a load of so many runs makes them all.
        if until.is_some() || progress.is_stopped() {
            unsent += queue.left();
            queue.forget();
        }
        queue.close();
    }
    unsent
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Processor time of this thread, and for how long it wanted a processor and had none, where the system tells (Linux).
fn busy() -> (Duration, Duration) {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    let cpu = Duration::new(
        u64::try_from(t.tv_sec).unwrap_or(0),
        u32::try_from(t.tv_nsec).unwrap_or(0),
    );
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let wanted = stat.split(' ').nth(1).and_then(|text| text.parse().ok());
    (cpu, Duration::from_nanos(wanted.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Kind;

    /// Takes some time; every third run fails.
    struct Sleeper(u64, Duration);

    impl Client for Sleeper {
        async fn run(&mut self) -> Result<(), Failed> {
            self.0 += 1;
            tokio::time::sleep(self.1).await;
            if self.0.is_multiple_of(3) {
                return Err(Failed::new(Kind::Status(503), "busy"));
            }
            Ok(())
        }
    }

    fn plan(pace: Pace, end: End, clients: usize, threads: usize) -> Plan {
        Plan {
            pace,
            end,
            clients,
            threads,
            timeout: Duration::from_secs(1),
        }
    }

    fn load(plan: &Plan, time: Duration) -> Report {
        run(plan, &Arc::default(), |_| Sleeper(0, time)).unwrap()
    }

    #[test]
    fn every_run_of_a_count_is_counted_once() {
        for pace in [Pace::Closed, Pace::Open(5000.0)] {
            let report = load(&plan(pace, End::Count(90), 3, 2), Duration::ZERO);
            assert_eq!(report.done() + report.failed(), 90, "{pace:?}");
            let failed: u64 = report.failures.values().map(|(count, _)| count).sum();
            assert_eq!((failed, report.unsent), (report.failed(), 0), "{pace:?}");
            assert_eq!(report.failures.keys().collect::<Vec<_>>(), [&Kind::Status(503)]);
        }
    }

    /// One client and a server that takes 20 ms, asked every 2 ms: the k-th run has waited for all before it, though each
    /// took 20 ms from its own start.
    #[test]
    fn an_open_loop_charges_a_slow_server_with_the_queue() {
        let report = load(
            &plan(Pace::Open(500.0), End::Count(10), 1, 1),
            Duration::from_millis(20),
        );
        assert_eq!(report.done() + report.failed(), 10);
        assert!(report.waited >= 8, "{}", report.waited);
        assert!(report.latency.max() >= 150_000, "{}", report.latency.max());
        let doubts = report.doubts().join("\n");
        assert!(doubts.contains("found every client busy"), "{doubts}");
    }

    #[test]
    fn what_is_due_when_the_time_is_over_is_told_as_unsent() {
        let plan = plan(Pace::Open(1000.0), End::After(Duration::from_millis(100)), 1, 1);
        let report = load(&plan, Duration::from_millis(40));
        assert_eq!(report.done() + report.failed() + report.unsent, 100);
        assert!(report.unsent >= 90, "{}", report.unsent);
    }

    #[test]
    fn a_run_without_end_is_given_up() {
        let mut plan = plan(Pace::Closed, End::Count(2), 1, 1);
        plan.timeout = Duration::from_millis(10);
        let report = load(&plan, Duration::from_secs(60));
        assert_eq!(report.failures.keys().collect::<Vec<_>>(), [&Kind::TimedOut]);
        assert_eq!(report.failed(), 2);
    }

    #[test]
    fn a_busy_generator_is_doubted() {
        struct Busy;
        impl Client for Busy {
            async fn run(&mut self) -> Result<(), Failed> {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_micros(100) {}
                Ok(())
            }
        }
        let plan = plan(Pace::Closed, End::After(Duration::from_millis(300)), 1, 1);
        let report = run(&plan, &Arc::default(), |_| Busy).unwrap();
        let doubts = report.doubts().join("\n");
        assert!(doubts.contains("the generator was the bottleneck"), "{doubts}");
    }

    #[test]
    fn each_client_is_made_once_and_a_stop_ends_all() {
        let made = Mutex::new(Vec::new());
        let progress = Arc::new(Progress::default());
        progress.stop();
        let plan = plan(Pace::Open(1.0), End::After(Duration::from_secs(60)), 7, 3);
        let report = run(&plan, &progress, |place| {
            made.lock().unwrap().push(place.client);
            Sleeper(0, Duration::ZERO)
        });
        assert_eq!(report.unwrap().done(), 0);
        let mut made = made.into_inner().unwrap();
        made.sort_unstable();
        assert_eq!(made, (0..7).collect::<Vec<_>>());
    }
}
