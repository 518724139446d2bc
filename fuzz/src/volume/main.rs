//! `volume TARGET EXECUTIONS`: a target executed as often as possible.
//!
//! libFuzzer looks at what every execution covered, which costs ten times what a parser does. It finds the way into
//! the code; this takes the inputs it found, changes them at random and executes them without looking, on all
//! processors. A finding is written to `artifacts/`.
#![forbid(unsafe_code)]

mod mutate;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fuzz::TARGETS;
use fuzz::fuzzing::Target;
use mutate::{Material, Mutator};

/// Executions between two looks at the counter.
const BATCH: u64 = 1000;

/// An execution that takes this much of the processor's time hangs: the time on the wall goes on while the machine
/// does something else.
const PATIENCE: Duration = Duration::from_secs(20);

thread_local! {
    /// The input of the execution under way, for the report of a panic.
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let read = |at: usize| arguments.get(at).map(String::as_str).unwrap_or_default();
    let target = TARGETS.iter().flat_map(|targets| *targets).find(|(name, _)| *name == read(0));
    let (Some(&target), Ok(executions)) = (target, read(1).parse()) else {
        eprintln!("usage: volume TARGET EXECUTIONS [SEED]");
        return ExitCode::FAILURE;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = read(2).parse().unwrap_or(now.as_secs() ^ u64::from(now.subsec_nanos()) << 32);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let artifacts = root.join("artifacts").join(target.0);
    let places =
        [root.join("corpus").join(target.0), root.join("../tests/data/fuzz").join(seeds(target.0))];
    let material = Material::read(&places, &root.join("dictionaries"), target.0);
    if material.inputs.is_empty() {
        eprintln!("{} has no inputs", target.0);
        return ExitCode::FAILURE;
    }
    report_panics(target.0, artifacts);
    let began = Instant::now();
    execute(target, executions, seed, &material);
    let rate = executions as f64 / began.elapsed().as_secs_f64();
    println!(
        "{}: {executions} executions of {} inputs changed, {rate:.0} a second, seed {seed}",
        target.0,
        material.inputs.len()
    );
    println!("stat::number_of_executed_units: {executions}");
    ExitCode::SUCCESS
}

/// Whose seeds a target has: one with other parsers those of the parser it is compared with.
fn seeds(name: &str) -> &str {
    if name == "imap_peers" { "imap_response" } else { name }
}

/// Shares the executions among the processors.
fn execute((name, target): Target, executions: u64, seed: u64, material: &Material) {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let left = AtomicU64::new(executions);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let left = &left;
                scope.spawn(move || {
                    let mut mutator =
                        Mutator::new(seed ^ (thread + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    loop {
                        let batch = take(left);
                        if batch == 0 {
                            return;
                        }
                        for _ in 0..batch {
                            INPUT.with_borrow_mut(|input| mutator.make(material, input));
                            INPUT.with_borrow(|input| target(input));
                        }
                    }
                })
            })
            .collect();
        // Who executes nothing for a while hangs; nobody can end a thread, but the process.
        let mut before = (u64::MAX, processor_time());
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(50));
            let now = left.load(Ordering::Relaxed);
            if now != before.0 {
                before = (now, processor_time());
            } else if processor_time().saturating_sub(before.1) > PATIENCE {
                eprintln!("{name}: an execution hangs, seed {seed}");
                std::process::exit(1);
            }
        }
    });
}

/// What all threads together have had of the processors.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Takes a batch of what is left.
fn take(left: &AtomicU64) -> u64 {
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        (left > 0).then(|| left.saturating_sub(BATCH))
    });
    before.map_or(0, |before| before.min(BATCH))
}

/// Writes the input that made a target panic before the process is aborted.
fn report_panics(name: &'static str, artifacts: PathBuf) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        INPUT.with_borrow(|input| {
            let file = artifacts.join(format!("volume-{:016x}", mutate::hash(input)));
            let written =
                std::fs::create_dir_all(&artifacts).and_then(|()| std::fs::write(&file, input));
            eprintln!("{name}: {} ({written:?}): {}", file.display(), input.escape_ascii());
        });
    }));
}
