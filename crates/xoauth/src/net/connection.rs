//! What every session holds: a transport, and how to use it.

use std::fmt;

use xoauth_sasl::wire::Conversation;

use super::{Deadlines, Stop, Transport, deadline_after, drive};
use crate::Error;
use crate::trace::Trace;

/// Whom a session talks to, and how long it waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The name the certificate was for, and that mechanisms sign.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) deadlines: Deadlines,
    pub(crate) trace: Option<Trace>,
}

/// A transport that is closed at the first fault, not when the program ends.
pub(crate) struct Connection<T: Transport> {
    pub(crate) settings: Settings,
    /// `None` once it was closed.
    transport: Option<T>,
}

impl<T: Transport> Connection<T> {
    pub(crate) fn new(transport: T, settings: Settings) -> Self {
        Self { settings, transport: Some(transport) }
    }

    /// Does what the conversation wants. Its faults are fatal: the connection is closed with the first.
    pub(crate) fn drive<C>(&mut self, mut conversation: C) -> Result<Stop, Error>
    where
        C: Conversation,
        Error: From<C::Error>,
    {
        let transport = self.transport.as_mut().ok_or(Error::Ended)?;
        let stop = drive(&mut conversation, transport, self.settings.trace.as_ref());
        if let Some(trace) = &self.settings.trace {
            trace.show(|| conversation.next_line());
        }
        if stop.is_err() {
            self.close();
        }
        Ok(stop?)
    }

    /// The next operation may take as long as a command.
    pub(crate) fn allow_time(&mut self) {
        let deadline = deadline_after(self.settings.deadlines.command);
        if let Some(transport) = &mut self.transport {
            transport.set_deadline(deadline);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.transport.is_some()
    }

    pub(crate) fn close(&mut self) {
        if let Some(mut transport) = self.transport.take() {
            transport.close();
        }
    }

    /// The bare transport, for TLS to take over.
    #[cfg(feature = "native-tls")]
    pub(crate) fn into_parts(mut self) -> Result<(T, Settings), Error> {
        let transport = self.transport.take().ok_or(Error::Ended)?;
        Ok((transport, std::mem::take(&mut self.settings)))
    }
}

impl<T: Transport> fmt::Debug for Connection<T> {
    /// Says nothing of the transport, which need not be able to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("settings", &self.settings)
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

impl<T: Transport> Drop for Connection<T> {
    fn drop(&mut self) {
        self.close();
    }
}

/// `Debug` for types that hold a `core`, whatever their transport is.
macro_rules! debug_of_core {
    ($($name:ident),*) => {$(
        impl<T: crate::Transport> std::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("core", &self.core).finish()
            }
        }
    )*};
}

pub(crate) use debug_of_core;
