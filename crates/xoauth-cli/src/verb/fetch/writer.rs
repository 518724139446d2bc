//! A thread that puts messages where they go, while the next ones are on their way.
//!
//! Making a file costs about as much as receiving a message: one after the other they take the sum of both, side by side
//! the longer of them. What waits in between is bounded, in pieces and so in octets.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::json;

use super::queue::{Giver, Gone, Taker, queue};
use super::target::{Target, io};
use crate::Result;
use crate::deliver::About;
use crate::failure::{Exit, Failure};
use crate::output::document;
use crate::progress::Progress;

/// Octets go to the thread in pieces of this size, or in one where a message is smaller.
const PIECE: usize = 64 * 1024;

/// Pieces that wait; as many may be in the hands of the thread. Together at most 2 MiB.
const WAITING: usize = 16;

/// Messages that may be in their place before it is noted; their names tell, too.
const UNNOTED: usize = 64;

/// What the thread is told.
enum Order {
    /// Octets of a message, which begins with the first of them.
    Octets(Vec<u8>),
    /// The last of its octets, and what else is known of it.
    Finish(Vec<u8>, About),
    /// The message broke off.
    GiveUp,
    /// Say when all before is done.
    Settle(Sender<()>),
}

/// What is said of each message on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Paths,
    Objects,
    /// A bar tells how far it is.
    Nothing,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) messages: u64,
    pub(super) octets: u64,
}

/// The near end of the thread. Where that is gone, [`Writer::end`] tells why.
pub(super) struct Writer {
    orders: Giver<Order>,
    /// Buffers that were emptied.
    spare: Receiver<Vec<u8>>,
    thread: JoinHandle<(Totals, Result<()>)>,
    /// What came of a message and was not handed over yet.
    piece: Vec<u8>,
    /// Octets of the message were handed over.
    begun: bool,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(target: Target, progress: Progress, told: Told) -> Result<Self> {
        let (orders, taken) = queue(WAITING);
        let (emptied, spare) = channel();
        let out = BufWriter::new(std::io::stdout());
        let desk = Desk { target, progress, told, out, open: false, totals: Totals::default() };
        let thread = std::thread::Builder::new().name("writer".to_owned());
        let thread = thread.spawn(move || desk.work(taken, &emptied));
        let thread = thread.map_err(|error| Failure::io("a thread", &error))?;
        Ok(Self { orders, spare, thread, piece: Vec::new(), begun: false })
    }

    /// A message begins; what came of another that has no end goes.
    pub(super) fn begin(&mut self) -> Result<(), Gone> {
        self.piece.clear();
        if std::mem::take(&mut self.begun) { self.order(Order::GiveUp) } else { Ok(()) }
    }

    /// Octets of the message.
    pub(super) fn octets(&mut self, mut octets: &[u8]) -> Result<(), Gone> {
        while let Some((first, rest)) = octets.split_at_checked(PIECE - self.piece.len()) {
            self.piece.extend_from_slice(first);
            let piece = self.piece();
            self.begun = true;
            self.order(Order::Octets(piece))?;
            octets = rest;
        }
        self.piece.extend_from_slice(octets);
        Ok(())
    }

    /// The message is known as a whole.
    pub(super) fn finish(&mut self, about: About) -> Result<(), Gone> {
        self.begun = false;
        let piece = self.piece();
        self.order(Order::Finish(piece, about))
    }

    /// Waits until every message is in its place.
    pub(super) fn settle(&mut self) -> Result<(), Gone> {
        let (done, all_done) = channel();
        self.order(Order::Settle(done))?;
        all_done.recv().map_err(|_| Gone)
    }

    /// Waits for the end: what was done, and why not all of it.
    pub(super) fn end(self) -> (Totals, Result<()>) {
        drop((self.orders, self.spare));
        self.thread.join().unwrap_or_else(|_| {
            let failure = Failure::new(Exit::Internal, "output", "the writing thread ended");
            (Totals::default(), Err(failure))
        })
    }

    fn order(&mut self, order: Order) -> Result<(), Gone> {
        self.orders.give(order)
    }

    /// What there is of the message, in exchange for an empty buffer.
    fn piece(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.piece, self.spare.try_recv().unwrap_or_default())
    }
}

