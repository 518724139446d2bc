//! What goes wrong at a sink, drawn from a seed.

use super::Random;

/// Faults of one connection. Without any ([`Faults::none`]) everything is accepted.
#[derive(Debug, Clone)]
pub struct Faults {
    random: Random,
    /// Of a hundred commands, how many get another answer than yes.
    refusals: u8,
    /// Of a hundred refusals, how many are 421 with a closed connection.
    farewells: u8,
    /// Answers 354 to DATA although no recipient was accepted, as some servers do (RFC 2920 3.1).
    pub(super) is_eager: bool,
    /// Of a hundred answers, how many no server may give: a wrong code, or no reply at all.
    nonsense: u8,
    /// The connection ends after this many octets of the client.
    pub(super) input: Option<u64>,
    /// The connection ends after this many octets to the client.
    pub(super) output: Option<u64>,
}

/// How a command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whim {
    /// As it deserves.
    Fair,
    /// Refused with this code.
    Refused(u16),
    /// Refused in two lines.
    RefusedAtLength(u16),
    /// 421, and the connection is closed.
    Farewell,
    /// Octets that are no answer to it.
    Nonsense(&'static str),
}

const REFUSALS: &[u16] = &[450, 451, 452, 500, 501, 503, 504, 535, 550, 552, 553, 554];

/// Nothing a server may say to a command of a mail transaction.
const NONSENSE: &[&str] = &[
    "220 hello\r\n",
    "221 bye\r\n",
    "235 in\r\n",
    "334 \r\n",
    "600 what\r\n",
    "250 fine\n",
    "250-begun\r\n251 otherwise\r\n",
    "\r\n",
    "* OK done\r\n",
];

impl Faults {
    /// Everything goes well.
    pub fn none() -> Self {
        Self {
            random: Random::new(0),
            refusals: 0,
            farewells: 0,
            is_eager: false,
            nonsense: 0,
            input: None,
            output: None,
        }
    }

    /// The connection ends after this many octets of the client.
    pub fn after_input(mut self, octets: u64) -> Self {
        self.input = Some(octets);
        self
    }

    /// The connection ends after this many octets to the client.
    pub fn after_output(mut self, octets: u64) -> Self {
        self.output = Some(octets);
        self
    }

    /// Draws what goes wrong: answers, a connection that breaks at any octet of either direction within the
    /// first `octets`, both, or neither.
    pub fn draw(seed: u64, octets: u64) -> Self {
        let mut random = Random::new(seed);
        let mut faults = Self::none();
        if random.percent(70) {
            faults.refusals =
                [1, 5, 20, 60].get(usize::try_from(seed % 4).unwrap_or(0)).copied().unwrap_or(5);
            faults.farewells = if random.percent(50) { 5 } else { 0 };
            faults.is_eager = random.percent(40);
            faults.nonsense = if random.percent(20) { 1 } else { 0 };
        }
        if random.percent(40) {
            faults.input = Some(random.below(octets));
        }
        if random.percent(20) {
            // Replies are about as long as envelopes, and shorter than messages.
            faults.output = Some(random.below(octets / 4));
        }
        faults.random = random;
        faults
    }

    /// How the next command is answered.
    pub(super) fn next(&mut self) -> Whim {
        if self.refusals == 0 && self.nonsense == 0 {
            return Whim::Fair;
        }
        if self.random.percent(self.nonsense) {
            return self.random.pick(NONSENSE).map_or(Whim::Fair, |octets| Whim::Nonsense(octets));
        }
        if !self.random.percent(self.refusals) {
            return Whim::Fair;
        }
        if self.random.percent(self.farewells) {
            return Whim::Farewell;
        }
        match self.random.pick(REFUSALS) {
            None => Whim::Fair,
            Some(&code) if self.random.percent(10) => Whim::RefusedAtLength(code),
            Some(&code) => Whim::Refused(code),
        }
    }
}
