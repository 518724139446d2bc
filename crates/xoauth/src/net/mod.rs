//! Connections: dialling, deadlines, TLS.

#[cfg(feature = "tokio")]
mod async_tls;
#[cfg(feature = "imap")]
mod backoff;
mod connection;
mod deadlines;
#[cfg(feature = "deflate")]
mod deflate;
mod dial;
mod driver;
#[cfg(feature = "native-tls")]
mod gather;
mod hello;
mod io;
mod known;
#[cfg(all(test, target_os = "linux", feature = "smtp", feature = "native-tls"))]
mod late;
mod milestones;
#[cfg(all(test, target_os = "linux", feature = "smtp", feature = "native-tls"))]
mod new_keys;
mod options;
mod pace;
mod reader;
#[cfg(all(test, target_os = "linux", feature = "smtp", feature = "native-tls"))]
mod reluctant;
mod tcp;
#[cfg(feature = "tokio")]
mod timed;
#[cfg(feature = "native-tls")]
mod tls;
mod transport;
#[cfg(unix)]
mod unix;

#[cfg(feature = "tokio")]
pub use async_tls::AsyncTlsTransport;
#[cfg(feature = "imap")]
pub use backoff::Backoff;
pub(crate) use connection::{Connection, Settings, debug_of_core};
pub use deadlines::Deadlines;
pub(crate) use dial::dial;
pub(crate) use driver::Stop;
pub use hello::TlsVersion;
pub(crate) use io::{Blocking, Io, now};
pub(crate) use known::knowing;
pub use milestones::Milestone;
pub(crate) use milestones::Milestones;
pub(crate) use options::{Options, builder_methods};
pub use reader::FromReader;
pub use tcp::TcpTransport;
#[cfg(feature = "tokio")]
pub(crate) use timed::Timed;
#[cfg(all(feature = "tokio", feature = "smtp"))]
pub(crate) use timed::by;
#[cfg(all(feature = "tokio", feature = "imap"))]
pub(crate) use timed::{Alarm, Task};
#[cfg(feature = "tokio")]
pub use timed::{AnyAsyncTransport, AsyncTransport};
#[cfg(feature = "native-tls")]
pub use tls::{Tls, TlsBuilder, TlsTransport};
pub use transport::{AnyTransport, Transport, Untimed};
#[cfg(unix)]
pub use unix::UnixTransport;
