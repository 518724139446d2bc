//! Message numbers.

use core::fmt;
use core::num::NonZeroU32;

mod sealed {
    pub trait Sealed {}
}

/// A number that names a message: [`Uid`] or [`SeqNo`].
pub trait Number:
    sealed::Sealed + Copy + Ord + Into<NonZeroU32> + From<NonZeroU32> + Send + Sync
{
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// A number that is not 0; `None` for 0.
            pub const fn new(number: u32) -> Option<Self> {
                match NonZeroU32::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// The number.
            pub const fn get(self) -> u32 {
                self.0.get()
            }
        }

        impl sealed::Sealed for $name {}
        impl Number for $name {}

        impl From<NonZeroU32> for $name {
            fn from(number: NonZeroU32) -> Self {
                Self(number)
            }
        }

        impl From<$name> for NonZeroU32 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl From<$name> for u32 {
            fn from(number: $name) -> Self {
                number.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

number! {
    /// A unique identifier, RFC 9051 2.3.1.1: it stays with its message as long as the mailbox keeps its
    /// UIDVALIDITY. Never 0.
    Uid
}

number! {
    /// A message sequence number, RFC 9051 2.3.1.2: the message's place in its mailbox, from 1 on. It
    /// changes when messages before it are removed.
    SeqNo
}
