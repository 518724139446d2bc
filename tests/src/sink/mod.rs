//! The replay sink: an SMTP or LMTP server that takes mail as fast as it comes, counts what it takes to bring it,
//! and fails as it is told. For measurements and for tests of message loss.
//!
//! * [`Model`]: the server as a machine without I/O; what it accepted is [`Model::accepted`].
//! * [`Faults`]: what goes wrong, drawn from a seed.
//! * [`Sink`]: the model on a socket of loopback, plain or under TLS.
//! * [`Link`]: a stretch of network before any server, with a round trip time and a count of flights.
//!
//! ```
//! use std::io::{Read, Write};
//! use e2e::sink::{Offer, Sink};
//!
//! let sink = Sink::builder().offer(Offer { chunking: true, ..Offer::default() }).start()?;
//! let mut socket = std::net::TcpStream::connect(("127.0.0.1", sink.port()))?;
//! socket.write_all(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 4 LAST\r\nhi\r\nQUIT\r\n")?;
//! socket.read_to_string(&mut String::new())?;
//! let counts = sink.finish();
//! assert_eq!((counts.messages, counts.octets), (1, 4));
//! # Ok::<(), std::io::Error>(())
//! ```

mod content;
mod eager;
mod faults;
mod link;
mod model;
mod random;
mod server;

pub use faults::{Faults, Whim};
pub use link::Link;
pub use model::{Accepted, Counts, Keep, Model, Offer};
pub use random::Random;
pub use server::{Builder, Sink};
