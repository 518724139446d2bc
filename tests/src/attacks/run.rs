//! Plays cases, several at a time.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::corpus::{Case, Corpus, Step};
use super::delivery::undelivered;
use super::judge::{Observed, Rules, judge};
use super::server::{Record, Server};
use super::subject::{Course, Subject};
use super::sweep;
use super::wire::Fault;
use super::{Certificates, Trusted};
use crate::certificates::Authority;
use crate::player::text;

/// Plays cases against one client.
#[derive(Debug)]
pub struct Runner {
    subject: Subject,
    certificates: Arc<Certificates>,
    trusted: Trusted,
    time_factor: u64,
    /// Of a sweep, every so many-th run.
    stride: usize,
}

/// What came of one case.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The case.
    pub id: String,
    /// How often it was played, in variations.
    pub runs: usize,
    /// What was wrong, at most a few of many.
    pub complaints: Vec<String>,
    /// The client has no such operation.
    pub skipped: Option<String>,
    /// How long all its runs took.
    pub time: Duration,
}

/// One run of a case.
pub(super) struct Run {
    pub(super) course: Course,
    pub(super) record: Record,
    pub(super) complaints: Vec<String>,
}

/// How many complaints about one case are kept.
const COMPLAINTS: usize = 5;

/// The stack of a client under attack: one that recurses on what a server says overflows it soon. Without
/// optimisation every value on its way has a place of its own, of the client's futures too.
const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 128 * 1024 };

/// A client that takes this much longer than the case allows hangs.
const HANGS: Duration = Duration::from_secs(20);

impl Runner {
    /// Makes the certificates. Times are judged as the cases have them, and sweeps are whole.
    ///
    /// # Errors
    /// Certificates cannot be made, or written where the shim finds them.
    pub fn new(subject: Subject) -> io::Result<Self> {
        let authority = Authority::new()?;
        Ok(Self {
            subject,
            certificates: Arc::new(Certificates::new(&authority)?),
            trusted: Trusted::new(&authority)?,
            time_factor: 1,
            stride: 1,
        })
    }

    /// Times may be longer by this factor: for builds without optimisation on busy machines.
    pub fn time_factor(mut self, factor: u64) -> Self {
        self.time_factor = factor;
        self
    }

    /// Only every so many-th run of a sweep.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride.max(1);
        self
    }

    /// Plays the cases, as many at a time as `threads` says; the reports come in their order.
    pub fn play(&self, corpus: &Corpus, cases: &[&Case], threads: usize) -> Vec<Report> {
        each(threads, cases, |case| {
            let case = Arc::new((*case).clone());
            let began = Instant::now();
            let report = self.case(&case, &corpus.secrets, threads);
            Report { time: began.elapsed(), ..report }
        })
    }

    fn case(&self, case: &Arc<Case>, secrets: &[String], threads: usize) -> Report {
        let mut report = Report { id: case.id.clone(), ..Report::default() };
        let run = match self.run(case, Fault::None, secrets) {
            Ok(run) => run,
            Err(fault) => {
                report.complaints.push(fault);
                return report;
            }
        };
        report.runs = 1;
        let why = text(&run.course.answer, "display").unwrap_or_default();
        if why == crate::player::NO_SUCH_COMMAND {
            report.skipped = Some(why.to_owned());
            return report;
        }
        match case.sweep {
            None => report.complaints = run.complaints,
            Some(kind) => sweep::play(self, case, kind, &run, secrets, threads, &mut report),
        }
        report.complaints.truncate(COMPLAINTS);
        report
    }

    pub(super) fn stride_of_sweeps(&self) -> usize {
        self.stride
    }

    /// Plays a case once.
    pub(super) fn run(
        &self,
        case: &Arc<Case>,
        fault: Fault,
        secrets: &[String],
    ) -> Result<Run, String> {
        let failed = |error: io::Error| error.to_string();
        let first_tag =
            if uses_first_tag(&case.steps) { self.learn_tag(case)? } else { String::new() };
        let forbidden = Forbidden::listen(&case.want.no_connect_to).map_err(failed)?;
        let case = forbidden.rewritten(case)?;
        let certificates = &self.certificates;
        let factor = u32::try_from(self.time_factor).unwrap_or(u32::MAX);
        let server =
            Server::start(&case, certificates, fault, &first_tag, factor).map_err(failed)?;
        let played = self.subject.play(
            &self.request(&case, server.port()),
            &self.trusted.tls,
            Duration::from_millis(case.max_ms() * self.time_factor) + HANGS,
        );
        let (answer, held) = match played {
            Ok(played) => played,
            Err(fault) => {
                let _ = server.finish();
                return Err(fault);
            }
        };
        server.end_pauses();
        let is_error = text(&answer, "outcome") == Some("error");
        let closed = (case.want.must_close && is_error).then(|| server.client_closes());
        let parted = held.part();
        let record = server.finish()?;
        let course = Course { answer, traced: parted? };
        let connected_to = forbidden.connected();
        let seen =
            Observed { course: &course, record: &record, closed, connected_to: &connected_to };
        let rules = Rules {
            secrets,
            time_factor: self.time_factor,
            counts_memory: self.subject.counts_memory(),
        };
        let mut complaints = judge(&case, &seen, rules);
        complaints.extend(undelivered(&course.answer, &record, fault));
        Ok(Run { course, record, complaints })
    }

    fn request(&self, case: &Case, port: u16) -> Value {
        let mut request = case.request();
        if let Some(fields) = request.as_object_mut() {
            fields.insert("host".to_owned(), json!("127.0.0.1"));
            fields.insert("server_name".to_owned(), json!("localhost"));
            fields.insert("port".to_owned(), json!(port));
            fields.insert("ca_file".to_owned(), json!(self.trusted.file()));
            fields.insert("stack".to_owned(), json!(STACK));
            // Longer than the server waits for the client to close.
            fields.insert("linger_ms".to_owned(), json!(10_000));
            // A case that is not about its deadline gets more time where times count for less.
            if self.time_factor > 1 && !fields.contains_key("deadline_ms") {
                fields
                    .insert("deadline_ms".to_owned(), json!(case.deadline_ms() * self.time_factor));
            }
        }
        request
    }

    /// The tag the client begins with, from a connection made for that alone.
    fn learn_tag(&self, case: &Arc<Case>) -> Result<String, String> {
        let script = r#"[{"send":"* OK [CAPABILITY ${caps}] ready\r\n"},{"expect":" "}]"#;
        let script = serde_json::from_str(script).map_err(|error| error.to_string())?;
        let mut asked = Case::clone(case);
        asked.steps = super::corpus::steps(Some(&script))?;
        let run = self.run(&Arc::new(asked), Fault::None, &[])?;
        let line = run.record.lines.first().ok_or("the client says nothing")?;
        let tag = line.split(|&octet| octet == b' ').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(tag).into_owned())
    }
}

