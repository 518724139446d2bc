//! Several commands run as one.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::marker::PhantomData;

use crate::error::Error;
use crate::proto::{Command, Exchange};
use crate::types::StatusText;

/// What a session runs: a [`Command`], a tuple of up to eight, a vector of one kind, or a [`Batch`].
///
/// Of several, as many are in flight together as cannot be mistaken for one another (RFC 9051, 5.5), and each
/// has a result of its own: the refusal of one hides nothing of the others.
pub trait Commands {
    /// The output of a command; of several, the results of all.
    type Output;

    /// The commands in their order, as the machine drives them.
    fn exchanges(&mut self) -> Vec<&mut dyn Exchange>;

    /// Turns what was heard into the output; `outcome` tells what became of the command at an index.
    ///
    /// # Errors
    /// Of one command, its own; of several, none.
    fn conclude(
        self,
        outcome: &mut dyn FnMut(usize) -> Result<StatusText, Error>,
    ) -> Result<Self::Output, Error>;
}

impl<C: Command> Commands for C {
    type Output = C::Output;

    fn exchanges(&mut self) -> Vec<&mut dyn Exchange> {
        Vec::from([self as &mut dyn Exchange])
    }

    fn conclude(
        self,
        outcome: &mut dyn FnMut(usize) -> Result<StatusText, Error>,
    ) -> Result<C::Output, Error> {
        self.finish(outcome(0)?)
    }
}

impl<C: Command> Commands for Vec<C> {
    type Output = Vec<Result<C::Output, Error>>;

    fn exchanges(&mut self) -> Vec<&mut dyn Exchange> {
        self.iter_mut().map(|command| command as &mut dyn Exchange).collect()
    }

    fn conclude(
        self,
        outcome: &mut dyn FnMut(usize) -> Result<StatusText, Error>,
    ) -> Result<Self::Output, Error> {
        let finish = |(index, command): (usize, C)| command.finish(outcome(index)?);
        Ok(self.into_iter().enumerate().map(finish).collect())
    }
}

/// Tuples, whose fields are commands.
macro_rules! tuple {
    ($($command:ident $index:tt),+) => {
        impl<$($command: Command),+> Commands for ($($command,)+) {
            type Output = ($(Result<$command::Output, Error>,)+);

            fn exchanges(&mut self) -> Vec<&mut dyn Exchange> {
                Vec::from([$(&mut self.$index as &mut dyn Exchange),+])
            }

            fn conclude(
                self,
                outcome: &mut dyn FnMut(usize) -> Result<StatusText, Error>,
            ) -> Result<Self::Output, Error> {
                Ok(($(outcome($index).and_then(|status| self.$index.finish(status)),)+))
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// Any number of commands of different kinds; each gives a [`Ticket`] for its output.
///
/// ```
/// use xoauth_imap::command::{Batch, Fetch, Item, List};
///
/// let mut batch = Batch::new();
/// let folders = batch.add(List::all());
/// let message = batch.add(Fetch::new("7", Item::Body));
/// // let mut outputs = session.run(batch)?;
/// // let folders = outputs.take(folders)?;
/// # let _ = (folders, message);
/// ```
#[derive(Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Batch {
    commands: Vec<Box<dyn Queued>>,
}

/// The place of one command's output among those of its batch.
#[derive(Debug)]
pub struct Ticket<O> {
    index: usize,
    output: PhantomData<fn() -> O>,
}

/// The outputs of a batch.
pub struct Outputs(Vec<Option<Box<dyn Any + Send>>>);

/// A command of which only the machine's side is known.
trait Queued: Send {
    fn exchange(&mut self) -> &mut dyn Exchange;
    fn conclude(self: Box<Self>, outcome: Result<StatusText, Error>) -> Box<dyn Any + Send>;
}

impl<C> Queued for C
where
    C: Command + 'static,
    C::Output: Send + 'static,
{
    fn exchange(&mut self) -> &mut dyn Exchange {
        self
    }

    fn conclude(self: Box<Self>, outcome: Result<StatusText, Error>) -> Box<dyn Any + Send> {
        Box::new(outcome.and_then(|status| self.finish(status)))
    }
}

impl Batch {
    /// No commands yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command behind those that are there.
    pub fn add<C>(&mut self, command: C) -> Ticket<C::Output>
    where
        C: Command + 'static,
        C::Output: Send + 'static,
    {
        self.commands.push(Box::new(command));
        Ticket { index: self.commands.len() - 1, output: PhantomData }
    }

    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// It has none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

impl Commands for Batch {
    type Output = Outputs;

    fn exchanges(&mut self) -> Vec<&mut dyn Exchange> {
        self.commands.iter_mut().map(|command| command.exchange()).collect()
    }

    fn conclude(
        self,
        outcome: &mut dyn FnMut(usize) -> Result<StatusText, Error>,
    ) -> Result<Outputs, Error> {
        let commands = self.commands.into_iter().enumerate();
        Ok(Outputs(commands.map(|(index, c)| Some(c.conclude(outcome(index)))).collect()))
    }
}

impl Outputs {
    /// The output of the command the ticket was given for.
    ///
    /// # Errors
    /// Those of the command. [`Error::InvalidArgument`]: the ticket is another batch's.
    pub fn take<O: 'static>(&mut self, ticket: Ticket<O>) -> Result<O, Error> {
        let output = self.0.get_mut(ticket.index).and_then(Option::take);
        match output.map(|output| output.downcast::<Result<O, Error>>()) {
            Some(Ok(output)) => *output,
            _ => Err(Error::unfit("ticket", "", "one given for a command of this batch")),
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").field("len", &self.0.len()).finish_non_exhaustive()
    }
}
