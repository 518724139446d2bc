//! Sessions that end at random, and a network that cuts.

use std::time::Instant;

use crate::sink::Random;

/// How often sessions end by themselves, for each thousand commands.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// The same number, the same draws.
    pub seed: u64,
    /// The server takes leave instead of doing a command: BYE, 421.
    pub bye: u16,
    /// The network cuts some connection, whatever it is at.
    pub cut: u16,
    /// A command is done and the connection breaks before its answer.
    pub lose: u16,
    /// The network forgets a connection: nothing is heard of it any more, not even its end. So it is, as often again,
    /// while a session idles.
    pub silent: u16,
    /// A session is served by an older server, which offers no QRESYNC: so many of a thousand sessions.
    pub old: u16,
}

/// The draws of a [`Trouble`].
#[derive(Debug)]
pub(super) struct Draws {
    trouble: Trouble,
    random: Random,
}

impl Draws {
    pub(super) fn new(trouble: Trouble) -> Self {
        Self { trouble, random: Random::new(trouble.seed) }
    }

    pub(super) fn bye(&mut self) -> bool {
        self.thousandth(self.trouble.bye)
    }

    pub(super) fn lose(&mut self) -> bool {
        self.thousandth(self.trouble.lose)
    }

    pub(super) fn silent(&mut self) -> bool {
        self.thousandth(self.trouble.silent)
    }

    pub(super) fn old(&mut self) -> bool {
        self.thousandth(self.trouble.old)
    }

    /// Which of so many connections is cut.
    pub(super) fn cut(&mut self, connections: usize) -> Option<usize> {
        let among = u64::try_from(connections).unwrap_or(u64::MAX);
        let is_cut = self.thousandth(self.trouble.cut);
        is_cut.then(|| usize::try_from(self.random.below(among)).unwrap_or(0))
    }

    fn thousandth(&mut self, often: u16) -> bool {
        self.random.below(1000) < u64::from(often)
    }
}

/// What a server says when the token of a session died, as Exchange Online does.
pub(super) const EXPIRED: &str = "Session invalidated - AccessTokenExpired";

/// Whether a time that is set has come.
pub(super) fn has_come(time: Option<Instant>) -> bool {
    time.is_some_and(|time| Instant::now() >= time)
}