fn uses_first_tag(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Send(octets) => String::from_utf8_lossy(octets).contains("${first_tag"),
        Step::Repeat(_, steps) => uses_first_tag(steps),
        _ => false,
    })
}

/// Listeners on addresses that must get no connection. A case names fixed ports; free ones take
/// their place in everything the server says.
struct Forbidden {
    listeners: Vec<(String, TcpListener)>,
}

impl Forbidden {
    fn listen(addresses: &[String]) -> io::Result<Self> {
        let listeners = addresses.iter().map(|address| {
            let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
            let host: IpAddr = host.parse().map_err(io::Error::other)?;
            // Not every system has all of 127/8.
            let listener =
                TcpListener::bind((host, 0)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
            listener.set_nonblocking(true)?;
            Ok((address.clone(), listener))
        });
        Ok(Self { listeners: listeners.collect::<io::Result<_>>()? })
    }

    /// The case with the addresses that are listened on.
    ///
    /// # Errors
    /// An address that the server never says: that nobody connects to it shows nothing.
    fn rewritten(&self, case: &Arc<Case>) -> Result<Arc<Case>, String> {
        let mut rewritten = Case::clone(case);
        for (address, listener) in &self.listeners {
            let ours = listener.local_addr().map_err(|error| error.to_string())?.to_string();
            // As a mail domain an address stands in brackets (RFC 5321 4.1.3).
            let bracketed = |address: &str| {
                address.rsplit_once(':').map(|(host, port)| format!("[{host}]:{port}"))
            };
            let forms = [
                (address.clone(), ours.clone()),
                (bracketed(address).unwrap_or_default(), bracketed(&ours).unwrap_or_default()),
            ];
            let mut is_said = false;
            rewritten.edit_said(&mut |said| {
                for (theirs, ours) in &forms {
                    is_said |= said.contains(theirs);
                    *said = said.replace(theirs, ours);
                }
            });
            if !is_said {
                return Err(format!("the server never says {address}"));
            }
        }
        Ok(Arc::new(rewritten))
    }

    /// Those that got one after all.
    fn connected(&self) -> Vec<String> {
        let got = self.listeners.iter().filter(|(_, listener)| listener.accept().is_ok());
        got.map(|(address, _)| address.clone()).collect()
    }
}

/// Does something with each item, several at a time, on small stacks; the results come in the order of the items.
#[allow(clippy::expect_used, reason = "without threads nothing is played, and that must be seen")]
pub(super) fn each<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    act: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            let work = || loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return };
                let result = act(item);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
            };
            let small = std::thread::Builder::new().stack_size(STACK);
            small.spawn_scoped(scope, work).expect("the system gives a thread");
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