/// The thread's side.
struct Desk {
    target: Target,
    progress: Progress,
    told: Told,
    out: BufWriter<std::io::Stdout>,
    /// A message began and did not end.
    open: bool,
    totals: Totals,
}

impl Desk {
    fn work(mut self, orders: Taker<Order>, emptied: &Sender<Vec<u8>>) -> (Totals, Result<()>) {
        let worked = self.follow(&orders, emptied);
        drop(orders);
        self.give_up();
        let rested = self.rest();
        self.progress.finish();
        (self.totals, worked.and(rested))
    }

    fn follow(&mut self, orders: &Taker<Order>, emptied: &Sender<Vec<u8>>) -> Result<()> {
        let mut taken = Vec::with_capacity(WAITING);
        loop {
            if !orders.try_take(&mut taken) {
                // Whoever watches may see all of it while the network is slow.
                self.rest()?;
                if !orders.take(&mut taken) {
                    return Ok(());
                }
            }
            for order in taken.drain(..) {
                if let Some(mut piece) = self.obey(order)? {
                    piece.clear();
                    // Nobody fills it again where the transfer is over.
                    let _ = emptied.send(piece);
                }
            }
        }
    }

    /// Does what an order says, and gives back its buffer.
    fn obey(&mut self, order: Order) -> Result<Option<Vec<u8>>> {
        match order {
            Order::Octets(octets) => self.write(&octets).map(|()| Some(octets)),
            Order::Finish(octets, about) => {
                self.write(&octets)?;
                self.finish(&about).map(|()| Some(octets))
            }
            Order::GiveUp => {
                self.give_up();
                Ok(None)
            }
            Order::Settle(done) => {
                self.rest()?;
                let _ = done.send(());
                Ok(None)
            }
        }
    }

    fn write(&mut self, octets: &[u8]) -> Result<()> {
        let Target { sink, state, place, .. } = &mut self.target;
        let disk = io(place);
        if !self.open {
            if let (Some(state), Some(length)) = (state, sink.length()) {
                state.opens(length).map_err(&disk)?;
            }
            sink.begin().map_err(&disk)?;
            self.open = true;
        }
        sink.write(octets).map_err(&disk)
    }

    fn finish(&mut self, about: &About) -> Result<()> {
        let Target { sink, state, place, .. } = &mut self.target;
        let disk = io(place);
        let place = sink.finish(about).map_err(&disk)?;
        self.open = false;
        if let Some(state) = state {
            // Where messages have no names, only this tells that one is there.
            let most = if sink.length().is_some() { 0 } else { UNNOTED };
            state.done(about.uid, most).map_err(&disk)?;
        }
        self.totals.messages += 1;
        self.totals.octets += about.octets;
        self.progress.advance();
        self.tell(about, place.as_deref())
    }

    fn give_up(&mut self) {
        if std::mem::take(&mut self.open) {
            let Target { sink, state, .. } = &mut self.target;
            // What could not be taken back is left to the next run: the note stays.
            if let (Ok(()), Some(_), Some(state)) = (sink.give_up(), sink.length(), state) {
                let _ = state.closed();
            }
        }
    }

    /// Nothing is done that is not noted and told.
    fn rest(&mut self) -> Result<()> {
        let Target { state, place, .. } = &mut self.target;
        if let Some(state) = state {
            state.flush().map_err(io(place))?;
        }
        self.out.flush().map_err(|error| Failure::io("standard output", &error))
    }

    fn tell(&mut self, about: &About, place: Option<&Path>) -> Result<()> {
        let told = if self.told == Told::Objects {
            let flags = about.message.flags.iter();
            let flags: Vec<String> =
                flags.flat_map(|flags| flags.iter().map(ToString::to_string)).collect();
            let date = about.date().map(|date| date.unix_seconds());
            let path = place.map(|path| path.display().to_string());
            let line = document(json!({
                "uid": about.uid.get(), "path": path, "size": about.octets, "date": date, "flags": flags
            }));
            writeln!(self.out, "{line}")
        } else {
            match place.filter(|_| self.told == Told::Paths) {
                Some(place) => writeln!(self.out, "{}", place.display()),
                None => Ok(()),
            }
        };
        told.map_err(|error| Failure::io("standard output", &error))
    }
}
